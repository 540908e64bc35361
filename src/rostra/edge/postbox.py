"""What listeners send: hands, RSVPs, reactions, reports. Who may send it how often, and what is answered.

A listener is told that it was taken when the bus has stored it, and not before.
"""

from __future__ import annotations

import contextlib
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from rostra.edge.answers import NO_STORE, Answer, fields_of, json_answer
from rostra.edge.applause import Applause
from rostra.edge.callers import household, prefix
from rostra.edge.contracts import Carrier
from rostra.edge.conversation import Conversation, Held
from rostra.edge.errands import Errands
from rostra.edge.hands import Hands, Told
from rostra.edge.letters import hand_asked, reaction_sent, report_made, rsvp_made
from rostra.edge.quota import Quota, Rate
from rostra.edge.routes import Kind
from rostra.edge.waiting import Waiting
from rostra.errors import BadRequest, Conflict, Gone, NotFound, Refused, TooMany
from rostra.units import WallTime
from rostra.wire.hands import Hand, HandState
from rostra.wire.inbox import Letter, LetterKind
from rostra.wire.passes import PASS_LETTERS
from rostra.wire.rooms import Room
from rostra.wire.tokens import unchecked

RATES = {
    Kind.HAND: Rate(10, 20),
    Kind.RSVP: Rate(30, 60),
    Kind.REPORT: Rate(5, 5),
    Kind.HAND_ANSWER: Rate(20, 20),
}
"""An address (``callers.household``). Thousands may sit behind one: those who say that they will come have days for it,
and 60 of them get through at once; of a hall full of people 20 may raise their hands in the same moment. Of those who
ask for an answer only tickets count that the bus does not know: who guesses asks it each time."""

NETWORK = Rate(600, 600)
"""Hands of a network (``callers.prefix``), of which a stranger may have 65,536 households: ten a second are one more
than a hall raises, and an evening of them a third of what a console holds."""

ENDED = "This event has ended."
NOT_YET = "The doors are not open yet. Please come back a little before it begins."
NO_NAME = "Tell the host your name: name is missing."
ENOUGH_UP = "Many hands are up from your network already. Please raise yours when some of them were answered."
ENOUGH_UP_S = 60.0
NO_HAND = "There is no hand with this ticket. It may have been raised too long ago: raise it again."

OVER = "over"
"""What is told of a hand that was accepted, when its link was taken back since."""

Promise = Callable[[str, str], str]

THANKS = Answer(204, fields_of("text/plain", NO_STORE, cors=True))


@dataclass(frozen=True, slots=True)
class Sent:
    """What came, and from whom."""

    body: bytes
    content_type: str
    conversation: Conversation
    address: Callable[[], str]
    """Of the client; asked for only where there is a limit."""
    now: float
    wall: float


class Postbox:
    def __init__(
        self,
        carrier: Carrier,
        errands: Errands,
        new_ticket: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        """:param new_ticket: 22 letters of base64url that nobody can guess."""
        self.hands = Hands()
        self.waiting = Waiting()
        self.applause = Applause()
        self._carrier = carrier
        self._errands = errands
        self._new_ticket = new_ticket
        self.quotas = {kind: Quota(rate, secrets.token_bytes(16)) for kind, rate in RATES.items()}
        self._networks = Quota(NETWORK, secrets.token_bytes(16))

    def on_hand(self, key: str, hand: Hand | None) -> None:
        """From the bus: it was raised, answered, or is forgotten."""
        self.hands.on_hand(key, hand)
        if hand is None or hand.state is not HandState.WAITING:
            self.waiting.down(key.rpartition(".")[2])

    def on_hands_lost(self) -> None:
        """News of hands may have been missed."""
        self.hands.forget()
        self.waiting.forget()

    def take(self, kind: Kind, room: Room, sent: Sent, promise: Promise | None = None) -> Answer | Held:
        """Hand, RSVP or report. :raises Refused: as a sentence for the listener.

        :param promise: makes the ticket of an RSVP a place in the line, of the ticket that is sent again and the answer
            to a challenge. None: there is no line.
        """
        if kind is Kind.HAND:
            return self._hand(room, sent)
        if kind is Kind.RSVP:
            if room.over:
                raise Gone(ENDED)
            made = rsvp_made(sent.body, sent.content_type)
            ticket = promise(made.ticket, made.answer) if promise else made.ticket or self._new_ticket()
            known_by = sha256(ticket.encode()).hexdigest()[:22] if len(ticket) == PASS_LETTERS else ticket
            letter = Letter(room.id, LetterKind.RSVP, WallTime(sent.wall), ticket=known_by)
            return self._leave(kind, letter, {"ticket": ticket}, sent)
        report = report_made(sent.body, sent.content_type)
        letter = Letter(room.id, LetterKind.ABUSE, WallTime(sent.wall), said=report.said, about=report.about)
        return self._leave(kind, letter, {"taken": True}, sent)

    def _leave(self, kind: Kind, letter: Letter, answer: dict[str, Any], sent: Sent) -> Held:
        address = sent.address()
        self._spend(kind, address, sent.now)
        whole = replace(letter, prefix=prefix(address))

        async def errand() -> Answer:
            await self._carrier.leave_letter(whole)
            return json_answer(202, answer)

        return self._errands.send(sent.conversation, errand)

    def _hand(self, room: Room, sent: Sent) -> Answer | Held:
        asked = hand_asked(sent.body, sent.content_type)
        known = self.hands.answer(room.id, asked.ticket) if asked.ticket else None
        if asked.withdraw and (known is None or known[0] is HandState.WAITING):
            place = self._may_seek(sent) if known is None else b""
            return self._withdraw(room, asked.ticket, sent, place)
        if known is not None and (asked.withdraw or _is_up(room, known, again=asked.again)):
            return _taken(room, asked.ticket, known)
        if room.over:
            raise Gone(ENDED)
        if not room.on_air:
            raise Conflict(NOT_YET)
        sought = bool(asked.ticket) and known is None
        if not asked.name and not sought:
            raise BadRequest(NO_NAME)
        address = sent.address()
        self._spend(Kind.HAND, address, sent.now)
        if (wait := self._networks.take(prefix(address).encode(), sent.now)) > 0:
            raise _too_often(wait)

        async def errand() -> Answer:
            if sought:
                with contextlib.suppress(NotFound):
                    before = await self._ask(room, asked.ticket)
                    if _is_up(room, before, again=asked.again):
                        return _taken(room, asked.ticket, before)
            if not asked.name:
                raise BadRequest(NO_NAME)
            if not self.waiting.may(room.id, address, sent.now):
                raise TooMany(ENOUGH_UP, ENOUGH_UP_S)
            hand = Hand(room.id, self._new_ticket(), asked.name, asked.why, WallTime(sent.wall))
            self.waiting.up(room.id, address, hand.ticket, sent.now)
            self.hands.expect(room.id, hand.ticket)
            try:
                await self._carrier.raise_hand(hand)
            except BaseException:
                self.waiting.down(hand.ticket)
                raise
            finally:
                self.hands.drop(hand.ticket)
            return _taken(room, hand.ticket, self.hands.learned(hand))

        return self._errands.send(sent.conversation, errand)

    def _withdraw(self, room: Room, ticket: str, sent: Sent, place: bytes) -> Held:
        async def errand() -> Answer:
            try:
                hand = await self._carrier.withdraw_hand(room.id, ticket)
            except NotFound:
                if place:
                    self.quotas[Kind.HAND_ANSWER].take(place, sent.now)
                raise NotFound(NO_HAND) from None
            self.hands.learned(hand)
            self.on_hand(hand.key, hand)
            return _taken(room, ticket, (hand.state, hand.link))

        return self._errands.send(sent.conversation, errand)

    def hand_answer(self, room: Room, ticket: str, sent: Sent) -> Answer | Held:
        """What became of it; asked of the bus where this edge was not asked before."""
        known = self.hands.answer(room.id, ticket)
        if known is not None:
            return json_answer(200, _told(room, *known))
        place = self._may_seek(sent)

        async def errand() -> Answer:
            try:
                return json_answer(200, _told(room, *await self._ask(room, ticket)))
            except NotFound:
                self.quotas[Kind.HAND_ANSWER].take(place, sent.now)
                raise NotFound(NO_HAND) from None

        return self._errands.send(sent.conversation, errand)

    async def _ask(self, room: Room, ticket: str) -> tuple[HandState, str]:
        """:raises NotFound: there is no such hand in that room."""
        self.hands.expect(room.id, ticket)
        try:
            return self.hands.learned(await self._carrier.hand(room.id, ticket))
        finally:
            self.hands.drop(ticket)

    def _may_seek(self, sent: Sent) -> bytes:
        """From where a ticket is looked up. :raises TooMany: too many came from there that are none."""
        place, quota = household(sent.address()), self.quotas[Kind.HAND_ANSWER]
        if (wait := quota.wait(place, sent.now)) > 0:
            quota.refused += 1
            raise _too_often(wait)
        return place

    def react(self, room: Room, sent: Sent, whole: bytes) -> Answer:
        """``whole``: the request as it came, if it means the same whenever it comes. :raises Refused: it is none."""
        if room.over:
            raise Gone(ENDED)
        if not room.on_air:
            raise Conflict(NOT_YET)
        applause = self.applause
        if not applause.may_read(room.id, sent.conversation.fd):
            return THANKS
        try:
            kind = reaction_sent(sent.body, sent.content_type)
        except Refused:
            applause.unread(room.id)
            raise
        applause.add(room.id, kind)
        if whole:
            applause.remember(whole, room.id, kind)
        return THANKS

    def _spend(self, kind: Kind, address: str, now: float) -> None:
        wait = self.quotas[kind].take(household(address), now)
        if wait > 0:
            raise _too_often(wait)


def _too_often(wait: float) -> TooMany:
    return TooMany(f"That came too often from your network. Please try again in {math.ceil(wait)} s.", wait)


def _taken(room: Room, ticket: str, known: Told) -> Answer:
    return json_answer(202, {"ticket": ticket, **_told(room, *known)})


def _told(room: Room, state: HandState, link: str) -> dict[str, str]:
    if state is HandState.ACCEPTED and not _leads_in(room, link):
        return {"state": OVER}
    return {"state": state.value, **({"link": link} if link else {})}


def _is_up(room: Room, known: Told, *, again: bool) -> bool:
    """Whether a hand stands in the way of another one. One that was accepted does while its link is good and nobody
    says that it came to an end: who has left the stage, or was put off it, may ask once more."""
    state, link = known
    return state is HandState.WAITING or (state is HandState.ACCEPTED and not again and _leads_in(room, link))


def _leads_in(room: Room, link: str) -> bool:
    """Whether the link of an accepted hand has not been taken back."""
    claims = unchecked(link.partition("#t=")[2])
    return claims is None or room.accepts(claims.role, claims.jti)
