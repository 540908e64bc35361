"""The rules of LL-HLS against a running Rostra: a client that follows two renditions by blocking reload for a while."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from interop.hls_rules import RULES, check
from interop.hls_text import Fetched, Run, Seen

FOLLOW_S = 25.0
LOOKS = FOLLOW_S * 2 - 10
"""At each rendition, two parts a second; a busy machine is slow to ask and is given more time for as many."""

ON_ONE_CLOCK = {
    "parts_come_in_time", "segments_come_in_time", "renditions_keep_step", "reports_are_true", "deltas_make_the_whole",
}  # fmt: skip
"""Rules that compare times to less than a part, which needs the virtual clock of ``test_hls_rules.py``: here a client
shares two cores with everything else."""


class Client:
    def __init__(self, address: str, http: httpx.AsyncClient) -> None:
        self._address, self._http = address, http
        self.began = time.monotonic()
        self.seen: list[Seen] = []
        self.fetched: dict[str, Fetched] = {}
        self.headers: list[httpx.Headers] = []

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    async def follow(self, rendition: str) -> None:
        seen = await self._look(rendition, None, skip=False)
        looks = 1
        while self.now < FOLLOW_S or (looks < LOOKS and self.now < 3 * FOLLOW_S):
            looks += 1
            msn, part = seen.playlist.last
            asked = (msn, part + 1)
            hint = seen.playlist.hint
            # As clients do: the part that is hinted is asked for together with the playlist that will list it.
            seen, _, held = await asyncio.gather(
                self._look(rendition, asked, skip=False),
                self._look(rendition, asked, skip=True),
                self._fetch(hint or ""),
            )
            assert held is not None, f"{hint} was hinted and did not come"
            listed = [x.uri for x in seen.playlist.parts] + [s.uri or "" for s in seen.playlist.whole]
            listed += [s.map_uri or "" for s in seen.playlist.segments]
            for uri in listed:
                if uri and uri not in self.fetched:
                    await self._fetch(uri)

    async def _look(self, rendition: str, asked: tuple[int, int] | None, *, skip: bool) -> Seen:
        query: dict[str, str] = {"_HLS_skip": "YES"} if skip else {}
        if asked is not None:
            query |= {"_HLS_msn": str(asked[0]), "_HLS_part": str(asked[1])}
        answer = await self._http.get(f"{self._address}/hls/{rendition}.m3u8", params=query)
        assert answer.status_code == 200, (rendition, asked, answer.status_code)
        self.headers.append(answer.headers)
        msn, part = asked if asked is not None else (None, None)
        # A part index after a segment's last one means part 0 of the next (bis 6.2.5.2).
        if msn is not None and part == 8:
            msn, part = msn + 1, 0
        # The first looks at all renditions count as one moment.
        seen = Seen(0.0 if asked is None else self.now, rendition, answer.content, msn, part, skip)
        self.seen.append(seen)
        return seen

    async def _fetch(self, uri: str) -> bytes | None:
        answer = await self._http.get(f"{self._address}/hls/{uri}")
        body = answer.content if answer.status_code == 200 else None
        self.fetched.setdefault(uri, Fetched(self.now, uri, body))
        return body


async def both_there(address: str, http: httpx.AsyncClient) -> None:
    """The first part of AAC comes a moment after that of Opus."""
    for _ in range(50):
        answer = await http.get(f"{address}/hls/main.m3u8")
        if answer.text.count("#EXT-X-STREAM-INF") == 2:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("one rendition did not come")


@pytest.mark.timeout(180)
async def test_a_running_edge_breaks_no_rule(ann: str) -> None:
    async with httpx.AsyncClient(timeout=20.0) as http:
        await both_there(ann, http)
        client = Client(ann, http)
        await asyncio.gather(client.follow("opus"), client.follow("aac"))
        multivariant = (await http.get(f"{ann}/hls/main.m3u8")).content
    run = Run(multivariant, sorted(client.seen, key=lambda s: s.at_s), list(client.fetched.values()))
    assert len(run.whole("opus")) >= LOOKS
    assert [str(v) for v in check(run, only=set(RULES) - ON_ONE_CLOCK)] == []
    assert {h["content-type"] for h in client.headers} == {"application/vnd.apple.mpegurl"}
    assert all("max-age=" in h["cache-control"] for h in client.headers)


async def test_what_is_too_far_or_makes_no_sense_is_refused(ann: str) -> None:
    """bis 6.2.5.2."""
    async with httpx.AsyncClient(timeout=20.0) as http:
        now = Seen(0.0, "opus", (await http.get(f"{ann}/hls/opus.m3u8")).content).playlist
        for query in (
            {"_HLS_msn": str(now.last[0] + 4)},
            {"_HLS_msn": str(now.last[0] + 1), "_HLS_part": "7"},
            {"_HLS_part": "1"},
            {"_HLS_msn": "-1"},
            {"_HLS_msn": "x"},
        ):
            assert (await http.get(f"{ann}/hls/opus.m3u8", params=query)).status_code == 400, query
        assert (await http.get(f"{ann}/hls/opus/g1-p99999999.m4s")).status_code == 404
        long_ago = await http.get(f"{ann}/hls/opus.m3u8", params={"_HLS_msn": "0", "_HLS_part": "0"})
        assert long_ago.status_code == 200
