"""A floor on a clock of the test's own, without a network."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from rostra.codecs.libopus import OpusDecoder, OpusEncoder, packet_samples
from rostra.config import StageSettings
from rostra.errors import BadToken
from rostra.stage.floor import Floor
from rostra.stage.ice import Network
from rostra.stage.jitter import JitterBuffer
from rostra.stage.rtc import Rtc
from rostra.stage.seats import SeatState
from rostra.units import Monotonic, Pcm, Role


@dataclass
class Claims:
    role: Role
    name: str
    jti: str


@dataclass
class Line:
    """What keeps a seat, as a source client does."""

    id: str
    closed: bool = False
    frames: list[Pcm | None] = field(default_factory=list)

    async def close(self) -> None:
        self.closed = True

    def pull(self, now: Monotonic) -> Pcm | None:
        return self.frames.pop(0) if self.frames else None


class House:
    """A floor on a clock of the test's own. Tokens are ``role:name:jti``."""

    def __init__(self) -> None:
        self.now = Monotonic(100.0)
        self.numbers = itertools.count()
        self.changes = 0
        self.floor = Floor(
            StageSettings(return_grace_s=30.0),
            Rtc(Network(addresses=("127.0.0.1",))),
            verify=self.verify,
            make_buffer=lambda: JitterBuffer(OpusDecoder(), packet_samples),
            make_encoder=lambda: OpusEncoder(32_000, fec=True),
            clock=lambda: self.now,
        )
        self.floor.on_change = self.changed

    def changed(self) -> None:
        self.changes += 1

    def verify(self, token: str) -> Claims:
        try:
            role, name, jti = token.split(":")
            return Claims(Role(role), name, jti)
        except ValueError:
            raise BadToken("not one of ours") from None

    def sit(self, token: str = "speaker:Ann:a") -> Line:
        line = Line(f"line{next(self.numbers)}")
        self.floor.take(self.floor.who(token), line, line, "source")
        return line

    def pass_time(self, seconds: float) -> None:
        self.now = Monotonic(self.now + seconds)
        self.floor.keep_house(self.now)

    def states(self) -> dict[str, SeatState]:
        return {seat.id: seat.state for seat in self.floor.seats.all()}
