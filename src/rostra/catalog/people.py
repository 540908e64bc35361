"""Personal links, and who sat where, within a transaction."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select, update

from rostra.catalog.announced import hold, insert_new
from rostra.catalog.tables import invitations, rooms, seats
from rostra.catalog.values import Invitation, SeatNote
from rostra.errors import Conflict, NotFound
from rostra.units import Role, WallTime

MAX_INVITATIONS = 5000
"""Personal links of a room; its stage has 32 seats."""

MAX_SEAT_NOTES = 1000
"""Kept of a room: the last ones."""


def invite(connection: Connection, room_id: str, invitation: Invitation) -> None:
    """:raises Conflict: if that identity was used before, or there are too many links already."""
    hold(connection, room_id)
    count = select(func.count()).select_from(invitations).where(invitations.c.room == room_id)
    if connection.execute(count).scalar_one() >= MAX_INVITATIONS:
        raise Conflict(
            f"This room has {MAX_INVITATIONS} personal links, and no more. Give people the shared link of their role."
        )
    values = {
        "room": room_id,
        "identity": invitation.identity,
        "role": invitation.role.value,
        "name": invitation.name,
        "at": invitation.at,
        "revoked": invitation.revoked,
    }
    if not insert_new(connection, invitations, values):
        raise Conflict("There is a personal link of that identity already. Make another.")


def invited(connection: Connection, room_id: str) -> list[Invitation]:
    """In the order in which they were made."""
    i = invitations.c
    query = select(i.identity, i.role, i.name, i.at, i.revoked).where(i.room == room_id).order_by(i.at, i.identity)
    return [
        Invitation(row.identity, Role(row.role), row.name, WallTime(row.at), WallTime(row.revoked))
        for row in connection.execute(query)
    ]


def revoke(connection: Connection, room_id: str, identity: str, at: WallTime) -> None:
    """Twice is as good as once; the first time counts. :raises NotFound: if there is no such link."""
    this = (invitations.c.room == room_id, invitations.c.identity == identity)
    if connection.execute(select(invitations.c.identity).where(*this)).first() is None:
        raise NotFound("There is no such personal link in this room.")
    connection.execute(update(invitations).where(*this, invitations.c.revoked == 0).values(revoked=at))


def sat_down(connection: Connection, room_id: str, note: SeatNote) -> None:
    """What is known already changes nothing; somebody else on that seat ends the one before. Unknown rooms: ignored."""
    room = select(rooms.c.id).where(rooms.c.id == room_id).with_for_update(key_share=True)
    if connection.execute(room).first() is None:
        return
    there = connection.execute(
        select(seats.c.name, seats.c.role).where(seats.c.room == room_id, seats.c.seat == note.seat, seats.c.left == 0)
    ).first()
    if there is not None and (there.name, there.role) == (note.name, note.role.value):
        return
    got_up(connection, room_id, note.seat, note.at)
    values = {"seat": note.seat, "name": note.name, "role": note.role.value, "at": note.at, "left": note.left}
    connection.execute(insert(seats).values(room=room_id, **values))
    newest = select(seats.c.number).where(seats.c.room == room_id).order_by(seats.c.number.desc())
    if (last := connection.execute(newest.offset(MAX_SEAT_NOTES).limit(1)).scalar_one_or_none()) is not None:
        connection.execute(delete(seats).where(seats.c.room == room_id, seats.c.number <= last))


def got_up(connection: Connection, room_id: str, seat: int, at: WallTime) -> None:
    """Nobody there: nothing happens."""
    sits = (seats.c.room == room_id, seats.c.seat == seat, seats.c.left == 0)
    connection.execute(update(seats).where(*sits).values(left=at))


def sat(connection: Connection, room_id: str) -> list[SeatNote]:
    """In the order in which they sat down."""
    s = seats.c
    query = select(s.seat, s.name, s.role, s.at, s.left).where(s.room == room_id).order_by(s.number.desc())
    notes = [
        SeatNote(row.seat, row.name, Role(row.role), WallTime(row.at), WallTime(row.left))
        for row in connection.execute(query.limit(MAX_SEAT_NOTES))
    ]
    return notes[::-1]
