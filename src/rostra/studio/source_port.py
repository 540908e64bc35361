"""The source port: reads the head of an Icecast source client and hands its very socket to the room's stage.

The body never comes here, so that a studio that is killed or restarted is heard by nobody. What the client is told
once it is handed over, refusals included, the stage says (docs/topics/path.md).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from rostra.errors import BadToken, RostraError, StageUnavailable, TooMany
from rostra.permissions import Action
from rostra.studio.limits import GUESSES, Buckets, Rate, household
from rostra.studio.rights import Entrance
from rostra.studio.rooms import Rooms
from rostra.unixpath import short
from rostra.wire.handover import MAX_REST_BYTES, Handover, encode_handover
from rostra.wire.source_head import MAX_HEAD_BYTES, SourceHead, head_end, parse_source_head
from rostra.wire.tokens import Claims

log = logging.getLogger("rostra.studio.source")

HEAD_WITHIN_S = 5.0

MAX_WAITING = 64
"""Clients whose head is being read. A room has 32 seats at most, and heads arrive in one packet. Past it, a new one
takes the place of the one that has waited longest of those whose head has not come, or who were refused."""

MAX_OF_ADDRESS = 8
"""Of these from one address (an IPv6 /64), so that one who opens connections and says nothing, or guesses links, leaves
places for everyone else."""

BACKLOG = 64

HANDOVER_WITHIN_S = 1.0

READ_BYTES = 4096

_REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 410: "Gone",
            413: "Content Too Large", 415: "Unsupported Media Type", 429: "Too Many Requests",
            503: "Service Unavailable"}  # fmt: skip


def stage_socket(data: Path, room: str) -> Path:
    """Where the stage of ``room`` takes handed-over clients."""
    return data / "run" / f"stage-{room}.sock"


class SourcePort:
    """``listening`` is bound and listening. One task a client until it is handed over or refused."""

    def __init__(
        self, listening: socket.socket, data: Path, rooms: Rooms, entrance: Entrance, outcomes: Counter[str],
        *, guesses: Rate = GUESSES, clock: Callable[[], float] = monotonic,
    ) -> None:  # fmt: skip
        self._listening = listening
        self._data = data
        self._rooms = rooms
        self._entrance = entrance
        self._outcomes = outcomes
        self._guesses, self._clock = Buckets(guesses), clock
        self._clients: set[asyncio.Task[None]] = set()
        self._may_go: dict[asyncio.Task[None], None] = {}
        """Of them those whose head has not come yet or who were refused, the longest first."""
        self._of: Counter[bytes] = Counter()
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._listening.setblocking(False)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def stop(self) -> None:
        tasks = [t for t in (self._accepting, *self._clients) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listening.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(self._listening)
            except OSError as e:  # no descriptor left, or it hung up before we came
                log.warning("a source client could not be accepted: %s", e)
                await asyncio.sleep(0.1)
                continue
            place = household(address)
            if self._of[place] >= MAX_OF_ADDRESS or (len(self._clients) >= MAX_WAITING and not self._make_room()):
                self._outcomes["busy"] += 1
                client.close()
                continue
            self._of[place] += 1
            task = loop.create_task(self._serve(client, place))
            self._clients.add(task)
            self._may_go[task] = None
            task.add_done_callback(lambda done, place=place: self._left(done, place))  # type: ignore[misc]

    def _make_room(self) -> bool:
        longest = next(iter(self._may_go), None)
        if longest is None:
            return False
        del self._may_go[longest]
        longest.cancel()
        self._outcomes["busy"] += 1
        return True

    def _left(self, task: asyncio.Task[None], place: bytes) -> None:
        self._clients.discard(task)
        self._may_go.pop(task, None)
        self._of[place] -= 1
        if not self._of[place]:
            del self._of[place]

    async def _serve(self, client: socket.socket, place: bytes) -> None:
        """Whatever happens, our copy of the socket is closed; the stage has its own if it was handed over."""
        client.setblocking(False)
        with client:
            try:
                await self._hand_over(client, place)
                self._outcomes["handed"] += 1
            except RostraError as e:
                self._outcomes[e.slug] += 1
                if (task := asyncio.current_task()) is not None:
                    self._may_go[task] = None
                await _refuse(client, e)
            except (OSError, TimeoutError):
                self._outcomes["vanished"] += 1
            except Exception:
                log.exception("a source client could not be served")

    async def _link(self, head: SourceHead, place: bytes) -> Claims:
        """Guessing is as slow here as at the API. Who has a link of ours is not held up by their neighbours."""
        now = self._clock()
        if (wait := self._guesses.wait(place, now)) > 0 and not self._entrance.rights.made(f"Bearer {head.token}"):
            raise TooMany("Too many links that are none came from your network. Wait a little.", wait)
        try:
            return await self._entrance.link(head.token, head.room, Action.SPEAK)
        except BadToken:
            self._guesses.take(place, now)
            raise

    async def _hand_over(self, client: socket.socket, place: bytes) -> None:
        async with asyncio.timeout(HEAD_WITHIN_S):
            data, end = await _read_head(client)
        if (task := asyncio.current_task()) is not None:
            self._may_go.pop(task, None)
        head = parse_source_head(data[:end])
        claims = await self._link(head, place)
        await self._rooms.enter(head.room, claims.role)
        message = encode_handover(Handover(head, data[end:]))
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, _give, stage_socket(self._data, head.room), message, client, head.room)
        log.info("room %s: a source client of a %s was handed to the stage", head.room, claims.role.value)


async def _read_head(client: socket.socket) -> tuple[bytes, int]:
    """What was read, and where the head in it ends. :raises TooLarge: no head ends within 8 KiB."""
    loop = asyncio.get_running_loop()
    data = b""
    while (end := head_end(data)) is None:
        more = await loop.sock_recv(client, READ_BYTES)
        if not more:
            raise OSError("gone before its head was whole")
        data += more
    assert len(data) <= MAX_HEAD_BYTES + READ_BYTES <= MAX_REST_BYTES
    return data, end


def _give(path: Path, message: bytes, client: socket.socket, room: str) -> None:
    """Blocking, for at most a second: a local connection and one message.

    :raises StageUnavailable: the stage does not take it.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as way, short(path) as name:
            way.settimeout(HANDOVER_WITHIN_S)
            way.connect(name)
            sent = socket.send_fds(way, [message], [client.fileno()])
            # Even nothing, sent to a stage that has it all and has hung up, would be an error.
            if rest := message[sent:]:
                way.sendall(rest)
    except OSError as e:
        raise StageUnavailable(f"The stage of room {room} does not take source clients at the moment: {e}.") from e


async def _refuse(client: socket.socket, error: RostraError) -> None:
    """A plain answer that encoders show; they know HTTP/1.0 at best."""
    extra = 'WWW-Authenticate: Basic realm="rostra"\r\n' if isinstance(error, BadToken) else ""
    body = f"{error}\n".encode()
    head = (
        f"HTTP/1.0 {error.status} {_REASONS.get(error.status, 'Error')}\r\n{extra}"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(1.0):
            await loop.sock_sendall(client, head.encode() + body)
            client.shutdown(socket.SHUT_WR)
            # What it still sends must be read, or the kernel answers with a reset that destroys ours on its way.
            for _ in range(64):
                if not await loop.sock_recv(client, READ_BYTES):
                    return
    except (OSError, TimeoutError):
        return
