"""What a listener notes down. Pure: it is told what came and when.

*First sound*: from asking to the first decodable ``mdat``. *Latency*: from when the first sample of a part left the
mixer to when the whole part was here, which is what a player must at least be behind. Parts of the backlog a newcomer
gets are old by intention and do not count. *Hole*: media time that never came.
*Underrun*: silence in a model player that starts at once with all it was given, as the page does, and slows down by
:data:`SLOWER` when a longer flush is announced until it holds that flush and 1 s more.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rostra.units import SAMPLE_RATE, Monotonic, WallTime
from rostra.wire.listeners import EdgeNotice, Snapshot

SLOWER = 0.05
"""How much slower a player may play without being noticed."""

REBUFFER_S = 0.5
"""What a player that ran dry waits for before it goes on, so that it does not run dry again at once."""

BACKLOG_S = 0.25
"""What comes within this after the first sound is the backlog."""

SILENT_DBFS = -60.0

MAX_NOTES = 1000
"""States and notices kept of one session; a room has a handful. Later ones are counted only."""

MAX_LATENCIES = 200_000
"""A day of parts; after that, latencies are not kept any more."""


@dataclass(slots=True)
class Report:
    """The final object of ``rostra listen --json``; these names are a contract. Durations in seconds."""

    url: str
    via: str
    codec: str
    title: str = ""
    seconds: float = 0.0
    first_byte_s: float | None = None
    first_sound_s: float | None = None
    latency_s: dict[str, float] | None = None
    latency_method: str | None = None
    parts: int = 0
    sound_s: float = 0.0
    bytes: int = 0
    kbit_s: float = 0.0
    holes: int = 0
    hole_s: float = 0.0
    repeated: int = 0
    longest_wait_s: float = 0.0
    underruns: int = 0
    underrun_s: float = 0.0
    connections: int = 0
    inits: int = 0
    state: str | None = None
    states: list[list[Any]] = field(default_factory=list)
    listening: int | None = None
    listening_max: int | None = None
    stage: list[str] = field(default_factory=list)
    notices: list[list[Any]] = field(default_factory=list)
    level_dbfs: float | None = None
    peak_dbfs: float | None = None
    silent_s: float = 0.0
    undecodable: int = 0
    problem: str | None = None
    """Why a connection could not be had, or was lost, the last time that happened."""

    def to_json(self) -> dict[str, Any]:
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


class Meter:
    """Notes of one listener, over all its connections."""

    def __init__(self, report: Report, began: Monotonic) -> None:
        self.report = report
        self._began = began
        self._latencies: list[float] = []
        self._last_latency: float | None = None
        self._end: int | None = None
        """Media time up to which sound has come."""
        self._last_part: Monotonic | None = None
        self._first_part: Monotonic | None = None
        self._burst_began: Monotonic | None = None
        """First sound of this connection."""
        self._play_from: float | None = None
        """Monotonic time at which media time 0 plays in the model player."""
        self._wanted_s = 0.0
        """Sound the model player wants to hold, since a flush was announced."""
        self._power = 0.0
        self._power_s = 0.0

    def begin(self, now: Monotonic) -> None:
        """Everything is counted from now on: what comes before the first question is not the server's."""
        self._began = now

    @property
    def latency_s(self) -> float | None:
        """Of the part that came last."""
        return self._last_latency

    def connected(self, now: Monotonic) -> None:
        self.report.connections += 1
        self._burst_began = None
        if self.report.first_byte_s is None:
            self.report.first_byte_s = now - self._began

    def received(self, size: int, now: Monotonic) -> None:
        self.report.bytes += size
        self._passed(now)

    def init(self) -> None:
        self.report.inits += 1

    def sound(self, time: int, duration: int, now: Monotonic, *, made: WallTime | None, wall: WallTime) -> bool:
        """A part. ``made``: wall time of its first sample, where known; ``wall``: the wall clock now.

        Returns whether it is new; a part that was had already (a backlog after a reconnect) is only counted.
        """
        report = self.report
        if report.first_sound_s is None:
            report.first_sound_s = now - self._began
        if self._first_part is None:
            self._first_part = now
        if self._burst_began is None:
            self._burst_began = now
        if self._end is not None and time < self._end:
            report.repeated += 1
            return False
        if self._end is not None and time > self._end:
            report.holes += 1
            report.hole_s += (time - self._end) / SAMPLE_RATE
        if self._last_part is not None:
            report.longest_wait_s = max(report.longest_wait_s, now - self._last_part)
        self._last_part = now
        self._play(time, duration, now)
        self._end = time + duration
        report.parts += 1
        report.sound_s += duration / SAMPLE_RATE
        fresh = now - self._burst_began > BACKLOG_S
        if made is not None and fresh and len(self._latencies) < MAX_LATENCIES:
            self._last_latency = wall - made
            self._latencies.append(self._last_latency)
        return True

    def level(self, power: float, peak_dbfs: float, seconds: float) -> None:
        """Decoded sound: its mean square against full scale, and its highest sample."""
        self._power += power * seconds
        self._power_s += seconds
        self.report.peak_dbfs = max(peak_dbfs, -127.0 if self.report.peak_dbfs is None else self.report.peak_dbfs)
        if decibels(power) < SILENT_DBFS:
            self.report.silent_s += seconds

    def undecodable(self) -> None:
        self.report.undecodable += 1

    def told(self, event: Snapshot | EdgeNotice, now: Monotonic) -> None:
        report, at = self.report, round(now - self._began, 3)
        if isinstance(event, EdgeNotice):
            if len(report.notices) < MAX_NOTES:
                report.notices.append([at, event.kind, event.values])
            if "flush_s" in event.values:
                self._wanted_s = event.values["flush_s"] + 1.0
            return
        self.state(event.state, now)
        report.listening = event.listening
        report.listening_max = max(event.listening, report.listening_max or 0)
        if event.stage is not None:
            report.stage = [seat.name for seat in event.stage]

    def state(self, state: str, now: Monotonic) -> None:
        if state != self.report.state:
            self.report.state = state
            if len(self.report.states) < MAX_NOTES:
                self.report.states.append([round(now - self._began, 3), state])

    def finish(self, now: Monotonic) -> Report:
        """The report as it stands now; may be asked for again and again."""
        report = self.report
        self._passed(now)
        if self._last_part is not None:
            report.longest_wait_s = max(report.longest_wait_s, now - self._last_part)
        if self._power_s:
            report.level_dbfs = decibels(self._power / self._power_s)
        if self._latencies:
            ordered = sorted(self._latencies)
            report.latency_s = {
                "min": round(ordered[0], 4),
                "p50": round(ordered[len(ordered) // 2], 4),
                "p95": round(ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)], 4),
                "max": round(ordered[-1], 4),
            }
        return report

    def _passed(self, now: Monotonic) -> None:
        report = self.report
        report.seconds = now - self._began
        heard_s = now - self._first_part if self._first_part is not None else 0.0
        report.kbit_s = report.bytes * 8 / 1000 / heard_s if heard_s > 0.5 else 0.0

    def _play(self, time: int, duration: int, now: Monotonic) -> None:
        """The model player: what it would have had to say by now, were this part all it still lacked."""
        start_s = time / SAMPLE_RATE
        if self._play_from is None or self._end is None:
            self._play_from = now - start_s
            return
        late_s = (now - self._play_from) - self._end / SAMPLE_RATE
        if late_s > 0:
            self.report.underruns += 1
            self.report.underrun_s += late_s + REBUFFER_S
            self._play_from = now - start_s + REBUFFER_S
        ahead_s = start_s + duration / SAMPLE_RATE - (now - self._play_from)
        if ahead_s < self._wanted_s:
            self._play_from += min(self._wanted_s - ahead_s, SLOWER * duration / SAMPLE_RATE)


def decibels(power: float) -> float:
    """Of a mean square; -127 at least."""
    from math import log10

    return max(-127.0, 10 * log10(power)) if power > 0 else -127.0
