"""Who may do what in a room, as one table. Every check at the doors asks it; the tests go through every pair.

Whoever holds a link has the role in it. An operator (the token in ``DATA/keys/operator-token``) may do to any room what
its host may, and is no speaker.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from rostra.errors import Forbidden
from rostra.units import Role


class Action(StrEnum):
    """What one can want to do. The value completes "may not ..."."""

    LISTEN = "listen"
    REACT = "react"
    RAISE_HAND = "ask to speak"
    REPORT_ABUSE = "report abuse"
    SPEAK = "take a seat on the stage"
    SEE_STAGE = "see the stage"
    MUTE_SELF = "mute and unmute themselves"
    OPEN_DOORS = "open the doors"
    START = "start the room"
    POSTPONE = "move the room to another time"
    EDIT = "change what is announced"
    MUTE = "mute someone"
    ASK_UNMUTE = "ask someone to unmute"
    REMOVE = "remove someone from the stage"
    BLOCK = "block someone"
    LOCK = "lock the stage"
    SEE_HANDS = "see who asks to speak"
    ANSWER_HANDS = "answer those who ask to speak"
    INVITE_SPEAKER = "invite speakers"
    POST = "post and pin"
    DUMP = "dump the last seconds"
    SET_DELAY = "set the broadcast delay"
    SEE_REPORTS = "see reports of abuse"
    SEE_RSVPS = "see how many will come"
    REISSUE_LINKS = "take back links of speakers and listeners and issue new ones"
    END = "end the room"
    CANCEL = "cancel the room"
    APPOINT = "appoint co-hosts"
    HAND_OVER = "hand over the host's seat"
    SEE_ALL_LINKS = "see the links of host and co-hosts"
    REISSUE_ALL_LINKS = "take back links of host and co-hosts and issue new ones"
    SEE_SEATS = "see who sat on the stage and when"
    DELETE = "delete the room"
    CREATE = "make rooms"
    SEE_ALL_ROOMS = "see all rooms"
    SEE_ALL_REPORTS = "see reports of abuse in all rooms"
    SET_DEFAULTS = "set what holds for new rooms"


_A = Action

_EVERYONE: Final = frozenset({_A.LISTEN, _A.REACT, _A.RAISE_HAND, _A.REPORT_ABUSE})
_SPEAKER: Final = _EVERYONE | {_A.SPEAK, _A.SEE_STAGE, _A.MUTE_SELF}
_COHOST: Final = _SPEAKER | {
    _A.OPEN_DOORS, _A.START, _A.POSTPONE, _A.EDIT, _A.MUTE, _A.ASK_UNMUTE, _A.REMOVE, _A.BLOCK, _A.LOCK, _A.SEE_HANDS,
    _A.ANSWER_HANDS, _A.INVITE_SPEAKER, _A.POST, _A.DUMP, _A.SET_DELAY, _A.SEE_REPORTS, _A.SEE_RSVPS,
    _A.REISSUE_LINKS,
}  # fmt: skip
_HOST: Final = _COHOST | {
    _A.END, _A.CANCEL, _A.APPOINT, _A.HAND_OVER, _A.SEE_ALL_LINKS, _A.REISSUE_ALL_LINKS, _A.SEE_SEATS,
}  # fmt: skip

MAY: Final[dict[Role, frozenset[Action]]] = {
    Role.LISTENER: _EVERYONE,
    Role.SPEAKER: _SPEAKER,
    Role.COHOST: _COHOST,
    Role.HOST: _HOST,
}

OPERATOR_MAY: Final = frozenset(Action) - {_A.SPEAK, _A.MUTE_SELF, _A.RAISE_HAND, _A.REACT}

_CALLED: Final = {Role.LISTENER: "listener", Role.SPEAKER: "speaker", Role.COHOST: "co-host", Role.HOST: "host"}


def may(role: Role, action: Action) -> bool:
    return action in MAY[role]


def who_may(action: Action) -> tuple[Role, ...]:
    """The roles that may, the highest first."""
    return tuple(role for role in (Role.HOST, Role.COHOST, Role.SPEAKER, Role.LISTENER) if may(role, action))


def need(role: Role, action: Action) -> None:
    """:raises Forbidden: with a sentence that says who may."""
    if may(role, action):
        return
    allowed = who_may(action)
    who = "a " + " or ".join(_CALLED[r] for r in allowed) if allowed else "an operator"
    raise Forbidden(f"A {_CALLED[role]}'s link does not let you {action.value}; it takes {who}.")
