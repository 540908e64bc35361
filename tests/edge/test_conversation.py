"""One connection's requests and answers, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from rostra.edge import conversation
from rostra.edge.conversation import MAX_UNSENT_BYTES, Conversation
from tests.edge.making import Client, Edge, edge, stream, until

PART = "/r/demo/hls/opus/g1-p8.m4s"


@pytest.fixture
async def front() -> AsyncIterator[Edge]:
    async with edge() as running:
        running.feed(stream(8))
        yield running


def conversations(running: Edge) -> list[Conversation]:
    return [e for _, e in running.front.poller.endpoints() if isinstance(e, Conversation)]


def deaf(running: Edge) -> socket.socket:
    """A client that does not read."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", running.port))
    sock.setblocking(False)
    return sock


async def refused(client: Client, status: int) -> dict[str, object]:
    """The answer is a problem, and the connection ends."""
    answer = await client.answer()
    assert answer.status == status
    assert answer.fields["content-type"] == "application/problem+json"
    assert answer.fields["connection"] == "close"
    assert await client.ended()
    problem: dict[str, object] = json.loads(answer.body)
    assert problem["status"] == status
    assert str(problem["detail"]).endswith(".")
    return problem


async def test_keep_alive_and_close(front: Edge) -> None:
    client = await front.client()
    for _ in range(3):
        answer = await client.ask("/healthz")
        assert (answer.status, answer.body) == (200, b"ok\n")
        assert "connection" not in answer.fields
    answer = await client.ask("/healthz", "Connection: close")
    assert answer.fields["connection"] == "close"
    assert await client.ended()


async def test_http_1_0(front: Edge) -> None:
    client = await front.client()
    answer = await client.ask("/healthz", "Connection: keep-alive", version="1.0")
    assert answer.fields["connection"] == "keep-alive"
    answer = await client.ask("/healthz", version="1.0")
    assert answer.fields["connection"] == "close"
    assert await client.ended()


async def test_byte_by_byte(front: Edge) -> None:
    client = await front.client()
    for byte in b"\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":
        client.send(bytes([byte]))
        await asyncio.sleep(0.001)
    assert (await client.answer()).status == 200
    assert (await client.ask("/healthz")).status == 200


async def test_pipelined_requests_are_answered_in_order(front: Edge) -> None:
    client = await front.client()
    paths = ["/healthz", PART, "/r/none", PART, "/readyz"] * 5
    client.send("".join(f"GET {p} HTTP/1.1\r\nHost: x\r\n\r\n" for p in paths).encode())
    assert [(await client.answer()).status for _ in paths] == [200, 200, 404, 200, 200] * 5


async def test_reactions_that_come_together_are_read_once(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await front.client()
    heart, clap = (
        f"POST /r/demo/react HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        for body in ('{"r":"❤"}'.encode(), '{"r":"👏"}'.encode())
    )
    client.send(heart + clap)
    assert [(await client.answer()).status for _ in range(2)] == [204, 204]
    monkeypatch.setattr(front.front.door, "answer", None)
    client.send((heart + clap) * 10 + heart[:-3])
    assert {(await client.answer()).status for _ in range(20)} == {204}
    monkeypatch.undo()
    client.send(heart[-3:] + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [(await client.answer()).status for _ in range(2)] == [204, 200]
    assert front.front.counts()["react"] == {"demo": {"❤": 12, "👏": 11}}


async def test_pipelined_behind_one_that_waits(front: Edge) -> None:
    client = await front.client()
    client.get("/r/demo/hls/opus.m3u8?_HLS_msn=3&_HLS_part=0")
    client.get("/healthz")
    client.get(PART)
    await until(lambda: front.front.door.held == 1)
    front.feed(stream(8.5)[16:])
    answers = [await client.answer() for _ in range(3)]
    assert [a.fields["content-type"] for a in answers] == ["application/vnd.apple.mpegurl", "text/plain", "audio/mp4"]


async def test_pipelined_behind_a_push_is_ignored(front: Edge) -> None:
    client = await front.client()
    client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /r/demo/live HTTP/1.1\r\nHost: x\r\n\r\nGET /x ")
    assert (await client.answer()).body == b"ok\n"
    assert (await client.head()).fields["transfer-encoding"] == "chunked"
    assert (await client.chunk())[4:8] == b"ftyp"


async def test_what_waits_unread_is_bounded(front: Edge) -> None:
    client = await front.client()
    client.get("/r/demo/hls/opus.m3u8?_HLS_msn=3&_HLS_part=0")
    await until(lambda: front.front.door.held == 1)
    (waiting,) = conversations(front)
    asked = f"GET {PART} HTTP/1.1\r\nHost: edge\r\n\r\n".encode()
    assert (await front.ask(PART)).status == 200, "it is at hand: of that one may ask as often as one likes"
    client.send(asked * 2_000)
    await until(lambda: len(waiting._in) > conversation.MAX_UNREAD_BYTES)
    await asyncio.sleep(0.05)
    assert len(waiting._in) <= conversation.MAX_UNREAD_BYTES + 16 * 1024
    front.feed(stream(8.5)[16:])
    assert (await client.answer()).status == 200
    for _ in range(2_000):
        assert (await client.answer()).status == 200


async def test_whoever_does_not_read_is_not_answered_without_end(front: Edge) -> None:
    sock, loop = deaf(front), asyncio.get_running_loop()
    sending = asyncio.create_task(loop.sock_sendall(sock, f"GET {PART} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 1500))
    await until(lambda: any(c._out for c in conversations(front)))
    (slow,) = conversations(front)
    await asyncio.sleep(0.05)
    answered = front.front.door.requests
    await asyncio.sleep(0.05)
    assert front.front.door.requests == answered < 700
    assert len(slow._out) < MAX_UNSENT_BYTES + 16 * 1024
    answers, tail, begin = 0, b"", b"HTTP/1.1 200 OK"
    while answers < 1500:
        data = tail + await asyncio.wait_for(loop.sock_recv(sock, 1 << 20), 5)
        answers += data.count(begin)
        tail = data[-len(begin) + 1 :]
    await sending
    sock.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00", 400),
        (b"hello\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET /" + b"x" * 9000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"POST /r/demo/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    ],
)
async def test_refused(front: Edge, data: bytes, status: int) -> None:
    client = await front.client()
    client.send(data)
    await refused(client, status)


async def test_a_refusal_behind_good_requests(front: Edge) -> None:
    client = await front.client()
    client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nBREW\r\n\r\n")
    assert (await client.answer()).status == 200
    await refused(client, 400)


async def test_a_refusal_arrives_although_the_peer_goes_on_sending(front: Edge) -> None:
    client = await front.client()
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 15000\r\n\r\n" + b"x" * 15000)
    assert (await client.answer()).status == 413


async def test_whoever_sends_without_end_after_a_refusal_is_cut(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_LINGER_BYTES", 1000)
    client = await front.client()
    client.send(b"BREW\r\n\r\n")
    await client.answer()
    with pytest.raises(OSError):  # reset or broken pipe, as the kernel likes
        for _ in range(200):
            client.send(b"x" * 1000)
            await asyncio.sleep(0.005)
            await client.writer.drain()


async def test_small_body_is_read_away(front: Edge) -> None:
    client = await front.client()
    client.send(b"POST /r/demo/live HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nGET / ")
    await asyncio.sleep(0.02)
    client.send(b"HTTP/")
    answer = await client.answer()
    assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (await client.ask("/healthz")).status == 200


async def test_slow_head_is_told_and_silence_is_not(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "HEAD_TIMEOUT_S", 0.2)
    silent, slow = await front.client(), await front.client()
    for byte in b"GET /healthz HT":
        slow.send(bytes([byte]))
        await asyncio.sleep(0.01)
    await refused(slow, 408)
    assert await silent.ended()


async def test_empty_lines_buy_no_time(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "HEAD_TIMEOUT_S", 0.2)
    client = await front.client()

    async def drip() -> None:
        while True:
            client.send(b"\r\n")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    assert await client.ended()
    dripping.cancel()


async def test_idle_connections_are_closed(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "HEAD_TIMEOUT_S", 0.1)
    monkeypatch.setattr(conversation, "IDLE_TIMEOUT_S", 0.3)
    client = await front.client()
    await client.ask(PART)
    await client.ask(PART)
    assert await client.ended()


async def test_whoever_takes_no_byte_is_closed(front: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "HEAD_TIMEOUT_S", 0.1)
    monkeypatch.setattr(conversation, "WRITE_TIMEOUT_S", 0.2)
    sock = deaf(front)
    sock.send(f"GET {PART} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 200)
    await until(lambda: any(c._out for c in conversations(front)))
    await until(lambda: not conversations(front))
    sock.close()


async def test_what_is_not_at_hand_one_connection_asks_for_so_often(
    front: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "REQUESTS_AT_ONCE", 10.0)
    monkeypatch.setattr(conversation, "REQUESTS_S", 20.0)
    client = await front.client()
    for _ in range(50):
        assert (await client.ask(PART)).status == 200
    for _ in range(9):
        assert (await client.ask("/healthz")).status == 200
    await asyncio.sleep(0.5)
    for _ in range(9):
        assert (await client.ask("/healthz")).status == 200, "that was a while ago"
    client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
    answers = [await client.answer()]
    while answers[-1].status == 200:
        answers.append(await client.answer())
    assert len(answers) < 15
    assert (answers[-1].status, answers[-1].fields["retry-after"]) == (429, "2")
    assert "one connection" in json.loads(answers[-1].body)["detail"]
    assert await client.ended()
    assert (await front.ask("/healthz")).status == 200


async def test_a_proxy_asks_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "REQUESTS_AT_ONCE", 1.0)
    async with edge(trusted_proxies=("127.0.0.0/8",)) as running:
        proxy = await running.client()
        for n in range(20):
            assert (await proxy.ask("/healthz", f"X-Forwarded-For: 192.0.2.{n}")).status == 200


async def test_truncated_and_reset(front: Edge) -> None:
    cut, reset = await front.client(), await front.client()
    cut.send(b"GET /healthz HTTP/1.1\r\n")
    cut.writer.write_eof()
    assert await cut.ended()
    reset.send(b"GET /healthz HT")
    await until(lambda: any(c._in for c in conversations(front)))
    sock = reset.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await reset.close()
    await until(lambda: not conversations(front))


async def test_whoever_leaves_while_waiting_waits_no_more(front: Edge) -> None:
    client = await front.client()
    client.get("/r/demo/hls/opus.m3u8?_HLS_msn=3&_HLS_part=0")
    await until(lambda: front.front.door.held == 1)
    await client.close()
    await until(lambda: front.front.door.held == 0)
    assert not conversations(front)


async def test_half_closed_with_a_request_is_answered(front: Edge) -> None:
    client = await front.client()
    client.get("/healthz")
    client.writer.write_eof()
    assert (await client.answer()).status == 200
    assert await client.ended()


async def test_hot_answers_are_those_of_the_long_way(front: Edge) -> None:
    client = await front.client()
    first = await client.ask(PART)
    hot = await client.ask(PART)
    assert (hot.body, hot.fields) == (first.body, first.fields)
    assert f"GET {PART} HTTP/1.1".encode() in front.front.door.hot
    # The same line with fields that change the answer takes the long way.
    assert (await client.ask(PART, "Range: bytes=0-3")).status == 206
    assert (await client.ask(PART, method="HEAD")).fields == first.fields
    client.send(f"GET {PART} HTTP/1.1\r\n\r\n".encode())
    await refused(client, 400)
    asked = front.front.door.requests
    assert asked == 4


async def test_welcomes_are_hot_until_the_next_flush(front: Edge) -> None:
    line = b"GET /r/demo/live HTTP/1.1"
    clients = [await front.client() for _ in range(3)]
    for client in clients:
        client.get("/r/demo/live")
        await client.head()
        await client.chunk()
    assert line in front.front.door.hot
    front.feed(stream(8.5)[16:])
    assert line not in front.front.door.hot
    parts = stream(8.5)
    for client in clients:
        assert [await client.chunk() for _ in range(3)] == [p.body for p in parts[-3:]]
