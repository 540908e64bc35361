"""What the connection does when things go wrong."""

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from rostra.bus import connection as module
from rostra.bus.connection import Connection
from rostra.bus.server import NatsServer
from rostra.errors import BusUnavailable, Full


async def opened(server: NatsServer) -> Connection:
    connection = Connection(server.url, "test")
    async with asyncio.timeout(10):
        await connection.open()
    return connection


async def until(condition: Any, timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_server_that_is_stopped_in_its_tracks_counts_as_gone_and_holds_nobody_up(server: NatsServer) -> None:
    connection = await opened(server)
    lost: list[float] = []
    connection.on_disconnect.append(lambda: lost.append(time.monotonic()))
    os.kill(server.pid, signal.SIGSTOP)
    try:
        refused = 0
        while not lost:
            try:
                await asyncio.wait_for(connection.publish("x", b"y" * 100_000), 1.0)
            except BusUnavailable:
                refused += 1
            await asyncio.sleep(0.005)
        assert refused, "what is unsent is bounded"
    finally:
        os.kill(server.pid, signal.SIGCONT)
    await until(lambda: connection.connected)
    await connection.close()


async def test_requests_beyond_the_bound_are_told_to_come_back(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CALLS", 2)
    connection = await opened(server)
    gate = asyncio.Event()

    async def handler(_: dict[str, Any]) -> dict[str, Any]:
        await gate.wait()
        return {"ok": 1}

    await connection.serve("slow", handler)
    held = [asyncio.create_task(connection.request("slow", {}, 5.0)) for _ in range(2)]
    await asyncio.sleep(0.1)
    with pytest.raises(Full):
        await connection.request("slow", {}, 5.0)
    gate.set()
    assert await asyncio.gather(*held) == [{"ok": 1}, {"ok": 1}]
    await connection.close()


async def test_a_subscriber_that_is_too_slow_is_told(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_MESSAGES", 4)
    connection = await opened(server)
    overflowed: list[int] = []
    connection.on_overflow.append(lambda: overflowed.append(1))
    gate = asyncio.Event()

    async def slow(_: Any) -> None:
        await gate.wait()

    await connection.subscribe("x", slow)
    for _ in range(50):
        await connection.publish("x", b"1")
    await until(lambda: overflowed)
    gate.set()
    await connection.close()


async def test_of_those_who_share_a_queue_one_gets_each_message(server: NatsServer) -> None:
    connection = await opened(server)
    got: list[int] = []

    async def note(_: Any) -> None:
        got.append(1)

    for _ in range(3):
        await connection.subscribe("x", note, queue="workers")
    for _ in range(20):
        await connection.publish("x", b"1")
    await connection.flush()
    await until(lambda: len(got) >= 20)
    await asyncio.sleep(0.05)
    assert len(got) == 20
    await connection.close()


async def test_answers_that_are_none(server: NatsServer) -> None:
    connection = await opened(server)

    async def odd(message: Any) -> None:
        await connection.publish(message.reply, b"[1]" if message.data == b'{"n":1}' else b"}{")

    await connection.subscribe("odd", odd)
    for body in ({"n": 1}, {"n": 2}):
        with pytest.raises(Exception, match="answered with something that is not"):
            await connection.request("odd", body, 2.0)
    await connection.close()


async def test_what_cannot_be_read_is_answered_and_what_wants_no_answer_ignored(server: NatsServer) -> None:
    connection = await opened(server)

    async def handler(body: dict[str, Any]) -> dict[str, Any]:
        return body

    await connection.serve("s", handler)
    await connection.publish("s", b"{}")
    for raw in (b"", b"[]", b"\xff", b"7"):
        answer = await connection.call_raw("s", raw, 2.0)
        assert b'"problem"' in answer.data
    await connection.close()


async def test_hooks_that_fail_do_not_keep_others_from_being_called(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await opened(server)
    told: list[str] = []

    def fails() -> None:
        raise RuntimeError("a bug")

    async def awaited() -> None:
        told.append("async")

    connection.on_reconnect += [fails, awaited, lambda: told.append("plain")]
    await server.kill()
    await until(lambda: not connection.connected)
    await server.start()
    await until(lambda: told == ["async", "plain"])
    assert "a hook of the bus failed" in caplog.text
    await connection.close()
    with pytest.raises(BusUnavailable):
        await connection.publish("x", b"")
