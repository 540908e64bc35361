"""Pictures over real sockets, from a bus that keeps them."""

from __future__ import annotations

import pytest

from rostra.edge import gallery as gallery_module
from rostra.edge import shelf as shelf_module
from rostra.errors import BusUnavailable
from tests.edge.making import Kept, edge, until

NAME = "0123456789abcdef" * 2 + ".webp"


async def test_a_crowd_costs_the_bus_one_question() -> None:
    kept = Kept()
    kept.pictures[NAME] = b"RIFF picture"
    kept.gate.clear()
    async with edge(carrier=kept) as running:
        clients = [await running.client() for _ in range(20)]
        for client in clients:
            client.get(f"/p/{NAME}")
        await until(lambda: running.front.door.held == 20)
        kept.gate.set()
        answers = [await c.answer() for c in clients]
        assert {a.body for a in answers} == {b"RIFF picture"}
        assert {a.fields["content-type"] for a in answers} == {"image/webp"}
        assert "immutable" in answers[0].fields["cache-control"]
        assert (await running.ask(f"/p/{NAME}")).status == 200
        head = await running.ask(f"/p/{NAME}", method="HEAD")
        assert (head.status, head.fields["content-length"]) == (200, "12")
        assert kept.asked == [NAME]


async def test_one_that_is_missing_is_not_asked_for_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    async with edge(carrier=kept) as running:
        for _ in range(3):
            answer = await running.ask(f"/p/{NAME}")
            assert (answer.status, answer.fields["content-type"]) == (404, "application/problem+json")
        assert kept.asked == [NAME]
        monkeypatch.setattr(shelf_module, "MISSING_S", 0.0)
        running.front.door.gallery.shelf._missing.clear()
        kept.pictures[NAME] = b"now"
        assert (await running.ask(f"/p/{NAME}")).body == b"now"


async def test_a_bus_that_is_away_is_asked_again() -> None:
    kept = Kept()
    kept.pictures[NAME] = b"x"
    kept.fault = BusUnavailable("The bus is away.")
    async with edge(carrier=kept) as running:
        answer = await running.ask(f"/p/{NAME}")
        assert (answer.status, answer.fields["retry-after"]) == (503, "2")
        kept.fault = None
        assert (await running.ask(f"/p/{NAME}")).status == 200


async def test_only_so_many_are_fetched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_module, "MAX_FETCHED_AT_ONCE", 2)
    kept = Kept()
    kept.gate.clear()
    async with edge(carrier=kept) as running:
        for n in range(2):
            (await running.client()).get(f"/p/{n:032x}.png")
        await until(lambda: running.front.door.held == 2)
        assert (await running.ask(f"/p/{9:032x}.png")).status == 503
        kept.gate.set()
        await until(lambda: running.front.door.held == 0)


async def test_who_leaves_is_not_waited_for() -> None:
    kept = Kept()
    kept.gate.clear()
    async with edge(carrier=kept) as running:
        client = await running.client()
        client.get(f"/p/{NAME}")
        await until(lambda: running.front.door.held == 1)
        await client.close()
        await until(lambda: running.front.door.held == 0)
        kept.gate.set()


@pytest.mark.parametrize("path", ["/p/", "/p/x.png", "/p/../keys/link.key", f"/p/{NAME}.svg", f"/p/{'0' * 32}.svg"])
async def test_other_names_are_none(path: str) -> None:
    kept = Kept()
    async with edge(carrier=kept) as running:
        assert (await running.ask(path)).status == 404
    assert kept.asked == []


async def test_without_a_bus_it_says_so() -> None:
    async with edge() as running:
        assert (await running.ask(f"/p/{NAME}")).status == 503
