"""Every exception of Rostra, as one tree.

::

    RostraError
    ├── ConfigError            a setting is unknown or makes no sense
    ├── EnvironmentFault       this machine cannot do what was asked
    │   ├── PortInUse
    │   ├── DataFolderFault    of another version, locked, not writable
    │   └── MissingTool
    ├── Refused                theirs: the request cannot be granted as it is
    │   ├── BadRequest         malformed (400)
    │   │   └── BadAnswer      to a challenge: forged, expired, for another room or household
    │   ├── BadToken           missing, forged, expired, for another room (401)
    │   │   └── BadPass        a place in the line that is not one
    │   ├── Forbidden          a good token whose role may not do this (403)
    │   ├── NotFound           no such room, seat, part (404)
    │   ├── MethodNotAllowed   ``allow`` says which are (405)
    │   ├── TooSlow            a request that did not come to its end in time (408)
    │   ├── Conflict           a room of that name exists, the seat is taken (409)
    │   ├── Gone               it was there, and is over (410)
    │   ├── LengthRequired     a body without a length (411)
    │   ├── TooLarge           (413)
    │   ├── Unsupported        a codec or container we lack (415)
    │   ├── OutOfRange         no such bytes; ``size`` says how many there are (416)
    │   ├── WorkFirst          the door is crowded: a challenge is to be solved before (428)
    │   ├── TooMany            too often from one place: again in ``retry_after_s`` (429)
    │   ├── HeadTooLarge       of a request (431)
    │   ├── WrongVersion       of HTTP (505)
    │   └── Full               no seat, no descriptor: come back in ``retry_after_s`` (503)
    │       └── InLine         there is a line: ``door`` is where a place in it is to be had
    ├── WireError              bytes that are not what their format says
    └── Unavailable            ours: a part of Rostra does not answer (503)
        ├── BusUnavailable
        ├── StageUnavailable
        └── CatalogUnavailable

An exception carries data and builds its sentence from it. ``str(e)`` is a sentence a person understands, with what
to do next. ``status`` hints the HTTP status and ``slug`` names the problem type (RFC 9457).
"""

from __future__ import annotations

from typing import Any


class RostraError(Exception):
    status = 500
    slug = "internal"
    title = "Something went wrong on our side"

    def problem(self) -> dict[str, Any]:
        """The body of an ``application/problem+json`` answer (RFC 9457, section 3)."""
        return {
            "type": f"urn:rostra:problem:{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": str(self),
        }


class ConfigError(RostraError):
    slug = "config"
    title = "The configuration cannot be used"


class EnvironmentFault(RostraError):
    slug = "environment"
    title = "This machine cannot do that"


class PortInUse(EnvironmentFault):
    def __init__(self, host: str, port: int, option: str) -> None:
        self.host, self.port, self.option = host, port, option
        super().__init__(
            f"Port {port} on {host} is in use by another program. Stop it, or choose another with {option} {host}:PORT."
        )


class DataFolderFault(EnvironmentFault):
    pass


class MissingTool(EnvironmentFault):
    pass


class Refused(RostraError):
    status = 400
    slug = "refused"
    title = "That cannot be done"


class BadRequest(Refused):
    status = 400
    slug = "bad-request"
    title = "The request is malformed"


class BadAnswer(BadRequest):
    slug = "bad-answer"
    title = "That does not answer the challenge"


class BadToken(Refused):
    status = 401
    slug = "bad-token"
    title = "This link is not valid"


class BadPass(BadToken):
    slug = "bad-pass"
    title = "This place in the line is not valid"


class Forbidden(Refused):
    status = 403
    slug = "forbidden"
    title = "This link does not give that right"


class NotFound(Refused):
    status = 404
    slug = "not-found"
    title = "There is nothing here"


class MethodNotAllowed(Refused):
    status = 405
    slug = "method-not-allowed"
    title = "That method is not for this address"

    def __init__(self, method: str, allow: str) -> None:
        self.method, self.allow = method, allow
        super().__init__(f"{method[:16]} is not possible here, only {allow}.")


class TooSlow(Refused):
    status = 408
    slug = "too-slow"
    title = "The request took too long to arrive"


class Gone(Refused):
    status = 410
    slug = "gone"
    title = "This is over"


class LengthRequired(Refused):
    status = 411
    slug = "length-required"
    title = "The length of the body is missing"


class Conflict(Refused):
    status = 409
    slug = "conflict"
    title = "That is taken"


class TooLarge(Refused):
    status = 413
    slug = "too-large"
    title = "That is too large"


class Unsupported(Refused):
    status = 415
    slug = "unsupported"
    title = "That format is not supported"


class OutOfRange(Refused):
    status = 416
    slug = "out-of-range"
    title = "There are no such bytes"

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"That range lies outside the {size} bytes that there are.")


class WorkFirst(Refused):
    """RFC 6585, section 3."""

    status = 428
    slug = "challenge"
    title = "A little work first"

    def __init__(self, door: str, retry_after_s: float, challenge: dict[str, Any] | None = None) -> None:
        """:param door: the address that takes the answer. :param challenge: None: it is to be had there."""
        self.door, self.retry_after_s, self.challenge = door, retry_after_s, challenge
        super().__init__(
            "Very many people come at this moment. Your browser has to do a little work first: the page does it by "
            f"itself; a program asks with POST {door}."
        )

    def problem(self) -> dict[str, Any]:
        challenge = {} if self.challenge is None else {"challenge": self.challenge}
        return {**super().problem(), "door": self.door, **challenge}


class TooMany(Refused):
    status = 429
    slug = "too-many"
    title = "That is too often"

    def __init__(self, message: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class HeadTooLarge(Refused):
    status = 431
    slug = "head-too-large"
    title = "The head of the request is too large"


class WrongVersion(Refused):
    status = 505
    slug = "wrong-version"
    title = "This version of HTTP is not spoken here"


class Full(Refused):
    status = 503
    slug = "full"
    title = "There is no room at the moment"

    def __init__(self, message: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class InLine(Full):
    slug = "waiting"

    def __init__(self, door: str, retry_after_s: float, *, called: bool = False) -> None:
        """:param door: the address of the waiting room. :param called: it is their turn, but for a moment."""
        self.door = door
        super().__init__(
            "It is your turn, but the last place has just gone. Please try again in a moment."
            if called
            else "Every place is taken. There is a line: the page stands in it by itself; a program asks with "
            f"POST {door}.",
            retry_after_s,
        )

    def problem(self) -> dict[str, Any]:
        return {**super().problem(), "door": self.door}


class WireError(RostraError):
    status = 400
    slug = "wire"
    title = "The bytes are not what they should be"


class Unavailable(RostraError):
    status = 503
    slug = "unavailable"
    title = "A part of the server does not answer"


class BusUnavailable(Unavailable):
    slug = "bus-unavailable"


class StageUnavailable(Unavailable):
    slug = "stage-unavailable"


class CatalogUnavailable(Unavailable):
    slug = "catalog-unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The catalog cannot be changed at the moment: its database does not answer. Rooms on air go on. "
            "Try again in a minute."
        )
