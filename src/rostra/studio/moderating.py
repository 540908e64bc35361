"""Putting people off the stage and on it: what takes the stage, the record and a link together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from rostra.errors import BadRequest, Conflict, NotFound, RostraError
from rostra.permissions import Action
from rostra.studio.files import Files
from rostra.studio.hands import new_identity
from rostra.studio.links import Links
from rostra.studio.rights import Caller
from rostra.studio.rooms import Rooms
from rostra.studio.sittings import Sittings
from rostra.units import Role, WallTime
from rostra.wire.rooms import MAX_NAME, Room

log = logging.getLogger("rostra.studio")

NOTICE_S = 3.0
"""Who is given a lower role, or is put off as a host by an operator, has so long to change over to the new link; a page
asks each second or two."""

CHANGES_OVER_S = 60.0
"""Who is given a higher role has so long, in a tab that the browser seldom wakes too: their old link is good for less
than they may anyhow."""

SHARED = "They came by the link that everyone of the role {role} shares. Issue it anew: then it is no longer good."

TAKES_NOBODY = (
    "They came by the link that everyone of the role {role} shares. It takes nobody new until you issue it anew; who "
    "is on the stage by it stays."
)


class Moderating:
    def __init__(
        self, rooms: Rooms, links: Links, files: Files, sittings: Sittings, now: Callable[[], WallTime]
    ) -> None:
        self._rooms, self._links, self._files, self._sittings, self._now = rooms, links, files, sittings, now
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def invite(self, room: Room, role: Role, name: str) -> tuple[str, str]:
        """A personal link, and its identity. It is good at once, also while the catalog is away.

        :raises BadRequest: no such link can be made.
        """
        if role is Role.LISTENER and not room.invited:
            raise BadRequest("Everyone may listen to this room: give them its public address.")
        identity, now = new_identity(), self._now()
        try:
            link = self._links.invite(room, role, name, identity)
        except ValueError as e:
            raise BadRequest(f"No link can be made: {e}.") from e
        await self._files.surely(lambda catalog: catalog.add_invitation(room.id, identity, role, name, now))
        return link, identity

    async def not_given(self, room: Room, identity: str) -> None:
        """A link that was made and that nobody was given: it is none that has to be taken back on the bus."""
        now = self._now()
        await self._files.surely(lambda catalog: catalog.revoke_invitation(room.id, identity, now))

    async def seats(self, room: Room) -> list[dict[str, Any]]:
        found = (await self._rooms.call(room.id, {"op": "people"})).get("seats")
        return [seat for seat in found if isinstance(seat, dict)] if isinstance(found, list) else []

    async def seat(self, room: Room, seat_id: str) -> dict[str, Any]:
        """:raises NotFound: nobody has that seat."""
        for seat in await self.seats(room):
            if seat.get("id") == seat_id:
                return seat
        raise NotFound("Nobody has that seat now.")

    async def mute_all(self, room: Room, caller: Caller) -> dict[str, Any]:
        """All but who says so."""
        mine = [
            str(seat.get("id")) for seat in await self.seats(room)
            if caller.identity and self._sittings.identity(room.id, seat) == caller.identity
        ]  # fmt: skip
        return await self._rooms.call(room.id, {"op": "mute_all", "by": caller.name, "but": mine})

    async def remove(self, room: Room, caller: Caller, seat_id: str, *, block: bool) -> tuple[list[str], str]:
        """The seats that are free by it, and what remains to be done."""
        seat = await self.seat(room, seat_id)
        self._need_rank(caller, seat)
        answer = await self._rooms.call(room.id, {"op": "remove", "seat": seat_id, "block": block, "by": caller.name})
        removed = [str(s) for s in answer.get("removed", [seat_id])]
        if block:
            return removed, await self._shut(room, seat)
        role = _role(seat)
        shared = self._sittings.identity(room.id, seat) == room.shared_identity(role)
        return removed, TAKES_NOBODY.format(role=role.value) if shared else ""

    def _need_rank(self, caller: Caller, seat: dict[str, Any]) -> None:
        """A co-host does not put the host off. :raises Forbidden: they try."""
        if seat.get("role") == Role.HOST.value:
            caller.need(Action.HAND_OVER)

    async def _shut(self, room: Room, seat: dict[str, Any]) -> str:
        """The link of who is blocked, for good."""
        identity, role = self._sittings.identity(room.id, seat), _role(seat)
        if identity and identity != room.shared_identity(role):
            await self._rooms.revoke(room.id, identity)
            return ""
        return (
            SHARED.format(role=role.value)
            if identity
            else ("It is not known by which link they came. If they come back, take that link back or issue it anew.")
        )

    async def appoint(self, room: Room, caller: Caller, seat_id: str, role: Role) -> tuple[str | None, str]:
        """Gives the person on the seat a link of another role; with a lower one they have no longer what they had.

        Who hands the host's seat over gets a co-host's link: the first of the answer. The second: what remains to be
        done.

        :raises Conflict: they have that role already, or are the host.
        """
        seat = await self.seat(room, seat_id)
        self._need_rank(caller, seat)
        if _role(seat) is role:
            raise Conflict(f"They have the role {role.value} already.")
        if _role(seat) is Role.HOST:
            raise Conflict("A room has a host. Hand the host's seat over to somebody else instead.")
        hosts = [s for s in await self.seats(room) if s.get("role") == Role.HOST.value] if role is Role.HOST else []
        link, identity = await self.invite(room, role, _name(seat))
        try:
            await self._note(room, seat_id, role, link)
        except RostraError:
            await self._rooms.revoke(room.id, identity)  # nobody has it
            raise
        if role is Role.HOST or _role(seat) is not Role.COHOST:
            self._take_back_later(room, seat)
        if role is Role.HOST:
            return await self._step_down(room, caller, hosts, identity), ""
        if _role(seat) is not Role.COHOST:
            return None, ""
        await asyncio.sleep(NOTICE_S)
        return None, await self._shut(room, seat)

    def _take_back_later(self, room: Room, seat: dict[str, Any]) -> None:
        """The link of their own by which who rises came: one person has one. Nobody waits for it; while they change
        over to the new one it is good."""
        identity = self._sittings.identity(room.id, seat)
        if not identity or identity == room.shared_identity(_role(seat)):
            return

        async def take_back() -> None:
            await asyncio.sleep(CHANGES_OVER_S)
            try:
                await self._rooms.revoke(room.id, identity)
            except RostraError as e:
                log.warning("room %s: somebody who rose keeps their old link: %s", room.id, e)

        task = asyncio.get_running_loop().create_task(take_back())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _step_down(self, room: Room, caller: Caller, hosts: list[dict[str, Any]], heir: str) -> str | None:
        """The host's link is made anew, and the one who was host becomes a co-host. No host's link but that of the
        ``heir`` is good any more."""
        mine = None
        if caller.claims is not None:
            mine, _ = await self.invite(room, Role.COHOST, caller.claims.name)
        for seat in hosts:
            link = mine or (await self.invite(room, Role.COHOST, _name(seat)))[0]
            try:
                await self._note(room, str(seat.get("id")), Role.COHOST, link)
            except RostraError as e:
                log.warning("room %s: the old host was not told: %s", room.id, e)
        if caller.operator and hosts:
            await asyncio.sleep(NOTICE_S)
        seated = {self._sittings.identity(room.id, seat) for seat in hosts}
        others = (seated | await self._invited_hosts(room) | {caller.identity}) - {heir, ""}
        for identity in sorted(others - {room.shared_identity(Role.HOST), *room.revoked}):
            await self._rooms.revoke(room.id, identity)
        await self._rooms.reissue(room.id, Role.HOST)
        return mine

    async def _invited_hosts(self, room: Room) -> set[str]:
        """Whose links say that they are host, as far as the catalog tells."""
        try:
            made = await self._files.ask(lambda catalog: catalog.invitations(room.id))
        except RostraError as e:
            log.warning("room %s: not known who else has a host's link of their own: %s", room.id, e)
            return set()
        return {one.identity for one in made if one.role is Role.HOST and not one.revoked}

    async def _note(self, room: Room, seat_id: str, role: Role, link: str) -> None:
        note = {"kind": "link", "link": link, "role": role.value}
        await self._rooms.call(room.id, {"op": "note", "seat": seat_id, "note": note})


def _role(seat: dict[str, Any]) -> Role:
    try:
        return Role(str(seat.get("role")))
    except ValueError:
        return Role.SPEAKER


def _name(seat: dict[str, Any]) -> str:
    return "".join(c for c in str(seat.get("name") or "") if c.isprintable())[:MAX_NAME]
