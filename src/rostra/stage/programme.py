"""What goes out: the mix while the room is live, quiet before and between, late by the broadcast delay. Pure.

On each tick the mix goes in at one end (:meth:`Programme.tick`) and what listeners hear comes out at the other, with
what they are told at that time. Speakers hear the mix itself, whatever goes out: that is the green room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rostra.stage.delay import DelayLine, Said
from rostra.stage.news import News
from rostra.stage.onair import OnAir
from rostra.stage.quiet import Quiet
from rostra.units import MediaTime, Monotonic, Pcm, PcmFrame, RoomState, WallTime
from rostra.wire.listeners import SeatView
from rostra.wire.rooms import Room


@dataclass(frozen=True, slots=True)
class Aired:
    """What listeners get in a tick."""

    frame: PcmFrame
    direct: bool
    """Whether it is the mix of this very tick, which speakers may be sent as well."""
    turned: bool
    """Whether listeners are told of another state from now on."""


class Programme:
    """Of one room, as one stage has it. ``news`` is kept in step with what comes out."""

    def __init__(self, room: Room, news: News) -> None:
        self._onair = OnAir(room.state, room.at, room.go)
        self._at = room.at
        self._line = DelayLine(room.delay_s)
        self._quiet = Quiet()
        self._news = news
        self.stage: tuple[SeatView, ...] = ()
        """Who is on stage now."""
        self.dumps = 0
        """How often something was dumped."""
        news.set_state(_told(self._onair.state))

    @property
    def state(self) -> RoomState:
        """Where the room is now: on stage, that is. Listeners are told when the sound is there."""
        return self._onair.state

    @property
    def delay_s(self) -> float:
        return self._line.delay_s

    @property
    def ended(self) -> bool:
        """Nothing is said any more; what was said may still be on its way."""
        return self._onair.state is RoomState.ENDED

    @property
    def over(self) -> bool:
        """Ended, and everything has gone out that was to go out."""
        return self.ended and not self._line.sounding

    @property
    def left_s(self) -> float:
        """Seconds until it is over, once it is ended."""
        return self._line.held_s if self._line.sounding else 0.0

    def know(self, room: Room) -> None:
        """The record has changed."""
        self._onair.know(room.at, room.go, doors=room.on_air)
        self._at = room.at
        self._line.set_delay(room.delay_s)

    def start(self, now: Monotonic) -> bool:
        """Goes live with the next tick, if it is open. True if that changed something."""
        return self._onair.start(now)

    def end(self) -> bool:
        """From the next tick on only what is in the delay goes out. True if it was not ended before."""
        return self._onair.end()

    def dump(self) -> float:
        """Nothing that is in the delay goes out. The seconds of sound that were dumped."""
        dumped_s = self._line.dump()
        self.dumps += dumped_s > 0
        return dumped_s

    def tick(
        self, mix: PcmFrame, levels: Mapping[str, int], *, connected: bool, now: Monotonic, wall: WallTime
    ) -> Aired:
        """20 ms of the mix; ``levels`` of those who are heard in it, ``connected``: whether any speaker is there."""
        if self.ended:
            return self._out(mix.time, self._line.drain(), None, wall)
        self._onair.tick(connected=connected, heard=bool(levels), now=now, wall=wall)
        live = self._onair.state is RoomState.LIVE
        said = Said(mix.samples if live else None, self._onair.state, levels if live else {}, self.stage)
        return self._out(mix.time, self._line.pass_on(said), said.pcm, wall)

    def _out(self, time: MediaTime, said: Said | None, mix: Pcm | None, wall: WallTime) -> Aired:
        before, pcm = self._news.state, None
        if said is None:
            self._news.heard({})
        else:
            pcm = said.pcm
            self._news.set_stage(said.stage)
            self._news.set_state(_told(said.state))
            self._news.heard(said.levels)
        left_s = self._at + self._line.delay_s - wall
        samples = self._quiet.fill(time, pcm, pulse=self._news.state is RoomState.OPEN, left_s=left_s)
        return Aired(PcmFrame(time, samples), pcm is not None and pcm is mix, self._news.state is not before)


def _told(state: RoomState) -> RoomState:
    """Nothing is told before the doors are open; the first listeners find them so."""
    return RoomState.OPEN if state is RoomState.SCHEDULED else state
