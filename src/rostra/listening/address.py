"""What a listener was given, and what to ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from rostra.errors import BadRequest
from rostra.units import Rendition
from rostra.wire.rooms import ROOM_ID


class Via(StrEnum):
    """How the sound comes."""

    PUSH = "push"
    HLS = "hls"
    MP3 = "mp3"


@dataclass(frozen=True, slots=True)
class Target:
    """One room at one front door."""

    front: str
    """Address of the front door, without a slash at its end."""
    room: str
    via: Via
    rendition: Rendition
    token: str = ""
    """Of the link to a room that takes one. It is shown to the server and to nobody else: it stands in no report."""

    @property
    def page(self) -> str:
        return f"{self.front}/r/{self.room}"

    @property
    def url(self) -> str:
        """Where the sound is (for HLS: the playlist of the rendition)."""
        if self.via is Via.MP3:
            return f"{self.page}/live.mp3"
        if self.via is Via.HLS:
            return f"{self.page}/hls/{self.rendition}.m3u8"
        return f"{self.page}/live" + ("" if self.rendition is Rendition.OPUS else f"?codec={self.rendition}")

    @property
    def state_url(self) -> str:
        return f"{self.page}/state"

    @property
    def link(self) -> dict[str, str]:
        """What the query of every address of the room is asked with besides its own."""
        return {"t": self.token} if self.token else {}


def read_target(url: str, via: Via | None = None, rendition: Rendition | None = None) -> Target:
    """Any address of a room (its page, ``/live``, ``/live.mp3``, a playlist); what is asked for wins over what it says.

    :raises BadRequest: it is none.
    """
    parts = urlsplit(url.strip())
    words = [w for w in parts.path.split("/") if w]
    if parts.scheme not in ("http", "https") or not parts.hostname or "r" not in words[:-1]:
        raise BadRequest(f"{url!r} is not the address of a room: that looks like http://HOST:PORT/r/ROOM")
    at = len(words) - 2 - words[:-1][::-1].index("r")
    room, rest = words[at + 1], words[at + 2 :]
    if not ROOM_ID.fullmatch(room):
        raise BadRequest(f"{room!r} is not a room id: 1 to 40 of a-z, 0-9 and inner hyphens")
    said_via, said_rendition = _said(rest, parse_qs(parts.query))
    via = via or said_via or Via.PUSH
    rendition = Rendition.MP3 if via is Via.MP3 else rendition or said_rendition or Rendition.OPUS
    if via is not Via.MP3 and rendition is Rendition.MP3:
        raise BadRequest("MP3 comes as one endless stream only: use --via mp3")
    if via is Via.HLS and rendition is Rendition.OPUS_LOW:
        raise BadRequest("opus16 has no playlist: use --via push")
    token = next((found["t"][0] for q in (parts.query, parts.fragment) if "t" in (found := parse_qs(q))), "")
    before = "".join(f"/{w}" for w in words[:at])
    return Target(f"{parts.scheme}://{parts.netloc}{before}", room, via, rendition, token)


def _said(rest: list[str], query: dict[str, list[str]]) -> tuple[Via | None, Rendition | None]:
    match rest:
        case ["live.mp3"]:
            return Via.MP3, None
        case ["live"]:
            return Via.PUSH, _rendition((query.get("codec") or [""])[0])
        case ["hls", name]:
            return Via.HLS, _rendition(name.removesuffix(".m3u8"))
        case _:
            return None, None


def _rendition(name: str) -> Rendition | None:
    return next((r for r in (Rendition.OPUS, Rendition.AAC, Rendition.OPUS_LOW) if r == name), None)
