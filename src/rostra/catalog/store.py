"""The catalog as the studio sees it: each method is one transaction, and every failure of the database one error."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError, StatementError

from rostra.catalog import announced, answers, letters, migrations, people, posts
from rostra.catalog.engine import WRITES, make_engine
from rostra.catalog.values import Invitation, Report, SeatNote
from rostra.errors import CatalogUnavailable, NotFound, RostraError
from rostra.units import Role, WallTime
from rostra.wire.boards import Board, Post
from rostra.wire.inbox import Letter
from rostra.wire.rooms import Room

log = logging.getLogger("rostra.catalog")


class Catalog:
    """Make it with :meth:`open`. Any method raises :exc:`CatalogUnavailable` while the database does not answer, and
    works again once it does. Safe from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens ``sqlite:///PATH`` (made if it is not there) or ``postgresql://...`` and brings it to our schema.

        :raises ConfigError: if the URL names no database we know.
        :raises DataFolderFault: if the file cannot be made, or a later version of Rostra made it.
        :raises CatalogUnavailable: if the database does not answer.
        """
        catalog = cls(make_engine(url))
        try:
            with catalog._writing() as connection:
                migrations.move(connection)
        except BaseException:
            catalog.close()
            raise
        return catalog

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                connection.execution_options(**{WRITES: writes})
                with connection.begin():
                    yield connection
        except StatementError as e:
            if isinstance(e.orig, RostraError):  # a type refused a value (tables)
                raise e.orig from None
            raise self._unavailable(e) from e
        except SQLAlchemyError as e:
            raise self._unavailable(e) from e

    def _unavailable(self, error: SQLAlchemyError) -> CatalogUnavailable:
        """Begins anew with fresh connections: a file may have been put back, a server may have come up elsewhere."""
        cause = error.orig if isinstance(error, StatementError) and error.orig else error
        log.warning("the catalog: %s: %s", type(cause).__name__, str(cause).partition("\n")[0])
        self._engine.dispose()
        return CatalogUnavailable()

    def _reading(self) -> contextlib.AbstractContextManager[Connection]:
        return self._transaction(writes=False)

    def _writing(self) -> contextlib.AbstractContextManager[Connection]:
        return self._transaction(writes=True)

    # Rooms.

    def create_room(self, room: Room) -> Room:
        """:raises Conflict: if the id is taken."""
        with self._writing() as connection:
            return announced.create(connection, room)

    def create_room_once(self, room: Room, key: str, fingerprint: str, status: int, body: bytes) -> Room | None:
        """With the answer to who asked for it (:meth:`answered`): both or neither, whenever the connection breaks.

        None: that key was answered before, and nothing is made.

        :raises Conflict: if the id is taken.
        """
        with self._writing() as connection:
            if not answers.remember(connection, key, fingerprint, status, body, now=room.created):
                return None
            return announced.create(connection, room)

    def get_room(self, room_id: str) -> Room:
        """:raises NotFound: if there is none."""
        with self._reading() as connection:
            return announced.get(connection, room_id)

    def change_room(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        """What ``change`` makes of it; what it raises comes out, and nothing was changed. Others wait meanwhile.

        :raises NotFound: if there is none.
        """
        with self._writing() as connection:
            return announced.change(connection, room_id, change)

    def delete_room(self, room_id: str) -> None:
        """With all that belongs to it. :raises NotFound: if there is none."""
        with self._writing() as connection:
            announced.remove(connection, room_id)

    def list_rooms(self, limit: int, cursor: str = "") -> tuple[list[Room], str]:
        """The newest created first, and where to go on; empty: that was all."""
        with self._reading() as connection:
            return announced.page(connection, limit, cursor)

    def save_happened(self, room: Room, unless: Callable[[Room], bool] = lambda filed: False) -> None:
        """Mirrors state, epoch, generation, started and ended of a record on the bus. An unknown room is ignored, and
        one of which ``unless`` says so, which is told what is announced of it."""
        with self._writing() as connection:
            try:
                filed = announced.get(connection, room.id, to_change=True)
            except NotFound:
                return
            if not unless(filed):
                announced.mirror(connection, room)

    def pictures_shown(self) -> frozenset[str]:
        """The names of all pictures of rooms and posts."""
        with self._reading() as connection:
            return announced.pictures(connection)

    def to_publish(self) -> list[tuple[Room, int]]:
        """Rooms that changed since they were published, or whose posts did, with the version they are in."""
        with self._reading() as connection:
            return announced.unpublished(connection)

    def published(self, room_id: str, version: int) -> None:
        """That version stands on the bus."""
        with self._writing() as connection:
            announced.note_published(connection, room_id, version)

    # Personal links.

    def add_invitation(self, room_id: str, identity: str, role: Role, name: str, at: WallTime) -> None:
        """:raises NotFound: without the room. :raises Conflict: if that identity was used before."""
        with self._writing() as connection:
            people.invite(connection, room_id, Invitation(identity, role, name, at))

    def invitations(self, room_id: str) -> list[Invitation]:
        """In the order in which they were made."""
        with self._reading() as connection:
            return people.invited(connection, room_id)

    def revoke_invitation(self, room_id: str, identity: str, at: WallTime) -> None:
        """Twice is as good as once. :raises NotFound: if there is none."""
        with self._writing() as connection:
            people.revoke(connection, room_id, identity, at)

    # Letters of listeners.

    def last_letter(self) -> int:
        """The number of the last one taken; 0 before the first."""
        with self._reading() as connection:
            return letters.last(connection)

    def take_letters(self, batch: Sequence[tuple[int, Letter | None]]) -> None:
        """Each number counts once, however often it comes. None: could not be read."""
        with self._writing() as connection:
            letters.take(connection, batch)

    def rsvps(self, room_id: str) -> int:
        """How many said that they will come."""
        with self._reading() as connection:
            return letters.coming(connection, room_id)

    def reports(self, room_id: str | None, limit: int, cursor: str = "") -> tuple[list[Report], str]:
        """Of a room or (None) of all, the newest first, and where to go on; empty: that was all."""
        with self._reading() as connection:
            return letters.reported(connection, room_id, limit, cursor)

    # Posts.

    def add_post(self, room_id: str, post: Post) -> Board:
        """:raises NotFound: without the room. :raises Conflict: if there is a post of that id."""
        with self._writing() as connection:
            return posts.add(connection, room_id, post)

    def change_post(self, room_id: str, post_id: str, change: Callable[[Post], Post]) -> Board:
        """:raises NotFound: without the room or the post."""
        with self._writing() as connection:
            return posts.change(connection, room_id, post_id, change)

    def delete_post(self, room_id: str, post_id: str) -> Board:
        """:raises NotFound: without the room or the post."""
        with self._writing() as connection:
            return posts.remove(connection, room_id, post_id)

    def board(self, room_id: str) -> Board:
        """:raises NotFound: without the room."""
        with self._reading() as connection:
            return posts.board(connection, room_id)

    # Settings, answers that were given, who sat where.

    def setting(self, key: str, default: str = "") -> str:
        with self._reading() as connection:
            return answers.setting(connection, key, default)

    def set_setting(self, key: str, value: str) -> None:
        with self._writing() as connection:
            answers.set_setting(connection, key, value)

    def answered(self, key: str, fingerprint: str, now: WallTime) -> tuple[int, bytes] | None:
        """Status and body that this key was answered with in the last 24 h, if it was.

        :raises Conflict: if it was used for a request of another ``fingerprint``.
        """
        with self._reading() as connection:
            return answers.answered(connection, key, fingerprint, now)

    def remember_answer(self, key: str, fingerprint: str, status: int, body: bytes, now: WallTime) -> None:
        """The first answer to a key stands."""
        with self._writing() as connection:
            answers.remember(connection, key, fingerprint, status, body, now=now)

    def note_seat(self, room_id: str, seat: int, name: str, role: Role, at: WallTime) -> None:
        """Somebody sits there. Twice is as good as once; an unknown room is ignored."""
        with self._writing() as connection:
            people.sat_down(connection, room_id, SeatNote(seat, name, role, at))

    def left_seat(self, room_id: str, seat: int, at: WallTime) -> None:
        """The seat is free. Where nobody sat nothing happens."""
        with self._writing() as connection:
            people.got_up(connection, room_id, seat, at)

    def seats(self, room_id: str) -> list[SeatNote]:
        """Who sat where, in the order in which they sat down; the last 1000."""
        with self._reading() as connection:
            return people.sat(connection, room_id)
