"""The bus as the processes of Rostra see it: parts, the live window, room records, counts and requests.

Whoever publishes parts keeps its last minute and publishes it again when the bus comes back; whoever subscribes gets
the window first and then what is live, at the start and after every reconnect. So a NATS server that was killed
costs no part, and nobody needs to know that it was: subscribers drop what they have already (docs/topics/path.md).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Self, TypeVar

from nats.aio.msg import Msg

from rostra.bus import streams, subjects
from rostra.bus.buckets import BOARDS, DOOR, DOOR_KEYS, HANDS, PICTURES, REHEARSALS, ROOMS, STAGES, Store
from rostra.bus.connection import CallHandler, Connection, Hook
from rostra.errors import BusUnavailable, Conflict, NotFound, RostraError, Unavailable, WireError
from rostra.units import Part, PartName
from rostra.wire.door import DoorReport, Seated, decode_report, decode_seated, encode_report, encode_seated
from rostra.wire.inbox import Letter, decode_letter, encode_letter
from rostra.wire.parts import decode_part, encode_part
from rostra.wire.rooms import ROOM_ID, Room

log = logging.getLogger("rostra.bus")

PartCallback = Callable[[str, Part], None]
T = TypeVar("T")

RoomCallback = Callable[[str, Room | None], None]
CountCallback = Callable[[str, dict[str, Any]], None]

KEPT_PARTS = 512
"""What a publisher can say again: more than 60 s of four renditions (480 parts)."""

MAX_HELD = 8192
"""Live parts held back while the window is being read: it takes milliseconds."""

SETTLE_S = 0.05
"""Between subscribing and reading the window: a part that went out just before we subscribed is in it by then. The
server captures parts beside its delivery of them, a millisecond or so later."""


class Bus:
    """One connection to the bus. Make it with :meth:`connect`."""

    def __init__(self, url: str, name: str) -> None:
        self._connection = Connection(url, name)
        self._connection.first_on_reconnect.append(self._restore)
        self._connection.on_overflow.append(self._resynchronise)
        self._kept: deque[tuple[int, str, bytes, str]] = deque(maxlen=KEPT_PARTS)
        self._published = 0
        self._sent = 0
        self._sending = False
        self._feeds: list[_PartFeed] = []
        self._inbox = (0, 1 << 62)
        """When the stream of letters was made that was read last, and the number before its first one."""
        self.rooms = Store(self._connection, ROOMS)
        self.hands = Store(self._connection, HANDS)
        self.boards = Store(self._connection, BOARDS)
        self.pictures = Store(self._connection, PICTURES)
        self.stages = Store(self._connection, STAGES)
        self.door_keys = Store(self._connection, DOOR_KEYS)
        self.door = Store(self._connection, DOOR)
        self.rehearsals = Store(self._connection, REHEARSALS)

    @classmethod
    async def connect(cls, url: str, name: str, timeout_s: float | None = None) -> Self:
        """Connects as ``name`` and makes the streams if they are not there.

        Tries without limit, or for ``timeout_s``.

        :raises BusUnavailable: if the time is up, or what answers is a NATS server without JetStream.
        """
        bus = cls(url, name)
        try:
            async with asyncio.timeout(timeout_s):
                await bus._connection.open()
                await bus._ensure_patiently()
        except TimeoutError as e:
            await bus.close()
            raise BusUnavailable(f"No NATS server answers at {url}. Is `rostra serve` running?") from e
        except BaseException:
            await bus.close()
            raise
        return bus

    async def close(self) -> None:
        await self._connection.close()

    @property
    def connected(self) -> bool:
        return self._connection.connected

    def on_disconnect(self, hook: Hook) -> None:
        """``hook()`` (plain or async) when the bus is lost."""
        self._connection.on_disconnect.append(hook)

    def on_reconnect(self, hook: Hook) -> None:
        """``hook()`` (plain or async) when the bus is back, its streams are there and parts were said again."""
        self._connection.on_reconnect.append(hook)

    # Parts and the live window.

    async def ensure_window(self) -> bool:
        """Makes the stream ``window`` if the server has none. True if it was made."""
        return await streams.ensure(self._connection, subjects.WINDOW_CONFIG)

    async def publish_part(self, room: str, part: Part) -> None:
        """Sends a part, or keeps it until the bus is back (60 s of them). Never waits for a bus that is stuck."""
        self._published += 1
        subject = subjects.part_subject(room, part.name.rendition)
        self._kept.append((self._published, subject, encode_part(part), subjects.part_id(room, part)))
        await self._send_kept()

    async def _send_kept(self) -> None:
        """Sends what was not sent yet, in order; one at a time does this."""
        if self._sending:
            return
        self._sending = True
        try:
            for number, subject, payload, identity in list(self._kept):
                if number <= self._sent:
                    continue
                if not self._connection.has_room:
                    return
                await self._connection.publish(subject, payload, {"Nats-Msg-Id": identity})
                self._sent = number
        except BusUnavailable as e:
            log.debug("a part waits for the bus: %s", e)
        finally:
            self._sending = False
        if self._kept and self._kept[-1][0] > self._sent:  # more came while we sent
            await self._send_kept()

    async def subscribe_parts(self, callback: PartCallback, room: str | None = None) -> None:
        """``callback(room, part)`` for what the window has and then for every part, of one room or of all.

        After a reconnect the window comes again before what is live: drop what you have.
        """
        feed = _PartFeed(self, callback, room)
        self._feeds.append(feed)
        await self._connection.subscribe(subjects.parts_of(room), feed.on_message)
        await feed.catch_up()

    async def window(self, room: str | None = None) -> list[tuple[str, Part]]:
        """The parts that the window holds, of one room or of all, in order, none twice."""
        found: dict[tuple[str, PartName], Part] = {}
        for stored in await streams.read_all(self._connection, subjects.WINDOW_STREAM, subjects.parts_of(room)):
            try:
                part = decode_part(stored.data)
                found.setdefault((subjects.room_of_part(stored.subject), part.name), part)
            except WireError as e:
                log.warning("the window holds something that is no part: %s", e)
        # A part that was said again may stand behind younger ones.
        in_order = sorted(found.items(), key=lambda item: (item[1].name.generation, item[1].time))
        return [(key[0], part) for key, part in in_order]

    # Values that everyone may watch: room records, hands, boards, pictures, keys and records of the door (``buckets``).

    async def create_room(self, room: Room) -> int:
        """The new record's revision. :raises Conflict: if there is a room of that name."""
        try:
            return await self.rooms.put(room.id, room, 0)
        except Conflict as e:
            raise Conflict(f"There is a room {room.id!r} already. Choose another id with --id.") from e

    async def get_room(self, room_id: str) -> tuple[Room, int]:
        """The record and its revision. :raises NotFound: if there is none."""
        if not ROOM_ID.fullmatch(room_id):
            raise NotFound(f"There is no room {room_id!r}: an id is 1 to 40 of a-z, 0-9 and inner hyphens.")
        try:
            return await self.rooms.get(room_id)
        except NotFound:
            raise NotFound(f"There is no room {room_id!r}.") from None

    async def update_room(self, room: Room, revision: int) -> int:
        """Replaces the record that has ``revision``; the new one. :raises Conflict: if it has moved on."""
        return await self.rooms.put(room.id, room, revision)

    async def list_rooms(self) -> list[Room]:
        """All rooms, in the order of their last change."""
        return [room for _, _, room in await self.rooms.all()]

    async def watch_rooms(self, callback: RoomCallback) -> None:
        """As :meth:`rostra.bus.buckets.Store.watch`."""
        await self.rooms.watch(callback)

    # Letters of listeners to the studio.

    async def leave_letter(self, letter: Letter) -> None:
        """Returns once the bus has stored it. :raises BusUnavailable: it could not be stored."""
        subject = subjects.letter_subject(letter.room, letter.kind.value)
        await streams.put(self._connection, subject, encode_letter(letter), None)

    async def read_letters(self, after: int, most: int = 1000) -> list[tuple[int, Letter | None]]:
        """Letters numbered above ``after``, oldest first, about ``most`` at once; None: one that cannot be read.

        A stream that the server lost and was made again counts from 1, so a letter's number is its sequence beyond the
        microsecond in which its stream was made: what a new stream holds comes after all that an old one held.
        """
        inbox = await streams.extent(self._connection, subjects.INBOX_STREAM)
        before = inbox.made_us
        if before + inbox.last < after:  # the clock of the server that lost its memory was put back since
            before = after - inbox.first + 1
            if inbox.messages:
                log.warning("the bus begins to count letters anew: %d are taken as new ones", inbox.messages)
        self._inbox = (inbox.made_us, before)
        found: list[tuple[int, Letter | None]] = []
        everything, start = f"{subjects.INBOX_PREFIX}>", max(1, after - before + 1)
        for stored in await streams.read_all(
            self._connection, subjects.INBOX_STREAM, everything, start, min(most, streams.BATCH)
        ):
            try:
                found.append((before + stored.sequence, decode_letter(stored.data)))
            except WireError as e:
                log.warning("%s: %s", stored.subject, e)
                found.append((before + stored.sequence, None))
        return found

    async def forget_letters(self, up_to: int) -> None:
        """Those that were read, up to that number, are in the catalog: the bus need not keep them."""
        made_us, before = self._inbox
        if up_to <= before:
            return
        if (await streams.extent(self._connection, subjects.INBOX_STREAM)).made_us == made_us:
            await streams.purge(self._connection, subjects.INBOX_STREAM, up_to - before)

    async def on_letter(self, callback: Callable[[], None]) -> None:
        """``callback()`` whenever a letter may have come."""

        async def on_message(message: Msg) -> None:
            _guarded(callback)

        await self._connection.subscribe(f"{subjects.INBOX_PREFIX}>", on_message)

    # Counts and requests.

    async def publish_count(self, edge: str, count: dict[str, Any]) -> None:
        """An edge's count of this second. One that cannot be sent is dropped: the next is a second away."""
        if self._connection.has_room:
            await self._connection.publish(subjects.COUNT_PREFIX + edge, json.dumps(count).encode())

    async def subscribe_counts(self, callback: CountCallback) -> None:
        """``callback(edge, count)`` for every count."""

        async def on_message(message: Msg) -> None:
            try:
                count = json.loads(message.data)
                if not isinstance(count, dict):
                    raise ValueError("not an object")
            except ValueError as e:
                log.warning("%s: a count that cannot be read: %s", message.subject, e)
                return
            _guarded(callback, message.subject.removeprefix(subjects.COUNT_PREFIX), count)

        await self._connection.subscribe(f"{subjects.COUNT_PREFIX}*", on_message)

    # What edges tell one another of the door.

    async def publish_door_report(self, report: DoorReport) -> None:
        """An edge's report of this second. One that cannot be sent is dropped: what it counted comes with the next."""
        if self._connection.has_room:
            await self._connection.publish(subjects.DOOR_REPORT_PREFIX + report.edge, encode_report(report))

    async def subscribe_door_reports(self, callback: Callable[[DoorReport], None]) -> None:
        """``callback(report)`` for every edge's report, one's own too."""
        await self._subscribe_read(f"{subjects.DOOR_REPORT_PREFIX}*", decode_report, callback)

    async def publish_seated(self, seated: Seated) -> None:
        """Whom an edge has just seated. What cannot be sent is dropped: then one pass may hold two sessions."""
        if self._connection.has_room:
            await self._connection.publish(subjects.DOOR_SEATED, encode_seated(seated))

    async def subscribe_seated(self, callback: Callable[[Seated], None]) -> None:
        """``callback(seated)`` for every edge's, one's own too."""
        await self._subscribe_read(subjects.DOOR_SEATED, decode_seated, callback)

    async def _subscribe_read(self, subject: str, decode: Callable[[bytes], T], callback: Callable[[T], None]) -> None:
        async def on_message(message: Msg) -> None:
            try:
                value = decode(message.data)
            except WireError as e:
                log.warning("%s: %s", message.subject, e)
                return
            _guarded(callback, value)

        await self._connection.subscribe(subject, on_message)

    async def request(self, subject: str, body: dict[str, Any], timeout_s: float = 2.0) -> dict[str, Any]:
        """Asks ``subject``. :raises RostraError: the error the other side answered with; Unavailable: no answer."""
        return await self._connection.request(subject, body, timeout_s)

    async def call_stage(self, room: str, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Asks the stage of ``room``. :raises StageUnavailable: it is not there, or did not answer in time."""
        return await self.request(subjects.stage_subject(room), body, timeout_s)

    async def ask_supervisor(self, body: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Asks whoever starts stages. :raises Unavailable: nobody does."""
        return await self.request(subjects.SUPERVISOR, body, timeout_s)

    async def serve(self, subject: str, handler: CallHandler, queue: str = "") -> None:
        """Answers requests on ``subject`` with what ``handler`` returns, or with the error it raises; with a ``queue``,
        one of those who share it answers."""
        await self._connection.serve(subject, handler, queue)

    async def flush(self) -> None:
        """Returns when the server has all that was sent."""
        await self._connection.flush()

    # After a reconnect.

    async def _ensure_patiently(self) -> None:
        """A server that has just started needs a moment until JetStream answers."""
        for attempt in range(10):
            try:
                await self.ensure_window()
                for store in self._stores:
                    await store.ensure()
                await streams.ensure(self._connection, subjects.INBOX_CONFIG)
                return
            except Unavailable as e:
                if attempt == 9:
                    raise BusUnavailable(
                        f"The NATS server at {self._connection.url} does not answer for JetStream: {e} "
                        "It must be 2.11 or later and run with JetStream on."
                    ) from e
                await asyncio.sleep(0.1 * (attempt + 1))

    async def _restore(self) -> None:
        try:
            await self._ensure_patiently()
        except RostraError as e:
            log.warning("%s", e)  # live parts need no JetStream: go on
        self._sent = 0
        await self._send_kept()
        await self._resynchronise()

    async def _resynchronise(self) -> None:
        for feed in self._feeds:
            await feed.catch_up()
        for store in self._stores:
            await store.catch_up()

    @property
    def _stores(self) -> tuple[Store[Any], ...]:
        of_rooms = (self.rooms, self.hands, self.boards, self.pictures, self.stages)
        return (*of_rooms, self.door_keys, self.door, self.rehearsals)


def _guarded(callback: Callable[..., None], *arguments: Any) -> None:
    """A callback that raises is a bug of its owner; it must not end the subscription of everyone."""
    try:
        callback(*arguments)
    except Exception:
        log.exception("a callback of the bus failed")


class _PartFeed:
    """Window first, then live: live parts are held back while the window is read."""

    def __init__(self, bus: Bus, callback: PartCallback, room: str | None) -> None:
        self._bus = bus
        self._callback = callback
        self._room = room
        self._held: deque[tuple[str, Part]] | None = deque(maxlen=MAX_HELD)
        self._lock = asyncio.Lock()

    async def on_message(self, message: Msg) -> None:
        try:
            room, part = subjects.room_of_part(message.subject), decode_part(message.data)
        except WireError as e:
            log.warning("%s: %s", message.subject, e)
            return
        if self._held is not None:
            self._held.append((room, part))
        else:
            _guarded(self._callback, room, part)

    async def catch_up(self) -> None:
        async with self._lock:
            self._held = deque(maxlen=MAX_HELD) if self._held is None else self._held
            await asyncio.sleep(SETTLE_S)
            told: set[tuple[str, PartName]] = set()
            try:
                for room, part in await self._bus.window(self._room):
                    told.add((room, part.name))
                    _guarded(self._callback, room, part)
            except RostraError as e:
                log.warning("the window could not be read, going on with what is live: %s", e)
            finally:
                held, self._held = self._held, None
                for room, part in held:
                    if (room, part.name) not in told:
                        _guarded(self._callback, room, part)
