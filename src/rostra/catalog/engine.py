"""Opens a database: SQLite in a file, or PostgreSQL by its URL, with what each needs to be quick and not to hang."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from rostra.errors import ConfigError, DataFolderFault

BUSY_S = 5.0
"""A writer of SQLite waits so long for another one; ours take milliseconds."""

CONNECT_S = 5
STATEMENT_S = 10
"""What takes longer is stuck; nothing here reads more than a page of a list."""

CONNECTIONS = 4
"""The studio asks from a few threads; SQLite has one writer anyway."""

WRITES = "rostra_writes"
"""Execution option of a connection whose transaction will write."""

_SENTENCE = "The catalog is at sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; what was given is neither."


def make_engine(url: str) -> Engine:
    """:raises ConfigError: if it is not the URL of a database we know. It never repeats the password in it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(_SENTENCE) from None
    match parsed.drivername.partition("+")[0]:
        case "sqlite" if parsed.database and parsed.database != ":memory:" and not parsed.host:
            return _sqlite(parsed.set(drivername="sqlite+pysqlite"), Path(parsed.database))
        case "postgresql" | "postgres":
            return _postgresql(parsed.set(drivername="postgresql+psycopg"))
        case _:
            raise ConfigError(_SENTENCE)


def _sqlite(url: URL, path: Path) -> Engine:
    _make_private(path)
    engine = create_engine(url, connect_args={"timeout": BUSY_S}, **_pool())

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below: sqlite3 would begin too late
        for pragma in (
            "journal_mode = WAL",  # readers go on beside a writer
            "synchronous = FULL",  # a letter is let go on the bus once it is here: it may not be lost with the power
            "foreign_keys = ON",
            f"busy_timeout = {int(BUSY_S * 1000)}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Who reads first and writes then would be refused if another wrote in between: take the lock at once.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make_private(path: Path) -> None:
    """Names and networks of people stand in it; what SQLite puts beside it gets the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as e:
        raise DataFolderFault(
            f"The catalog cannot be kept in {path}: {e.strerror or e}. Make that folder writable, or name another file."
        ) from e


def _postgresql(url: URL) -> Engine:
    """A server that is stuck, or whose network is, must not keep a thread for good."""
    wanted: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": STATEMENT_S * 1000,
        "keepalives_idle": 30,
        "application_name": "rostra",
        "options": f"-c statement_timeout={STATEMENT_S}s -c lock_timeout={CONNECT_S}s "
        "-c idle_in_transaction_session_timeout=60s",
    }
    arguments = {name: value for name, value in wanted.items() if name not in url.query}
    return create_engine(url, connect_args=arguments, pool_pre_ping=True, **_pool())


def _pool() -> dict[str, Any]:
    """``hide_parameters``: what people wrote is not for logs."""
    return {
        "pool_size": CONNECTIONS,
        "max_overflow": CONNECTIONS,
        "pool_timeout": CONNECT_S,
        "hide_parameters": True,
    }
