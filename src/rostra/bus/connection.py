"""A NATS connection that never gives up.

nats-py reconnects by itself, but closes for good when the server sends an error it cannot place, and where the socket
is stuck its publisher waits without limit, and so does its reconnecting. So this keeps what was subscribed, makes a new
client whenever the old one closed, refuses to publish into a stuck socket, and drops a socket rather than wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from rostra.bus.problems import error_of, problem_of, silence
from rostra.errors import BusUnavailable, Full, RostraError

log = logging.getLogger("rostra.bus")

Hook = Callable[[], Awaitable[None] | None]
MessageHandler = Callable[[Msg], Awaitable[None]]
CallHandler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

RECONNECT_FIRST_S = 0.25
RECONNECT_MOST_S = 2.0
"""Between attempts; many edges lose the bus at once, so each draws its own delay."""

PING_EVERY_S = 1
PINGS_MISSED = 3
"""A server that is there but silent (stopped, swapped out) counts as gone after 3 s."""

MAX_UNSENT_BYTES = 4 * 1024 * 1024
"""What waits for a socket that does not take it: 3 s of parts of hundreds of rooms, less than it takes to notice."""

MAX_WAITING_MESSAGES = 8192
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""What waits for a subscriber of ours: a minute of parts of 20 rooms. Past it, messages are dropped and we say so."""

MAX_CALLS = 64
"""Requests answered at once by one process; more is a fault of the caller, who is told to come back."""

CLOSE_TIMEOUT_S = 1.0


class _Client(Client):
    """nats-py 2.16 with one difference: before it reconnects it drops the old socket. It would wait until what is
    unsent has gone out, which a server that was stopped in its tracks never takes."""

    async def _attempt_reconnect(self) -> None:
        self.abort()
        await super()._attempt_reconnect()

    def abort(self) -> None:
        writer = getattr(self._transport, "_io_writer", None)
        if isinstance(writer, asyncio.StreamWriter):
            writer.transport.abort()


@dataclass(eq=False)
class Subscribed:
    """A subscription that outlives the client it was made on."""

    subject: str
    handler: MessageHandler
    queue: str = ""
    current: Subscription | None = field(default=None, repr=False)


class Connection:
    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self._name = name
        self._client: _Client | None = None
        self._subscribed: list[Subscribed] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls = 0
        self._attempt = 0
        self._closing = False
        self._greeting: asyncio.Task[None] | None = None
        self.first_on_reconnect: list[Hook] = []
        """Run before the public hooks: the bus sets its own house in order."""
        self.on_disconnect: list[Hook] = []
        self.on_reconnect: list[Hook] = []
        self.on_overflow: list[Hook] = []
        """A subscriber of ours was too slow and messages were dropped."""

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    @property
    def has_room(self) -> bool:
        """Whether what is published now will go out, rather than wait behind a stuck socket."""
        return self._client is not None and self.connected and self._client.pending_data_size < MAX_UNSENT_BYTES

    async def open(self) -> None:
        """Connects, and tries until it can."""
        self._client = await self._connect()

    async def close(self) -> None:
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        if self._client is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._client.close()
            except (TimeoutError, OSError, nats.errors.Error):
                self._client.abort()

    async def _connect(self) -> _Client:
        client = _Client()
        self._attempt = 0
        await client.connect(
            self.url,
            name=self._name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            reconnect_time_wait=RECONNECT_FIRST_S,  # type: ignore[arg-type]  # it only ever sleeps that long
            connect_timeout=2,
            max_reconnect_attempts=-1,
            reconnect_to_server_handler=self._next_server,
            ping_interval=PING_EVERY_S,
            max_outstanding_pings=PINGS_MISSED,
            pending_size=2 * MAX_UNSENT_BYTES,
            flush_timeout=1.0,
        )
        return client

    def _next_server(self, servers: list[Any], _info: dict[str, Any]) -> tuple[Any, float]:
        """Which server next, and after how long: full jitter below a ceiling that doubles."""
        ceiling = min(RECONNECT_MOST_S, RECONNECT_FIRST_S * 2**self._attempt)
        self._attempt = min(self._attempt + 1, 8)
        return random.choice(servers), random.uniform(RECONNECT_FIRST_S / 2, ceiling)

    # nats-py's callbacks. They run inside its own tasks, which end when one raises: so they only ever start others.

    async def _on_error(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            log.warning("the bus brings more than we take: messages on %s were dropped", error.subject)
            self.spawn(self._run(self.on_overflow))
        else:
            log.debug("bus: %s", error or type(error).__name__)

    async def _on_disconnected(self) -> None:
        if not self._closing:
            log.warning("the bus is gone (%s); trying until it is back", self.url)
            self.spawn(self._run(self.on_disconnect))

    async def _on_reconnected(self) -> None:
        self._attempt = 0
        if self._greeting is not None:
            self._greeting.cancel()
        self._greeting = self.spawn(self._greet())

    async def _on_closed(self) -> None:
        if not self._closing:
            self.spawn(self._replace())

    async def _replace(self) -> None:
        """A new client for one that closed for good, with everything that was subscribed."""
        await asyncio.sleep(random.uniform(RECONNECT_FIRST_S, RECONNECT_MOST_S))
        try:
            self._client = await self._connect()
            for subscribed in self._subscribed:
                await self._attach(subscribed)
        except (nats.errors.Error, OSError) as e:
            log.warning("the bus does not take us back yet: %s", e)
            self.spawn(self._replace())
            return
        await self._on_reconnected()

    async def _greet(self) -> None:
        log.info("the bus is back (%s)", self.url)
        await self._run(self.first_on_reconnect)
        await self._run(self.on_reconnect)

    async def _run(self, hooks: list[Hook]) -> None:
        for hook in list(hooks):
            try:
                result = hook()
                if inspect.isawaitable(result):
                    await result
            except RostraError as e:
                log.warning("after a change of the bus: %s", e)
            except Exception:
                log.exception("a hook of the bus failed")

    def spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Publishing and subscribing.

    async def publish(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, reply: str = ""
    ) -> None:
        """:raises BusUnavailable: at once, if it could not go out now."""
        if self._client is None or not self.has_room:
            raise BusUnavailable("The bus is not connected at the moment. Try again in a few seconds.")
        try:
            await self._client.publish(subject, payload, reply=reply, headers=headers)
        except nats.errors.Error as e:
            raise BusUnavailable(f"The bus did not take the message: {e}") from e

    async def subscribe(self, subject: str, handler: MessageHandler, queue: str = "") -> Subscribed:
        """``handler`` must not raise; it is called with one message after another. Of those who subscribe with the same
        ``queue`` one gets each message."""
        subscribed = Subscribed(subject, handler, queue)
        self._subscribed.append(subscribed)
        await self._attach(subscribed)
        return subscribed

    async def unsubscribe(self, subscribed: Subscribed) -> None:
        if subscribed in self._subscribed:
            self._subscribed.remove(subscribed)
        if subscribed.current is not None and self.connected:
            with contextlib.suppress(nats.errors.Error):
                await subscribed.current.unsubscribe()

    async def _attach(self, subscribed: Subscribed) -> None:
        assert self._client is not None
        subscribed.current = await self._client.subscribe(
            subscribed.subject,
            queue=subscribed.queue,
            cb=subscribed.handler,
            pending_msgs_limit=MAX_WAITING_MESSAGES,
            pending_bytes_limit=MAX_WAITING_BYTES,
        )

    async def flush(self) -> None:
        """Returns when the server has everything that was sent so far."""
        assert self._client is not None
        try:
            await self._client.flush(timeout=2)
        except nats.errors.Error as e:
            raise BusUnavailable(f"The bus does not answer: {e}") from e

    # Requests.

    def new_inbox(self) -> str:
        assert self._client is not None
        return str(self._client.new_inbox())

    async def call_raw(
        self, subject: str, payload: bytes, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Msg:
        """:raises Unavailable: if nobody is there, or no answer came in time."""
        if self._client is None or not self.has_room:
            raise BusUnavailable("The bus is not connected at the moment. Try again in a few seconds.")
        try:
            return await self._client.request(subject, payload, timeout=timeout_s, headers=headers)
        except nats.errors.NoRespondersError as e:
            raise silence(subject, "is not there") from e
        except (nats.errors.TimeoutError, TimeoutError) as e:
            raise silence(subject, f"did not answer within {timeout_s:g} s") from e
        except nats.errors.Error as e:
            raise BusUnavailable(f"The bus did not take the request: {e}") from e

    async def request(self, subject: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """:raises RostraError: the very error that the other side answered with; Unavailable if it did not."""
        answer = await self.call_raw(subject, _dump(body), timeout_s)
        try:
            found = json.loads(answer.data)
        except ValueError as e:
            raise silence(subject, "answered with something that is not JSON") from e
        if not isinstance(found, dict):
            raise silence(subject, "answered with something that is not an object")
        if "problem" in found:
            raise error_of(found["problem"])
        return found

    async def serve(self, subject: str, handler: CallHandler, queue: str = "") -> Subscribed:
        """Answers requests, up to 64 at once, each in a task of its own: a slow one holds up no other."""

        async def on_message(message: Msg) -> None:
            if not message.reply:
                return
            if self._calls >= MAX_CALLS:
                busy = Full("Too much is asked at once. Try again in a second.", 1.0)
                await self._answer(message, {"problem": problem_of(busy)})
                return
            self._calls += 1
            self.spawn(self._call(message, handler))

        return await self.subscribe(subject, on_message, queue)

    async def _call(self, message: Msg, handler: CallHandler) -> None:
        try:
            body = json.loads(message.data)
            if not isinstance(body, dict):
                raise ValueError("not an object")
            answer = await handler(body)
        except RostraError as e:
            answer = {"problem": problem_of(e)}
        except ValueError as e:
            answer = {"problem": problem_of(RostraError(f"a request that cannot be read: {e}"))}
        except Exception:
            log.exception("answering %s failed", message.subject)
            answer = {"problem": problem_of(RostraError("Something went wrong on our side; it is in the log."))}
        finally:
            self._calls -= 1
        await self._answer(message, answer)

    async def _answer(self, message: Msg, answer: dict[str, Any]) -> None:
        try:
            await self.publish(message.reply, _dump(answer))
        except BusUnavailable:
            log.warning("an answer to %s could not be sent: the bus is gone", message.subject)


def _dump(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
