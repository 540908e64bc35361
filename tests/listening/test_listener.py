from __future__ import annotations

import asyncio
import io
import time

import pytest

from rostra.errors import NotFound
from rostra.listening.address import Via, read_target
from rostra.listening.listener import Listener, listen
from rostra.units import MediaTime
from rostra.wire.emsg import notice_emsg, snapshot_emsg
from rostra.wire.listeners import EdgeNotice, Snapshot
from tests.listening.front import INIT, PART_SAMPLES, Request, front, opus_parts
from tests.listening.test_stream import mp3
from tests.sounds import silence, voice

PARTS = opus_parts(voice(4.0, seed=8), start=480_000)
ENDED = notice_emsg(EdgeNotice("ended"), MediaTime(0))


async def test_push_until_the_room_ends() -> None:
    async def live(request: Request) -> None:
        await request.begin()
        await request.send(INIT + snapshot_emsg(Snapshot("live", 41), MediaTime(480_000)) + PARTS[0] + PARTS[1])
        for part in PARTS[2:5]:
            await asyncio.sleep(0.3)
            await request.send(part)
        await request.send(ENDED)

    saved = io.BytesIO()
    async with front(live) as door:
        door.state["epoch"] = time.time() - 12.0
        report = await listen(Listener(read_target(door.url), saved), seconds=10)
    assert door.targets == ["/r/quiet/live"]
    assert (report.parts, report.sound_s, report.holes, report.undecodable) == (5, 2.5, 0, 0)
    assert (report.title, report.state, report.listening) == ("Quiet", "ended", 41)
    assert report.latency_s is not None
    assert 0 < report.latency_s["p50"] < 3
    assert report.latency_method == "epoch of the room plus media time"
    assert report.level_dbfs is not None
    assert -40 < report.level_dbfs < -10
    assert report.first_sound_s is not None
    assert saved.getvalue().startswith(INIT)


async def test_a_dropped_connection_is_taken_up_again_and_what_is_had_is_not_counted_twice() -> None:
    tries = 0

    async def live(request: Request) -> None:
        nonlocal tries
        tries += 1
        await request.begin()
        if tries == 1:
            await request.send(INIT + b"".join(PARTS[:3]) + PARTS[3][:100])
            request.writer.close()
            return
        await request.send(INIT + b"".join(PARTS[2:6]) + ENDED)

    async with front(live) as door:
        report = await listen(Listener(read_target(door.url)), seconds=10)
    assert (report.connections, report.parts, report.repeated, report.holes) == (2, 6, 1, 0)


async def test_a_full_house_is_asked_again_later() -> None:
    tries = 0

    async def live(request: Request) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await request.answer(b'{"detail":"Full."}', 503, "Retry-After: 0.2\r\n")
            return
        await request.begin()
        await request.send(INIT + PARTS[0] + ENDED)

    async with front(live) as door:
        report = await listen(Listener(read_target(door.url)), seconds=10)
    assert report.parts == 1


async def test_no_such_room_is_an_error_with_the_servers_words() -> None:
    async def live(request: Request) -> None:
        await request.answer(b'{"detail":"There is no room quiet."}', 404)

    async with front(live) as door:
        with pytest.raises(NotFound, match="no room quiet"):
            await listen(Listener(read_target(door.url)), seconds=10)


async def test_silence_is_noticed() -> None:
    async def live(request: Request) -> None:
        await request.begin()
        await request.send(INIT + b"".join(opus_parts(silence(2.0))) + ENDED)

    async with front(live) as door:
        report = await listen(Listener(read_target(door.url)), seconds=10)
    assert report.silent_s == 2.0
    assert report.level_dbfs is not None
    assert report.level_dbfs < -60


async def test_garbage_is_not_fatal() -> None:
    tries = 0

    async def live(request: Request) -> None:
        nonlocal tries
        tries += 1
        await request.begin()
        await request.send(b"<html>what?</html>" if tries == 1 else INIT + PARTS[0] + ENDED)
        if tries == 1:
            await request.end()

    async with front(live) as door:
        report = await listen(Listener(read_target(door.url)), seconds=10)
    assert report.parts == 1


async def test_it_stops_when_the_time_is_over() -> None:
    async def live(request: Request) -> None:
        await request.begin()
        await request.send(INIT + PARTS[0])
        await asyncio.sleep(3)

    async with front(live) as door:
        report = await listen(Listener(read_target(door.url)), seconds=0.5)
    assert report.seconds == pytest.approx(0.5, abs=0.4)
    assert report.parts == 1


async def test_low_latency_hls() -> None:
    began = time.time()
    head = (
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n"
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n#EXT-X-PART-INF:PART-TARGET=0.5\n"
        '#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-MAP:URI="opus/g1-init.mp4"\n'
        f"#EXT-X-PROGRAM-DATE-TIME:{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(began))}.000Z\n"
    )
    waited: list[str] = []

    async def hls(request: Request) -> None:
        path, _, query = request.target.partition("?")
        name = path.rsplit("/", 1)[1]
        if name == "g1-init.mp4":
            await request.answer(INIT)
        elif name.startswith("g1-p"):
            await request.answer(PARTS[int(name[4:-4])])
        else:
            ready = 4
            if query:
                waited.append(query)
                ready = 5 + int(query.rsplit("=", 1)[1]) - 4
                await asyncio.sleep(0.1)
            lines = [f'#EXT-X-PART:DURATION=0.5,INDEPENDENT=YES,URI="opus/g1-p{n}.m4s"\n' for n in range(min(7, ready))]
            end = "#EXT-X-ENDLIST\n" if ready > 7 else ""
            await request.answer((head + "".join(lines) + end).encode())

    async with front(hls) as door:
        report = await listen(Listener(read_target(door.url, Via.HLS)), seconds=10)
    assert waited == [
        "_HLS_msn=0&_HLS_part=4",
        "_HLS_msn=0&_HLS_part=5",
        "_HLS_msn=0&_HLS_part=6",
        "_HLS_msn=0&_HLS_part=7",
    ]
    assert (report.parts, report.holes, report.inits, report.state) == (6, 0, 1, "ended")
    assert report.latency_method == "program date time of the playlist"
    assert PARTS[1] is not None and PART_SAMPLES == 24_000


async def test_mp3() -> None:
    async def stream(request: Request) -> None:
        assert request.target == "/r/quiet/live.mp3"
        await request.begin("audio/mpeg")
        await request.send(mp3(1.0))
        await asyncio.sleep(2)

    async with front(stream) as door:
        report = await listen(Listener(read_target(door.url, Via.MP3)), seconds=1.0)
    assert report.parts > 30
    assert report.latency_s is None
    assert (report.state, report.listening, report.stage) == ("live", 7, ["Ann"])
    assert report.level_dbfs is not None
    assert -40 < report.level_dbfs < -10
