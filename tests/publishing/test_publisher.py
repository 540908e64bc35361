from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from rostra.errors import BadToken, Conflict, Refused, Unavailable, Unsupported
from rostra.publishing.feed import Feed
from rostra.publishing.link import Presence, SeatLink, read_seat_link
from rostra.publishing.publisher import Progress, Publisher, publish
from rostra.units import Pcm
from tests.publishing.whip_stage import ROOM, TOKEN, whip_stage
from tests.sounds import dbfs, frames, snr_db, voice


def looped(sound: Pcm) -> Iterator[Pcm]:
    while True:
        yield from frames(sound)


async def test_a_sound_is_heard_and_the_seat_is_left_at_its_end() -> None:
    sound = voice(2.0, seed=21)
    seen: list[Progress] = []
    async with whip_stage() as stage:
        publisher = Publisher(read_seat_link(stage.link), Feed(lambda: iter(frames(sound))))
        last = await publish(publisher, seen.append)
        assert stage.offers == [f"/stage/{ROOM}/whip"]
        assert stage.deleted == [f"/stage/{ROOM}/session/1"]
        assert snr_db(sound[9600:76800], stage.sound) > 8
    assert (last.state, last.connections, last.stalls) == ("ended", 1, 0)
    assert last.position_s == pytest.approx(2.0)
    assert {p.state for p in seen} >= {"ended"}


async def test_it_comes_back_by_itself_when_the_connection_is_lost() -> None:
    async with whip_stage() as stage:
        publisher = Publisher(read_seat_link(stage.link), Feed(lambda: looped(voice(2.0, seed=3))), live=True)
        running = asyncio.create_task(publisher.run())
        await asyncio.wait_for(stage.on_air.wait(), 10)
        stage.goodbyes = [(503, "The stage is starting.")]
        stage.on_air.clear()
        await stage.peers[0].close()
        stage.answers = [(503, "The stage is starting.")] * 2
        await asyncio.wait_for(stage.on_air.wait(), 15)
        assert publisher.progress.connections == 2
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert stage.deleted[-1] == f"/stage/{ROOM}/session/2"


@pytest.mark.parametrize(
    ("goodbye", "error", "says"),
    [
        ((409, "Another connection of the same person has taken over."), Conflict, "taken over"),
        ((404, "This session is over."), Refused, "taken back by a host"),
    ],
)
async def test_who_was_sent_away_does_not_come_back(
    goodbye: tuple[int, str], error: type[Exception], says: str
) -> None:
    async with whip_stage() as stage:
        running = asyncio.create_task(
            publish(Publisher(read_seat_link(stage.link), Feed(lambda: looped(voice(1.0, seed=3)))))
        )
        await asyncio.wait_for(stage.on_air.wait(), 10)
        stage.goodbyes = [goodbye]
        await stage.peers[0].close()
        with pytest.raises(error, match=says):
            await asyncio.wait_for(running, 10)
        assert len(stage.offers) == 1


async def test_a_stage_that_dies_without_a_word_is_noticed_and_come_back_to() -> None:
    async with whip_stage() as stage:
        running = asyncio.create_task(
            publish(Publisher(read_seat_link(stage.link), Feed(lambda: looped(voice(1.0, seed=3)))))
        )
        await asyncio.wait_for(stage.on_air.wait(), 10)
        # Its sockets go, as those of a killed process do: no DTLS goodbye.
        ice = stage.peers[0].getTransceivers()[0].receiver.transport.transport._connection
        for protocol in ice._protocols:
            protocol.transport.abort()
        await asyncio.sleep(0.1)
        stage.on_air.clear()
        await asyncio.wait_for(stage.on_air.wait(), 15)
        assert len(stage.offers) == 2
        assert stage.deleted == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_refusal_is_final_and_says_what_the_server_said() -> None:
    async with whip_stage() as stage:
        stage.answers = [(401, "This link has expired.")]
        publisher = Publisher(read_seat_link(stage.link), Feed(lambda: looped(voice(1.0, seed=3))))
        with pytest.raises(BadToken, match="expired"):
            await publish(publisher)
        assert len(stage.offers) == 1


async def test_patience_ends() -> None:
    link = SeatLink("http://127.0.0.1:1", ROOM, TOKEN)
    publisher = Publisher(link, Feed(lambda: looped(voice(1.0, seed=3))), patience_s=0.5)
    with pytest.raises(Unavailable, match="does not answer"):
        await publish(publisher)


async def test_an_answer_that_is_not_sdp() -> None:
    async with whip_stage() as stage:
        stage.garbage = "hello"
        publisher = Publisher(read_seat_link(stage.link), Feed(lambda: looped(voice(1.0, seed=3))), patience_s=0.1)
        with pytest.raises(Unavailable, match=r"makes no sense|no media connection"):
            await publish(publisher)


async def test_a_source_that_fails_ends_it_and_leaves_the_seat() -> None:
    def broken() -> Iterator[Pcm]:
        yield from frames(voice(0.4, seed=3))
        raise Unsupported("The file is damaged.")

    async with whip_stage() as stage:
        with pytest.raises(Unsupported, match="damaged"):
            await publish(Publisher(read_seat_link(stage.link), Feed(broken)))
        assert stage.deleted


async def test_the_seat_is_asked_for_by_name() -> None:
    async with whip_stage() as stage:
        feed = Feed(lambda: iter(frames(np.zeros(9600, np.int16))))
        await publish(Publisher(read_seat_link(stage.link), feed, who=Presence("speaker-2", "Ann B")))
        assert stage.offers == [f"/stage/{ROOM}/whip?seat=speaker-2&name=Ann+B"]
        assert dbfs(stage.sound) < -60
