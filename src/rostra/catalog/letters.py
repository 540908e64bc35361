"""Letters of listeners within a transaction: what they say, and the number of the last one taken, at once.

The bus gives a letter again until it is told that it was taken, so some come twice. Because the number stands in the
same transaction as what the letter did, each counts exactly once, whoever dies in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from rostra.catalog.announced import MAX_PAGE
from rostra.catalog.tables import positions, reports, rooms, rsvps, storable_part
from rostra.catalog.values import Report
from rostra.errors import BadRequest
from rostra.units import WallTime
from rostra.wire.inbox import Letter, LetterKind

MAX_PREFIX_RSVPS = 200
"""Of a network (IPv4 /24, IPv6 /48) in a room: an office, a school. Behind one of a carrier's sit thousands, so there
may also be :data:`PREFIX_SHARE` of all who come; who hoards alone gets to 266. What is beyond is not counted: at least
so many come."""

PREFIX_SHARE = 0.25

MAX_PREFIX_REPORTS = 50
"""The first fifty from one network say what there is to say."""

_CHUNK = 500
"""Values in one question: databases bound them."""

_POSITION = "letters"


def last(connection: Connection) -> int:
    return int(connection.execute(select(positions.c.number).where(positions.c.name == _POSITION)).scalar_one())


def take(connection: Connection, letters: Sequence[tuple[int, Letter | None]]) -> None:
    """None stands for one that could not be read: only its number counts. So do letters about rooms we do not have."""
    if not letters:
        return
    position = select(positions.c.number).where(positions.c.name == _POSITION).with_for_update()
    taken = connection.execute(position).scalar_one()
    fresh = {number: letter for number, letter in letters if number > taken}
    if not fresh:
        return
    readable = [letter for _, letter in sorted(fresh.items(), key=lambda item: item[0]) if letter is not None]
    kept = _kept(connection, {storable_part(letter.room) for letter in readable})
    readable = [letter for letter in readable if letter.room in kept]
    for room_id in sorted(kept):
        _come(connection, room_id, [x for x in readable if (x.room, x.kind) == (room_id, LetterKind.RSVP)])
    _report(connection, [letter for letter in readable if letter.kind is LetterKind.ABUSE])
    connection.execute(update(positions).where(positions.c.name == _POSITION).values(number=max(fresh)))


def _kept(connection: Connection, room_ids: Iterable[str]) -> set[str]:
    """Those of the rooms that there are; they stay until the transaction ends."""
    found: set[str] = set()
    for some in _chunks(room_ids):
        query = select(rooms.c.id).where(rooms.c.id.in_(some)).order_by(rooms.c.id)
        found |= set(connection.execute(query.with_for_update(read=True, key_share=True)).scalars())
    return found


def _come(connection: Connection, room_id: str, letters: list[Letter]) -> None:
    """RSVPs: a ticket once, a network so often."""
    wanted = {storable_part(letter.ticket): letter for letter in reversed(letters) if letter.ticket}
    for some in _chunks(wanted):
        known = select(rsvps.c.ticket).where(rsvps.c.room == room_id, rsvps.c.ticket.in_(some))
        for ticket in connection.execute(known).scalars():
            del wanted[ticket]
    come = sorted(wanted.items(), key=lambda item: item[1].at)
    counts = _counts(connection, rsvps, room_id, (letter for _, letter in come))
    rows: list[dict[str, Any]] = []
    total = coming(connection, room_id) if come else 0
    for ticket, letter in come:
        at_most = MAX_PREFIX_RSVPS + int(PREFIX_SHARE * (total + len(rows)))
        if _has_place(counts, prefix := storable_part(letter.prefix), at_most):
            rows.append({"room": room_id, "ticket": ticket, "prefix": prefix, "at": letter.at})
    if rows:
        connection.execute(insert(rsvps), rows)


def _report(connection: Connection, letters: list[Letter]) -> None:
    """Of all rooms, in the order in which they were written."""
    counts = {
        room_id: _counts(connection, reports, room_id, (letter for letter in letters if letter.room == room_id))
        for room_id in {letter.room for letter in letters}
    }
    rows = [
        {
            "room": letter.room,
            "at": letter.at,
            "said": storable_part(letter.said),
            "about": storable_part(letter.about),
            "prefix": prefix,
        }
        for letter in letters
        if _has_place(counts[letter.room], prefix := storable_part(letter.prefix), MAX_PREFIX_REPORTS)
    ]
    if rows:
        connection.execute(insert(reports), rows)


def _counts(connection: Connection, table: Table, room_id: str, letters: Iterable[Letter]) -> Counter[str]:
    """How many stand there from the networks of these letters."""
    counts: Counter[str] = Counter()
    for some in _chunks({storable_part(letter.prefix) for letter in letters}):
        query = (
            select(table.c.prefix, func.count())
            .where(table.c.room == room_id, table.c.prefix.in_(some))
            .group_by(table.c.prefix)
        )
        counts.update({row.prefix: row[1] for row in connection.execute(query)})
    return counts


def _has_place(counts: Counter[str], prefix: str, at_most: int) -> bool:
    if counts[prefix] >= at_most:
        return False
    counts[prefix] += 1
    return True


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    found = sorted(values)
    for start in range(0, len(found), _CHUNK):
        yield found[start : start + _CHUNK]


def coming(connection: Connection, room_id: str) -> int:
    return connection.execute(select(func.count()).select_from(rsvps).where(rsvps.c.room == room_id)).scalar_one()


def reported(connection: Connection, room_id: str | None, limit: int, cursor: str) -> tuple[list[Report], str]:
    """The newest first; of one room, or of all."""
    limit = max(1, min(limit, MAX_PAGE))
    r = reports.c
    query: Any = select(r.id, r.room, r.at, r.said, r.about).order_by(r.id.desc()).limit(limit + 1)
    if room_id is not None:
        query = query.where(r.room == room_id)
    if cursor:
        query = query.where(r.id < _number(cursor))
    found = [Report(row.id, row.room, WallTime(row.at), row.said, row.about) for row in connection.execute(query)]
    return found[:limit], str(found[limit - 1].id) if len(found) > limit else ""


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise BadRequest("That cursor is none of ours. Begin without one, and go on with what `next` says.")
    return int(cursor)
