from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rostra.edge import errands as errands_module
from rostra.edge.answers import Answer
from rostra.edge.conversation import HELD
from rostra.edge.errands import Errands
from rostra.errors import BusUnavailable, Conflict, Full

WHO: Any = "a conversation"
DONE = Answer(202, b"")


async def came(fault: BaseException | None = None, took_s: float = 0.0) -> Answer:
    """The answer to an errand that ends like this."""
    answers: list[Answer] = []
    errands = Errands(lambda who, answer: answers.append(answer))

    async def errand() -> Answer:
        await asyncio.sleep(took_s)
        if fault:
            raise fault
        return DONE

    assert errands.send(WHO, errand) is HELD
    assert not answers
    while errands._tasks:
        await asyncio.sleep(0.005)
    (answer,) = answers
    return answer


async def test_the_answer_comes_when_it_is_done() -> None:
    assert await came() is DONE


async def test_a_refusal_is_told() -> None:
    assert (await came(Conflict("Taken."))).status == 409


async def test_a_bus_that_is_away_is_told_with_when_to_come_back() -> None:
    answer = await came(BusUnavailable("The bus is away."))
    assert answer.status == 503
    assert b"Retry-After: 2\r\n" in answer.render(b"")
    assert b"no-store" in answer.render(b"")


async def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands_module, "TIMEOUT_S", 0.02)
    answer = await came(took_s=5)
    assert answer.status == 503
    assert b"Retry-After" in answer.render(b"")


async def test_a_mistake_of_ours_is_no_silence(caplog: pytest.LogCaptureFixture) -> None:
    assert (await came(KeyError("x"))).status == 503
    assert "an errand failed" in caplog.text


async def test_only_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands_module, "MAX_UNDER_WAY", 3)
    errands, gate = Errands(lambda who, answer: None), asyncio.Event()

    async def errand() -> Answer:
        await gate.wait()
        return DONE

    for _ in range(3):
        errands.send(WHO, errand)
    with pytest.raises(Full):
        errands.send(WHO, errand)
    gate.set()
    while len(errands):
        await asyncio.sleep(0.005)
    errands.send(WHO, errand)
    errands.stop()
    await asyncio.sleep(0.01)
    assert not len(errands)
