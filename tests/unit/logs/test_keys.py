"""Pseudonyms: equal things alike, nobody without the key can tell, and old keys still do."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deuteron.errors import HostError
from deuteron.logs.key import keys_in, read_keys, rotate
from deuteron.logs.pseudonym import LENGTH, Pseudonyms, kind_of
from deuteron.logs.reference import KINDS, Kind, Ref
from tests.unit.logs.secrets import SECRETS

NAMES = Pseudonyms(b"k" * 32)
ID = "5284755a-1c4f-4a0c-9d1c-3a1d4f1f3c22"


def same(*things: tuple[Kind, str]) -> bool:
    return len({NAMES.of(kind, value) for kind, value in things}) == 1


def test_one_router_has_one_pseudonym_however_it_is_spoken_of() -> None:
    assert same(
        ("router", ID),
        ("router", ID.upper()),
        ("router", ID.replace("-", "")),
        ("unit", f"router/{ID}"),
        ("namespace", f"qrouter-{ID}"),
        ("namespace", f"snat-{ID}"),
    )
    assert same(
        ("network", ID), ("unit", f"fip/{ID}"), ("namespace", f"fip-{ID}"), ("namespace", f"net-{ID}")
    )


def test_one_address_has_one_pseudonym_however_it_is_spelled() -> None:
    v4 = ("10.0.0.1", "10.0.0.1/24", "::ffff:10.0.0.1", "::ffff:a00:1", "::FFFF:10.0.0.1%eth0")
    assert same(*(("address", text) for text in v4), ("prefix", "10.0.0.1/32"))
    v6 = ("fe80::1", "FE80:0:0::1", "fe80::1%qr-1", "fe80::1/64")
    assert same(*(("address", text) for text in v6), ("prefix", "fe80::1/128"))
    macs = ("fa:16:3e:00:00:01", "FA-16-3E-00-00-01", "fa16.3e00.0001", "fa163e000001")
    assert same(*(("mac", text) for text in macs))
    assert same(("prefix", "10.0.0.0/24"), ("prefix", "10.0.0.7/24"))


def test_the_kind_is_bound_in_and_so_is_the_key() -> None:
    kinds: tuple[Kind, ...] = ("router", "port", "name", "project", "path", "host")
    bodies = {NAMES.of(kind, ID)[-LENGTH:] for kind in kinds}
    assert len(bodies) == len(kinds)
    assert NAMES.of("router", ID) != Pseudonyms(b"l" * 32).of("router", ID)
    assert LENGTH * 5 >= 50


@given(st.sampled_from(KINDS), SECRETS)
def test_every_thing_has_a_pseudonym_of_which_the_kind_is_known_and_a_reference_prints_nothing(
    kind: Kind, value: str
) -> None:
    token = NAMES.of(kind, value)
    assert kind_of(token) == Ref(kind, value).canonical.kind
    assert NAMES.of(kind, value) == token
    assert f"{Ref(kind, value)} {Ref(kind, value)!r}" == f"<{kind}> <{kind}>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    return made


def test_the_key_is_made_on_first_use_for_its_owner_alone(folder: Path) -> None:
    path = folder / "log.key"
    assert read_keys(path) is None
    made = keys_in(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys_in(path) == made
    assert made.current.secret not in path.read_bytes()[:0] + repr(made).encode()
    assert [one.name for one in folder.iterdir()] == ["log.key"]


def test_rotation_keeps_every_key_with_its_date(folder: Path) -> None:
    path, at = folder / "log.key", datetime(2026, 1, 1, tzinfo=UTC)
    made = [keys_in(path, clock=lambda: at).current]
    days = iter(range(1, 4))
    made += [rotate(path, clock=lambda: at + timedelta(days=next(days))).current for _ in range(3)]
    assert list(keys_in(path).keys) == made
    assert len({one.pseudonyms.of("router", ID) for one in made}) == 4
    assert [one.made.day for one in made] == [1, 2, 3, 4]


def test_of_many_that_begin_at_once_all_use_one_key(folder: Path) -> None:
    path, found = folder / "log.key", []
    gate = threading.Barrier(8)

    def begin() -> None:
        gate.wait()
        found.append(keys_in(path).current.secret)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_key_file_that_others_can_read_is_refused_with_the_command_that_mends_it(folder: Path) -> None:
    path = folder / "log.key"
    keys_in(path)
    path.chmod(0o640)
    with pytest.raises(HostError, match="chmod") as refused:
        keys_in(path)
    assert refused.value.code == "unsafe-file"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"keys":[]}', b"\x00\xff", b'{"keys":[{"made":1}]}'])
def test_a_damaged_key_is_refused_and_never_replaced(folder: Path, content: bytes) -> None:
    path = folder / "log.key"
    keys_in(path)
    path.write_bytes(content)
    for use in (keys_in, rotate, read_keys):
        with pytest.raises(HostError) as refused:
            use(path)
        assert refused.value.code == "key-unusable"
    assert path.read_bytes() == content


def test_a_short_key_is_refused(folder: Path) -> None:
    path = folder / "log.key"
    made = keys_in(path)
    short = msgspec.structs.replace(made.current, secret=b"short")
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(made, keys=(short,))))
    with pytest.raises(HostError, match="restore it"):
        keys_in(path)


def test_a_directory_without_room_is_told_in_words(folder: Path) -> None:
    path = folder / "log.key"
    path.mkdir()
    with pytest.raises(HostError) as refused:
        keys_in(path)
    assert refused.value.code in ("key-unusable", "unsafe-type")
    assert os.path.lexists(path)
