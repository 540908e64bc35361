"""What strangers do to a door, one module a kind. Each is a pure plan: a script of what one connection sends and waits
for; ``driver`` carries scripts out, as many at once as the plan says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from rostra.rehearsal.attacks import (
    connections,
    handshakes,
    playlists,
    reactions,
    requests,
    rooms,
    rsvps,
    slow_bodies,
    slow_heads,
    slow_readers,
    stage_door,
    tickets,
)
from rostra.rehearsal.attacks.steps import Aim, Step
from rostra.rehearsal.scenario import Kind


class Script(Protocol):
    """What connection ``number`` does."""

    def __call__(self, aim: Aim, number: int) -> Iterator[Step]: ...


SCRIPTS: dict[Kind, Script] = {
    Kind.CONNECTIONS: connections.script,
    Kind.SLOW_HEADS: slow_heads.script,
    Kind.SLOW_BODIES: slow_bodies.script,
    Kind.SLOW_READERS: slow_readers.script,
    Kind.REQUESTS: requests.script,
    Kind.PLAYLISTS: playlists.script,
    Kind.ROOMS: rooms.script,
    Kind.TICKETS: tickets.script,
    Kind.RSVPS: rsvps.script,
    Kind.HANDSHAKES: handshakes.script,
    Kind.REACTIONS: reactions.script,
    Kind.STAGE_DOOR: stage_door.script,
}
"""All but bots, which are listeners (``generator``)."""
