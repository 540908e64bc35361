from rostra.units import RoomState, WallTime
from rostra.wire.boards import Post
from rostra.wire.inbox import Letter, LetterKind
from rostra.wire.rooms import Room


def room(room_id: str = "tea", created: float = 1000.0, **more: object) -> Room:
    values = {"title": "Tea", "state": RoomState.SCHEDULED, "at": WallTime(5000.25)} | more
    return Room(id=room_id, created=WallTime(created), **values)  # type: ignore[arg-type]


def post(post_id: str = "1", at: float = 1.0, **more: object) -> Post:
    values: dict[str, object] = {"text": f"post {post_id}"} | more
    return Post(post_id, WallTime(at), "Ada", **values)  # type: ignore[arg-type]


def rsvp(ticket: str, room_id: str = "tea", prefix: str = "192.0.2.0/24", at: float = 1.0) -> Letter:
    return Letter(room_id, LetterKind.RSVP, WallTime(at), ticket=ticket, prefix=prefix)


def abuse(said: str, room_id: str = "tea", about: str = "", prefix: str = "192.0.2.0/24", at: float = 1.0) -> Letter:
    return Letter(room_id, LetterKind.ABUSE, WallTime(at), said=said, about=about, prefix=prefix)
