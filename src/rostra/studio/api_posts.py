"""Posts beside the sound, and pictures."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from rostra.errors import BadRequest
from rostra.permissions import Action
from rostra.studio.api import Authorization, Cursor, Desk, Key, Limit, RoomId, asker, view
from rostra.studio.models import NewPost, Nothing, Picture, PostChange, PostsPage, PostView, RoomView, time
from rostra.studio.once import Wish
from rostra.studio.problems import documented
from rostra.wire.boards import Post

PostId = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,32}$", description="Of a post.")]

_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The picture itself: JPEG, PNG, WebP or GIF, at most 8 MB and 40 megapixels.",
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _view(post: Post) -> PostView:
    return PostView(
        id=post.id, at=time(post.at), by=post.by, text=post.text, link=post.link, picture=post.picture,
        pinned=post.pinned,
    )  # fmt: skip


def add(router: APIRouter, desk: Desk) -> None:
    need, boards = desk.entrance.need, desk.boards

    @router.get(
        "/rooms/{room}/posts", summary="What was posted, the newest first (anyone with a link)", tags=["posts"],
        responses=documented(404),
    )  # fmt: skip
    async def show(
        room: RoomId, limit: Limit = 100, cursor: Cursor = "", authorization: Authorization = None
    ) -> PostsPage:
        await need(authorization, room, Action.LISTEN)
        board = await boards.board(room)
        ids = [post.id for post in board.posts]
        start = 0
        if cursor:
            if cursor not in ids:
                raise BadRequest("That cursor is none of ours. Begin without one, and go on with what `next` says.")
            start = ids.index(cursor) + 1
        items = board.posts[start : start + limit]
        more = start + limit < len(ids)
        return PostsPage(
            items=[_view(post) for post in items], next=items[-1].id if more else None, version=board.version
        )

    @router.post(
        "/rooms/{room}/posts", status_code=201, summary="Post something (co-host)", tags=["posts"],
        response_model=PostView, responses=documented(404, 409),
    )  # fmt: skip
    async def post(
        request: Request, room: RoomId, new: NewPost, key: Key = None, authorization: Authorization = None
    ) -> Response:
        caller, _ = await need(authorization, room, Action.POST)

        async def make(wish: Wish | None) -> PostView:
            what = (room, caller.name, new.text, new.link, new.picture)
            return _view(await boards.post(*what, pinned=new.pinned, known_by=wish.mark if wish else ""))

        return await desk.once.do(key, asker(caller), f"POST /rooms/{room}/posts", await request.body(), make)

    @router.patch(
        "/rooms/{room}/posts/{post_id}", summary="Change a post, pin it (co-host)", tags=["posts"],
        responses=documented(404),
    )  # fmt: skip
    async def change(room: RoomId, post_id: PostId, new: PostChange, authorization: Authorization = None) -> PostView:
        await need(authorization, room, Action.POST)
        changes = {name: value for name, value in new.model_dump().items() if value is not None}
        return _view(await boards.change(room, post_id, changes))

    @router.delete(
        "/rooms/{room}/posts/{post_id}", summary="Delete a post (co-host)", tags=["posts"], responses=documented(404)
    )
    async def delete(room: RoomId, post_id: PostId, authorization: Authorization = None) -> Nothing:
        await need(authorization, room, Action.POST)
        await boards.delete(room, post_id)
        return Nothing()

    @router.post(
        "/rooms/{room}/pictures", status_code=201, summary="A picture for posts (co-host)", tags=["posts"],
        response_model=Picture, responses=documented(404, 409, 415), openapi_extra=_FILE,
    )  # fmt: skip
    async def picture(request: Request, room: RoomId, key: Key = None, authorization: Authorization = None) -> Response:
        caller, _ = await need(authorization, room, Action.POST)
        data = await request.body()

        async def make(_: object) -> Picture:
            return Picture(picture=await boards.take_picture(data, cover=False))

        return await desk.once.do(key, asker(caller), f"POST /rooms/{room}/pictures", data, make)

    @router.put(
        "/rooms/{room}/picture", summary="The room's picture (co-host)", tags=["rooms"],
        responses=documented(404, 409, 415), openapi_extra=_FILE,
    )  # fmt: skip
    async def cover(request: Request, room: RoomId, authorization: Authorization = None) -> RoomView:
        await need(authorization, room, Action.EDIT)
        name = await boards.take_picture(await request.body(), cover=True)
        return view(desk.links, await desk.rooms.announce(room, lambda filed: filed.with_(picture=name)))

    @router.delete(
        "/rooms/{room}/picture", summary="The room has no picture (co-host)", tags=["rooms"],
        responses=documented(404, 409),
    )  # fmt: skip
    async def uncover(room: RoomId, authorization: Authorization = None) -> RoomView:
        await need(authorization, room, Action.EDIT)
        return view(desk.links, await desk.rooms.announce(room, lambda filed: filed.with_(picture="")))
