"""Posts of a room within a transaction. Each change raises the version of its board, and of the room: whoever looks for
what the bus has yet to hear finds the board that way too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from rostra.catalog.announced import hold
from rostra.catalog.tables import posts, rooms
from rostra.errors import Conflict, NotFound
from rostra.units import WallTime
from rostra.wire.boards import MAX_POSTS, Board, Post

MAX_KEPT = 10_000
"""Posts of a room, shown or not: an evening has dozens."""


def board(connection: Connection, room_id: str) -> Board:
    """The newest first. Where there are more than can be shown, pinned ones go before others. :raises NotFound:"""
    version = connection.execute(select(rooms.c.board).where(rooms.c.id == room_id)).scalar_one_or_none()
    if version is None:
        raise NotFound(f"There is no room {room_id!r}.")
    p = posts.c
    chosen = select(posts).where(p.room == room_id).order_by(p.pinned.desc(), p.at.desc(), p.number.desc())
    found = sorted(connection.execute(chosen.limit(MAX_POSTS)), key=lambda row: (row.at, row.number), reverse=True)
    return Board(version, tuple(_post(row) for row in found))


def add(connection: Connection, room_id: str, post: Post) -> Board:
    """:raises NotFound: without the room. :raises Conflict: a post of that id is there, or there are too many."""
    hold(connection, room_id)
    of_room = posts.c.room == room_id
    if connection.execute(select(posts.c.id).where(of_room, posts.c.id == post.id)).first() is not None:
        raise Conflict("There is a post of that id already. Post it again.")
    if connection.execute(select(func.count()).select_from(posts).where(of_room)).scalar_one() >= MAX_KEPT:
        raise Conflict(f"A room has {MAX_KEPT} posts at most. Delete some first.")
    connection.execute(insert(posts).values(room=room_id, **_values(post)))
    return _changed(connection, room_id)


def change(connection: Connection, room_id: str, post_id: str, how: Callable[[Post], Post]) -> Board:
    hold(connection, room_id)
    this = (posts.c.room == room_id, posts.c.id == post_id)
    row = connection.execute(select(posts).where(*this)).first()
    if row is None:
        raise _no_post()
    before = _post(row)
    after = how(before)
    if after.id != before.id:
        raise ValueError("a post keeps its id")
    if after == before:
        return board(connection, room_id)
    connection.execute(update(posts).where(*this).values(**_values(after)))
    return _changed(connection, room_id)


def remove(connection: Connection, room_id: str, post_id: str) -> Board:
    hold(connection, room_id)
    gone = connection.execute(delete(posts).where(posts.c.room == room_id, posts.c.id == post_id))
    if gone.rowcount == 0:
        raise _no_post()
    return _changed(connection, room_id)


def _changed(connection: Connection, room_id: str) -> Board:
    raised = {"board": rooms.c.board + 1, "version": rooms.c.version + 1}
    connection.execute(update(rooms).where(rooms.c.id == room_id).values(**raised))
    return board(connection, room_id)


def _values(post: Post) -> dict[str, Any]:
    return {
        "id": post.id,
        "at": post.at,
        "by": post.by,
        "text": post.text,
        "link": post.link,
        "picture": post.picture,
        "pinned": post.pinned,
    }


def _post(row: Any) -> Post:
    return Post(row.id, WallTime(row.at), row.by, row.text, row.link, row.picture, row.pinned)


def _no_post() -> NotFound:
    return NotFound("There is no such post in this room.")
