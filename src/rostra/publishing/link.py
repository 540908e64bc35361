"""The link that holds a seat: what ``rostra room create`` prints and a speaker keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from rostra.errors import BadRequest
from rostra.wire.rooms import ROOM_ID

_DOORS = ("speak", "host", "desk")


@dataclass(frozen=True, slots=True)
class Presence:
    """Who comes in through the link. ``seat`` tells apart people behind one link; ``name`` is what listeners see."""

    seat: str = ""
    name: str = ""

    def query(self) -> dict[str, str]:
        return {k: v for k, v in (("seat", self.seat), ("name", self.name)) if v}


WHOEVER = Presence()
"""The seat of the link itself, and the name that stands in it."""


@dataclass(frozen=True, slots=True)
class SeatLink:
    """A speaker's or host's link, taken apart. ``token`` is a secret and stays out of ``repr``."""

    studio: str
    """Address of the stage door, without a slash at its end."""
    room: str
    token: str = field(repr=False)
    shared: bool = False
    """Whether several may speak through this link: a speaker's, not a host's."""

    @property
    def whip_url(self) -> str:
        """Where an offer goes (RFC 9725, section 4.2: the WHIP endpoint)."""
        return f"{self.studio}/stage/{self.room}/whip"


def read_seat_link(text: str) -> SeatLink:
    """``http(s)://STUDIO/speak/ROOM#t=TOKEN`` (or ``/host/ROOM``), a path before it included.

    :raises BadRequest: says what is missing.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadRequest(
            f"{_shown(text)} is not a link. Copy the whole host or speaker link that `room create` printed."
        )
    prefix, _, room = parts.path.rstrip("/").rpartition("/")
    before, _, door = prefix.rpartition("/")
    if door not in _DOORS or not ROOM_ID.fullmatch(room):
        raise BadRequest(
            f"{_shown(text)} is not a host or speaker link: those end in /host/ROOM#t=... or /speak/ROOM#t=..."
        )
    token = (parse_qs(parts.fragment).get("t") or [""])[0]
    if not token:
        raise BadRequest(
            "The link has no #t=... at its end, which is what gives the right to speak. Put the whole link in quotes."
        )
    return SeatLink(f"{parts.scheme}://{parts.netloc}{before}", room, token, door == "speak")


def _shown(text: str) -> str:
    """Without the secret in it, and not too long for a line."""
    bare = text.split("#", 1)[0]
    return repr(bare if len(bare) <= 80 else bare[:77] + "...")
