"""What the API refuses, with the status, the type and the sentence that Neutron gives it.

::

    Refusal                     status, type, message, detail
    |-- BadRequest         400  InvalidInput, NetworkMissing..., one small class per Neutron exception
    |-- Unauthorized       401
    |-- Forbidden          403
    |-- NotFound           404
    |-- Conflict           409
    |-- PreconditionFailed 412
    |-- OfHttp             405, 408, 413, 414, 415, 421, 431  what only HTTP knows: api/errors.py
    |-- HTTPTooManyRequests 429
    |-- HTTPNotImplemented 501
    `-- Unavailable        503

A class is named as Neutron's exception, so its name is the ``type`` of the body; its ``sentence`` has
the facts in braces, and they are given by name: ``NetworkNotFound(net_id=...)``.  For logs there is the
code alone, ``refused-404``: the sentence names what belongs to users.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from deuteron.errors import DeuteronError


class _Code(msgspec.Struct, frozen=True):
    status: int
    code: str


#: The code for logs of every status of a refusal, HTTP's own (``api/errors.py``) among them.
_CODES: Final = {
    one.status: one.code
    for one in (
        _Code(400, code="refused-400"),
        _Code(401, code="refused-401"),
        _Code(403, code="refused-403"),
        _Code(404, code="refused-404"),
        _Code(405, code="refused-405"),
        _Code(408, code="refused-408"),
        _Code(409, code="refused-409"),
        _Code(412, code="refused-412"),
        _Code(413, code="refused-413"),
        _Code(414, code="refused-414"),
        _Code(415, code="refused-415"),
        _Code(421, code="refused-421"),
        _Code(429, code="refused-429"),
        _Code(431, code="refused-431"),
        _Code(500, code="refused-500"),
        _Code(501, code="refused-501"),
        _Code(503, code="refused-503"),
    )
}


class Refusal(DeuteronError):  # noqa: N818  its classes bear the names of the API
    """A request that is not done.

    Args:
        detail: Neutron's ``detail``, mostly empty.
        facts: what the sentence names.
    """

    status: ClassVar[int] = 500
    sentence: ClassVar[str] = "{message}"
    name: ClassVar[str] = ""

    def __init__(self, detail: str = "", **facts: object) -> None:
        sentence = self.sentence.format(**facts)
        super().__init__(_CODES[self.status], sentence)
        self.message = sentence  # as it is: JSON escapes what a terminal must not see
        self.detail = detail
        self.facts = facts

    @property
    def type(self) -> str:
        """Neutron's name of the exception, for the body."""
        return self.name or type(self).__name__


class BadRequest(Refusal):
    """400: the request cannot be right."""

    status = 400
    sentence = "Bad {resource} request: {msg}."


class Unauthorized(Refusal):
    """401: nobody known asks."""

    status = 401
    sentence = "The request you have made requires authentication."


class Forbidden(Refusal):
    """403: somebody known who may not."""

    status = 403


class NotFound(Refusal):
    """404: there is none, or none that the caller may see."""

    status = 404


class Conflict(Refusal):
    """409: right in itself, but not as things are."""

    status = 409


class PreconditionFailed(Refusal):
    """412: ``If-Match`` names another revision."""

    status = 412


class Unavailable(Refusal):
    """503: not now."""

    status = 503


class HTTPBadRequest(BadRequest):
    """The body or the query is malformed; webob's name, which Neutron shows."""

    sentence = "{message}"


class HTTPForbidden(Forbidden):
    """Refused without a policy to name."""


class HTTPNotFound(NotFound):
    """No such route, or not for this caller."""

    sentence = "The resource could not be found."


class HTTPConflict(Conflict):
    """A conflict that has no exception of its own."""


class HTTPTooManyRequests(Refusal):
    """429: one client has taken its share."""

    status = 429
    sentence = "Too many requests from one client; send them again in a moment."


class HTTPNotImplemented(Refusal):
    """501: part of the API that does not work here yet."""

    status = 501
    sentence = "{message}"


class HTTPInternalServerError(Refusal):
    """500: our own fault; the log has it under the request's id."""

    sentence = "Request Failed: internal server error while processing your request."


class ServiceUnavailable(Unavailable):
    """The service cannot answer now."""

    sentence = "The service is unavailable."


class InvalidInput(BadRequest):
    """A value that the resource does not take."""

    sentence = "Invalid input for operation: {error_message}."


class MalformedRequestBody(BadRequest):
    """The body is no JSON object of the wanted form."""

    sentence = "Malformed request body: {reason}."


class PolicyNotAuthorized(Forbidden):
    """The policy does not let this caller do it."""

    sentence = "{action} is disallowed by policy"


class RevisionNumberConstraintFailed(PreconditionFailed):
    """The resource has moved on since the client read it."""

    sentence = "Constrained to {expected}, but current revision is {current}"
