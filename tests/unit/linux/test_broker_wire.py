"""What a broker makes of frames, names and paths, whoever sends them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deuteron.kernel.linux.broker_process import Service
from deuteron.kernel.linux.broker_wire import (
    LARGEST,
    MOST_VALUES,
    REQUEST,
    Keep,
    Remove,
    Request,
    Write,
    encode,
    refused_name,
    refused_path,
)
from deuteron.objects.ownership import may_be_ours

_NAMES: Final = st.one_of(st.text(max_size=20), st.sampled_from(["qrouter-1", "net-a", "fip-b"]))
_VALUES: Final = st.lists(st.tuples(st.text(max_size=30), st.text(max_size=10)), max_size=4).map(tuple)
_REQUESTS: Final = st.builds(
    Request,
    st.integers(1, (1 << 63) - 1),
    st.one_of(
        st.builds(Keep, _NAMES),
        st.builds(Remove, _NAMES),
        st.builds(Write, _NAMES, st.integers(1, (1 << 63) - 1), _VALUES),
    ),
)
#: Any document that msgpack can write: most look like a request somewhere.
_DOCUMENTS: Final = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 64) - 1),
        st.floats(),
        st.text(max_size=10),
        st.binary(max_size=10),
        st.sampled_from(["type", "keep", "remove", "write", "name", "number", "operation", "values"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Over an empty directory: what is let through finds no namespace there."""
    made = Service(tmp_path_factory.mktemp("netns"))
    yield made
    made.close()


@given(frame=st.binary(max_size=200))
def test_any_bytes_get_an_answer(service: Service, frame: bytes) -> None:
    assert service.answer(frame, []).code


@given(document=_DOCUMENTS)
def test_any_document_gets_an_answer(service: Service, document: Any) -> None:
    answer = service.answer(msgspec.msgpack.encode(document), [])
    assert (answer.number, answer.code) == (0, "broker-refused")


@given(request=_REQUESTS)
def test_a_request_is_read_as_it_was_written_or_refused(service: Service, request: Request) -> None:
    frame = encode(request)
    try:
        read = REQUEST.decode(frame)
    except msgspec.ValidationError:
        assert service.answer(frame, []).number == 0
    else:
        assert read == request


@given(request=_REQUESTS, cut=st.integers(0, 60), more=st.binary(max_size=3))
def test_a_frame_that_is_cut_or_goes_on_is_refused(
    service: Service, request: Request, cut: int, more: bytes
) -> None:
    frame = encode(request)
    for spoilt in (frame[: min(cut, len(frame) - 1)], frame + b"\0" + more):
        answer = service.answer(spoilt, [])
        assert (answer.number, answer.code) == (0, "broker-refused")


@given(name=st.text(max_size=300))
def test_a_name_that_is_let_through_stays_in_its_directory(name: str) -> None:
    for one in (name, f"qrouter-{name}", f"net-/../{name}", f"fip-\0{name}"):
        if not refused_name(one):
            assert may_be_ours(one)
            assert os.path.normpath(f"/run/netns/{one}") == f"/run/netns/{one}"
            assert "\0" not in one


@given(parts=st.lists(st.one_of(st.text(max_size=5), st.sampled_from(["..", ".", "", "net", "ipv4"]))))
def test_a_path_that_is_let_through_stays_below_net(parts: list[str]) -> None:
    for path in ("/".join(parts), "net/" + "/".join(parts)):
        if not refused_path(path):
            assert os.path.normpath(f"/proc/sys/{path}") == f"/proc/sys/{path}"
            assert path.startswith("net/")
            assert "\0" not in path


@pytest.mark.parametrize(
    "path",
    [
        "kernel/core_pattern",
        "net",
        "net/",
        "net/ipv4",
        "net/../kernel/core_pattern",
        "net/ipv4/../../kernel/core_pattern",
        "/net/ipv4/ip_forward",
        "net//ipv4/ip_forward",
        "net/ipv4/ip_forward\0x",
        "",
    ],
)
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    assert refused_path(path)


@pytest.mark.parametrize(
    "name", ["", "..", "vm1", "qrouter", "net-/x", "fip-\0", "/run/netns/net-1", "net-" + "ä" * 200]
)
def test_names_that_cannot_be_ours_are_refused(name: str) -> None:
    assert refused_name(name)


def test_a_frame_holds_as_many_parameters_as_a_request_may() -> None:
    value = ("n" * 200, "v" * 200)
    assert len(encode(Request((1 << 63) - 1, Write("n" * 255, 1, (value,) * MOST_VALUES)))) <= LARGEST
    with pytest.raises(msgspec.ValidationError):
        REQUEST.decode(encode(Request(1, Write("n", 1, (("a", "b"),) * (MOST_VALUES + 1)))))


def test_a_directory_that_is_not_there_is_the_kernels_refusal(service: Service) -> None:
    answer = service.answer(encode(Request(7, Write("net-1", 1, (("net/ipv4/ip_forward", "1"),)))), [])
    assert (answer.number, answer.code) == (7, "no-netns")


def test_a_request_has_exactly_the_descriptors_it_needs(service: Service) -> None:
    for operation, descriptors in ((Keep("net-1"), []), (Remove("net-1"), [0]), (Keep("net-1"), [0, 0])):
        answer = service.answer(encode(Request(1, operation)), descriptors)
        assert answer.code == "broker-refused", operation


def test_what_is_no_network_namespace_gets_no_name(service: Service, tmp_path: Path) -> None:
    file = os.open(tmp_path, os.O_RDONLY)
    mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        for fd in (file, mounts, own):
            answer = service.answer(encode(Request(1, Keep("net-1"))), [fd])
            assert answer.code in ("broker-refused", "oserror")
            assert answer.message
    finally:
        for fd in (file, mounts, own):
            os.close(fd)
