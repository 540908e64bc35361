"""Key-value buckets: values with compare-and-set that everyone can watch (JetStream, laid out as NATS ADR-8 has it).

A bucket that is watched repeats each value, once it is stored, on a plain subject: a subscriber to the bucket's own
would also see writes that lost the compare-and-set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from nats.aio.msg import Msg

from rostra.bus import streams
from rostra.bus.connection import Connection
from rostra.errors import BusUnavailable, Conflict, NotFound, RostraError, WireError
from rostra.wire.boards import Board, decode_board, encode_board
from rostra.wire.door import MAX_RECORD_BYTES, DoorRecord, decode_record, encode_record
from rostra.wire.hands import Hand, decode_hand, encode_hand
from rostra.wire.passes import MAX_KEYS_BYTES, DoorKeys, decode_keys, encode_keys
from rostra.wire.rehearsals import Granted, decode_granted, encode_granted
from rostra.wire.rooms import Room, decode_room, encode_room
from rostra.wire.stages import StageMemory, decode_memory, encode_memory

log = logging.getLogger("rostra.bus")

T = TypeVar("T")

_SECOND = 1_000_000_000

MAX_VALUES = 1_000_000
"""Read of a bucket at once. Its bytes are bounded in the server, and the largest holds 850,000 of the smallest hands:
beyond it something is wrong, and no value is taken for gone because it was not read."""


@dataclass(frozen=True)
class Bucket(Generic[T]):
    """What a bucket holds and how much of it."""

    name: str
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    max_value_bytes: int
    max_bytes: int
    max_age_s: float = 0.0
    """How long a value is kept that is not changed; 0: for good."""
    news: str = ""
    """Where values are repeated for those who watch, with a dot at the end; empty: nowhere."""

    @property
    def stream(self) -> str:
        return f"KV_{self.name}"

    def subject(self, key: str) -> str:
        return f"$KV.{self.name}.{key}"

    def key(self, subject: str) -> str:
        return subject.removeprefix(self.subject(""))

    def under(self, key: str) -> str:
        """The subject of everything, or of everything below ``key``."""
        return self.subject(f"{key}.>" if key else ">")

    @property
    def config(self) -> dict[str, Any]:
        """Of the stream."""
        config = {
            "name": self.stream,
            "subjects": [self.subject(">")],
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "max_msgs_per_subject": 1,
            "max_bytes": self.max_bytes,
            "max_msg_size": self.max_value_bytes,
            "max_age": int(self.max_age_s * _SECOND),
            "allow_direct": True,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "num_replicas": 1,
        }
        if self.news:
            config["republish"] = {"src": self.subject(">"), "dest": f"{self.news}>"}
        return config


ROOMS: Final = Bucket[Room]("rooms", encode_room, decode_room, 64 * 1024, 64 * 1024 * 1024, news="room.")
"""A record is a kilobyte or two; the longest words, names and links taken back that it may hold are 40 KB."""

HANDS: Final = Bucket[Hand](
    "hands", encode_hand, decode_hand, 4 * 1024, 256 * 1024 * 1024, max_age_s=24 * 3600.0, news="hand."
)
"""100,000 hands are 100 MB at most; a day later nobody asks any more."""

BOARDS: Final = Bucket[Board]("boards", encode_board, decode_board, 448 * 1024, 64 * 1024 * 1024, news="board.")
"""A hundred posts of 500 characters and a link of 500, each of which may take four bytes."""

PICTURES: Final = Bucket[bytes]("pictures", bytes, bytes, 80 * 1024, 512 * 1024 * 1024)
"""Re-encoded, 60 KB at most each; edges fetch what they are asked for."""

STAGES: Final = Bucket[StageMemory](
    "stages", encode_memory, decode_memory, 16 * 1024, 64 * 1024 * 1024, max_age_s=30 * 24 * 3600.0
)
"""5 KB at most; a month without a stage, and it is another evening."""

DOOR_KEYS: Final = Bucket[DoorKeys](
    "door-keys", encode_keys, decode_keys, MAX_KEYS_BYTES, 1024 * 1024, news="door-keys."
)
"""One value, under :data:`THE_KEYS`."""

THE_KEYS: Final = "keys"

DOOR: Final = Bucket[DoorRecord](
    "door",
    encode_record,
    decode_record,
    MAX_RECORD_BYTES,
    64 * 1024 * 1024,
    max_age_s=7 * 24 * 3600.0,
    news="door-record.",
)
"""Rooms in which somebody waits, or waited this week: a thousand of them at their largest."""

REHEARSALS: Final = Bucket[Granted](
    "rehearsals",
    encode_granted,
    decode_granted,
    4 * 1024,
    1024 * 1024,
    max_age_s=24 * 3600.0,
    news="rehearsal-consent.",
)
"""Consents to a rehearsal, and the private halves that answer for them: for a day at most (``wire.rehearsals``)."""

BUCKETS: Final[tuple[Bucket[Any], ...]] = (ROOMS, HANDS, BOARDS, PICTURES, STAGES, DOOR_KEYS, DOOR, REHEARSALS)


class Store(Generic[T]):
    """A bucket over a connection."""

    def __init__(self, connection: Connection, bucket: Bucket[T]) -> None:
        self._connection, self.bucket = connection, bucket
        self._watches: list[_Watch[T]] = []
        self._lost: list[Callable[[], None]] = []

    async def ensure(self) -> bool:
        """Makes it if the server has none. True if it was made."""
        return await streams.ensure(self._connection, self.bucket.config)

    async def get(self, key: str) -> tuple[T, int]:
        """The value and its revision. :raises NotFound: if there is none."""
        stored = await streams.last(self._connection, self.bucket.stream, self.bucket.subject(key))
        if stored is None or stored.deleted:
            raise NotFound(f"There is nothing called {key!r}.")
        return self.bucket.decode(stored.data), stored.sequence

    async def put(self, key: str, value: T, revision: int | None = None) -> int:
        """The new revision. ``revision``: of what it replaces, 0 if there must be none, None for whatever there is.

        :raises Conflict: if it has moved on.
        """
        subject, data = self.bucket.subject(key), self.bucket.encode(value)
        try:
            return await streams.put(self._connection, subject, data, revision)
        except Conflict:
            if revision != 0:
                raise
        # "There must be none" is also true where what was there was deleted, and a mark stands in its place (ADR-8).
        stored = await streams.last(self._connection, self.bucket.stream, subject)
        return await streams.put(self._connection, subject, data, stored.sequence if stored and stored.deleted else 0)

    async def delete(self, key: str) -> None:
        await streams.put(self._connection, self.bucket.subject(key), b"", None, deleted=True)

    async def forget(self, key: str) -> None:
        """Deletes it without a mark that it was there: for keys that nobody watches, and that are never made again."""
        await streams.forget(self._connection, self.bucket.stream, self.bucket.subject(key))

    async def keys(self) -> list[str]:
        """Of everything there is, deleted or not, without reading it."""
        found = await streams.subjects(self._connection, self.bucket.stream, self.bucket.under(""))
        return [self.bucket.key(subject) for subject in found]

    async def all(self, under: str = "") -> list[tuple[int, str, T]]:
        """(revision, key, value) of everything, or of everything below ``under``, in the order of their last change."""
        return [found async for found in self.each(under)]

    async def each(self, under: str = "") -> AsyncIterator[tuple[int, str, T]]:
        """The same, one after another: what is thrown away at once costs no memory.

        :raises BusUnavailable: it could not be read to its end.
        """
        count = 0
        async for batch in streams.read(self._connection, self.bucket.stream, self.bucket.under(under)):
            count += len(batch)
            if count > MAX_VALUES:
                raise BusUnavailable(f"the bucket {self.bucket.name!r} holds more than {MAX_VALUES:,} values")
            for stored in batch:
                if stored.deleted:
                    continue
                try:
                    yield stored.sequence, self.bucket.key(stored.subject), self.bucket.decode(stored.data)
                except WireError as e:
                    log.warning("%s: %s", stored.subject, e)

    async def watch(self, callback: Callable[[str, T | None], None], only: str = "") -> None:
        """``callback(key, value)`` for everything there is and for every change from then on; None: it was deleted.

        ``only``: that key's alone.

        Returns when all that there is was told. What changed while the bus was away is told when it is back.
        """
        watch = _Watch(self, callback, only)
        self._watches.append(watch)
        await self._connection.subscribe(f"{self.bucket.news}{only or '>'}", watch.on_message)
        await watch.catch_up()

    async def follow(self, callback: Callable[[str, T | None], None], lost: Callable[[], None]) -> None:
        """``callback(key, value)`` for every change from now on, and for nothing that was before; nothing is kept here.

        ``lost()`` when changes may have been missed: what was told up to then may be old, and is for the caller to
        read again (:meth:`get`).
        """

        async def on_message(message: Msg) -> None:
            if (news := _news(self.bucket, message)) is not None:
                _guarded(callback, *news[:2])

        self._lost.append(lost)
        await self._connection.subscribe(f"{self.bucket.news}>", on_message)

    async def catch_up(self) -> None:
        """After a reconnect: tell those who watch what they missed, and those who follow that they missed something."""
        for lost in self._lost:
            _guarded(lost)
        for watch in self._watches:
            await watch.catch_up()


def _news(bucket: Bucket[T], message: Msg) -> tuple[str, T | None, int] | None:
    """Key, value and revision; None: it cannot be read."""
    headers = message.headers or {}
    key = message.subject.removeprefix(bucket.news)
    try:
        revision = int(headers["Nats-Sequence"])
        return key, None if "KV-Operation" in headers else bucket.decode(message.data), revision
    except (KeyError, ValueError, WireError) as e:
        log.warning("news of %s %s that cannot be read: %s", bucket.name, key, e)
        return None


def _guarded(callback: Callable[..., None], *arguments: Any) -> None:
    """A callback that raises is a bug of its owner; it must not end the subscription of everyone."""
    try:
        callback(*arguments)
    except Exception:
        log.exception("a callback of the bus failed")


class _Watch(Generic[T]):
    """Tells each change once, in order of revision; after a reconnect, what differs from what was told."""

    def __init__(self, store: Store[T], callback: Callable[[str, T | None], None], only: str) -> None:
        self._store = store
        self._callback = callback
        self._only = only
        self._revisions: dict[str, int] = {}
        self._told: dict[str, T] = {}
        self._lock = asyncio.Lock()

    async def on_message(self, message: Msg) -> None:
        if (news := _news(self._store.bucket, message)) is not None:
            self._tell(*news)

    def _tell(self, key: str, value: T | None, revision: int) -> None:
        if revision <= self._revisions.get(key, 0):
            return
        self._revisions[key] = revision
        if self._told.get(key) == value:
            return
        if value is None:
            del self._told[key]
        else:
            self._told[key] = value
        _guarded(self._callback, key, value)

    async def catch_up(self) -> None:
        async with self._lock:
            self._revisions.clear()  # the server that is back may be another one, which counts from the start
            try:
                async for revision, key, value in self._everything():
                    self._tell(key, value, revision)
            except RostraError as e:
                log.warning("%s could not be read, going on with what we know: %s", self._store.bucket.name, e)
                return
            for gone in self._told.keys() - self._revisions.keys():  # neither read now nor told meanwhile
                del self._told[gone]
                _guarded(self._callback, gone, None)

    async def _everything(self) -> AsyncIterator[tuple[int, str, T]]:
        if not self._only:
            async for found in self._store.each():
                yield found
            return
        try:
            value, revision = await self._store.get(self._only)
        except NotFound:
            return
        yield revision, self._only, value
