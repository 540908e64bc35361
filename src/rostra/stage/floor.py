"""Who has the floor: seats, the links and sources that keep them, their voices, and what each is sent back.

One a stage, driven by its ticks: :meth:`Floor.frames` before the mix, :meth:`Floor.send_returns` after it,
:meth:`Floor.keep_house` some times a second, :meth:`Floor.call` for what the studio asks. It reads no clock.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from rostra.config import StageSettings
from rostra.errors import BadRequest, BadToken, Conflict, Forbidden, Gone, NotFound
from rostra.stage import rtp
from rostra.stage.health import Health
from rostra.stage.jitter import JitterBuffer
from rostra.stage.loss import Loss
from rostra.stage.moderation import Moderation, browser_of, identity_of
from rostra.stage.notes import checked
from rostra.stage.orders import MAX_NAME_CHARS, Orders, text
from rostra.stage.rtc import Handlers, Link, Rtc
from rostra.stage.sdp import Direction, parse_offer
from rostra.stage.seats import MAX_KEY_CHARS, Seat, Seats
from rostra.units import MediaTime, Monotonic, Pcm, Role
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.stage")

QUIET_LINK_S: Final = 3.0
"""No packet for so long: the speaker is away. Browsers send in silence too."""

DEAF_LINK_S: Final = 15.0
"""Not one datagram from someone who listens, who would ask for consent each five seconds (RFC 7675, 5.1)."""

MAX_OUSTED: Final = 256
"""Sessions that are remembered to have been taken over, so that they can be told."""

FADED_AFTER_S: Final = 0.06
"""After somebody was muted their last frames, the fade and what the limiter looks ahead have left the mix: whoever is
answered then can say that every part which begins from now on is without them (benchmarks: mute)."""

ON_STAGE: Final = (Role.HOST, Role.COHOST, Role.SPEAKER)


class Claims(Protocol):
    """What a token says (:class:`rostra.wire.tokens.Claims`)."""

    @property
    def role(self) -> Role: ...
    @property
    def name(self) -> str: ...
    @property
    def jti(self) -> str: ...


class Voice(Protocol):
    """What speaks: a jitter buffer or a source."""

    def pull(self, now: Monotonic) -> Pcm | None: ...


class ReturnEncoder(Protocol):
    """Encodes the mix of someone who is heard (:class:`rostra.codecs.libopus.OpusEncoder`)."""

    def encode(self, pcm: Pcm) -> bytes: ...
    def set_expected_loss(self, percent: int) -> None: ...


class Line(Protocol):
    """What keeps a seat: a link or a source client."""

    @property
    def id(self) -> str: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Who wants to speak. ``key`` tells people apart."""

    key: str
    role: Role
    name: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What the mixer said of the last tick, for hosts' eyes."""

    levels: Mapping[str, int] = field(default_factory=dict)
    echo: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Held:
    """What a seat has beside its state."""

    line: Line
    voice: Voice
    kind: str
    alive: Monotonic
    """When a packet came last."""
    here: bool = False
    link: Link | None = None
    buffer: JitterBuffer | None = None
    health: Health = field(default_factory=Health)
    loss: Loss = field(default_factory=Loss)


@dataclass(slots=True)
class _Return:
    link: Link
    key: str
    role: Role


class Floor:
    """All of it.

    :param verify: a token to its claims. :raises BadToken:
    :param make_buffer: a jitter buffer for a new stream.
    :param make_encoder: an encoder for a return of its own.
    :param clock: monotonic seconds, for what does not come with a time of its own.
    :param generation: of the stage; notes to speakers are numbered by it.
    """

    def __init__(
        self,
        settings: StageSettings,
        rtc: Rtc,
        *,
        verify: Callable[[str], Claims],
        make_buffer: Callable[[], JitterBuffer],
        make_encoder: Callable[[], ReturnEncoder],
        clock: Callable[[], Monotonic],
        generation: int = 0,
    ) -> None:
        limits = {Role.HOST: settings.hosts, Role.COHOST: settings.cohosts, Role.SPEAKER: settings.speakers}
        self.seats = Seats(limits, settings.return_grace_s)
        self.moderation = Moderation(self.seats, generation)
        self._orders = Orders(self.moderation, self)
        self.heard = Heard()
        self._rtc, self._verify, self._clock = rtc, verify, clock
        self._make_buffer, self._make_encoder = make_buffer, make_encoder
        self._held: dict[str, _Held] = {}
        """By seat."""
        self._returns: dict[str, _Return] = {}
        """By session."""
        self._encoders: dict[str, ReturnEncoder] = {}
        """By seat, of those who are heard or were."""
        self._ousted: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_change: Callable[[], None] = lambda: None
        """Called when seats changed: someone came, went, was muted."""
        self._closed = False
        self._awaits_until: Monotonic | None = None

    def know(self, room: Room) -> None:
        """The record has changed: who holds a link that is no longer good is off the stage."""
        for seat in self.moderation.know(room):
            log.info("seat %s is free: the link of %s was taken back", seat.id, seat.name)
            self._release(seat)
        for session, back in list(self._returns.items()):
            if not self.moderation.accepts(back.role, back.key):
                self._drop_return(session)

    # The ticks

    def frames(self, now: Monotonic) -> dict[str, Pcm | None]:
        """20 ms of every seat; None where nothing comes from it."""
        found: dict[str, Pcm | None] = {}
        for seat in self.seats.all():
            held = self._held.get(seat.id)
            frame = held.voice.pull(now) if held is not None else None
            if held is not None and frame is not None and held.buffer is None:
                held.alive = now  # a source that has sent ahead need not send while that is played
            if held is not None:
                held.health.hear(frame, muted=seat.muted)
            found[seat.id] = frame
        return found

    def send_returns(self, time: MediaTime, shared: bytes | None, own: Mapping[str, Pcm]) -> None:
        """Send everyone the mix: who is heard, a mix without themselves; the others, one that is encoded already.

        :param shared: the packet of the mix that everyone hears. :param own: PCM of those who are heard, by seat.
        """
        for back in self._returns.values():
            link = back.link
            if not link.ready:
                continue
            seat = self.seats.of_key(back.key)
            pcm = own.get(seat.id) if seat is not None else None
            if seat is None or pcm is None:
                if shared is not None:
                    link.send(shared, time)
                continue
            encoder = self._encoders.get(seat.id)
            if encoder is None:
                encoder = self._encoders[seat.id] = self._make_encoder()
            link.send(encoder.encode(pcm), time)

    def keep_house(self, now: Monotonic) -> None:
        """What need not be done each tick: who is away, whose grace has passed, reports."""
        for seat_id, held in list(self._held.items()):
            if held.here and now - held.alive > QUIET_LINK_S:
                held.here = False
                if self.seats.dropped(held.line.id, now) is not None:
                    log.info("seat %s is away: nothing comes from it", seat_id)
                    self.on_change()
            if held.link is not None:
                held.link.report(now)
                held.loss.take(held.link.figures.packets, held.link.figures.lost, now)
        for session, back in list(self._returns.items()):
            back.link.report(now)
            seat = self.seats.of_key(back.key)
            if seat is not None and seat.id in self._encoders:
                self._encoders[seat.id].set_expected_loss(min(30, back.link.loss_percent))
            if seat is None or (back.link.ready and now - back.link.last_heard > DEAF_LINK_S):
                self._drop_return(session)
        for seat in self.seats.expire(now):
            log.info("seat %s is free: %s did not come back in time", seat.id, seat.name)
            self._release(seat)
        if self._awaits_until is None:
            self._awaits_until = Monotonic(now + self.seats.grace_s)
        elif now >= self._awaits_until:
            self.moderation.await_nobody()

    @property
    def anyone_here(self) -> bool:
        return any(held.here for held in self._held.values())

    @property
    def anyone_listens(self) -> bool:
        """Whether a mix is sent back to someone."""
        return any(back.link.ready for back in self._returns.values())

    # What the studio asks

    async def call(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """:raises Refused: with a sentence for whoever asked."""
        match body.get("op"):
            case "whip":
                return await self._whip(body)
            case "whep":
                return await self._whep(body)
            case "hangup":
                return await self._hangup(body)
            case "people":
                return self.people()
            case "me":
                return self._me(body)
            case "mute_self" | "unmute_self":
                self._prove(self.whose(body), body)
                return self._orders.obey(body)
            case "note":
                return self._note(body)
            case "mute" | "mute_all":
                done = self._orders.obey(body)
                await asyncio.sleep(FADED_AFTER_S)
                return done
            case _:
                return self._orders.obey(body)

    async def _whip(self, body: Mapping[str, Any]) -> dict[str, Any]:
        person = self.whose(body)
        link = self._rtc.link(parse_offer(text(body, "sdp"), Direction.SEND), Direction.SEND)
        buffer = self._make_buffer()
        seat = self.take(person, link, buffer, "webrtc")
        held = self._held[seat.id]
        held.link, held.buffer = link, buffer

        def packet(p: rtp.Packet, now: Monotonic) -> None:
            buffer.push(p.sequence, p.timestamp, p.payload, now)
            held.alive = now
            if not held.here:
                self.came(link.id, now)

        try:
            answer = await link.answer()
        except BaseException:
            self.gone(link.id)
            raise
        link.start(
            Handlers(
                connected=lambda: self.came(link.id, self._clock()),
                lost=lambda reason: self.dropped(link.id, reason),
                packet=packet,
            )
        )
        return {"sdp": answer, "session": link.id, "seat": seat.id}

    async def _whep(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """For who has a seat, where everybody sees them; one a seat. A link alone does not let one overhear the stage.

        :raises Conflict: they have none.
        """
        person = self.whose(body)
        self._prove(person, body)
        if self.seats.of_key(person.key) is None:
            raise Conflict("Take a seat first (WHIP): who hears the stage is seen on it.")
        link = self._rtc.link(parse_offer(text(body, "sdp"), Direction.RECEIVE), Direction.RECEIVE)
        for session, back in list(self._returns.items()):
            if back.key == person.key:  # the later wins, as with seats
                self._remember_ousted(session)
                self._drop_return(session)
        self._returns[link.id] = _Return(link, person.key, person.role)
        try:
            answer = await link.answer()
        except BaseException:
            self._drop_return(link.id)
            raise
        link.start(
            Handlers(connected=_nothing, lost=lambda reason: self._drop_return(link.id), packet=lambda p, now: None)
        )
        return {"sdp": answer, "session": link.id}

    async def _hangup(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A session says goodbye, or (``seat``) a host takes the floor from someone. Rights were checked before.

        A session's name is told only to who began it, so it takes that and the link. ``keep``: the page goes, and
        perhaps the same person comes back with the next one, as when it is loaded again.
        """
        if "seat" in body and "session" not in body:
            self._release(self.moderation.free(text(body, "seat")))
            return {}
        session = text(body, "session")
        if session in self._ousted:
            raise Conflict("Another connection of the same person has taken over this session.")
        back = self._returns.get(session)
        seat = self.seats.of_link(session)
        key = back.key if back is not None else seat.key if seat is not None else None
        if key is None:
            raise NotFound("This session is over, or never was.")
        if token := body.get("token"):
            claims = self._verify(str(token))
            self.moderation.need_good(claims.role, f"{claims.jti}/")
            if claims.jti != identity_of(key):
                raise Forbidden("This session is someone else's.")
        if back is not None:
            self._drop_return(session)
        elif body.get("keep") is True:
            self.dropped(session, "its page was closed")
        else:
            self.gone(session)
        return {}

    def _prove(self, person: Person, body: Mapping[str, Any]) -> None:
        """Behind a link that others have too, people are told apart by what they say. So who wants to do something as
        one of them names the session that keeps the seat, which nobody else was told.

        :raises Forbidden: they do not.
        """
        seat = self.seats.of_key(person.key)
        if seat is None or not self.moderation.shares(person.key):
            return
        if not hmac.compare_digest(seat.link.encode(), str(body.get("session") or "").encode("utf-8", "replace")):
            raise Forbidden(
                "Others have this link too. Say with `session` which connection is yours, or use a link of your own."
            )

    def _note(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A note that brings another link brings its role too, on the same seat."""
        kind, note = checked(body.get("note"))
        seat_id = text(body, "seat")
        claims = self._behind_link(str(note.get("link") or "")) if kind == "link" else None
        if claims is not None and claims.role in ON_STAGE:
            self.moderation.appoint(seat_id, claims.role, claims.jti)
            self.on_change()
        return self._orders.obey(body)

    def _behind_link(self, link: str) -> Claims | None:
        """What a link to this stage says; None if it is none."""
        try:
            return self._verify(link.partition("t=")[2])
        except BadToken:
            return None

    def _me(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Who was removed, or whose link was taken back, has no seat here and is told why."""
        n = body.get("after", 0)
        if not isinstance(n, int) or isinstance(n, bool):
            raise BadRequest("Say with a number which note you know last.")
        person = self._behind(text(body, "token"), str(body.get("seat") or ""), "")
        notes = self.moderation.notes.after(person.key, n)
        if not notes:
            self.moderation.need_good(person.role, person.key)
        seat = self.seats.of_key(person.key)
        if self.moderation.shares(person.key) and person.role is not Role.HOST and not browser_of(person.key):
            # Everyone with this link is this person, and another link is not for all of them. There is but one host.
            notes = [{name: value for name, value in note.items() if name != "link"} for note in notes]
        return {"seat": None if seat is None else self._person(seat), "notes": notes}

    def people(self) -> dict[str, Any]:
        """Everyone on stage, and how they arrive. A session's name is its holder's alone and is not in it."""
        return {
            "seats": [self._person(seat) for seat in self.seats.all()],
            "returns": len(self._returns),
            "places": {role.value: self.seats.places(role) for role in ON_STAGE},
        }

    def _person(self, seat: Seat) -> dict[str, Any]:
        held = self._held.get(seat.id)
        back = next((back.link for back in self._returns.values() if back.key == seat.key), None)
        rtt_ms = None if back is None else back.figures.rtt_ms
        person: dict[str, Any] = {
            "id": seat.id,
            "name": seat.name,
            "role": seat.role.value,
            "state": seat.state.name.lower(),
            "muted": seat.muted,
            "level": self.heard.levels.get(seat.id),
            "echo": seat.id in self.heard.echo,
            "echo_db": self.heard.echo.get(seat.id),
            "identity": identity_of(seat.key),
            "kind": held.kind if held is not None else None,
            "source": held.health.source.value if held is not None else "",
            "hears": back is not None and back.ready,
            "rtt_ms": rtt_ms,
        }
        if held is not None and held.link is not None and held.buffer is not None:
            figures, stats = held.link.figures, held.buffer.stats
            person |= {
                "packets": figures.packets,
                "loss_percent": held.loss.percent(figures.packets, figures.lost),
                "jitter_ms": figures.jitter_ms,
                "delay_ms": round(stats.delay_ms + (rtt_ms or 0.0) / 2, 1),
                "buffer_ms": stats.delay_ms,
                "target_ms": stats.target_ms,
                "concealed_ms": stats.concealed_ms,
                "longest_gap_ms": stats.longest_gap_ms,
            }
        return person

    # Seats and what keeps them

    def whose(self, body: Mapping[str, Any]) -> Person:
        """As :meth:`who`, of a request."""
        return self.who(text(body, "token"), str(body.get("seat") or ""), str(body.get("name") or ""))

    def who(self, token: str, which: str = "", name: str = "") -> Person:
        """The person behind a token. ``which`` tells apart several behind one; ``name`` counts if the token has none.

        :raises BadToken: if it is not one of ours, or was taken back.
        :raises Forbidden: if it does not let them speak, or they were removed. :raises Gone: the room is over.
        """
        if self._closed:
            raise Gone("This room is over.")
        person = self._behind(token, which, name)
        self.moderation.admit(person.role, person.key)
        return person

    def _behind(self, token: str, which: str, name: str) -> Person:
        claims = self._verify(token)
        if claims.role not in ON_STAGE:
            raise Forbidden("This link lets you listen, not speak.")
        key = f"{claims.jti}/{which}"[:MAX_KEY_CHARS]
        return Person(key, claims.role, claims.name or name[:MAX_NAME_CHARS] or claims.role.value)

    def take(self, person: Person, line: Line, voice: Voice, kind: str) -> Seat:
        """Take a seat for ``line``, ousting whatever kept it for the same person.

        :raises Refused: the role may not speak, the stage is locked, or every seat is taken.
        """
        claim = self.moderation.claim(person.key, person.role, person.name, line.id)
        seat = claim.seat
        before = self._held.pop(seat.id, None)
        if before is not None and claim.ousted is not None:
            self._remember_ousted(claim.ousted)
            self._spawn(before.line.close())
        self._held[seat.id] = _Held(line, voice, kind, self._clock())
        what = "is back" if claim.returned else "comes"
        log.info("seat %s: %s (%s, %s) %s", seat.id, seat.name, seat.role.value, kind, what)
        self.on_change()
        return seat

    def came(self, line_id: str, now: Monotonic) -> None:
        """Sound flows on a line, or flows again."""
        seat = self.seats.of_link(line_id)
        held = self._held.get(seat.id) if seat is not None else None
        if held is not None and held.line.id == line_id:
            held.here = True
            held.alive = now
            if self.seats.connected(line_id) is not None:
                self.on_change()

    def alive(self, line_id: str, now: Monotonic) -> None:
        """Something came on a line that does not tell each packet itself."""
        seat = self.seats.of_link(line_id)
        held = self._held.get(seat.id) if seat is not None else None
        if held is not None:
            held.alive = now
            if not held.here:
                self.came(line_id, now)

    def dropped(self, line_id: str, reason: str) -> None:
        """A line is over, but not because its speaker left: the seat is kept for the grace."""
        seat = self.seats.of_link(line_id)
        if seat is None:
            return
        self.seats.dropped(line_id, self._clock())
        log.info("seat %s is away: %s", seat.id, reason)
        held = self._held.pop(seat.id, None)
        if held is not None:
            self._spawn(held.line.close())
        self.on_change()

    def gone(self, line_id: str) -> None:
        """The speaker left: the seat is free at once."""
        seat = self.seats.left(line_id)
        if seat is not None:
            log.info("seat %s is free: %s has left", seat.id, seat.name)
            self._release(seat)

    def _release(self, seat: Seat) -> None:
        held = self._held.pop(seat.id, None)
        self._encoders.pop(seat.id, None)
        self.moderation.notes.free(seat.key)
        if held is not None:
            self._spawn(held.line.close())
        for session, back in list(self._returns.items()):
            if back.key == seat.key:
                self._drop_return(session)
        self.on_change()

    def off(self, seat: Seat) -> None:
        """The host took them off the stage: nothing comes from them any more, nothing is sent to them."""
        log.info("seat %s is free: %s was removed", seat.id, seat.name)
        self._release(seat)

    def changed(self) -> None:
        """Something about the seats did."""
        self.on_change()

    def _drop_return(self, session: str) -> None:
        back = self._returns.pop(session, None)
        if back is not None:
            self._spawn(back.link.close())

    def _remember_ousted(self, session: str) -> None:
        self._ousted[session] = None
        while len(self._ousted) > MAX_OUSTED:
            self._ousted.popitem(last=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a line did not close: %s", error)

    def leave(self) -> None:
        """Everyone goes, and nobody comes any more."""
        self._closed = True
        for held in self._held.values():
            self._spawn(held.line.close())
        for back in self._returns.values():
            self._spawn(back.link.close())
        self._held.clear()
        self._returns.clear()

    async def close(self) -> None:
        """Everyone goes; returns when they are gone."""
        self.leave()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _nothing() -> None:
    pass
