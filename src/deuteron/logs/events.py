"""The catalogue: every event that a log may hold, its level, its fields, and what a field may be.

What is not here cannot be logged.  ``docs/logs.md`` is written from it.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, Literal

import msgspec

Level = Literal["debug", "info", "warning", "error"]


class Form(Enum):
    """What a field may hold, and nothing else."""

    REF = "a pseudonym"
    CODE = "a code of docs/errors.md, or an error number's name"
    WORD = "one of the words listed"
    WORDS = "some of the words listed"
    COUNT = "a whole number"
    SECONDS = "seconds"
    TYPE = "the class of an exception"
    TRACE = "files and lines of the program, innermost last"
    REQUEST = "an id that the API has made up for a request"


class Field(msgspec.Struct, frozen=True):
    """A field of a record.

    Attributes:
        form: what it may hold.
        meaning: for the reader of a log.
        words: those it may be, where it is a word.
    """

    form: Form
    meaning: str
    words: frozenset[str] = frozenset()


def _word(meaning: str, *words: str) -> Field:
    return Field(Form.WORD, meaning, frozenset(words))


#: The API's resources, and what can be done with one: together the routes.
_COLLECTIONS: Final = (
    *("networks", "subnets", "subnetpools", "address-scopes", "ports", "routers", "floatingips"),
    *("port-forwardings", "quotas", "rbac-policies", "availability-zones", "agents"),
    *("ip-availabilities", "extensions", "tags"),
)
_ACTIONS: Final = (
    *("index", "show", "create", "update", "delete", "default", "details"),
    *("tags.index", "tags.create", "tags.update_all", "tags.delete_all"),
    *("tags.show", "tags.update", "tags.delete"),
    *("add_router_interface", "remove_router_interface", "add_extraroutes", "remove_extraroutes"),
    *("add_prefixes", "remove_prefixes"),
)

#: Every field; ``at``, ``level`` and ``event`` are in each record.
FIELDS: Final[dict[str, Field]] = {
    "unit": Field(Form.REF, "what was worked on"),
    "part": _word("what of it", "router", "network", "fip", "port", "other"),
    "file": Field(Form.REF, "the file that was applied"),
    "verb": _word("what was asked for", "apply", "destroy"),
    "outcome": _word("what became of it", "done", "undone", "undo-failed", "skipped", "refused"),
    "noticed": _word("what led to it", "event", "interval", "retry", "file"),
    "code": Field(Form.CODE, "of the error"),
    "kinds": Field(
        Form.WORDS,
        "kinds of kernel objects that were made, changed or removed",
        frozenset(
            {
                *("address", "announce", "bridge", "fdb", "flush-flows", "link-up", "neighbour"),
                *("neighbour-proxy", "netns", "nft-element", "nft-table", "route", "rule", "sysctl"),
                *("tap", "veth"),
            }
        ),
    ),
    "steps": Field(Form.COUNT, "how many steps"),
    "left": Field(Form.COUNT, "how many objects are not as they were before"),
    "units": Field(Form.COUNT, "how many units"),
    "failed": Field(Form.COUNT, "how many units are not as wanted"),
    "namespaces": Field(Form.COUNT, "how many network namespaces are watched"),
    "of": Field(Form.COUNT, "how many there are in all"),
    "directories": Field(Form.COUNT, "how many directories of kernel parameters are not watched"),
    "notices": Field(Form.COUNT, "how many remarks on the input; `deuteron plan` prints them"),
    "revision": Field(Form.COUNT, "the change's number, from 1 since the process began"),
    "seconds": Field(Form.SECONDS, "how long it took; of a repair, since it was noticed"),
    "interval": Field(Form.SECONDS, "from the end of one look at everything to the begin of the next"),
    "error": Field(Form.TYPE, "what was raised"),
    "trace": Field(Form.TRACE, "where"),
    "kept": _word("whether all that it says is in the state directory, for its owner", "yes", "no"),
    "held": Field(
        Form.WORDS,
        "what confines the process",
        frozenset({"capabilities", "no-new-privs", "seccomp", "landlock", "broker", "core-dumps", "umask"}),
    ),
    "missing": Field(
        Form.WORDS,
        "what does not",
        frozenset({"capabilities", "no-new-privs", "seccomp", "landlock", "broker", "core-dumps", "umask"}),
    ),
    "request": Field(Form.REQUEST, "of the request, as its client has it in X-Openstack-Request-Id"),
    "method": _word("of HTTP", *("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "other")),
    "collection": _word("what was asked about", *_COLLECTIONS),
    "action": _word("what of it; a route is a collection and an action", *_ACTIONS, "other"),
    "status": Field(Form.COUNT, "of HTTP"),
    "project": Field(Form.REF, "whose request it was"),
    "redacted": Field(Form.COUNT, "how many values were taken out of this record: a defect, please report"),
    "lost": Field(Form.COUNT, "how many records before this one could not be written"),
}


class Event(StrEnum):
    """Every event; stable."""

    WATCH_BEGAN = "watch-began"
    WATCH_ENDED = "watch-ended"
    WATCH_BLIND = "watch-blind"
    SERVE_BEGAN = "serve-began"
    SERVE_LOOKING = "serve-looking"
    SERVE_LOOKED = "serve-looked"
    API_BEGAN = "api-began"
    API_ENDED = "api-ended"
    REQUEST_READ = "request-read"
    REQUEST_ANSWERED = "request-answered"
    REQUEST_FAILED = "request-failed"
    CONFINED = "confined"
    CHANGE_BEGAN = "change-began"
    CHANGE_FINISHED = "change-finished"
    CHANGE_REFUSED = "change-refused"
    UNIT_BEGAN = "unit-began"
    UNIT_DONE = "unit-done"
    UNIT_FAILED = "unit-failed"
    UNIT_REPAIRED = "unit-repaired"
    UNIT_RECOVERED = "unit-recovered"
    TROUBLE = "trouble"
    INPUT_NOTICES = "input-notices"
    CONFIG_READ = "config-read"
    KEYS_ROTATED = "keys-rotated"
    DEFECT = "defect"
    FOREIGN_RECORD = "foreign-record"


class Described(msgspec.Struct, frozen=True):
    """An event as the catalogue has it.

    Attributes:
        level: of its records.
        fields: those that it may have.
        meaning: for the reader of a log.
    """

    level: Level
    fields: frozenset[str]
    meaning: str


def _described(level: Level, fields: str, meaning: str) -> Described:
    return Described(level, frozenset(fields.split()), meaning)


#: What each event means, and which fields it may have.
EVENTS: Final[dict[Event, Described]] = {
    Event.WATCH_BEGAN: _described(
        "info", "file namespaces interval", "everything was applied, from now on it is kept so"
    ),
    Event.WATCH_ENDED: _described(
        "info", "code", "the process ends, the host stays as it is; with a code: it had to"
    ),
    Event.WATCH_BLIND: _described(
        "warning",
        "directories interval",
        "for want of inotify watches, changes there are found only at the interval:"
        " raise fs.inotify.max_user_watches",
    ),
    Event.SERVE_BEGAN: _described(
        "info", "namespaces interval", "all that the API has was applied, requests are followed from now on"
    ),
    Event.SERVE_LOOKING: _described(
        "info",
        "namespaces of",
        "after a start all is looked at, while requests are followed; so far, at most once a second",
    ),
    Event.SERVE_LOOKED: _described(
        "info", "seconds", "that is over: `deuteron wait` answers from now on; since the start"
    ),
    Event.API_BEGAN: _described("info", "", "the API's process answers requests"),
    Event.API_ENDED: _described("info", "", "it does not any more; what was under way was answered"),
    Event.REQUEST_READ: _described(
        "debug",
        "request method collection action status project seconds",
        "a request that changes nothing was answered as asked",
    ),
    Event.REQUEST_ANSWERED: _described(
        "info",
        "request method collection action status project seconds",
        "another request was answered: a change, or a refusal",
    ),
    Event.REQUEST_FAILED: _described(
        "error",
        "request method collection action status project seconds",
        "a request could not be answered: a record of the reason, `defect` or `trouble`, is near",
    ),
    Event.CONFINED: _described("info", "held missing", "the process has given up what it does not need"),
    Event.CHANGE_BEGAN: _described(
        "info", "verb file units revision", "a change is written down and about to be made"
    ),
    Event.CHANGE_FINISHED: _described(
        "info", "verb units failed steps seconds revision", "a change is made, as far as it could be"
    ),
    Event.CHANGE_REFUSED: _described("error", "verb code revision", "a change as a whole could not be made"),
    Event.UNIT_BEGAN: _described("debug", "unit part steps revision", "a unit is about to be changed"),
    Event.UNIT_DONE: _described(
        "info", "unit part outcome noticed steps kinds seconds revision", "a unit was changed as wanted"
    ),
    Event.UNIT_FAILED: _described(
        "error",
        "unit part outcome code left noticed seconds revision",
        "a unit is not as wanted; it is tried again later, the others go on",
    ),
    Event.UNIT_REPAIRED: _described(
        "info", "unit part noticed steps kinds seconds revision", "somebody had changed it, it is put back"
    ),
    Event.UNIT_RECOVERED: _described(
        "warning", "unit part outcome left", "an interrupted change had left it half made"
    ),
    Event.TROUBLE: _described(
        "error", "code", "a look, or the file, was refused; what was wanted before still is; tried again"
    ),
    Event.INPUT_NOTICES: _described("info", "notices", "the input has parts that the reader should know of"),
    Event.CONFIG_READ: _described("info", "", "FILE, the configuration and the key were read again"),
    Event.KEYS_ROTATED: _described("info", "", "things have other pseudonyms from here on"),
    Event.DEFECT: _described(
        "error", "code error trace kept", "a defect of the program; the whole trace is in the state directory"
    ),
    Event.FOREIGN_RECORD: _described(
        "debug", "", "a library had something to say; its words are not kept, they may hold anything"
    ),
}

#: May be in every record; the log itself adds them.
ALWAYS: Final = frozenset({"redacted", "lost"})
