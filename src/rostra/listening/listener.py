"""The driver of this room: asks, reads, tells the meter, comes back when dropped."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO
from urllib.parse import urljoin

import httpx

from rostra.errors import NotFound, Refused, Unavailable, WireError
from rostra.listening.address import Target, Via
from rostra.listening.backoff import Backoff
from rostra.listening.ears import Ears, power_and_peak
from rostra.listening.measure import Meter, Report, decibels
from rostra.listening.playlist import Playlist, PlaylistPart, first_part, read_playlist
from rostra.listening.stream import BoxStream, Init, Item, Mp3Stream, Sound, Words, part_items
from rostra.units import SAMPLE_RATE, Monotonic, Rendition, WallTime
from rostra.wire.listeners import EdgeNotice

READ_TIMEOUT_S = 20.0
"""Without a byte for so long a stream is taken for dead, unless the room said that it is interrupted."""

_QUIET_STATES = ("scheduled", "open", "interrupted")

STATE_EVERY_S = 5.0
"""How often `/state` is asked."""

_TIMEOUT = httpx.Timeout(10.0, read=READ_TIMEOUT_S)
_ENDLESS = httpx.Timeout(10.0, read=None)


class Ended(Exception):
    """The room has ended: nothing more will come."""


class Listener:
    """One listener, until it is stopped or the room ends. ``save`` gets the sound as it comes; ``verify``: whether the
    server's certificate is checked."""

    def __init__(self, target: Target, save: BinaryIO | None = None, *, verify: bool = True) -> None:
        self.target = target
        self._save, self._verify = save, verify
        report = Report(url=target.url, via=target.via.value, codec=target.rendition.value)
        self.meter = Meter(report, _now())
        self._ears = Ears(target.rendition)
        self._epoch: float | None = None
        self._spread_s = 0.0
        self._told = False
        """Whether parts have told the state; until then, and where they never do (MP3), `/state` does."""
        self.level_dbfs: float | None = None
        """Of the last part."""
        self.waiting = ""
        """Why nothing comes at the moment, in words."""

    async def run(self) -> None:
        """Listens for ever; returns when the room has ended.

        :raises Refused: there is no such room, or not this way.
        """
        backoff = Backoff()
        async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=True, verify=self._verify) as client:
            self.meter.begin(_now())
            watching = asyncio.create_task(self._watch_state(client))
            try:
                while True:
                    parts = self.meter.report.parts
                    try:
                        await self._listen_once(client)
                        self.waiting = "the connection ended; coming back"
                    except Ended:
                        return
                    except (httpx.HTTPError, OSError, TimeoutError, WireError, Unavailable) as e:
                        self.meter.report.problem = str(e) or type(e).__name__
                        self.waiting = f"{self.meter.report.problem}; coming back"
                    if self.meter.report.parts > parts:
                        backoff.succeeded()
                    await asyncio.sleep(backoff.wait_s(random.random(), spread_s=self._spread_s))
                    self._spread_s = 0.0
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _listen_once(self, client: httpx.AsyncClient) -> None:
        if self.target.via is Via.HLS:
            await self._listen_hls(client)
            return
        frame_samples = self.target.rendition.frame_samples
        stream = Mp3Stream() if self.target.via is Via.MP3 else BoxStream(frame_samples)
        headers = {"Accept-Encoding": "identity"}
        async with client.stream("GET", self._asked(self.target.url), headers=headers, timeout=_ENDLESS) as response:
            await self._check(response)
            async with asyncio.timeout(READ_TIMEOUT_S) as patience:
                async for data in response.aiter_raw():
                    self._received(data)
                    self._take(stream.feed(data))
                    quiet = self.meter.report.state in _QUIET_STATES
                    patience.reschedule(None if quiet else asyncio.get_running_loop().time() + READ_TIMEOUT_S)
        if self.meter.report.state == "ended":
            raise Ended

    def _asked(self, url: str, more: dict[str, str] | None = None) -> httpx.URL:
        """With the link that we came by, which is for this room alone: a playlist may name files of others."""
        link = self.target.link if url.startswith(self.target.page) else {}
        return httpx.URL(url).copy_merge_params(link | (more or {}))

    async def _check(self, response: httpx.Response) -> None:
        """Good answers pass; a refusal becomes the error it stands for.

        :raises Refused: for good. :raises Unavailable: for now.
        """
        self.meter.connected(_now())
        if response.status_code == 200:
            self.waiting = ""
            return
        await response.aread()
        detail = ""
        with contextlib.suppress(ValueError, AttributeError):
            detail = str(response.json().get("detail") or "")
        detail = detail or f"{self.target.url} answered {response.status_code} {response.reason_phrase}"
        if response.status_code in (429, 500, 502, 503, 504):
            with contextlib.suppress(ValueError):
                self._spread_s = float(response.headers.get("Retry-After", "0"))
            raise Unavailable(detail)
        raise (NotFound if response.status_code == 404 else Refused)(detail)

    # --- what came --------------------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        self.meter.received(len(data), _now())
        if self._save:
            self._save.write(data)

    def _take(self, items: Iterable[Item], wall: float | None = None) -> None:
        """``wall``: when the sound in these items was made, where a playlist says so."""
        for item in items:
            match item:
                case Init():
                    self.meter.init()
                    self._ears.begin(item.data)
                case Words():
                    for event in item.events:
                        self.meter.told(event, _now())
                        self._told = True
                        if isinstance(event, EdgeNotice):
                            self._heed(event)
                case Sound():
                    self._hear(item, wall)

    def _heed(self, notice: EdgeNotice) -> None:
        if notice.kind == "ended":
            self.meter.state("ended", _now())
            raise Ended
        if notice.kind == "draining":
            self._spread_s = notice.values.get("in_s", 0.0)
        elif notice.kind in ("interrupted", "resumed"):
            self.meter.state("interrupted" if notice.kind == "interrupted" else "live", _now())
            self.waiting = "interrupted: the place is kept" if notice.kind == "interrupted" else ""

    def _hear(self, sound: Sound, wall: float | None) -> None:
        made = wall
        if made is None and self._epoch is not None and self.target.via is Via.PUSH:
            made = self._epoch + sound.time / SAMPLE_RATE
        new = self.meter.sound(
            sound.time,
            sound.duration,
            _now(),
            made=None if made is None else WallTime(made),
            wall=WallTime(time.time()),
        )
        if not new:
            return
        self.waiting = ""
        try:
            power, peak = power_and_peak(self._ears.hear(sound.frames))
        except WireError:
            self.meter.undecodable()
            return
        self.level_dbfs = decibels(power)
        self.meter.level(power, decibels(peak**2), sound.duration / SAMPLE_RATE)

    # --- /state -----------------------------------------------------------------------------------------------------

    async def _watch_state(self, client: httpx.AsyncClient) -> None:
        """Title and epoch; and the state as long as no part has told it."""
        while True:
            with contextlib.suppress(httpx.HTTPError, ValueError, AttributeError, TypeError):
                response = await client.get(self._asked(self.target.state_url))
                if response.status_code == 200:
                    self._know(response.json())
            await asyncio.sleep(STATE_EVERY_S if self._epoch is not None else 0.5)

    def _know(self, state: dict[str, object]) -> None:
        report = self.meter.report
        report.title = str(state.get("title") or "")
        if isinstance(epoch := state.get("epoch"), int | float) and epoch > 0:
            self._epoch = float(epoch)
        if self.target.via is Via.HLS:
            report.latency_method = "program date time of the playlist"
        elif self.target.via is Via.PUSH and self._epoch is not None:
            report.latency_method = "epoch of the room plus media time"
        if not report.stage and isinstance(stage := state.get("stage"), list):
            report.stage = [str(seat.get("name")) for seat in stage if isinstance(seat, dict)]
        if not self._told:
            self.meter.state(str(state.get("state") or "unknown"), _now())
            if isinstance(listening := state.get("listening"), int):
                report.listening = listening
                report.listening_max = max(listening, report.listening_max or 0)

    # --- LL-HLS -----------------------------------------------------------------------------------------------------

    async def _listen_hls(self, client: httpx.AsyncClient) -> None:
        playlist = await self._playlist(client, None)
        done: set[str] = set()
        map_uri = ""
        at = first_part(playlist)
        done.update(part.uri for part in playlist.parts[:at])
        while True:
            for part in playlist.parts:
                if part.uri in done:
                    continue
                done.add(part.uri)
                if part.gap:
                    continue
                if part.map_uri != map_uri:
                    map_uri = part.map_uri
                    self._take([Init(await self._get(client, map_uri))])
                self._take_part(await self._get(client, part.uri), part)
            if playlist.ended:
                self.meter.state("ended", _now())
                raise Ended
            done.intersection_update({part.uri for part in playlist.parts})
            playlist = await self._playlist(client, playlist)

    def _take_part(self, body: bytes, part: PlaylistPart) -> None:
        self._take(part_items(body, self.target.rendition.frame_samples), part.wall)

    async def _playlist(self, client: httpx.AsyncClient, last: Playlist | None) -> Playlist:
        """The next playlist: held by the server until it has the next part (rfc8216bis 6.2.5.2)."""
        params: dict[str, str] = {}
        if last is not None and last.can_block:
            params = {"_HLS_msn": str(last.next_msn), "_HLS_part": str(last.next_part)}
            if last.can_skip:
                params["_HLS_skip"] = "YES"
        elif last is not None:
            await asyncio.sleep(Rendition.OPUS.part_s / 2)
        response = await client.get(self._asked(self.target.url, params))
        if response.status_code != 200 or last is None:
            await self._check(response)
        self.meter.received(response.num_bytes_downloaded, _now())
        return read_playlist(response.text, last)

    async def _get(self, client: httpx.AsyncClient, uri: str) -> bytes:
        response = await client.get(self._asked(urljoin(self.target.url, uri)))
        if response.status_code != 200:
            raise Unavailable(f"{response.url.copy_with(query=None)} answered {response.status_code}")
        self._received(response.content)
        return response.content


async def listen(
    listener: Listener, seconds: float | None, report: Callable[[Listener], None] | None = None, every_s: float = 0.25
) -> Report:
    """Listens until the room ends, ``seconds`` are over, or it is cancelled: what was measured so far counts.

    :raises RostraError: there is no such room.
    """
    running = asyncio.create_task(listener.run())
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        while not running.done() and (deadline is None or time.monotonic() < deadline):
            left = every_s if deadline is None else min(every_s, max(0.0, deadline - time.monotonic()))
            await asyncio.wait((running,), timeout=left)
            if report:
                listener.meter.finish(_now())
                report(listener)
        if running.done():
            running.result()
    except asyncio.CancelledError:
        pass  # told to stop, which is how a session without an end ends
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return listener.meter.finish(_now())


def _now() -> Monotonic:
    return Monotonic(time.monotonic())
