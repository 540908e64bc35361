"""Rooms and all that belongs to them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _name() -> sa.Text:
    return sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.Text()


def _room(table: str) -> tuple[sa.Column[Any], sa.ForeignKeyConstraint]:
    return (
        sa.Column("room", _name(), nullable=False),
        sa.ForeignKeyConstraint(["room"], ["rooms.id"], name=f"fk_{table}_room", ondelete="CASCADE"),
    )


def _words(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Double(), nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "rooms",
        sa.Column("id", _name(), nullable=False),
        *_words("title", "state"),
        *_times("at", "created", "epoch"),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        *_times("started", "ended"),
        *_words("words", "tz", "speakers", "picture", "card"),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("invited", sa.Boolean(), nullable=False),
        *_times("doors_s"),
        sa.Column("go", sa.Boolean(), nullable=False),
        *_times("delay_s"),
        sa.Column("locked", sa.Boolean(), nullable=False),
        *_words("issues", "revoked", "note"),
        sa.Column("moved", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("board", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rooms"),
    )
    op.create_index("ix_rooms_created_id", "rooms", ["created", "id"])
    op.create_index("ix_rooms_state_at", "rooms", ["state", "at"])
    op.create_table(
        "invitations",
        *_room("invitations"),
        sa.Column("identity", _name(), nullable=False),
        *_words("role", "name"),
        *_times("at", "revoked"),
        sa.PrimaryKeyConstraint("room", "identity", name="pk_invitations"),
    )
    op.create_table(
        "rsvps",
        *_room("rsvps"),
        sa.Column("ticket", _name(), nullable=False),
        sa.Column("prefix", _name(), nullable=False),
        *_times("at"),
        sa.PrimaryKeyConstraint("room", "ticket", name="pk_rsvps"),
    )
    op.create_index("ix_rsvps_room_prefix", "rsvps", ["room", "prefix"])
    op.create_table(
        "reports",
        sa.Column("id", _number(), autoincrement=True, nullable=False),
        *_room("reports"),
        *_times("at"),
        *_words("said", "about"),
        sa.Column("prefix", _name(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reports_room_prefix", "reports", ["room", "prefix"])
    op.create_table(
        "posts",
        sa.Column("number", _number(), autoincrement=True, nullable=False),
        *_room("posts"),
        sa.Column("id", _name(), nullable=False),
        *_times("at"),
        *_words("by", "text", "link", "picture"),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_posts"),
        sa.UniqueConstraint("room", "id", name="uq_posts_room_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_posts_room_at", "posts", ["room", "at"])
    op.create_table(
        "gone",
        sa.Column("id", _name(), nullable=False),
        *_times("until"),
        sa.PrimaryKeyConstraint("id", name="pk_gone"),
    )
    op.create_table(
        "settings",
        sa.Column("key", _name(), nullable=False),
        *_words("value"),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )
    op.create_table(
        "answers",
        sa.Column("key", _name(), nullable=False),
        sa.Column("fingerprint", _name(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        *_times("at"),
        sa.PrimaryKeyConstraint("key", name="pk_answers"),
    )
    op.create_index("ix_answers_at", "answers", ["at"])
    positions = op.create_table(
        "positions",
        sa.Column("name", _name(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_positions"),
    )
    op.bulk_insert(positions, [{"name": "letters", "number": 0}])
    op.create_table(
        "seats",
        sa.Column("number", _number(), autoincrement=True, nullable=False),
        *_room("seats"),
        sa.Column("seat", sa.Integer(), nullable=False),
        *_words("name", "role"),
        *_times("at", "left"),
        sa.PrimaryKeyConstraint("number", name="pk_seats"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_seats_room_seat", "seats", ["room", "seat"])


def downgrade() -> None:
    for table in (
        "gone",
        "seats",
        "positions",
        "answers",
        "settings",
        "posts",
        "reports",
        "rsvps",
        "invitations",
        "rooms",
    ):
        op.drop_table(table)
