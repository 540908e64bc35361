"""The bus on the virtual clock: parts to whoever subscribed, in order, and a window of the last 60 s."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rostra.units import LIVE_WINDOW_S, Part, Rendition
from rostra.wire.parts import decode_part, encode_part
from tests.sim.network import Link

Take = Callable[[Part, float], None]


class SimBus:
    """Everything goes over the wire form, as it would."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._window: deque[tuple[float, bytes]] = deque()
        self._subscribers: list[tuple[Link[bytes], Take]] = []

    def publish(self, part: Part, now: float) -> None:
        data = encode_part(part)
        self._window.append((now, data))
        while now - self._window[0][0] > LIVE_WINDOW_S:
            self._window.popleft()
        for link, _ in self._subscribers:
            link.send(data, now)

    def subscribe(self, take: Take, now: float) -> Link[bytes]:
        """What the window holds at once, then everything."""
        for part in self.window(now):
            take(part, now)
        link: Link[bytes] = Link(f"{self._seed}-{len(self._subscribers)}", delay_s=0.001, jitter_s=0.002, ordered=True)
        self._subscribers.append((link, take))
        return link

    def deliver(self, now: float) -> None:
        for link, take in self._subscribers:
            for data, at in link.arrived(now):
                take(decode_part(data), at)

    def window(self, now: float) -> list[Part]:
        return [decode_part(data) for at, data in self._window if now - at <= LIVE_WINDOW_S]

    def last_known(self, rendition: Rendition, now: float) -> Part | None:
        parts = [p for p in self.window(now) if p.name.rendition is rendition]
        return max(parts, key=lambda p: (p.name.generation, p.name.sequence), default=None)
