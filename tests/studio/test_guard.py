"""The guard in front of an application of the test's own."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.types import Message

from rostra.studio import guard, problems
from rostra.studio.guard import MAX_BODY_BYTES, Guard


def application(requests: Counter[tuple[str, int]]) -> Guard:
    app = FastAPI()
    problems.install(app)

    @app.post("/")
    async def echo(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.post("/parsed")
    async def parsed(body: dict[str, Any]) -> dict[str, int]:
        return {"keys": len(body)}

    return Guard(app, requests)


async def test_bodies_are_bounded_however_they_come() -> None:
    requests: Counter[tuple[str, int]] = Counter()

    async def pieces() -> Any:
        for _ in range(20):
            yield b"x" * 4096

    async with httpx.AsyncClient(transport=httpx.ASGITransport(application(requests)), base_url="http://t") as client:
        assert (await client.post("/", content=b"x" * MAX_BODY_BYTES)).json() == {"bytes": MAX_BODY_BYTES}
        for content in (b"x" * (MAX_BODY_BYTES + 1), pieces()):
            answer = await client.post("/", content=content)
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"
        big = b'{"a":"' + b"x" * MAX_BODY_BYTES + b'"}'
        answer = await client.post("/parsed", content=big, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
    assert requests == {("POST", 200): 1, ("POST", 413): 3}


async def test_a_body_that_does_not_arrive_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_WITHIN_S", 0.1)
    sent: list[Message] = []
    first = True

    async def receive() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"x", "more_body": True}
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [],
             "http_version": "1.1", "scheme": "http", "server": ("t", 80), "client": ("t", 1)}  # fmt: skip
    await application(Counter())(scope, receive, send)
    assert sent[0]["status"] == 408


async def test_every_answer_carries_what_browsers_should_know() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application(Counter())), base_url="http://t") as client:
        for path in ("/", "/nothing"):
            headers = (await client.post(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
