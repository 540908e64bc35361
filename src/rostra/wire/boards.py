"""What hosts post beside the sound, as it stands on the bus (bucket ``boards``, key: the room's id), as JSON.

Edges serve it as it is at ``/r/ROOM/posts``. ``version`` rises with every change; parts and state carry it, so that a
page knows when to ask again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from rostra.errors import WireError
from rostra.units import WallTime
from rostra.wire.rooms import PICTURE

MAX_POSTS = 100
"""Shown; older ones stay in the catalog."""
MAX_POST_TEXT = 500
MAX_LINK = 500


@dataclass(frozen=True, slots=True)
class Post:
    id: str
    """Rises with time within a room."""
    at: WallTime
    by: str
    """The name of who posted it."""
    text: str
    link: str = ""
    """http or https."""
    picture: str = ""
    pinned: bool = False

    def __post_init__(self) -> None:
        if len(self.text) > MAX_POST_TEXT or len(self.link) > MAX_LINK:
            raise ValueError(f"a post has at most {MAX_POST_TEXT} characters and a link of {MAX_LINK}")
        if self.link and not self.link.startswith(("https://", "http://")):
            raise ValueError("a link begins with https:// or http://")
        if self.picture and not PICTURE.fullmatch(self.picture):
            raise ValueError("that is no picture's name")
        if not (self.text or self.link or self.picture):
            raise ValueError("a post has a text, a link or a picture")


@dataclass(frozen=True, slots=True)
class Board:
    """All posts of a room, the newest first."""

    version: int = 0
    posts: tuple[Post, ...] = ()

    def __post_init__(self) -> None:
        if len(self.posts) > MAX_POSTS:
            raise ValueError(f"a board shows {MAX_POSTS} posts")


def encode_board(board: Board) -> bytes:
    body: dict[str, Any] = {"v": 1, **asdict(board)}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def decode_board(data: bytes) -> Board:
    """:raises WireError: if it is not a board of a version we know."""
    try:
        body = json.loads(data)
        if body["v"] != 1:
            raise WireError("a board of another version")
        return Board(int(body["version"]), tuple(Post(**post) for post in body["posts"]))
    except (ValueError, TypeError, KeyError, RecursionError) as e:
        raise WireError(f"not a board: {e}") from e
