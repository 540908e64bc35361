"""What hosts post, and pictures: in the catalog or the bucket of pictures, and on the bus at once."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

from rostra.errors import BadRequest, CatalogUnavailable, Conflict, NotFound, Refused, RostraError, Unavailable
from rostra.studio.files import Files
from rostra.studio.ports import Pictures, RoomBus
from rostra.studio.rooms import Rooms
from rostra.units import WallTime
from rostra.wire.boards import Board, Post
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.studio")

MAX_CARDS = 1000
"""Rooms whose card waits to be drawn; those beyond are drawn at their next change."""

AGAIN_S = 10.0
"""After a card could not be drawn: catalog, bus or workshop are away for a moment."""

TRIES = 6


class Boards:
    def __init__(self, bus: RoomBus, files: Files, pictures: Pictures, now: Callable[[], WallTime]) -> None:
        self._bus, self._files, self._pictures, self._now = bus, files, pictures, now
        self.on_unpublished: Callable[[], None] = lambda: None
        self._publishing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By room: where there is no board yet, nothing but this keeps an older one from replacing a newer."""

    async def board(self, room_id: str) -> Board:
        """The catalog's; without it what listeners see."""
        try:
            return await self._files.ask(lambda catalog: catalog.board(room_id))
        except CatalogUnavailable:
            try:
                return (await self._bus.boards.get(room_id))[0]
            except NotFound:
                return Board()

    async def post(
        self, room_id: str, by: str, text: str, link: str, picture: str, *, pinned: bool, known_by: str = ""
    ) -> Post:
        """``known_by``: its id, if the same may be asked for again, by who heard no answer: then it is there already.

        :raises BadRequest: it is empty, or its picture is not there.
        """
        if not (text or link or picture):
            raise BadRequest("A post has a text, a link or a picture. Write something.")
        await self._is_there(picture)
        now = self._now()
        post_id = known_by or f"{int(now * 1000):012x}{secrets.token_hex(2)}"
        post = Post(post_id, now, by, text, link, picture, pinned)
        try:
            board = await self._files.ask(lambda catalog: catalog.add_post(room_id, post))
        except Conflict:
            board = await self._files.ask(lambda catalog: catalog.board(room_id))
            there = next((one for one in board.posts if one.id == known_by), None)
            if there is None:
                raise
            post = there
        await self._changed(room_id, board)
        return post

    async def change(self, room_id: str, post_id: str, changes: dict[str, object]) -> Post:
        """:raises NotFound: there is no such post. :raises BadRequest: nothing would be left of it."""
        await self._is_there(str(changes.get("picture") or ""))
        after: list[Post] = []

        def changed(post: Post) -> Post:
            values = {name: changes.get(name, getattr(post, name)) for name in ("text", "link", "picture", "pinned")}
            if not (values["text"] or values["link"] or values["picture"]):
                raise BadRequest("A post has a text, a link or a picture. Delete it instead.")
            after.append(Post(post.id, post.at, post.by, **values))  # type: ignore[arg-type]
            return after[-1]

        await self._changed(
            room_id, await self._files.ask(lambda catalog: catalog.change_post(room_id, post_id, changed))
        )
        return after[-1]

    async def delete(self, room_id: str, post_id: str) -> None:
        """:raises NotFound: there is no such post."""
        await self._changed(room_id, await self._files.ask(lambda catalog: catalog.delete_post(room_id, post_id)))

    async def _is_there(self, picture: str) -> None:
        if not picture:
            return
        try:
            await self._bus.pictures.get(picture)
        except NotFound:
            raise BadRequest("There is no such picture. Send it first, and use the name that you are given.") from None

    async def _changed(self, room_id: str, board: Board) -> None:
        try:
            await self.publish(room_id, board)
        except Unavailable as e:
            log.warning("the board of room %s waits for the bus: %s", room_id, e)
        finally:
            self.on_unpublished()

    async def publish(self, room_id: str, board: Board) -> None:
        """A board that is older than what is there is not told."""
        lock = self._publishing.setdefault(room_id, asyncio.Lock())
        async with lock:
            for _ in range(TRIES):
                try:
                    there, revision = await self._bus.boards.get(room_id)
                    if there.version >= board.version:
                        return
                except NotFound:
                    if not board.version:
                        return
                    revision = None  # deleted before, or never there
                try:
                    await self._bus.boards.put(room_id, board, revision)
                    return
                except Conflict:
                    continue

    async def take_picture(self, data: bytes, *, cover: bool) -> str:
        """Its name, once it is on the bus. :raises Refused: it is none, or too large."""
        name, made = await self._pictures.prepare(data, "cover" if cover else "post")
        await self._bus.pictures.put(name, made)
        return name


class Cards:
    """Draws the picture for those who share a room's address, in the background, one at a time."""

    def __init__(self, bus: RoomBus, rooms: Rooms, pictures: Pictures) -> None:
        self._bus, self._rooms, self._pictures = bus, rooms, pictures
        self._wanted: dict[str, None] = {}
        self._some = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """Before the task is cancelled: a request on the bus may answer that as if it had timed out."""
        self._closed = True

    def want(self, room: Room) -> None:
        if len(self._wanted) < MAX_CARDS:
            self._wanted[room.id] = None
        self._some.set()

    async def keep(self) -> None:
        """Until cancelled."""
        while not self._closed:
            await self._some.wait()
            self._some.clear()
            while self._wanted and not self._closed:
                room_id = next(iter(self._wanted))
                del self._wanted[room_id]
                try:
                    await self._draw(await self._rooms.get(room_id))
                except NotFound:
                    continue
                except Refused as e:
                    log.warning("the card of room %s cannot be drawn: %s", room_id, e)
                except RostraError as e:
                    log.warning("the card of room %s cannot be drawn yet: %s", room_id, e)
                    self._wanted.setdefault(room_id)
                    await asyncio.sleep(AGAIN_S)
                except Exception:
                    log.exception("the card of room %s cannot be drawn", room_id)

    async def _draw(self, room: Room) -> None:
        picture = None
        if room.picture:
            try:
                picture = (await self._bus.pictures.get(room.picture))[0]
            except NotFound:
                log.warning("room %s: its picture is gone", room.id)
        name, made = await self._pictures.card(room.title, when_text(room), room.speakers, picture)
        await self._bus.pictures.put(name, made)
        await self._rooms.announce(room.id, lambda filed: filed.with_(card=name))


def when_text(room: Room) -> str:
    """Its time as people say it where it was announced."""
    at = datetime.fromtimestamp(room.at, UTC).astimezone(ZoneInfo(room.tz))
    return f"{at:%A}, {at.day} {at:%B %Y, %H:%M} {at:%Z}"
