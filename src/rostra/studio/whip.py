"""WHIP (RFC 9725) and its sibling WHEP: an offer in, the stage's answer out. No media comes through here.

A speaker publishes with one session and hears everyone else with another. The stage checks the token once more: this
process could be replaced by another one between the two.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from rostra.errors import BadRequest, RostraError, StageUnavailable, TooMany, Unsupported
from rostra.permissions import Action
from rostra.studio import texts
from rostra.studio.limits import Buckets, Rate
from rostra.studio.problems import documented
from rostra.studio.rights import Entrance
from rostra.studio.rooms import OFFER_WITHIN_S, Rooms
from rostra.studio.sittings import Sittings

SDP = "application/sdp"

OFFERS_A_SEAT = Rate(1.0, 10)
"""Of one person, told apart by link and ``?seat=``. Each makes sockets and keys on the loop on which the stage mixes; a
page that joins makes two, and one with a bad network a few a minute."""
OFFERS_A_LINK = Rate(4.0, 60)
"""Ten speakers may share one, and all come back at once when the network does."""

MAX_SEAT = 64
MAX_NAME = 60
_SEAT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,128}")


def ice_links(servers: Sequence[str]) -> list[str]:
    """``Link`` values by which a client learns of STUN and TURN servers (RFC 9725, section 4.6).

    ``turn:USER:SECRET@HOST:PORT`` carries its credentials; they go into parameters of their own.
    """
    found = []
    for server in servers:
        scheme, _, rest = server.partition(":")
        credentials, at, place = rest.rpartition("@")
        value = f'<{scheme}:{place}>; rel="ice-server"'
        if at:
            user, _, secret = credentials.partition(":")
            value += f'; username="{_quoted(user)}"; credential="{_quoted(secret)}"; credential-type="password"'
        found.append(value)
    return found


def _quoted(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text.replace("\r", "").replace("\n", ""))


class Offers:
    """How many more are taken, by link and seat."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._seats, self._links, self._clock = Buckets(OFFERS_A_SEAT), Buckets(OFFERS_A_LINK), clock

    def take(self, room: str, identity: str, seat: str) -> None:
        """:raises TooMany: they come too often."""
        link, now = _stand_in(room, identity), self._clock()
        if (wait := self._seats.take(_stand_in(room, identity, seat), now) or self._links.take(link, now)) > 0:
            raise TooMany("That is too often. Wait a little, then connect again.", wait)


def _stand_in(*parts: str) -> bytes:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).digest()


def routes(
    rooms: Rooms,
    entrance: Entrance,
    sittings: Sittings,
    ice_servers: Sequence[str],
    base_url: Callable[[Request], str],
) -> APIRouter:
    rights = entrance.rights
    router = APIRouter(prefix="/stage", tags=["stage"])
    links = ice_links(ice_servers)
    offers = Offers()

    def with_links(response: Response) -> Response:
        for value in links:
            response.headers.append("Link", value)
        return response

    def publish_route(kind: str, summary: str) -> None:
        @router.post(
            f"/{{room}}/{kind}",
            status_code=201,
            summary=summary,
            operation_id=kind,
            response_class=Response,
            openapi_extra={"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}},
            responses={
                **documented(404, 409, 410, 415),
                201: {"content": {SDP: {}}, "description": "The answer; Location is the session."},
            },
        )
        async def offer(request: Request, room: str) -> Response:
            token = rights.token(request.headers.get("authorization"))
            claims = await entrance.link(token, room, Action.SPEAK)
            body = {"op": kind, "token": token, "sdp": await _sdp(request), **_who(request)}
            offers.take(room, claims.jti, body.get("seat", ""))
            await rooms.enter(room, claims.role)
            answer = await rooms.call(room, body, OFFER_WITHIN_S)
            sdp, session = answer.get("sdp"), answer.get("session")
            if not isinstance(sdp, str) or not isinstance(session, str) or not _SESSION.fullmatch(session):
                raise StageUnavailable(f"The stage of room {room} gave no answer that can be used. Try again.")
            if kind == "whip":
                sittings.note(room, session, claims.jti)
            # RFC 9725, 4.2: "201 Created" with the answer, and a Location that is the session's URL. It is absolute:
            # not every encoder resolves a relative one.
            location = f"{base_url(request)}/stage/{room}/{kind}/{session}"
            return with_links(Response(sdp, 201, {"Location": location, "Cache-Control": "no-store"}, SDP))

        @router.options(f"/{{room}}/{kind}", include_in_schema=False)
        async def options(request: Request, room: str) -> Response:
            # RFC 9725, 4.2: what the endpoint takes; 4.6: servers may be told before the offer is made. Theirs are
            # credentials for a relay: only for who holds a link.
            response = Response(status_code=204, headers={"Allow": "POST, OPTIONS", "Accept-Post": SDP})
            try:
                await entrance.link(rights.token(request.headers.get("authorization")), room, Action.SPEAK)
            except RostraError:
                return response
            return with_links(response)

        @router.delete(
            f"/{{room}}/{kind}/{{session}}",
            summary="Leave; with `?keep=true` the seat is kept for a while, as for a page that is loaded again",
            operation_id=f"leave_{kind}",
            response_class=Response,
            responses=documented(404, 409, 410),
        )
        async def hangup(request: Request, room: str, session: str, keep: bool = False) -> Response:
            token = rights.token(request.headers.get("authorization"))
            await entrance.link(token, room, Action.SPEAK)
            if not _SESSION.fullmatch(session):
                raise BadRequest("That is not a session.")
            kept = {"keep": True} if keep else {}
            await rooms.call(room, {"op": "hangup", "session": session, "token": token, **kept})
            return Response(status_code=200)

        @router.api_route(f"/{{room}}/{kind}/{{session}}", methods=["PATCH", "OPTIONS"], include_in_schema=False)
        async def no_trickle(request: Request, room: str, session: str) -> Response:
            # RFC 9725, 4.3: a session that supports neither trickle ICE nor ICE restarts answers PATCH with 405. All
            # candidates are in offer and answer, and a lost network is a new session on the same seat.
            status = 204 if request.method == "OPTIONS" else 405
            return Response(status_code=status, headers={"Allow": "DELETE, OPTIONS"})

    publish_route("whip", "Take a seat and speak (WHIP, RFC 9725)")
    publish_route("whep", "Hear everybody but yourself (WHEP)")
    return router


async def _sdp(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != SDP:
        raise Unsupported(f"Send the offer as {SDP}, not as {kind[:60] or 'nothing'}.")
    body = await request.body()
    try:
        sdp = body.decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadRequest("The offer is not text.") from e
    # RFC 8866, section 5: a session description begins with its version, which is 0.
    if not sdp.startswith("v=0"):
        raise BadRequest("The body is not a session description (it does not begin with v=0).")
    return sdp


def _who(request: Request) -> dict[str, str]:
    """``?seat=`` tells apart people behind one link, ``?name=`` is what is shown, ``?session=`` says that the seat is
    theirs, where others have the same link; all are optional."""
    found = {}
    if seat := request.query_params.get("seat"):
        if not _SEAT.fullmatch(seat):
            raise BadRequest(f"A seat is 1 to {MAX_SEAT} of A-Z, a-z, 0-9, - and _.")
        found["seat"] = seat
    if session := request.query_params.get("session"):
        if not _SESSION.fullmatch(session):
            raise BadRequest("That is not a session.")
        found["session"] = session
    if name := request.query_params.get("name"):
        try:
            found["name"] = texts.person(name, MAX_NAME)
        except ValueError:
            raise BadRequest(f"A name has at most {MAX_NAME} printable characters.") from None
    return found
