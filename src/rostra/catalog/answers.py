"""Settings, and answers that were given (draft-ietf-httpapi-idempotency-key-header), within a transaction."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, update

from rostra.catalog.announced import insert_new
from rostra.catalog.tables import answers, settings
from rostra.errors import Conflict
from rostra.units import WallTime

KEPT_S = 24 * 3600.0
"""Who asks again after a day asks anew."""


def setting(connection: Connection, key: str, default: str) -> str:
    found = connection.execute(select(settings.c.value).where(settings.c.key == key)).scalar_one_or_none()
    return default if found is None else found


def set_setting(connection: Connection, key: str, value: str) -> None:
    if not insert_new(connection, settings, {"key": key, "value": value}):
        connection.execute(update(settings).where(settings.c.key == key).values(value=value))


def answered(connection: Connection, key: str, fingerprint: str, now: WallTime) -> tuple[int, bytes] | None:
    a = answers.c
    query = select(a.fingerprint, a.status, a.body).where(a.key == key, a.at > now - KEPT_S)
    found = connection.execute(query).first()
    if found is None:
        return None
    if found.fingerprint != fingerprint:
        # Section 2.7: "the resource server SHOULD reply with an HTTP 422"; ours says 409, as all that is taken.
        raise Conflict("This Idempotency-Key was used for another request within the last day. Choose a new key.")
    return found.status, found.body


def remember(connection: Connection, key: str, fingerprint: str, status: int, body: bytes, *, now: WallTime) -> bool:
    """Whether it was the first: the first answer to a key stands. What is older than a day goes."""
    connection.execute(delete(answers).where(answers.c.at <= now - KEPT_S))
    values = {"key": key, "fingerprint": fingerprint, "status": status, "body": body, "at": now}
    return insert_new(connection, answers, values)
