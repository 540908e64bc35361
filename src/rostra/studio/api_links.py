"""Links: of a role, of a person, taken back, made anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from rostra.errors import BadRequest, CatalogUnavailable, Conflict, NotFound
from rostra.permissions import Action
from rostra.studio import ports
from rostra.studio.api import Authorization, Cursor, Desk, Key, Limit, RoomId, asker
from rostra.studio.models import (
    Invitation,
    Invited,
    LinksView,
    Nothing,
    PersonalLink,
    Reissued,
    RoleName,
    maybe_time,
    time,
)
from rostra.studio.problems import documented
from rostra.studio.rights import Caller
from rostra.units import Role
from rostra.wire.rooms import Room

Identity = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,32}$", description="Of a personal link.")]

Sort = Annotated[Literal["at", "-at"], Query(description="As they were made, or (`-at`) the last ones first.")]
Good = Annotated[bool, Query(description="Without those that were taken back.")]

_INVITES = {Role.COHOST: Action.APPOINT, Role.HOST: Action.HAND_OVER}
_SMALL = (Role.SPEAKER, Role.LISTENER)
"""What a co-host sees, and takes back."""


def add(router: APIRouter, desk: Desk) -> None:
    need = desk.entrance.need

    @router.get(
        "/rooms/{room}/links", tags=["links"], responses=documented(404),
        summary="Its links, and whom personal ones were made for (co-host: those of speakers and listeners)",
    )  # fmt: skip
    async def show(
        room: RoomId, *, sort: Sort = "at", good: Good = False, limit: Limit = 100, cursor: Cursor = "",
        authorization: Authorization = None,
    ) -> LinksView:  # fmt: skip
        caller, found = await need(authorization, room, Action.INVITE_SPEAKER)
        every = caller.may(Action.SEE_ALL_LINKS)
        try:
            made = await desk.files.ask(lambda catalog: catalog.invitations(room))
        except (CatalogUnavailable, NotFound) as e:
            made, complete = (), not isinstance(e, CatalogUnavailable)
        else:
            complete = True
        seen = [i for i in made if every or i.role in _SMALL]
        items, after = _page(seen, sort, good, limit, cursor)
        return LinksView(items=items, next=after, shared=_shared(found, caller), complete=complete)

    async def role_of(room: str, identity: str) -> Role | None:
        """Of a personal link; None: the catalog does not know it.

        :raises CatalogUnavailable: it does not answer, and nobody else knows.
        """
        try:
            made = await desk.files.ask(lambda catalog: catalog.invitations(room))
        except NotFound:
            return None
        return next((i.role for i in made if i.identity == identity), None)

    def _shared(room: Room, caller: Caller) -> dict[str, str]:
        of = desk.links.of(room)
        if caller.may(Action.SEE_ALL_LINKS):
            return of
        return {role: link for role, link in of.items() if role in ("speaker", "listener", "public")}

    @router.post(
        "/rooms/{room}/links", status_code=201, tags=["links"], response_model=Invited, responses=documented(404, 409),
        summary="A link for one person (co-host: for speakers and listeners; host: for all)",
    )  # fmt: skip
    async def invite(
        request: Request, room: RoomId, who: Invitation, key: Key = None, authorization: Authorization = None
    ) -> Response:
        caller, found = await need(authorization, room, Action.INVITE_SPEAKER)
        role = Role(who.role)
        caller.need(_INVITES.get(role, Action.INVITE_SPEAKER))

        async def make(_: object) -> Invited:
            link, identity = await desk.moderating.invite(found, role, who.name)
            return Invited(link=link, identity=identity)

        return await desk.once.do(key, asker(caller), f"POST /rooms/{room}/links", await request.body(), make)

    @router.post(
        "/rooms/{room}/links/{role}/reissue", tags=["links"], responses=documented(404, 409),
        summary="Make the shared link of a role anew, and the one before no longer good (co-host: as revoking)",
    )  # fmt: skip
    async def reissue(room: RoomId, role: RoleName, authorization: Authorization = None) -> Reissued:
        caller, _ = await need(authorization, room, Action.REISSUE_LINKS)
        if Role(role) not in _SMALL:
            caller.need(Action.REISSUE_ALL_LINKS)
        changed = await desk.rooms.reissue(room, Role(role))
        return Reissued(role=role, link=desk.links.shared(changed, Role(role)))

    @router.delete(
        "/rooms/{room}/links/{identity}", tags=["links"],
        summary="Take a personal link back (co-host: of speakers and listeners)",
        responses=documented(404, 409),
    )  # fmt: skip
    async def revoke(room: RoomId, identity: Identity, authorization: Authorization = None) -> Nothing:
        caller, found = await need(authorization, room, Action.REISSUE_LINKS)
        if any(identity == found.shared_identity(role) for role in Role):
            raise Conflict("That is the link that everyone of the role shares. Issue it anew instead.")
        if not caller.may(Action.REISSUE_ALL_LINKS) and await role_of(room, identity) not in _SMALL:
            caller.need(Action.REISSUE_ALL_LINKS)
        # Whether the catalog knows it or not: it is good without the catalog, so it is taken back without.
        await desk.rooms.revoke(room, identity)
        return Nothing()


def _page(
    made: Sequence[ports.Invitation], sort: str, good: bool, limit: int, cursor: str
) -> tuple[list[PersonalLink], str | None]:
    """A cursor is how many were made before it: neither a new link nor one that is taken back moves anything."""
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise BadRequest("That cursor is none of ours. Begin without one, and go on with what `next` says.")
    numbered = [(n, i) for n, i in enumerate(made) if not (good and i.revoked)]
    if sort == "at":
        left = [(n, i) for n, i in numbered if n >= int(cursor or 0)]
    else:
        left = [(n, i) for n, i in reversed(numbered) if not cursor or n < int(cursor)]
    shown = left[:limit]
    after = None if len(left) <= limit else str(shown[-1][0] + (sort == "at"))
    return [_personal(i) for _, i in shown], after


def _personal(made: ports.Invitation) -> PersonalLink:
    return PersonalLink(
        identity=made.identity,
        role=made.role.value,
        name=made.name,
        at=time(made.at),
        revoked=maybe_time(made.revoked),
    )
