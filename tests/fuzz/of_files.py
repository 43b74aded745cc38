"""What reads files: of operators, of Neutron, of ourselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from deuteron.audit.baseline import read_baseline as read_audit_baseline
from deuteron.config.keys import keys
from deuteron.config.read import load as load_config
from deuteron.domain import HostView
from deuteron.inputs import Loaded
from deuteron.inputs import load as load_input
from deuteron.inputs.overrides import read_overrides
from deuteron.logs.key import Key, Keys, read_keys
from deuteron.logs.pseudonym import LENGTH, Pseudonyms, bits_of, kind_of
from deuteron.logs.redact import redact
from deuteron.logs.reference import KINDS, Ref
from deuteron.review.baseline import read_baseline as read_review_baseline
from deuteron.state.host import Owner, owner_of_host, taken
from tests.fuzz.strategies import documents, octets, texts
from tests.fuzz.target import Take, Target

_ROOT: Final = Path(__file__).parents[2]
_EXAMPLES: Final = sorted((_ROOT / "examples").glob("*.yaml"))
_POLICY: Final = _ROOT / "examples" / "policy.toml"
_CONFIG: Final = _ROOT / "src" / "deuteron" / "install" / "deuteron.toml"
#: The smallest recordings: every form of entry is in one of them.
_PAYLOADS: Final = sorted(
    (_ROOT / "tests" / "data" / "neutron-payloads").glob("*.json"), key=lambda path: path.stat().st_size
)[:10]
_YAML_WORDS: Final = (
    *("networks:", "- ", "name: web", "routers", "cidr: 10.0.0.0/24", "&a ", "*a", "<<: ", "!!int ", "!x "),
    *(
        "\n",
        "  ",
        "{",
        "}",
        "[",
        "]",
        "| ",
        "> ",
        "--- ",
        "...",
        "%YAML 1.1",
        "? ",
        ": ",
        "'",
        '"',
        "#",
        "\t",
    ),
    *("\ufeff", "\0", "\x85", "\u2028", "1" * 50),
)
_TOML_WORDS: Final = (
    *(
        "[log]",
        "[[accepted]]",
        "[[sysctl]]",
        "[[limit]]",
        'check = "DTN101"',
        "until = 2030-01-01",
        "value = ",
    ),
    *(
        "level = ",
        "interval = ",
        "1",
        "0x",
        "1e400",
        "nan",
        "-",
        "true",
        "'",
        '"""',
        "\\u",
        "{",
        "}",
        "[",
        "]",
    ),
    *("=", ".", "\n", ",", "#", "9" * 5000, "1979-05-27T07:32:00-07:00", "\r", "\0"),
)
_BASELINE: Final = b"""[[accepted]]
check = "DTN101"
reason = "known"
until = 2030-01-01
evidence = "*"
"""
_REPORT: Final = json.dumps(
    {
        "tool": "deuteron review",
        "findings": [{"check": "R1", "status": "fail", "place": {"file": "a.py"}, "evidence": ["  1 x = 1"]}],
    }
).encode()
_OWNER: Final = msgspec.json.encode(Owner(state_id="0" * 32, path="/var/lib/deuteron"))
_PSEUDONYMS: Final = Pseudonyms(bytes(32))
_KEYS: Final = msgspec.json.encode(Keys(keys=(Key(made=datetime(2026, 1, 1, tzinfo=UTC), secret=bytes(32)),)))
_TOKENS: Final = tuple(_PSEUDONYMS.of(kind, "10.0.0.1").encode() for kind in sorted(KINDS))
_TEXTS: Final = (
    b"the address 10.0.0.1/24 on qr-1a2b3c4d-5e of qrouter-5284755a-0000-4000-8000-000000000001",
    b"fa:16:3e:00:00:01 2001:db8::1%eth0/64 /var/lib/deuteron/state.sqlite 2026-05-01T12:00:00Z",
)
_SENSITIVE_WORDS: Final = (
    *("a", "0", ":", "::", ".", "-", "/", "%", "qr-", "tap", "qrouter-", "0x", "dead", "10.", "255", "/24"),
    *("2026-05-01T", "12:00:00", "Z", " ", "\n", "[redacted]", "fa:16:3e", "=", "+"),
)


def _file(name: str, read: Callable[[Path], object], mode: int = 0o600) -> Take:
    def take(data: bytes, scratch: Path) -> object:
        path = scratch / name
        path.write_bytes(data)
        path.chmod(mode)
        return read(path)

    return take


def _input(path: Path) -> None:
    """What was read is consistent, can be kept, and is the same the next time."""
    loaded = load_input(path, host="compute1", default_bridges=["br-ex"])
    assert msgspec.json.decode(msgspec.json.encode(loaded.view), type=HostView) == loaded.view
    assert msgspec.json.decode(msgspec.json.encode(loaded), type=Loaded) == loaded
    again = load_input(path, host="compute1", default_bridges=["br-ex"], allocations=loaded.allocations)
    assert again == loaded


def _config(path: Path) -> None:
    loaded = load_config(path, environment={})
    assert loaded.file == path
    assert set(loaded.sources) == {key.name for key in keys()}


def _environment(data: bytes, _: Path) -> None:
    """Each line is the value of a variable."""
    values = data.decode("utf-8", "surrogateescape").replace("\0", "").split("\n")
    names = [key.environment for key in keys()]
    said = dict(zip(names, values, strict=False))
    load_config(environment={"DEUTERON_CONFIG": ""} | said)


def _owner(path: Path) -> None:
    path.parent.chmod(0o700)
    found = owner_of_host(path.parent)
    assert found is None or msgspec.json.decode(msgspec.json.encode(found), type=Owner) == found
    taken(path.parent, "1" * 32, Path("/var/lib/another"))


def _keys(path: Path) -> None:
    found = read_keys(path)
    assert found is not None
    assert msgspec.json.decode(msgspec.json.encode(found), type=Keys) == found
    token = found.pseudonyms.of("address", "10.0.0.1")
    assert kind_of(token) == "address"


def _token(data: bytes, _: Path) -> None:
    """What is a pseudonym has 50 bits; what is anything else has a pseudonym of its own."""
    text = data.decode("utf-8", "surrogateescape")
    kind = kind_of(text)
    if kind is not None:
        assert 0 <= bits_of(text) < 1 << 5 * LENGTH
    for one in KINDS:
        token = _PSEUDONYMS.of(one, text)
        assert kind_of(token) == Ref(one, text).canonical.kind
        assert bits_of(token) == _PSEUDONYMS.bits(Ref(one, text).canonical)


def _redacted(data: bytes, _: Path) -> None:
    """Nothing is left to be taken out of what is left."""
    text = data.decode("utf-8", "surrogateescape")
    left, count = redact(text)
    assert redact(left)[1] == 0, (left, count)


def _json(path: Path) -> bytes:
    content: Any = yaml.safe_load(path.read_bytes())
    return json.dumps(content).encode()


def _seeds(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


OF_FILES: Final = (
    Target("topology-text", texts(_seeds(_EXAMPLES), _YAML_WORDS), _file("x.yaml", _input)),
    Target("topology", documents([_json(path) for path in _EXAMPLES]), _file("x.yaml", _input), cost=2),
    Target("sync-text", octets(_seeds(_PAYLOADS)), _file("x.json", _input), cost=2),
    Target("sync", documents([_json(path) for path in _PAYLOADS]), _file("x.json", _input), cost=4),
    Target(
        "config", texts([_CONFIG.read_bytes().replace(b"\n#", b"\n")], _TOML_WORDS), _file("c.toml", _config)
    ),
    Target(
        "environment",
        texts([b"/var/lib/x\n2\n30\nhost\nbr-ex\n/p\njson\ninfo"], _TOML_WORDS),
        _environment,
        cost=3,
    ),
    Target("policy", texts([_POLICY.read_bytes()], _TOML_WORDS), _file("p.toml", read_overrides)),
    Target(
        "baseline",
        texts([_BASELINE], _TOML_WORDS),
        _file("b.toml", lambda path: read_audit_baseline(path, ["DTN101"])),
    ),
    Target("report", documents([_REPORT]), _file("r.json", read_review_baseline)),
    Target("owner", documents([_OWNER]), _file("owner.json", _owner), total=True),
    Target("owner-octets", octets([_OWNER]), _file("owner.json", _owner), total=True),
    Target("keys", documents([_KEYS]), _file("log.key", _keys)),
    Target("token", texts(_TOKENS, _SENSITIVE_WORDS), _token, total=True),
    Target("redact", texts(_TEXTS, _SENSITIVE_WORDS), _redacted, total=True),
)
