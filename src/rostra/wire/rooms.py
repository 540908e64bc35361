"""The public state of a room as it stands on the bus (key-value bucket ``rooms``, key: the room's id), as JSON.

Nothing in it is secret: edges serve it to everyone. What is announced comes from the catalog by way of the studio;
what happens on air (state, epoch, generation, started, ended) is written by stage and studio here first.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from rostra.errors import WireError
from rostra.life import ON_AIR, OVER
from rostra.units import Role, RoomState, WallTime

ROOM_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
"""A room's id: 1 to 40 of a-z, 0-9 and inner hyphens. It stands in addresses, bus subjects and file names."""

MAX_TITLE = 200
MAX_WORDS = 2000
MAX_ANNOUNCED = 32
"""Speakers' names that are announced; the stage has 32 seats at most."""
MAX_NAME = 60
MAX_REVOKED = 1000
"""Personal links taken back that a record can hold. The studio takes no more than half of them: what catalog and bus
each know of, with one of them away, is added up, and none may be dropped, since it would be good again."""

LINKS_LIVE_S = 366 * 24 * 3600
"""From the announced beginning, or from the making of the room if that was later: an event that is moved by months
keeps its links. They are worth nothing once it is over, and can be taken back before."""

DOORS_S = 15 * 60.0
MAX_DELAY_S = 30.0

PICTURE = re.compile(r"[0-9a-f]{32}\.(?:webp|png|jpg)")
"""A picture's name: the first half of its SHA-256, and its type. It never means two pictures."""


@dataclass(frozen=True, slots=True)
class Room:
    """What everyone may know of a room. Times are UTC seconds."""

    id: str
    title: str
    state: RoomState
    at: WallTime
    """When it is announced to begin."""
    created: WallTime
    epoch: WallTime = WallTime(0.0)
    """When its first stage opened: media time 0. 0.0 before that."""
    generation: int = 0
    """The generation of the stage that has the room now; 0 before the first."""
    started: WallTime = WallTime(0.0)
    """When it went live; 0.0 before that."""
    ended: WallTime = WallTime(0.0)
    words: str = ""
    """What it is about; lines are kept."""
    tz: str = "UTC"
    """The time zone it was announced in (IANA)."""
    speakers: tuple[str, ...] = ()
    """Names that are announced."""
    picture: str = ""
    """The host's picture; empty: none."""
    card: str = ""
    """The picture made for the room, 1200 x 630, for those who share its address; empty: none yet."""
    listed: bool = True
    """Whether home page and feed name it."""
    invited: bool = False
    """Whether it takes a link to listen."""
    doors_s: float = DOORS_S
    """How long before the announced time the doors open by themselves."""
    go: bool = False
    """The host said that it starts, whatever the announced time."""
    delay_s: float = 0.0
    """Broadcast delay: what is said goes out so much later, unless it is dumped meanwhile."""
    locked: bool = False
    """Nobody new takes a seat; who has one keeps it, and may come back to it."""
    issues: dict[str, int] = field(default_factory=dict)
    """By role: how often its shared link was issued anew. Only the last one is good."""
    revoked: tuple[str, ...] = ()
    """Identities of personal links that are no longer good."""
    note: str = ""
    """Why it was moved or cancelled, for those who wait."""
    moved: int = 0
    """How often it was moved to another time; calendars go by it."""

    def __post_init__(self) -> None:
        if not ROOM_ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is not a room id: 1 to 40 of a-z, 0-9 and inner hyphens")
        if not 1 <= len(self.title) <= MAX_TITLE:
            raise ValueError(f"a title has 1 to {MAX_TITLE} characters")
        if len(self.words) > MAX_WORDS or len(self.note) > MAX_WORDS:
            raise ValueError(f"words about a room are at most {MAX_WORDS} characters")
        if len(self.speakers) > MAX_ANNOUNCED or any(not 1 <= len(name) <= MAX_NAME for name in self.speakers):
            raise ValueError(f"at most {MAX_ANNOUNCED} names of 1 to {MAX_NAME} characters are announced")
        if any(name and not PICTURE.fullmatch(name) for name in (self.picture, self.card)):
            raise ValueError("that is no picture's name")
        if not 0 <= self.delay_s <= MAX_DELAY_S:
            raise ValueError(f"a broadcast delay is 0 to {MAX_DELAY_S:g} s")
        if len(self.revoked) > MAX_REVOKED:
            raise ValueError(f"at most {MAX_REVOKED} links are taken back one by one")

    @property
    def on_air(self) -> bool:
        """Whether a stage should have it: open, live or interrupted."""
        return self.state in ON_AIR

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def links_until(self) -> int:
        """The UTC second from which links made now are no longer good."""
        return int(max(self.at, self.created)) + LINKS_LIVE_S

    def with_(self, **changes: Any) -> Room:
        return replace(self, **changes)

    def shared_identity(self, role: Role) -> str:
        """The identity (jti) of the link that everyone of a role shares, as it is good now."""
        issue = self.issues.get(role.value, 0)
        return role.value if issue == 0 else f"{role.value}-{issue}"

    def accepts(self, role: Role, identity: str) -> bool:
        """Whether a link of that role and identity has not been taken back."""
        if _is_shared(role, identity):
            return identity == self.shared_identity(role)
        return identity not in self.revoked


def _is_shared(role: Role, identity: str) -> bool:
    return identity == role.value or re.fullmatch(rf"{role.value}-[0-9]{{1,6}}", identity) is not None


_FIELDS = {f.name for f in fields(Room)}


def encode_room(room: Room) -> bytes:
    return json.dumps({"v": 1, **asdict(room)}, separators=(",", ":"), ensure_ascii=False).encode()


def decode_room(data: bytes) -> Room:
    """What a later version knows besides is left out. :raises WireError: if it is not a room of a version we know."""
    try:
        found = json.loads(data)
        if found.pop("v") != 1:
            raise WireError("a room record of another version")
        known = {name: value for name, value in found.items() if name in _FIELDS}
        known |= {name: tuple(map(str, known[name])) for name in ("speakers", "revoked") if name in known}
        if "issues" in known:
            known["issues"] = {str(role): int(n) for role, n in known["issues"].items()}
        return Room(**{**known, "state": RoomState(known["state"])})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise WireError(f"not a room record: {e}") from e
