"""The small Opus: made by the stage while an edge wants it, given to newcomers of a house that is nearly full."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import numpy as np
import pytest

from rostra.admission.steps import Step
from rostra.edge.front import Front
from rostra.listening.ears import Ears
from rostra.listening.stream import BoxStream, Init, Sound
from rostra.processes import stage as process
from rostra.processes.admitting import Doorkeeper, usher_of
from rostra.processes.stage import Output
from rostra.stage.news import News
from rostra.stage.record import TakenUp
from rostra.units import FRAME_SAMPLES, MediaTime, Part, Pcm, PcmFrame, Rendition, WallTime
from tests import sounds
from tests.edge.making import Client, edge, room
from tests.processes.test_stage import ROOM, World, world
from tests.stage.client import same_speech

__all__ = ["world"]

OPUS, SMALL = Rendition.OPUS, Rendition.OPUS_LOW


# --- the stage makes it, and only then ---


class Made:
    """What one output publishes of a voice."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        taken = TakenUp(room().with_(generation=1), MediaTime(0), {})
        self.output = Output(taken, News(), self.parts.append)
        self.output.start(OPUS, MediaTime(0))
        self._frames = self._said(sounds.voice(20.0, seed=3))

    def _said(self, voice: Pcm) -> Iterator[PcmFrame]:
        for at in range(0, len(voice) - FRAME_SAMPLES, FRAME_SAMPLES):
            yield PcmFrame(MediaTime(at), voice[at : at + FRAME_SAMPLES])

    def go_on(self, ticks: int) -> None:
        for _ in range(ticks):
            frame = next(self._frames)
            self.output.add(frame, WallTime(1.7e9 + frame.time / 48_000))

    def of(self, rendition: Rendition) -> list[Part]:
        return [p for p in self.parts if p.name.rendition is rendition]


def test_its_parts_stand_on_the_borders_of_those_it_stands_in_for() -> None:
    """Whoever changes from one to the other has each part once."""
    made = Made()
    made.go_on(57)
    made.output.start_in_step(SMALL, OPUS)
    assert made.output.makes(SMALL)
    made.go_on(200)
    small = made.of(SMALL)
    assert len(small) >= 7
    assert small[0].index == 0 and small[0].init and small[0].discontinuity
    assert {p.time for p in small} <= {p.time for p in made.of(OPUS)}
    size = {r: sum(len(p.payload) for p in made.of(r)) / len(made.of(r)) for r in (OPUS, SMALL)}
    assert size[SMALL] < 0.8 * size[OPUS]
    # Nobody wants it, and then somebody does again.
    made.output.stop(SMALL)
    assert not made.output.makes(SMALL)
    made.go_on(60)
    made.output.start_in_step(SMALL, OPUS)
    made.go_on(60)
    again = made.of(SMALL)[len(small) + 1 :]
    assert again[0].discontinuity and again[0].name.sequence > small[-1].name.sequence
    assert again[0].time in {p.time for p in made.of(OPUS)}


def test_it_is_not_begun_any_more_when_nobody_wants_it_before_it_could() -> None:
    made = Made()
    made.go_on(3)
    made.output.start_in_step(SMALL, OPUS)
    made.output.stop(SMALL)
    made.go_on(60)
    assert not made.of(SMALL) and not made.output.makes(SMALL)


async def test_a_stage_makes_none_until_an_edge_wants_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs nothing: there is no encoder of it."""
    begun: list[Rendition] = []
    really = process.make_encoder
    monkeypatch.setattr(process, "make_encoder", lambda r: begun.append(r) or really(r))
    monkeypatch.setattr("rostra.stage.news.LINGER_S", 2.0)
    world.start()
    await world.answering()
    await world.until(lambda: len(world.parts) > 4)
    assert begun == [OPUS, Rendition.AAC]
    await world.bus.publish_count("e", {"edge": "e", "rooms": {}, "want": [f"{ROOM}/opus16"]})
    await world.until(lambda: any(p.name.rendition is SMALL for p in world.parts))
    assert begun == [OPUS, Rendition.AAC, SMALL]
    made: list[Part] = []
    async with asyncio.timeout(10):
        while made != (made := [p for p in world.parts if p.name.rendition is SMALL]) or not made:
            await asyncio.sleep(0.8)  # more than a part's time: it has ended


# --- whole ---


async def counts(world: World, front: Front) -> None:
    while True:
        await world.bus.publish_count("e", front.counts())
        await asyncio.sleep(0.2)


async def chunks(listener: Client, seconds: float) -> bytes:
    got = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                got += await listener.chunk()
    return got


def decoded(data: bytes) -> Pcm:
    ears, heard = Ears(SMALL), []
    for item in BoxStream(FRAME_SAMPLES).feed(data):
        if isinstance(item, Init):
            ears.begin(item.data)
        elif isinstance(item, Sound):
            heard.append(ears.hear(item.frames))
    return np.concatenate(heard)


def times(data: bytes) -> list[int]:
    return [item.time for item in BoxStream(FRAME_SAMPLES).feed(data) if isinstance(item, Sound)]


async def test_newcomers_of_a_house_that_is_nearly_full_get_it_and_hear_what_is_said(world: World) -> None:
    usher = usher_of(world.settings, "e/1", 19_800)
    world.start()
    await world.answering()
    async with edge(await world.room(), admission=Doorkeeper(usher)) as running:
        front = running.front
        await world.bus.watch_rooms(front.on_record)
        await world.bus.subscribe_parts(front.on_part, ROOM)
        telling = asyncio.create_task(counts(world, front))

        async def join(path: str = "live") -> Client:
            listener = await running.client()
            listener.get(f"/r/{ROOM}/{path}")
            assert (await listener.head()).status == 200
            return listener

        def there(rendition: Rendition) -> int:
            return sum(len(c) for c in front.door.crowds(front.door.rooms[ROOM], rendition))

        voice = sounds.voice(20.0, seed=12)
        try:
            async with world.speaking(voice):
                inside = await join()
                usher.steps.step = Step.SMALL_SOUND
                front.turned(int(Step.SMALL_SOUND))
                at_once = await join()
                assert (there(OPUS), there(SMALL)) == (2, 0), "it is not there yet, and nobody waits for it"
                on_air = front.door.rooms[ROOM]
                await world.until(lambda: on_air.at_hand(SMALL, front.door.newcomer_s, front.door.now))
                late, named = await join(), await join("live?codec=opus")
                assert (there(OPUS), there(SMALL)) == (3, 1)
                assert front.counts()["want"] == [f"{ROOM}/opus16"]
                assert front.counts()["rooms"][ROOM]["push"] == 4
                took = await asyncio.gather(*(chunks(who, 5.0) for who in (inside, at_once, late, named)))
        finally:
            telling.cancel()
        heard = decoded(took[2])
        assert len(heard) > 4 * 48_000
        # When they joined depends on how busy the machine is: what was said meanwhile is in there.
        said = [voice[at * 48_000 : (at + 2) * 48_000] for at in range(2, 16)]
        assert max(same_speech(words, heard) for words in said) > 0.7
        assert len(took[2]) < 0.9 * len(took[3])
        assert set(times(took[2])) & set(times(took[3])), "both stand on the same borders"
        # The house empties: who came then keeps it, and it is wanted until they go.
        usher.steps.step = Step.OPEN
        front.turned(int(Step.OPEN))
        await join()
        assert there(SMALL) == 1
        assert front.counts()["want"] == [f"{ROOM}/opus16"]
        await late.close()
        await world.until(lambda: not front.counts()["want"])
