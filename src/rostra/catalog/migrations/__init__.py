"""Brings a database to the schema of this version, step by step (Alembic). The steps come with the package, so an
installed wheel migrates its own.

A new step: a file in ``versions`` that names the one before it, written by hand; a test compares where the steps lead
with ``tables``. A step never imports ``tables``: it says what was so at its time.
"""

from __future__ import annotations

import threading

from sqlalchemy import Connection

from rostra.errors import DataFolderFault

_LOCK = 0x526F73747261
"""PostgreSQL: two studios that start at once migrate one after the other. Any number, but always this."""

_one_at_a_time = threading.Lock()
"""Alembic keeps what it works on in globals."""


def move(connection: Connection, revision: str = "head") -> None:
    """Within the transaction of ``connection``: all steps, or none. ``base`` goes all the way down.

    :raises DataFolderFault: if the database was made by a version of Rostra that came after this one.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    config = Config()
    config.set_main_option("script_location", "rostra.catalog:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        with _one_at_a_time:
            (command.downgrade if revision == "base" else command.upgrade)(config, revision)
    except CommandError as e:
        raise DataFolderFault(
            f"The catalog was made by a later version of Rostra than this one ({e}). Install that version, or name "
            "another database."
        ) from e
