"""From a reader that blocks to a loop that must not: a thread reads ahead, a little and no more."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator

from rostra.errors import RostraError, Unsupported
from rostra.units import Pcm

AHEAD_FRAMES = 50
"""Frames read ahead: a second, which covers a slow disk and a network hiccup, and is all the memory this takes."""

Opener = Callable[[], Iterator[Pcm]]
"""Begins at the start; called again for each round of a loop."""


class Feed:
    """Frames of a source in order, read ahead in a thread of its own.

    The thread is a daemon: a read that never returns (a terminal as standard input) cannot hold up the end.
    """

    def __init__(self, opener: Opener, *, repeat: bool = False) -> None:
        self._opener, self._repeat = opener, repeat
        self._frames: deque[Pcm] = deque()
        self._slots = threading.Semaphore(AHEAD_FRAMES)
        self._arrived = asyncio.Event()
        self._ended = self._stopped = False
        self._fault: BaseException | None = None
        self.rounds = 0
        """How often the source was begun again."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._read, name="read ahead", daemon=True)
        self._thread.start()

    async def get(self) -> Pcm | None:
        """The next frame of (960,) samples, or None after the last.

        :raises RostraError: why the source cannot be read (further).
        """
        while not self._frames:
            if self._fault:
                raise self._fault
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        self._slots.release()
        return self._frames.popleft()

    async def skip(self, frames: int) -> None:
        """Drops so many frames, for a source that goes on by itself while nobody takes it."""
        for _ in range(frames):
            if await self.get() is None:
                return

    def close(self) -> None:
        self._stopped = True
        self._slots.release()

    def _read(self) -> None:
        fault: BaseException | None = None
        try:
            while True:
                heard = False
                for frame in self._opener():
                    self._slots.acquire()
                    if self._stopped:
                        return
                    heard = True
                    self._tell(self._take, frame)
                if not heard:
                    raise Unsupported("There is no sound in it, not even silence.")
                if not self._repeat:
                    break
                self.rounds += 1
        except RostraError as e:
            fault = e
        except Exception as e:  # a decoder's own: it must reach whoever waits
            fault = Unsupported(f"It could not be decoded: {e}.")
            fault.__cause__ = e
        self._tell(self._finish, fault)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:  # the loop is closed: nobody listens any more
            self._stopped = True

    def _take(self, frame: Pcm) -> None:
        self._frames.append(frame)
        self._arrived.set()

    def _finish(self, fault: BaseException | None) -> None:
        self._fault, self._ended = fault, True
        self._arrived.set()
