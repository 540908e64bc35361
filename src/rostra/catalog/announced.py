"""Rooms within a transaction: what is announced, a mirror of what happens on air, and what the bus has yet to hear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Connection, Insert, Table, delete, insert, or_, select, tuple_, union, update
from sqlalchemy.dialects import postgresql, sqlite

from rostra.catalog.paging import read_cursor, write_cursor
from rostra.catalog.tables import gone, posts, rooms
from rostra.errors import Conflict, NotFound
from rostra.units import RoomState
from rostra.wire.rooms import Room

MAX_PAGE = 1000
"""Rooms, or reports, that are read at once."""

MAX_DUE = 500
"""Rooms that are opened or published in one go; those left over come next."""

_COLUMNS: Final = tuple(rooms.c[f.name] for f in fields(Room))
_HAPPENS: Final = ("state", "epoch", "generation", "started", "ended")


def insert_new(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Whether it was new: where something of that key stands already, nothing happens."""
    statement: Insert
    if connection.dialect.name == "postgresql":
        statement = postgresql.insert(table).on_conflict_do_nothing()
    else:
        statement = sqlite.insert(table).on_conflict_do_nothing()
    return connection.execute(statement.values(values), execution_options={"preserve_rowcount": True}).rowcount == 1


def hold(connection: Connection, room_id: str) -> None:
    """Sees to it that the room is there and stays until the transaction ends. :raises NotFound: if it is not."""
    found = connection.execute(select(rooms.c.id).where(rooms.c.id == room_id).with_for_update(key_share=True))
    if found.first() is None:
        raise _no_room(room_id)


def create(connection: Connection, room: Room) -> Room:
    if connection.scalar(select(gone.c.until).where(gone.c.id == room.id, gone.c.until > room.created)) is not None:
        raise Conflict(
            f"There was a room {room.id!r} that was deleted, and links to it are still around. Choose another id."
        )
    if not insert_new(connection, rooms, _values(room) | {"version": 1, "published": 0, "board": 0}):
        raise Conflict(f"There is a room {room.id!r} already. Choose another id with --id.")
    return room


def get(connection: Connection, room_id: str, *, to_change: bool = False) -> Room:
    query = select(*_COLUMNS).where(rooms.c.id == room_id)
    row = connection.execute(query.with_for_update(key_share=True) if to_change else query).first()
    if row is None:
        raise _no_room(room_id)
    return _room(row)


def change(connection: Connection, room_id: str, how: Callable[[Room], Room]) -> Room:
    before = get(connection, room_id, to_change=True)
    after = how(before)
    if after.id != before.id:
        raise ValueError("a room keeps its id")
    if after != before:
        connection.execute(
            update(rooms).where(rooms.c.id == room_id).values(**_values(after), version=rooms.c.version + 1)
        )
    return after


def remove(connection: Connection, room_id: str) -> None:
    room = get(connection, room_id, to_change=True)
    connection.execute(delete(rooms).where(rooms.c.id == room_id))
    connection.execute(delete(gone).where(gone.c.id == room_id))
    connection.execute(insert(gone).values(id=room_id, until=room.links_until))


def page(connection: Connection, limit: int, cursor: str) -> tuple[list[Room], str]:
    limit = max(1, min(limit, MAX_PAGE))
    query = select(*_COLUMNS).order_by(rooms.c.created.desc(), rooms.c.id.desc()).limit(limit + 1)
    if cursor:
        created, room_id = read_cursor(cursor)
        query = query.where(tuple_(rooms.c.created, rooms.c.id) < (created, room_id))
    found = [_room(row) for row in connection.execute(query)]
    if len(found) <= limit:
        return found, ""
    last = found[limit - 1]
    return found[:limit], write_cursor(last.created, last.id)


def mirror(connection: Connection, room: Room) -> None:
    """Nothing is written where nothing differs: after a reconnect all records are told again."""
    happens = {name: _values(room)[name] for name in _HAPPENS}
    differs = or_(*(rooms.c[name] != value for name, value in happens.items()))
    connection.execute(update(rooms).where(rooms.c.id == room.id, differs).values(happens))


def unpublished(connection: Connection) -> list[tuple[Room, int]]:
    query = (
        select(*_COLUMNS, rooms.c.version)
        .where(rooms.c.published < rooms.c.version)
        .order_by(rooms.c.created, rooms.c.id)
        .limit(MAX_DUE)
    )
    return [(_room(row), row.version) for row in connection.execute(query)]


def pictures(connection: Connection) -> frozenset[str]:
    query = union(select(rooms.c.picture), select(rooms.c.card), select(posts.c.picture))
    return frozenset(name for (name,) in connection.execute(query) if name)


def note_published(connection: Connection, room_id: str, version: int) -> None:
    """A version that is older than what was published says nothing new."""
    of_room = (rooms.c.id == room_id, rooms.c.published < version, rooms.c.version >= version)
    connection.execute(update(rooms).where(*of_room).values(published=version))


def _values(room: Room) -> dict[str, Any]:
    values = {f.name: getattr(room, f.name) for f in fields(Room)}
    return values | {"state": room.state.value, "speakers": list(room.speakers), "revoked": list(room.revoked)}


def _room(row: Any) -> Room:
    found = {f.name: getattr(row, f.name) for f in fields(Room)}
    return Room(
        **{
            **found,
            "state": RoomState(found["state"]),
            "speakers": tuple(found["speakers"]),
            "revoked": tuple(found["revoked"]),
        }
    )


def _no_room(room_id: str) -> NotFound:
    return NotFound(f"There is no room {room_id!r}.")
