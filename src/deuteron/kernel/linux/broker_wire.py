"""What a confined process asks its broker, and what that answers: one datagram each.

Frames are msgpack, of the types here and no others: what does not decode is refused, and so is
what names a namespace that cannot be ours or a parameter that is not below ``net/``.  Each
request has a number, which its answer repeats.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from deuteron.objects.ownership import may_be_ours

#: Bytes of a frame; a longer one is refused.
LARGEST: Final = 1 << 16
#: Parameters in one request; more are several requests.
MOST_VALUES: Final = 128
#: NAME_MAX, linux/limits.h.
_NAME_MAX: Final = 255

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=_NAME_MAX)]
_Path = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Value = Annotated[str, msgspec.Meta(max_length=200)]
Values = Annotated[tuple[tuple[_Path, _Value], ...], msgspec.Meta(max_length=MOST_VALUES)]
_Positive = Annotated[int, msgspec.Meta(gt=0, le=(1 << 63) - 1)]


class Keep(msgspec.Struct, frozen=True, tag="keep", forbid_unknown_fields=True):
    """Give the namespace whose descriptor comes with the request a name."""

    name: Name


class Remove(msgspec.Struct, frozen=True, tag="remove", forbid_unknown_fields=True):
    """Take a name away."""

    name: Name


class Write(msgspec.Struct, frozen=True, tag="write", forbid_unknown_fields=True):
    """Set parameters in order; those that are so are left, each is read back.

    Attributes:
        inode: which namespace is meant by the name.
        values: paths below ``/proc/sys``, with values.
    """

    name: Name
    inode: _Positive
    values: Values


Operation = Keep | Remove | Write


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operation with its number."""

    number: _Positive
    operation: Operation


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a request.

    Attributes:
        number: the request's; 0 where there was none to be read, or before the first.
        code: "" for done, ``oserror`` for what the kernel refused, else an error's code.
        message: for people.
        errno: the kernel's number, 0 where there is none.
        done: how many parameters are set.
        lacking: of the first answer, see ``Confined``.
    """

    number: int
    code: str = ""
    message: str = ""
    errno: int = 0
    done: int = 0
    lacking: tuple[str, ...] = ()


REQUEST: Final = msgspec.msgpack.Decoder(Request)
ANSWER: Final = msgspec.msgpack.Decoder(Answer)
encode: Final = msgspec.msgpack.Encoder().encode


def refused_name(name: str) -> str:
    """Why a broker does not touch a namespace of that name, "" where it does."""
    if not may_be_ours(name) or "/" in name or "\0" in name or len(name.encode()) > _NAME_MAX:
        return "no network namespace of ours has that name"
    return ""


def refused_path(path: str) -> str:
    """Why a broker does not write that parameter, "" where it does."""
    parts = path.split("/")
    if parts[0] != "net" or len(parts) < 3 or "\0" in path or {"", ".", ".."} & set(parts):
        return "only parameters below net/ are written"
    return ""
