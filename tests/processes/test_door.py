"""A small house with two doors, and more people than places: the line, the challenge, and an edge that dies.

Everyone comes from a network of their own: of one address no more than four come in before others at a house so small.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest

from rostra.bus import Bus
from rostra.bus.server import NatsServer
from rostra.wire.emsg import read_events
from rostra.wire.listeners import EdgeNotice
from rostra.wire.passes import Line, peek
from tests.edge.making import Answered, Client, room, stream
from tests.processes.paying import QUICK, solved
from tests.processes.test_edge import running

PLACES = 4


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    bus = await Bus.connect(server.url, "test")
    await bus.create_room(room())
    await bus.publish_part("demo", stream(0.5)[0])
    yield bus
    await bus.close()


def people() -> Iterator[str]:
    """Addresses of this machine in which no network is there twice (ip(7): all of 127.0.0.0/8 are)."""
    return (f"127.{n}.0.1" for n in range(1, 255))


async def person(port: int, address: str) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))


async def ask(port: int, path: str, address: str = "127.0.0.1") -> Answered:
    asking = await person(port, address)
    answer = await asking.ask(path)
    await asking.close()
    return answer


async def tell(port: int, body: Any, path: str = "/r/demo/door", address: str = "127.0.0.1") -> Answered:
    asking = await person(port, address)
    answer = await asking.tell(path, body)
    await asking.close()
    return answer


async def waiting(port: int) -> int:
    """How many wait, as all are told."""
    ahead = json.loads((await ask(port, "/r/demo/state")).body).get("ahead", {})
    return int(ahead["late"][-1][1]) if "late" in ahead else 0


async def number(port: int, address: str = "127.0.0.1") -> str:
    """A pass, for a little work."""
    answer = await tell(port, {}, address=address)
    assert answer.status == 428, answer.body
    answer = await tell(port, {"answer": solved(json.loads(answer.body)["challenge"])}, address=address)
    assert answer.status == 200, answer.body
    return str(json.loads(answer.body)["pass"])


async def listens(port: int, pass_: str = "", address: str = "127.0.0.1") -> tuple[Client, Answered]:
    listener = await person(port, address)
    listener.get("/r/demo/live", *([f"Cookie: a=b; w-demo={pass_}"] if pass_ else []))
    return listener, await listener.head()


async def comes_in(port: int, pass_: str, within_s: float = 20.0) -> Client:
    async with asyncio.timeout(within_s):
        while True:
            listener, answer = await listens(port, pass_)
            if answer.status == 200:
                return listener
            assert answer.status == 503
            assert int(answer.fields["retry-after"]) >= 1
            await listener.close()
            await asyncio.sleep(0.3)


async def said(listener: Client, kind: str, name: str) -> float:
    """What the next notice of that kind says."""
    async with asyncio.timeout(10):
        while True:
            for event in read_events(await listener.chunk()):
                if isinstance(event, EdgeNotice) and event.kind == kind and name in event.values:
                    return event.values[name]


async def refused(port: int, pass_: str = "") -> bool:
    listener, answer = await listens(port, pass_)
    await listener.close()
    return answer.status == 503


async def fill(port: int, coming: Iterator[str]) -> list[Client]:
    """Until the house is full."""
    inside: list[Client] = []
    async with asyncio.timeout(15):
        while True:
            listener, answer = await listens(port, address=next(coming))
            if answer.status != 200:
                await listener.close()
                return inside
            inside.append(listener)
            await asyncio.sleep(0.02)


SMALL = {**os.environ, **QUICK, "ROSTRA_DOOR_PLACES": str(PLACES)}


async def test_the_house_fills_and_empties_and_the_line_moves(server: NatsServer, bus: Bus) -> None:
    async with running("--nats", server.url, env=SMALL) as (_, port):
        coming = people()
        inside = await fill(port, coming)
        assert len(inside) == PLACES
        answer = await ask(port, "/r/demo/live")
        assert answer.status == 503
        assert json.loads(answer.body)["door"] == "/r/demo/door"
        first = await number(port, next(coming))
        await asyncio.sleep(0.5)  # numbers of a quarter of a second are counted together
        second = await number(port, next(coming))
        assert peek(first)[0] is Line.LATE
        await asyncio.sleep(2)
        state = json.loads((await ask(port, "/r/demo/state")).body)
        assert state["door"]["step"] == "waiting"
        assert state["ahead"]["late"][-1][1] == 2
        assert state["start"] > 0
        assert len(state["seed"]) == 32
        assert await refused(port, second)

        await inside.pop().close()
        listener = await comes_in(port, first)
        assert await refused(port, second), "there was one place"
        metrics = (await ask(port, "/metrics")).body.decode()
        assert 'rostra_door_step{step="waiting"} 1' in metrics
        assert 'outcome="numbered"' in metrics

        again, answer = await listens(port, first)  # another phone with the same pass
        if answer.status == 503:
            await again.close()
            again = await comes_in(port, first)
        assert await ends(listener)
        for each in (*inside, listener, again):
            await each.close()


async def ends(listener: Client) -> bool:
    async with asyncio.timeout(10):
        while await listener.reader.read(65536):
            pass
    return True


async def test_whoever_was_in_without_a_pass_comes_in_again(server: NatsServer, bus: Bus) -> None:
    async with running("--nats", server.url, env=SMALL) as (_, port):
        coming = people()
        inside = await fill(port, coming)
        word = int(await said(inside[0], "door", "inside"))
        answer = await tell(port, {"inside": word})
        assert answer.status == 200
        assert (await tell(port, {"inside": word ^ 1})).status == 428
        waits = await number(port, next(coming))
        await inside.pop(0).close()
        back = await comes_in(port, json.loads(answer.body)["pass"])
        assert peek(waits)[0] is Line.LATE
        for each in (*inside, back):
            await each.close()


async def test_an_edge_dies_and_the_line_goes_on(server: NatsServer, bus: Bus) -> None:
    async with (
        running("--nats", server.url, env=SMALL) as (dying, one),
        running("--nats", server.url, env=SMALL) as (_, other),
    ):
        coming = people()
        inside = [await fill(one, coming), await fill(other, coming)]
        passes = [await number(one, next(coming)) for _ in range(3)]
        async with asyncio.timeout(10):
            while await waiting(other) < 3:
                await asyncio.sleep(0.1)
        dying.kill()
        await dying.wait()
        for listener in inside[1][:3]:
            await listener.close()
        come = await asyncio.gather(*(comes_in(other, each, 30) for each in passes))
        for each in (*come, *inside[0], *inside[1]):
            await each.close()


class Person:
    """Somebody with a page: comes, waits in line, comes in when called, and comes again when refused."""

    def __init__(self, address: str, ports: tuple[int, ...]) -> None:
        self.address, self.ports = address, ports
        self.pass_ = ""
        self.inside: Client | None = None
        self.entered = 0.0
        self.lost = self.goes_home = False

    async def come(self, first: int) -> None:
        """Until they are in. The kernel gives each of their connections to some edge: here, one after the other."""
        ports = itertools.cycle(self.ports[first:] + self.ports[:first])
        while not self.goes_home:
            port = next(ports)
            listener, answer = await listens(port, self.pass_, self.address)
            if answer.status == 200:
                self.inside, self.entered = listener, time.monotonic()
                return
            await listener.close()
            if not self.pass_:
                self.pass_ = await number(port, self.address)
            await asyncio.sleep(0.4)

    async def stay(self) -> None:
        """To the end. Whoever is in stays in."""
        assert self.inside is not None
        while await self.inside.reader.read(65536):
            pass
        self.lost = True


def all_go_home(crowd: Iterable[Person]) -> None:
    for each in crowd:
        each.goes_home = True


@pytest.mark.parametrize("edges", [1, 2])
async def test_three_times_what_fits(server: NatsServer, bus: Bus, edges: int) -> None:
    """Ten seconds after the first of them every place is taken, and stays so; nobody who is in is sent out; and when
    some go, those come in who have waited for the longest."""
    async with contextlib.AsyncExitStack() as house:
        doors = [await house.enter_async_context(running("--nats", server.url, env=SMALL)) for _ in range(edges)]
        ports = tuple(port for _, port in doors)
        crowd = [Person(address, ports) for address in itertools.islice(people(), 3 * PLACES * edges)]
        house.callback(all_go_home, crowd)
        coming = []
        begun = time.monotonic()
        for i, each in enumerate(crowd):
            coming.append(asyncio.create_task(each.come(i % edges)))
            await asyncio.sleep(0.3 if i >= PLACES * edges else 0.02)
        async with asyncio.timeout(max(0.1, begun + 10 - time.monotonic())):
            while sum(each.inside is not None for each in crowd) < PLACES * edges:
                await asyncio.sleep(0.05)
        staying = [asyncio.create_task(each.stay()) for each in crowd if each.inside]
        await asyncio.sleep(2)
        assert sum(each.inside is not None for each in crowd) == PLACES * edges
        assert not any(each.lost for each in crowd)
        waiting = sorted((each for each in crowd if not each.inside), key=lambda one: peek(one.pass_)[1])
        assert all(peek(each.pass_)[0] is Line.LATE for each in waiting)

        gone = 2 * edges
        for task in staying[:gone]:
            task.cancel()
        for each in [one for one in crowd if one.inside][:gone]:
            assert each.inside is not None
            await each.inside.close()
        async with asyncio.timeout(10):
            while sum(each.inside is not None for each in waiting) < gone:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        assert {waiting.index(each) for each in waiting if each.inside} == set(range(gone))
        assert not any(each.lost for each in crowd)
        all_go_home(crowd)
        for task in staying:
            task.cancel()
        await asyncio.gather(*coming, *staying, return_exceptions=True)
        for each in crowd:
            if each.inside is not None:
                await each.inside.close()
