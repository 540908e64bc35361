"""The schema. ``migrations`` makes it; a test sees to it that both say the same.

Times are UTC seconds in double precision: what ``WallTime`` is, so they come back as they went in, from both databases.
"""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from rostra.errors import BadRequest


def storable(text: str) -> bool:
    """Whether both databases can hold it: PostgreSQL has no NUL in text, and UTF-8 no half of a surrogate pair."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable_part(text: str) -> str:
    """What can be held of it, with U+FFFD in place of the rest."""
    if storable(text):
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Words(TypeDecorator[str]):
    """Text from outside. Refuses what cannot be stored with a sentence, before the database does without one."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is not None and not storable(value):
            raise BadRequest("The text holds NUL or half a surrogate pair, which is no text. Leave it out.")
        return value


class Name(Words):
    """Words that are compared byte by byte, whatever the language of the database."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text(collation="C") if dialect.name == "postgresql" else Text()


class Json(TypeDecorator[Any]):
    """A small value that nothing is searched by, as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return json.dumps(value, separators=(",", ":"))  # in ASCII: it can hold what text cannot

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return json.loads(value or "null")


Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up by itself only an INTEGER."""

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _of_room(**options: Any) -> Column[str]:
    """What belongs to a room goes with it."""
    return Column("room", Name, ForeignKey("rooms.id", ondelete="CASCADE"), nullable=False, **options)


rooms: Final = Table(
    "rooms",
    metadata,
    Column("id", Name, primary_key=True),
    Column("title", Words, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("created", Double, nullable=False),
    Column("epoch", Double, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double, nullable=False),
    Column("words", Words, nullable=False),
    Column("tz", Words, nullable=False),
    Column("speakers", Json, nullable=False),
    Column("picture", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("invited", Boolean, nullable=False),
    Column("doors_s", Double, nullable=False),
    Column("go", Boolean, nullable=False),
    Column("delay_s", Double, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("issues", Json, nullable=False),
    Column("revoked", Json, nullable=False),
    Column("note", Words, nullable=False),
    Column("moved", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("board", BigInteger, nullable=False),
    Index(None, "created", "id"),
    Index(None, "state", "at"),
)
"""``version`` rises with each change, ``published`` is the last one that stands on the bus, ``board`` is the version of
the posts. All else is ``wire.rooms.Room``, by its names."""

gone: Final = Table(
    "gone",
    metadata,
    Column("id", Name, primary_key=True),
    Column("until", Double, nullable=False),
)
"""Rooms that were deleted. Their links are still around, those taken back too, and would open another room of that id:
until the last of them has expired there is none."""

invitations: Final = Table(
    "invitations",
    metadata,
    _of_room(primary_key=True),
    Column("identity", Name, primary_key=True),
    Column("role", Text, nullable=False),
    Column("name", Words, nullable=False),
    Column("at", Double, nullable=False),
    Column("revoked", Double, nullable=False),
)

rsvps: Final = Table(
    "rsvps",
    metadata,
    _of_room(primary_key=True),
    Column("ticket", Name, primary_key=True),
    Column("prefix", Name, nullable=False),
    Column("at", Double, nullable=False),
    Index(None, "room", "prefix"),
)

reports: Final = Table(
    "reports",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    _of_room(),
    Column("at", Double, nullable=False),
    Column("said", Words, nullable=False),
    Column("about", Words, nullable=False),
    Column("prefix", Name, nullable=False),
    Index(None, "room", "prefix"),
    sqlite_autoincrement=True,
)
"""Ids are never used again, or a cursor would mean two things."""

posts: Final = Table(
    "posts",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    _of_room(),
    Column("id", Name, nullable=False),
    Column("at", Double, nullable=False),
    Column("by", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("link", Words, nullable=False),
    Column("picture", Text, nullable=False),
    Column("pinned", Boolean, nullable=False),
    UniqueConstraint("room", "id"),
    Index(None, "room", "at"),
    sqlite_autoincrement=True,
)
"""``number``: the order of posts of the same instant."""

settings: Final = Table(
    "settings",
    metadata,
    Column("key", Name, primary_key=True),
    Column("value", Words, nullable=False),
)

answers: Final = Table(
    "answers",
    metadata,
    Column("key", Name, primary_key=True),
    Column("fingerprint", Name, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", Double, nullable=False),
    Index(None, "at"),
)

positions: Final = Table(
    "positions",
    metadata,
    Column("name", Name, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""How far something that comes from outside was read."""

seats: Final = Table(
    "seats",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    _of_room(),
    Column("seat", Integer, nullable=False),
    Column("name", Words, nullable=False),
    Column("role", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("left", Double, nullable=False),
    Index(None, "room", "seat"),
    sqlite_autoincrement=True,
)
"""A row each time somebody sits down: a stage that comes after another numbers its seats anew."""
