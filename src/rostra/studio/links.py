"""The links that carry rights: a signed token in the fragment, which browsers never send to a server.

The links of a role are the same whenever they are asked for, until they are issued anew or the room is moved; so
``rostra room show`` repeats what ``create`` printed, and what was sent before a move stays good for a year. A link for
one person (``invite``) has an identity of its own. Only a listener's token stands in the query: the front door has to
see it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.units import Role
from rostra.wire.rooms import Room
from rostra.wire.tokens import Claims, sign

_PAGES = {Role.HOST: "host", Role.COHOST: "host", Role.SPEAKER: "speak"}

MAX_ID = 40


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links. ``studio_url`` and ``front_url`` are where people find the doors, without a slash at the end."""

    key: Ed25519PrivateKey
    studio_url: str
    front_url: str

    def of(self, room: Room) -> dict[str, str]:
        """``host``, ``cohost`` and ``speaker``, each for whoever holds it, and ``public``; of a room for invited
        listeners also ``listener``."""
        roles = [*_PAGES, *([Role.LISTENER] if room.invited else [])]
        links = {role.value: self.shared(room, role) for role in roles}
        return {**links, "public": self.public(room)}

    def public(self, room: Room) -> str:
        return f"{self.front_url}/r/{room.id}"

    def shared(self, room: Room, role: Role) -> str:
        """The link of everyone of a role, as it is good now."""
        return self.invite(room, role, "", room.shared_identity(role))

    def invite(self, room: Room, role: Role, name: str, identity: str) -> str:
        """:raises ValueError: if the name cannot stand in a token."""
        token = sign(Claims(room.id, role, name, identity, room.links_until), self.key)
        if role is Role.LISTENER:
            return f"{self.public(room)}?t={token}"
        return f"{self.studio_url}/{_PAGES[role]}/{room.id}#t={token}"


def id_from(title: str, random_letters: Callable[[], str]) -> str:
    """An id that a person recognises: ``A Talk, at Eight!`` becomes ``a-talk-at-eight``."""
    ascii_text = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:MAX_ID].strip("-")
    return found if len(found) >= 3 else f"room-{random_letters()}"


def another_id(taken: str, number: int) -> str:
    """``taken-2``, ``taken-3``, within the length of an id."""
    suffix = f"-{number}"
    return taken[: MAX_ID - len(suffix)].rstrip("-") + suffix
