"""What the API takes and gives, and which texts it lets through. Strict: nothing is guessed from a value of another
type."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rostra.studio import texts
from rostra.units import WallTime
from rostra.wire.boards import MAX_LINK, MAX_POST_TEXT
from rostra.wire.rooms import MAX_ANNOUNCED, MAX_DELAY_S, MAX_NAME, MAX_TITLE, MAX_WORDS, PICTURE, ROOM_ID

MAX_DOORS_S = 24 * 3600.0

T = TypeVar("T")


def _moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("write a time as 2030-05-01T19:30 or 2030-05-01T19:30+02:00") from None
    return text


Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE), AfterValidator(lambda t: texts.line(t, MAX_TITLE, 1))]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(lambda t: texts.line(t, MAX_NAME, 1))]
MaybeName = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(lambda t: texts.person(t, MAX_NAME))]
Words = Annotated[str, Field(max_length=MAX_WORDS), AfterValidator(lambda t: texts.lines(t, MAX_WORDS))]
PostText = Annotated[str, Field(max_length=MAX_POST_TEXT), AfterValidator(lambda t: texts.lines(t, MAX_POST_TEXT))]
Link = Annotated[str, Field(max_length=MAX_LINK), AfterValidator(lambda t: texts.link(t, MAX_LINK))]
Zone = Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Berlin"]), AfterValidator(texts.zone)]
Moment = Annotated[str, Field(max_length=40, examples=["2031-05-01T19:30:00+02:00"]), AfterValidator(_moment)]
Speakers = Annotated[list[Name], Field(max_length=MAX_ANNOUNCED)]
Doors = Annotated[float, Field(ge=0, le=MAX_DOORS_S)]
Delay = Annotated[float, Field(ge=0, le=MAX_DELAY_S)]
RoleName = Literal["host", "cohost", "speaker", "listener"]
PictureName = Annotated[str, Field(pattern=f"^(?:{PICTURE.pattern})?$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class NewRoom(_Model):
    title: Title
    """What listeners read."""
    id: str | None = Field(None, pattern=f"^{ROOM_ID.pattern}$")
    """1 to 40 of a-z, 0-9 and inner hyphens; made from the title when it is left out."""
    words: Words = ""
    """What it is about; lines are kept."""
    at: Moment | None = None
    """When it is announced to begin (ISO 8601); without an offset as the clock shows it in ``tz``. Now if left out."""
    tz: Zone = "UTC"
    """The time zone it is announced in (IANA)."""
    speakers: Speakers = Field(default_factory=list)
    """Names that are announced."""
    listed: bool = True
    """Whether home page and feed name it."""
    invited: bool = False
    """Whether it takes a link to listen."""
    doors_s: Doors | None = None
    """How long before its time the doors open by themselves; as the server's settings say if left out."""
    delay_s: Delay = 0.0
    """Broadcast delay."""


class RoomChange(_Model):
    """Only what is given is changed."""

    title: Title | None = None
    words: Words | None = None
    at: Moment | None = None
    tz: Zone | None = None
    speakers: Speakers | None = None
    listed: bool | None = None
    invited: bool | None = None
    doors_s: Doors | None = None
    delay_s: Delay | None = None


class NewRoomSettings(_Model):
    """What holds for new rooms of which nobody says otherwise."""

    doors_s: Doors | None
    """How long before their time doors open by themselves; null: as the server's file of settings says."""


class Cancel(_Model):
    note: Words = ""
    """Why, for those who wait."""


class Postpone(_Model):
    at: Moment
    note: Words = ""
    """Why, for those who wait."""


class RoomView(_Model):
    id: str
    title: str
    state: str
    at: datetime
    created: datetime
    started: datetime | None
    """When it went on air."""
    ended: datetime | None
    public: str
    """The listener's page."""
    words: str
    tz: str
    speakers: list[str]
    picture: str
    """The picture's name: at the front door /p/NAME. Empty: none."""
    card: str
    """The picture made for those who share its address; empty: none yet."""
    listed: bool
    invited: bool
    doors_s: float
    delay_s: float
    locked: bool
    go: bool
    """Somebody said that it starts, whatever the announced time."""
    note: str
    """Why it was moved or cancelled."""
    remark: str = ""
    """What must be said about what was asked: a time that the clock skips, say."""


class RoomWithLinks(RoomView):
    links: dict[str, str]
    """``host``, ``cohost``, ``speaker`` (whoever holds one has that right) and ``public``; ``listener`` of a room for
    invited listeners."""


class Page(_Model, Generic[T]):
    items: list[T]
    next: str | None
    """The ``cursor`` to go on with; null: that was all."""


class Invitation(_Model):
    role: RoleName
    name: MaybeName = ""
    """Shown beside the voice; the speaker is asked when it is empty."""


class Invited(_Model):
    link: str
    identity: str
    """By which it can be taken back."""


class PersonalLink(_Model):
    identity: str
    role: str
    name: str
    at: datetime
    revoked: datetime | None


class LinksView(Page[PersonalLink]):
    shared: dict[str, str]
    """By role, and ``public``."""
    complete: bool
    """False while the catalog, which keeps the personal ones, does not answer."""


class Reissued(_Model):
    role: str
    link: str


class Nothing(_Model):
    """It was done."""


class Mute(_Model):
    muted: bool
    """True: only they themselves can open their microphone."""


class MuteMe(_Model):
    muted: bool
    seat: str = Field("", max_length=64, pattern="^[A-Za-z0-9_-]*$")
    """Which of the people behind one link; as with WHIP's ``?seat=``."""
    session: str = Field("", max_length=128, pattern="^[A-Za-z0-9_-]*$")
    """The last step of the address WHIP gave you; behind a link that others have too it is asked for."""


class Appoint(_Model):
    role: Literal["host", "cohost", "speaker"]


class Appointed(_Model):
    role: str
    link: str | None
    """Your new link, after you handed over the host's seat."""
    hint: str
    """What remains to be done; may be empty."""


class Removed(_Model):
    removed: list[str]
    blocked: bool
    hint: str
    """What remains to be done; may be empty."""


class SeatTaken(_Model):
    """That somebody sat on the stage."""

    seat: str
    name: str
    role: str
    at: datetime
    left: datetime | None
    """Null: they sit there."""


class Lock(_Model):
    locked: bool


class SetDelay(_Model):
    seconds: Delay


class HandView(_Model):
    ticket: str
    name: str
    why: str
    at: datetime
    state: str


class Lowering(_Model):
    """Lowering of all hands, which goes on in the background."""

    total: int
    done: int


class HandsPage(Page[HandView]):
    total: int
    """That are found, on all pages."""
    waiting: int
    """That are up."""
    lowering: Lowering | None
    complete: bool
    """False: more are up than are shown. They are once others are lowered."""


class NewPost(_Model):
    text: PostText = ""
    link: Link = ""
    """http or https."""
    picture: PictureName = ""
    """A name that ``POST pictures`` gave."""
    pinned: bool = False


class PostChange(_Model):
    text: PostText | None = None
    link: Link | None = None
    picture: PictureName | None = None
    pinned: bool | None = None


class PostView(_Model):
    id: str
    at: datetime
    by: str
    text: str
    link: str
    picture: str
    pinned: bool


class PostsPage(Page[PostView]):
    version: int
    """Of the board."""


class Picture(_Model):
    picture: str
    """Its name: at the front door /p/NAME."""


class ReportView(_Model):
    id: int
    room: str
    at: datetime
    said: str
    about: str
    """The seat or post; may be empty."""


class Count(_Model):
    count: int


class Stage(BaseModel):
    """As the stage describes itself."""

    model_config = ConfigDict(extra="allow")
    seats: list[dict[str, Any]]
    state: str


class Me(BaseModel):
    model_config = ConfigDict(extra="allow")
    seat: dict[str, Any] | None
    notes: list[dict[str, Any]]
    state: str


def time(wall: WallTime) -> datetime:
    return datetime.fromtimestamp(wall, UTC)


def maybe_time(wall: WallTime) -> datetime | None:
    return time(wall) if wall else None
