"""The address of the door: numbers in the line, challenges, and the promises of those who say that they will come."""

from __future__ import annotations

import secrets
import time
from typing import Protocol

from rostra.edge.answers import Answer, json_answer
from rostra.edge.contracts import Admission, Want
from rostra.edge.conversation import Conversation
from rostra.edge.entrance import Entrance
from rostra.edge.head import Request
from rostra.edge.letters import number_asked
from rostra.edge.postbox import ENDED
from rostra.edge.quota import Quota, Rate
from rostra.edge.room import RoomOnAir
from rostra.errors import Full, Gone, NotFound, TooMany, WorkFirst
from rostra.units import WallTime
from rostra.wire.door import Outcome

NUMBERS = Rate(1200, 400)
"""Numbers and challenges, a household: a hall full of people behind one address gets through in a minute, and a flood
from one address takes 20 a second, half a per cent of a core."""

CHALLENGES_A_SECOND = 1000
"""Made by one edge, each 0.1 to 0.2 ms: who comes beyond that comes back a few seconds later."""

TOO_MANY_AT_ONCE = "Too many people ask for a place in the line at this moment. Please try again in a few seconds."
COME_BACK_FROM_S = 3.0
COME_BACK_WITHIN = 8


class House(Protocol):
    now: float

    def address_of(self, request: Request, conversation: Conversation) -> bytes: ...


class Numbers:
    def __init__(self, house: House, admission: Admission, entrance: Entrance) -> None:
        self._house = house
        self._admission = admission
        self._entrance = entrance
        self._households = Quota(NUMBERS, secrets.token_bytes(16))
        self._made = 0
        """Challenges, in this second."""

    def second(self) -> None:
        self._made = 0

    def number(self, room: RoomOnAir, request: Request, conversation: Conversation, body: bytes) -> Answer:
        """A place in the line; or the pass of somebody who is inside."""
        assert room.record is not None
        if room.record.over:
            raise Gone(ENDED)
        asked = number_asked(body, request.field("content-type"))
        address = self._spend(request, conversation)
        if not asked.answer:
            self._spare(address)
        knock = self._entrance.knock(
            Want.NUMBER, room, address, pass_=asked.rsvp, answer=asked.answer, inside=asked.inside
        )
        return json_answer(200, self._admission.number(knock, self._house.now, _exactly()).body)

    def challenge(self, room: RoomOnAir, request: Request, conversation: Conversation) -> Answer:
        address = self._spend(request, conversation)
        self._spare(address)
        knock = self._entrance.knock(Want.CHALLENGE, room, address)
        try:
            self._admission.number(knock, self._house.now, _exactly())
        except WorkFirst as e:
            return json_answer(200, {"challenge": e.challenge})
        raise NotFound("There is no challenge here.")

    def promise(self, room: RoomOnAir, request: Request, conversation: Conversation, ticket: str, answer: str) -> str:
        """The ticket of an RSVP: a pass."""
        address = self._spend(request, conversation)
        if not answer:
            self._spare(address)
        knock = self._entrance.knock(Want.RSVP, room, address, pass_=ticket, answer=answer)
        return str(self._admission.number(knock, self._house.now, _exactly()).body["pass"])

    def _spend(self, request: Request, conversation: Conversation) -> bytes:
        """The address of whoever asks. :raises TooMany: too often from there."""
        address = self._house.address_of(request, conversation)
        place = address if len(address) == 4 else address[:8]
        if (wait := self._households.take(place, self._house.now)) > 0:
            raise TooMany(f"That came too often from your network. Please try again in {wait:.0f} s.", wait)
        return address

    def _spare(self, address: bytes) -> None:
        """:raises Full: as many challenges were made in this second as there is time for."""
        self._made += 1
        if self._made > CHALLENGES_A_SECOND:
            self._admission.note(Outcome.REFUSED_RATE, address)
            raise Full(TOO_MANY_AT_ONCE, COME_BACK_FROM_S + self._made % COME_BACK_WITHIN)


def _exactly() -> WallTime:
    """The time of this moment: a place in the line is one, and that of the house is of the second."""
    return WallTime(time.time())
