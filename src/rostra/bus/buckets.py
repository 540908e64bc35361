"""Key-value buckets: values with compare-and-set that everyone can watch (JetStream, laid out as NATS ADR-8 has it).

A bucket that is watched repeats each value, once it is stored, on a plain subject: a subscriber to the bucket's own
would also see writes that lost the compare-and-set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from nats.aio.msg import Msg

from rostra.bus import streams
from rostra.bus.connection import Connection
from rostra.errors import NotFound, RostraError, WireError
from rostra.wire.boards import Board, decode_board, encode_board
from rostra.wire.door import MAX_RECORD_BYTES, DoorRecord, decode_record, encode_record
from rostra.wire.hands import Hand, decode_hand, encode_hand
from rostra.wire.passes import MAX_KEYS_BYTES, DoorKeys, decode_keys, encode_keys
from rostra.wire.rehearsals import Granted, decode_granted, encode_granted
from rostra.wire.rooms import Room, decode_room, encode_room

log = logging.getLogger("rostra.bus")

T = TypeVar("T")

_SECOND = 1_000_000_000


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


ROOMS: Final = Bucket[Room]("rooms", encode_room, decode_room, 32 * 1024, 64 * 1024 * 1024, news="room.")
"""A record is a kilobyte or two; what can be said about a room has bounds (``wire.rooms``)."""

HANDS: Final = Bucket[Hand](
    "hands", encode_hand, decode_hand, 4 * 1024, 256 * 1024 * 1024, max_age_s=24 * 3600.0, news="hand."
)
"""100,000 hands are 100 MB at most; a day later nobody asks any more."""

BOARDS: Final = Bucket[Board]("boards", encode_board, decode_board, 256 * 1024, 64 * 1024 * 1024, news="board.")
"""A hundred posts of 500 characters and a link each."""

PICTURES: Final = Bucket[bytes]("pictures", bytes, bytes, 80 * 1024, 512 * 1024 * 1024)
"""Re-encoded, 60 KB at most each; edges fetch what they are asked for."""

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

BUCKETS: Final[tuple[Bucket[Any], ...]] = (ROOMS, HANDS, BOARDS, PICTURES, DOOR_KEYS, DOOR, REHEARSALS)


class Store(Generic[T]):
    """A bucket over a connection."""

    def __init__(self, connection: Connection, bucket: Bucket[T]) -> None:
        self._connection, self.bucket = connection, bucket
        self._watches: list[_Watch[T]] = []

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
        return await streams.put(self._connection, self.bucket.subject(key), self.bucket.encode(value), revision)

    async def delete(self, key: str) -> None:
        await streams.put(self._connection, self.bucket.subject(key), b"", None, deleted=True)

    async def all(self, under: str = "") -> list[tuple[int, str, T]]:
        """(revision, key, value) of everything, or of everything below ``under``, in the order of their last change."""
        found = []
        for stored in await streams.read_all(self._connection, self.bucket.stream, self.bucket.under(under)):
            if stored.deleted:
                continue
            key = stored.subject.removeprefix(self.bucket.subject(""))
            try:
                found.append((stored.sequence, key, self.bucket.decode(stored.data)))
            except WireError as e:
                log.warning("%s: %s", stored.subject, e)
        return found

    async def watch(self, callback: Callable[[str, T | None], None], only: str = "") -> None:
        """``callback(key, value)`` for everything there is and for every change from then on; None: it was deleted.

        ``only``: that key's alone.

        Returns when all that there is was told. What changed while the bus was away is told when it is back.
        """
        watch = _Watch(self, callback, only)
        self._watches.append(watch)
        await self._connection.subscribe(f"{self.bucket.news}{only or '>'}", watch.on_message)
        await watch.catch_up()

    async def catch_up(self) -> None:
        """After a reconnect: tell those who watch what they missed."""
        for watch in self._watches:
            await watch.catch_up()


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
        headers = message.headers or {}
        bucket = self._store.bucket
        key = message.subject.removeprefix(bucket.news)
        try:
            revision = int(headers["Nats-Sequence"])
            value = None if "KV-Operation" in headers else bucket.decode(message.data)
        except (KeyError, ValueError, WireError) as e:
            log.warning("news of %s %s that cannot be read: %s", bucket.name, key, e)
            return
        self._tell(key, value, revision)

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
        self._call(key, value)

    def _call(self, key: str, value: T | None) -> None:
        """A callback that raises is a bug of its owner; it must not end the subscription of everyone."""
        try:
            self._callback(key, value)
        except Exception:
            log.exception("a callback of the bus failed")

    async def catch_up(self) -> None:
        async with self._lock:
            self._revisions.clear()  # the server that is back may be another one, which counts from the start
            try:
                everything = await self._everything()
            except RostraError as e:
                log.warning("%s could not be read, going on with what we know: %s", self._store.bucket.name, e)
                return
            for revision, key, value in everything:
                self._tell(key, value, revision)
            for gone in self._told.keys() - {key for _, key, _ in everything} - self._revisions.keys():
                del self._told[gone]
                self._call(gone, None)

    async def _everything(self) -> list[tuple[int, str, T]]:
        if not self._only:
            return await self._store.all()
        try:
            value, revision = await self._store.get(self._only)
        except NotFound:
            return []
        return [(revision, self._only, value)]
