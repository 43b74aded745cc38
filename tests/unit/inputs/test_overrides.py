from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deuteron.compile.policy import packaged
from deuteron.domain.policy import Override
from deuteron.errors import HostError, InputError
from deuteron.inputs import load
from deuteron.inputs.overrides import parse_overrides, read_overrides

ROOT = Path(__file__).parents[3]


def parse(text: str) -> tuple[Override, ...]:
    return parse_overrides(text.encode(), "policy.toml")


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        parse(text)
    return caught.value.code, caught.value.message


def sysctl(path: str, value: object, *more: str) -> str:
    return "\n".join(["[[sysctl]]", f'path = "{path}"', f"value = {value}", *more])


MARTIANS = "net/ipv4/conf/{conf}/log_martians"


def test_an_override_without_netns_holds_wherever_the_entry_does() -> None:
    (override,) = parse(sysctl("net/ipv4/conf/{conf}/rp_filter", 1))
    assert override == Override(
        what="sysctl", name="net/ipv4/conf/{conf}/rp_filter", kinds=("router", "fip"), value="1"
    )


def test_a_value_may_be_written_as_a_word() -> None:
    assert parse(sysctl(MARTIANS, '"0"')) == parse(sysctl(MARTIANS, 0))


def test_an_empty_file_overrides_nothing() -> None:
    assert parse("") == ()


def test_a_looser_value_needs_a_reason() -> None:
    code, sentence = refused(sysctl(MARTIANS, 1))
    assert code == "looser-without-reason"
    assert sentence.startswith(f"policy.toml: [[sysctl]] {MARTIANS}: 1 is looser than 0")
    assert refused(sysctl(MARTIANS, 1, 'reason = "  "'))[0] == code
    (override,) = parse(sysctl(MARTIANS, 1, 'reason = "ticket 4711"'))
    assert override.reason == "ticket 4711"


@pytest.mark.parametrize("knob", packaged().entries.sysctl, ids=lambda knob: f"{knob.name}-{knob.netns[0]}")
def test_no_looser_value_of_any_entry_passes_without_a_reason(knob: object) -> None:
    for pattern in knob.looser:  # type: ignore[attr-defined]  # parametrize types nothing
        value = {">": 1, "<": -1}.get(pattern[0], 0) + int(pattern.lstrip("<>"))
        kinds = f"netns = {list(knob.netns)}"  # type: ignore[attr-defined]  # as above
        assert refused(sysctl(knob.name, value, kinds))[0] == "looser-without-reason"  # type: ignore[attr-defined]  # as above


def test_an_open_base_chain_needs_a_reason() -> None:
    text = '[[chain]]\nname = "forward"\npolicy = "accept"\n'
    assert refused(text)[0] == "looser-without-reason"
    assert parse(text + 'reason = "a test"')[0].kinds == ("network", "router", "fip")


def test_what_is_not_in_the_policy_is_refused_with_the_nearest() -> None:
    code, sentence = refused(sysctl("net/ipv4/conf/{conf}/log_martian", 0))
    assert code == "unknown-policy-entry"
    assert f"did you mean {MARTIANS!r}?" in sentence
    assert refused(sysctl("net/ipv4/conf/all/log_martians", 0))[0] == code
    assert refused(sysctl("kernel/randomize_va_space", 0))[0] == code


def test_a_kind_that_the_entry_does_not_hold_for_is_refused() -> None:
    code, sentence = refused(sysctl("net/ipv4/conf/{conf}/rp_filter", 1, 'netns = ["network"]'))
    assert code == "unknown-policy-entry"
    assert "holds for router, fip, not for network" in sentence


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    code, sentence = refused(sysctl(MARTIANS, 0, 'raeson = "x"'))
    assert (code, "did you mean 'reason'?" in sentence) == ("unknown-key", True)
    code, sentence = refused("[[sysctls]]\npath = 1")
    assert (code, "did you mean 'sysctl'?" in sentence) == ("unknown-key", True)


@pytest.mark.parametrize(
    "text",
    [
        "sysctl = [",
        "sysctl = 3",
        "[[sysctl]]\npath = 3\nvalue = 1",
        "[[sysctl]]\nvalue = 1",
        '[[chain]]\nname = "input"\npolicy = "reject"',
        sysctl(MARTIANS, 0, 'netns = ["host"]'),
    ],
)
def test_what_has_not_the_form_is_refused(text: str) -> None:
    assert refused(text)[0] == "bad-policy-file"


@pytest.mark.parametrize("value", ['"on"', '""', '"1 2"', '"0x1"', "12345678901", '"\\u0661"'])
def test_a_value_is_an_integer(value: str) -> None:
    assert refused(sysctl(MARTIANS, value, 'reason = "x"'))[0] == "bad-value"


def test_two_values_for_one_entry_are_refused() -> None:
    fip = sysctl("net/ipv4/conf/{conf}/rp_filter", 1, 'netns = ["fip"]')
    router = sysctl("net/ipv4/conf/{conf}/rp_filter", 2, 'netns = ["router"]')
    assert len(parse(f"{fip}\n{router}")) == 2
    code, sentence = refused(f"{fip}\n{sysctl('net/ipv4/conf/{conf}/rp_filter', 2)}")
    assert (code, "stands twice for fip" in sentence) == ("conflicting-entries", True)


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(sysctl(MARTIANS, 0))
    file.chmod(0o644)
    assert len(read_overrides(file)) == 1
    file.chmod(0o666)
    with pytest.raises(HostError, match="chmod"):
        read_overrides(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_overrides(tmp_path / "policy.toml")
    assert caught.value.code == "unreadable-file"


def test_the_view_carries_the_overrides() -> None:
    overrides = parse((ROOT / "examples" / "policy.toml").read_text())
    view = load(ROOT / "examples" / "one-host.yaml", overrides=overrides).view
    assert view.overrides == overrides
    assert {one.kinds for one in overrides} == {("router",), ("fip",)}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_content_is_read_or_refused(content: bytes) -> None:
    with suppress(InputError):
        assert all(override.kinds for override in parse_overrides(content, "policy.toml"))
