"""JetStream as we use it: a few streams, made again whenever a restarted server forgot them, and read in one go.

Reading uses Direct Get with a batch (NATS ADR-31, nats-server 2.11): one request, all messages, no consumer left
behind in the server.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg

from rostra.bus.connection import Connection
from rostra.errors import BusUnavailable, Conflict

log = logging.getLogger("rostra.bus")

API_TIMEOUT_S = 3.0

BATCH = 1024
"""Messages asked for at once; the server may send fewer and says how many are left."""

MAX_READ = 65_536
"""Messages in one list: a minute of parts of 180 rooms. The window's bytes are bounded in the server. Who expects more
takes them batch by batch (:func:`read`)."""

_STREAM_NAME_IN_USE = 10058
_WRONG_LAST_SEQUENCE = (10071, 10164)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as a stream keeps it."""

    subject: str
    sequence: int
    data: bytes
    deleted: bool


@dataclass(frozen=True, slots=True)
class Extent:
    """Which stream it is, and what it holds."""

    made_us: int
    """When it was made, microseconds of UTC by the server's clock: a stream that was lost and made again is another
    one."""
    first: int
    last: int
    """Sequence of the last message it ever had; 0: none."""
    messages: int


async def ensure(connection: Connection, config: dict[str, Any]) -> bool:
    """Makes the stream if it is not there. True if it was made. One that is there with other limits gets these.

    :raises BusUnavailable: if the server has no JetStream, or will not make it.
    """
    name = config["name"]
    info = await _api(connection, f"STREAM.INFO.{name}", {})
    if "error" not in info:
        found = info.get("config", {})
        return await _update(connection, found, config) if differs(found, config) else False
    return await _create(connection, config)


async def _create(connection: Connection, config: dict[str, Any]) -> bool:
    name = config["name"]
    made = await _api(connection, f"STREAM.CREATE.{name}", config)
    error = made.get("error")
    if error is None:
        return True
    if error.get("err_code") == _STREAM_NAME_IN_USE:  # another process was faster
        return False
    raise BusUnavailable(f"NATS will not make the stream {name!r}: {error.get('description', error)}")


def differs(found: Any, wanted: Any) -> bool:
    """Whether a server's configuration is another one in what we ask for; what it adds is its own. It leaves out what
    is nothing: false, 0, an empty word."""
    if isinstance(wanted, dict):
        return not isinstance(found, dict) or any(differs(found.get(k), v) for k, v in wanted.items())
    return bool(found != wanted and (found is not None or wanted))


async def _update(connection: Connection, found: dict[str, Any], config: dict[str, Any]) -> bool:
    """The stream is of another version of ours. What cannot be changed in place: one in memory, which would be gone
    with a restart anyway, is made anew; one on disk stays as it is, because what it holds matters more."""
    name = config["name"]
    answer = await _api(connection, f"STREAM.UPDATE.{name}", {**found, **config})
    if (error := answer.get("error")) is None:
        log.info("the stream %r has the limits of this version now", name)
        return False
    if found.get("storage") == "memory":
        log.warning("the stream %r is made anew: %s", name, error.get("description", error))
        await _api(connection, f"STREAM.DELETE.{name}", {})
        return await _create(connection, config)
    log.warning("the stream %r keeps the limits it has: %s", name, error.get("description", error))
    return False


async def extent(connection: Connection, stream: str) -> Extent:
    """:raises BusUnavailable: there is no such stream, or no answer."""
    info = await _api(connection, f"STREAM.INFO.{stream}", {})
    if (error := info.get("error")) is not None:
        raise BusUnavailable(f"NATS did not tell of the stream {stream!r}: {error.get('description', error)}")
    state = info["state"]
    made_us = round(datetime.fromisoformat(info["created"]).timestamp() * 1_000_000)
    return Extent(made_us, int(state["first_seq"]), int(state["last_seq"]), int(state["messages"]))


async def put(
    connection: Connection, subject: str, data: bytes, last: int | None, *, deleted: bool = False, identity: str = ""
) -> int:
    """Stores ``data`` if the last message on ``subject`` has the sequence ``last`` (0: there is none; None: whatever
    there is). Its sequence. ``deleted``: it marks a key's end (NATS ADR-8). ``identity``: what was stored under it
    lately is not stored twice.

    :raises Conflict: if it does not.
    """
    headers = {} if last is None else {"Nats-Expected-Last-Subject-Sequence": str(last)}
    headers |= {"KV-Operation": "DEL"} if deleted else {}
    headers |= {"Nats-Msg-Id": identity} if identity else {}
    answer = _json(await _request(connection, subject, data, headers or None))
    error = answer.get("error")
    if error is None:
        return int(answer["seq"])
    if error.get("err_code") in _WRONG_LAST_SEQUENCE:
        raise Conflict("Somebody else changed it at the same time. Read it again.")
    raise BusUnavailable(f"NATS did not store the record: {error.get('description', error)}")


async def purge(connection: Connection, stream: str, up_to: int) -> None:
    """Forgets every message up to and with the sequence ``up_to``."""
    answer = await _api(connection, f"STREAM.PURGE.{stream}", {"seq": up_to + 1})
    if (error := answer.get("error")) is not None:
        raise BusUnavailable(f"NATS did not forget: {error.get('description', error)}")


async def forget(connection: Connection, stream: str, subject: str) -> None:
    """Purges what is stored on ``subject``, marks of its deletion too."""
    answer = await _api(connection, f"STREAM.PURGE.{stream}", {"filter": subject})
    if (error := answer.get("error")) is not None:
        raise BusUnavailable(f"NATS did not forget: {error.get('description', error)}")


async def subjects(connection: Connection, stream: str, under: str) -> list[str]:
    """All that something is stored on, without reading it."""
    found: list[str] = []
    while True:
        query = {"subjects_filter": under, "offset": len(found)}
        answer = await _api(connection, f"STREAM.INFO.{stream}", query)
        if (error := answer.get("error")) is not None:
            raise BusUnavailable(f"NATS did not tell what it holds: {error.get('description', error)}")
        page = answer.get("state", {}).get("subjects") or {}
        found += page
        if not page or len(found) >= int(answer.get("total", 0)):
            return found


async def last(connection: Connection, stream: str, subject: str) -> Stored | None:
    """The last message on ``subject``, from the stream's leader (a Direct Get may be answered by a late replica)."""
    answer = await _api(connection, f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject})
    error = answer.get("error")
    if error is not None:
        if error.get("code") == 404:
            return None
        raise BusUnavailable(f"NATS did not read the record: {error.get('description', error)}")
    message = answer["message"]
    headers = base64.b64decode(message.get("hdrs", ""))
    data = base64.b64decode(message.get("data", ""))
    return Stored(message["subject"], int(message["seq"]), data, b"KV-Operation" in headers)


async def read_all(
    connection: Connection, stream: str, subject: str, start: int = 1, most: int | None = None
) -> list[Stored]:
    """Messages of ``stream`` on ``subject`` (wildcards allowed) from sequence ``start`` on, oldest first: about
    ``most`` of them, or MAX_READ."""
    found: list[Stored] = []
    async for messages in read(connection, stream, subject, start):
        found += messages
        if len(found) >= (MAX_READ if most is None else most):
            break
    return found


async def read(connection: Connection, stream: str, subject: str, start: int = 1) -> AsyncIterator[list[Stored]]:
    """Every message, batch by batch: memory for one of them."""
    while True:
        query = {"seq": start, "next_by_subj": subject, "batch": BATCH}
        messages, left = await _direct(connection, stream, query)
        if messages:
            yield messages
        if not messages or not left:
            return
        start = messages[-1].sequence + 1


async def _direct(connection: Connection, stream: str, query: dict[str, Any]) -> tuple[list[Stored], int]:
    """One batch, and how many messages are left after it. The answers end with status 204 (ADR-31)."""
    answers: asyncio.Queue[Msg] = asyncio.Queue(maxsize=BATCH + 8)

    async def on_answer(message: Msg) -> None:
        answers.put_nowait(message)

    inbox = connection.new_inbox()
    subscribed = await connection.subscribe(inbox, on_answer)
    found: list[Stored] = []
    left = 0
    try:
        async with asyncio.timeout(API_TIMEOUT_S):
            await connection.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(query).encode(), reply=inbox)
            while True:
                message = await answers.get()
                headers = message.headers or {}
                status = headers.get("Status")
                if status is None:
                    deleted = "KV-Operation" in headers
                    found.append(Stored(headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data, deleted))
                    left = int(headers.get("Nats-Num-Pending", 0))
                    continue
                if status == "204":
                    return found, int(headers.get("Nats-Num-Pending", left))
                if status == "404":
                    return found, 0
                raise BusUnavailable(f"NATS did not read {stream!r}: {status} {headers.get('Description', '')}")
    except TimeoutError as e:
        raise BusUnavailable(f"NATS did not read the stream {stream!r} within {API_TIMEOUT_S:g} s") from e
    finally:
        await connection.unsubscribe(subscribed)


async def _api(connection: Connection, verb: str, body: dict[str, Any]) -> dict[str, Any]:
    payload = json.dumps(body).encode() if body else b""
    return _json(await _request(connection, f"$JS.API.{verb}", payload))


async def _request(connection: Connection, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> Msg:
    return await connection.call_raw(subject, payload, API_TIMEOUT_S, headers)


def _json(message: Msg) -> dict[str, Any]:
    try:
        found = json.loads(message.data)
    except ValueError as e:
        raise BusUnavailable("NATS answered with something that is not JSON") from e
    return found if isinstance(found, dict) else {}
