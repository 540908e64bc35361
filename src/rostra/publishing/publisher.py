"""Keeps a seat for as long as the sound lasts: connects, comes back to the same seat, leaves it cleanly."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from rostra.errors import Unavailable
from rostra.publishing.feed import Feed
from rostra.publishing.link import WHOEVER, Presence, SeatLink
from rostra.publishing.whip import EncodedTrack, WhipSession, connect, level_dbfs
from rostra.units import FRAME_S, Pcm

PATIENCE_S = 30.0
"""How long a publisher tries to come back before it gives up: the stage keeps the seat as long (`return_grace_s`)."""

LAST_WORDS_S = 0.4
"""Between the last packet and leaving, so that the stage's jitter buffer plays it."""

FIRST_RETRY_S, LONGEST_RETRY_S = 0.25, 4.0


@dataclass(slots=True)
class Progress:
    """What a live line can show."""

    state: str = "connecting"
    """``connecting``, ``on air``, ``reconnecting``, ``ended``."""
    position_s: float = 0.0
    level_dbfs: float = -127.0
    """Loudest of late; falls by 20 dB a second."""
    connections: int = 0
    stalls: int = 0
    """How often the source did not keep up."""
    problem: str = ""


class Publisher:
    """One seat. ``live``: the source goes on while the connection is away, as two voices of one conversation do.
    ``verify``: whether the studio's certificate is checked."""

    def __init__(
        self,
        link: SeatLink,
        feed: Feed,
        *,
        who: Presence = WHOEVER,
        patience_s: float = PATIENCE_S,
        live: bool = False,
        verify: bool = True,
    ) -> None:
        self._link, self._feed, self._who, self._patience_s, self._live = link, feed, who, patience_s, live
        self._verify = verify
        self.progress = Progress()

    async def run(self) -> None:
        """Until the source ends; leaves the seat then, and when cancelled.

        :raises Refused: the seat cannot be had, or somebody else has it now.
        :raises Unavailable: it could not be reached for ``patience_s``.
        :raises RostraError: the source cannot be read.
        """
        async with httpx.AsyncClient(follow_redirects=True, verify=self._verify) as client:
            try:
                while await self._connected_once(client):
                    self.progress.state = "reconnecting"
            finally:
                self._feed.close()
        self.progress.state = "ended"

    async def _connected_once(self, client: httpx.AsyncClient) -> bool:
        """One connection from its first try to its end; whether another is wanted."""
        away_since = time.monotonic()
        track, session = await self._try_until_connected(client)
        if self._live:
            await self._feed.skip(round((time.monotonic() - away_since) / FRAME_S))
        self.progress.state, self.progress.problem = "on air", ""
        self.progress.connections += 1
        stalls_before = self.progress.stalls
        finished = asyncio.create_task(track.finished.wait())
        lost = asyncio.create_task(session.lost.wait())
        try:
            while not (finished.done() or lost.done()):
                await asyncio.wait((finished, lost), timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
                self.progress.stalls = stalls_before + track.stalls
            if track.fault:
                raise track.fault
            if finished.done():
                await asyncio.sleep(LAST_WORDS_S)
        except BaseException:
            await session.close()
            raise
        finally:
            finished.cancel()
            lost.cancel()
        if track.finished.is_set():
            await session.close()
            return False
        told = session.told
        await session.drop()
        if told:
            await session.ask_why()
        return True

    async def _try_until_connected(self, client: httpx.AsyncClient) -> tuple[EncodedTrack, WhipSession]:
        deadline = time.monotonic() + self._patience_s
        pause = FIRST_RETRY_S
        while True:
            track = EncodedTrack(self._feed, self._heard)
            try:
                return track, await connect(self._link, track, client, self._who)
            except Unavailable as e:
                self.progress.problem = str(e)
                wait = pause * random.uniform(0.5, 1.5)
                if time.monotonic() + wait > deadline:
                    raise
                await asyncio.sleep(wait)
                pause = min(LONGEST_RETRY_S, pause * 2)

    def _heard(self, frame: Pcm) -> None:
        self.progress.position_s += FRAME_S
        self.progress.level_dbfs = max(level_dbfs(frame), self.progress.level_dbfs - 20 * FRAME_S)


async def publish(
    publisher: Publisher, report: Callable[[Progress], None] | None = None, every_s: float = 0.25
) -> Progress:
    """Runs it to its end and reports along the way."""
    running = asyncio.create_task(publisher.run())
    try:
        while not running.done():
            await asyncio.wait((running,), timeout=every_s)
            if report:
                report(publisher.progress)
        await running
    finally:
        if not running.done():
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    return publisher.progress
