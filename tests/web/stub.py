"""A front door for tests of the pages: the real built pages and real parts, and a room that does what the test says.

One process, one loop: what the page must survive (a drop, a refusal, a new generation) happens when the test says.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import secrets
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import rostra
from rostra.demo.voices import conversation
from rostra.edge.letters import hand_asked, reaction_sent, report_made, rsvp_made
from rostra.encoding import Encoder, make_encoder
from rostra.errors import RostraError
from rostra.packaging import Packager
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, MediaTime, Part, PcmFrame, Rendition, WallTime
from rostra.wire.boards import Board, encode_board
from rostra.wire.emsg import notice_emsg, snapshot_emsg
from rostra.wire.listeners import EdgeNotice, SeatView, Snapshot

DIST = Path(rostra.__file__).parent / "web" / "dist"
PART_S = 0.5
PAST_S = 4.0
"""Sound that is there when the room is opened: a backlog for the longest flush that is tried."""

SEATS = (
    SeatView("host", "Ada Marlowe", "host"),
    SeatView("s1", "Jonas Brandt-Feuerstein", "speaker"),
    SeatView("s2", "Mei-Lin Okonkwo", "speaker", muted=True),
)
PICTURE = f"{'5ea' * 10}00.png"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080200000090"
    "7753de0000000c49444154789c63489b750a0002b501840cb3e2860000000049454e44ae426082"
)
"""One blue point; the page gives it its size."""

VOICE_OF = {"host": "high", "s1": "low"}

_tracks: dict[str, Any] = {}


def tracks() -> dict[str, Any]:
    if not _tracks:
        _tracks.update(conversation())
    return _tracks


@dataclass
class Room:
    """What the stub says of its one room, and the sound it makes."""

    rendition: Rendition = Rendition.OPUS
    title: str = "What the sea remembers"
    state: str = "live"
    flush_s: float = 0.5
    listening: int = 1234
    seats: tuple[SeatView, ...] = SEATS
    at: float = field(default_factory=lambda: time.time() - 900)
    started: float = field(default_factory=lambda: time.time() - 890)
    ended: float = 0.0
    media_offset_s: float = 0.0
    words: str = ""
    tz: str = "UTC"
    speakers: tuple[str, ...] = ()
    picture: str = ""
    doors_s: float = 900.0
    moved: int = 0
    note: str = ""
    invited: bool = False
    board: Board = field(default_factory=Board)
    reactions: dict[str, int] = field(default_factory=dict)
    """Of the last second; ridden in the parts."""
    door: str = ""
    """The step that the door has taken."""

    generation: int = 0
    parts: list[Part] = field(default_factory=list)
    _encoder: Encoder | None = None
    _packager: Packager | None = None
    _time: MediaTime = MediaTime(0)
    _base: MediaTime = MediaTime(0)

    def begin_generation(self, time_s: float) -> None:
        """A new stage process: its own encoder, its own init, media time as it says."""
        self.generation += 1
        self._encoder = make_encoder(self.rendition)
        sequence = 8 * (len(self.parts) // 8 + self.generation)
        self._packager = Packager(self.rendition, self.generation, sequence, self._encoder.decoder_config)
        self._time = self._base = MediaTime(round(time_s * 50) * FRAME_SAMPLES)

    def make(self, until_s: float) -> list[Part]:
        """Sound up to that media time."""
        if self._encoder is None or self._packager is None:
            raise RuntimeError("no generation has begun")
        made = []
        while self._time < until_s * SAMPLE_RATE:
            both = sum(self._slice(t).astype("int32") for t in tracks().values()) if self.state == "live" else None
            pcm = self._slice(tracks()["low"]) * 0 if both is None else both.clip(-32768, 32767).astype("int16")
            pcm_frame = PcmFrame(self._time, pcm)
            for frame in self._encoder.encode(pcm_frame):
                if part := self._packager.add(frame, WallTime(time.time()), self._snapshot):
                    made.append(part)
            self._change(pcm_frame)
            self._time = MediaTime(self._time + FRAME_SAMPLES)
        self.parts += made
        return made

    def _change(self, frame: PcmFrame) -> None:
        """Where a part of the one rendition ends, one of the other begins, as a stage makes them side by side."""
        packager = self._packager
        assert packager is not None
        border = (frame.time - self._base) % self.rendition.part_samples == 0
        if packager.rendition is self.rendition or not border:
            return
        self._encoder = make_encoder(self.rendition)
        self._encoder.encode(frame)  # what begins before the encoder did is not given out
        config = self._encoder.decoder_config
        self._packager = Packager(self.rendition, self.generation, -(-packager.next_sequence // 8) * 8, config)

    def _slice(self, track: Any) -> Any:
        at = self._time % (len(track) - FRAME_SAMPLES) // FRAME_SAMPLES * FRAME_SAMPLES
        return track[at : at + FRAME_SAMPLES]

    def _snapshot(self, at: MediaTime) -> bytes:
        full = len(self.parts) % 8 == 0
        levels = {}
        if self.state == "live":
            for seat in self.seats:
                if not seat.muted and seat.id in VOICE_OF:
                    track = tracks()[VOICE_OF[seat.id]]
                    begin = at % (len(track) - SAMPLE_RATE // 2)
                    power = float((track[begin : begin + SAMPLE_RATE // 2].astype("float64") ** 2).mean()) / 2**30
                    if power > 1e-6:
                        levels[seat.id] = round(10 * math.log10(power))
        return snapshot_emsg(
            Snapshot(
                self.state,
                self.listening,
                levels,
                self.seats if full else None,
                self.reactions,
                self.board.version if full and self.board.version else None,
            ),
            at,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "id": "sea",
            "title": self.title,
            "state": self.state,
            "at": self.at,
            "now": time.time(),
            "started": self.started,
            "ended": self.ended,
            "listening": self.listening,
            "stage": [{"i": s.id, "n": s.name, "r": s.role, **({"m": 1} if s.muted else {})} for s in self.seats],
            "flush_s": self.flush_s,
            "renditions": ["opus", "aac"],
            "words": self.words,
            "tz": self.tz,
            "speakers": self.speakers,
            "picture": self.picture,
            "doors": self.at - self.doors_s,
            "go": False,
            "invited": self.invited,
            "posts": self.board.version,
            "late": self.state in ("scheduled", "open") and time.time() >= self.at,
            "moved": self.moved,
            "note": self.note,
            "react": self.reactions,
            **({"door": {"step": self.door}} if self.door else {}),
        }


class Stub:
    """``async with Stub() as stub``: then ``stub.url`` is a front door with the room ``sea``."""

    def __init__(self, **room: Any) -> None:
        self.room = Room(**room)
        self.rooms: list[dict[str, Any]] | None = None
        self.refuse: tuple[int, int] | None = None
        """Status and Retry-After that answer ``/live``."""
        self.keep_back = False
        """``/live`` answers, but nothing ever comes: a proxy that collects."""
        self.silent = False
        """The stage is gone: no parts are made."""
        self.joins: list[float] = []
        self.requests: list[str] = []
        self.hands: dict[str, dict[str, str]] = {}
        """By ticket: name, why, state, and link when there is one."""
        self.rsvps: list[str] = []
        self.reports: list[tuple[str, str]] = []
        self.reacted: list[tuple[float, str]] = []
        """When a reaction came, and which."""
        self.unwell: int = 0
        """A status that answers whatever listeners send."""
        self.link = "a-good-link"
        """The token that opens an invited room."""
        self.bytes_sent: dict[str, int] = {}
        self.cookie = ""
        """Of the request that is answered."""
        self._listeners: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: list[Part] = []
        self._sent = 0
        self._origin = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def page(self) -> str:
        return f"{self.url}/r/sea"

    async def __aenter__(self) -> Stub:
        self.manifest = json.loads((DIST / "manifest.json").read_text())
        self._origin = time.monotonic() - PAST_S - self.room.media_offset_s
        self.room.begin_generation(self.room.media_offset_s)
        self.room.make(self._now())
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._spawn(self._air())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> None:
        """Every listener's connection breaks."""
        for writer in list(self._listeners):
            writer.transport.abort()
        self._listeners.clear()

    def close_gently(self) -> None:
        for writer in list(self._listeners):
            writer.write(b"0\r\n\r\n")
            writer.close()
        self._listeners.clear()

    def notice(self, kind: str, **values: float) -> None:
        self._flush()
        box = notice_emsg(EdgeNotice(kind, values), MediaTime(0))
        for writer in self._listeners:
            self._chunk(writer, box)

    def new_stage(self) -> None:
        """A stage process takes the room up: media time goes on by the wall clock, with an init of its own."""
        self.silent = False
        self.room.begin_generation(self._now())

    def skip_part(self) -> None:
        """The next part is not sent: what a laggard misses."""
        self._skip = True

    _skip = False

    def _now(self) -> float:
        return time.monotonic() - self._origin

    async def _air(self) -> None:
        last_flush = 0.0
        while True:
            await asyncio.sleep(0.02)
            if not self.silent:
                self._pending += self.room.make(self._now())
            if self._pending and self._now() - last_flush >= self.room.flush_s - 0.03:
                last_flush = self._now()
                self._flush()
            del self.room.parts[:-200]

    def _flush(self) -> None:
        body = b"".join((p.init if p.discontinuity else b"") + p.body for p in self._pending)
        self._pending.clear()
        if body and not self._skip:
            for writer in self._listeners:
                self._chunk(writer, body)
        self._skip = self._skip and not body

    @staticmethod
    def _chunk(writer: asyncio.StreamWriter, body: bytes) -> None:
        if not writer.is_closing():
            writer.write(b"%x\r\n%s\r\n" % (len(body), body))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target = head.split(" ")[:2]
                self.requests.append(target)
                fields = {k.lower(): v for k, _, v in (row.partition(": ") for row in head.split("\r\n")[1:])}
                self.cookie = fields.get("cookie", "")
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                url = urlsplit(target)
                if self.room.invited and url.path.startswith("/r/sea") and not self._invited(url.query, fields):
                    self._refused(url.path, writer)
                elif method == "POST":
                    self._posted(url.path, body, fields.get("content-type", ""), writer)
                elif not self._answer(url, writer):
                    await reader.read()
                    break
                await writer.drain()
        self._listeners.discard(writer)
        self._tasks.discard(task)
        writer.close()

    def _answer(self, target: Any, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection is free for another request."""
        path = target.path
        if path == "/r/sea/live":
            return self._live(writer)
        if path == "/r/sea/state":
            self._send(writer, 200, "application/json", json.dumps(self.room.to_json()).encode())
        elif path == "/r/sea":
            cookie = f"Set-Cookie: rostra_sea={self.link}; Path=/r/sea; HttpOnly\r\n" if "t=" in target.query else ""
            self._page(writer, "room", extra=cookie)
        elif path == "/r/sea/posts":
            self._send(writer, 200, "application/json", encode_board(self.room.board))
        elif path == "/r/sea/calendar.ics":
            self._send(writer, 200, "text/calendar", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
        elif path == f"/p/{PICTURE}":
            self._send(writer, 200, "image/png", PNG)
        elif path.startswith("/r/sea/hand/"):
            hand = self.hands.get(path.rpartition("/")[2])
            told = {k: v for k, v in hand.items() if k in ("state", "link")} if hand else {"title": "No such hand"}
            self._send(writer, 200 if hand else 404, "application/json", json.dumps(told).encode())
        elif path == "/":
            self._page(writer, "home")
        elif path == "/rooms.json" and self.rooms is not None:
            self._send(writer, 200, "application/json", json.dumps({"rooms": self.rooms}).encode())
        elif path in self.manifest["assets"]:
            self._send(writer, 200, self.manifest["assets"][path]["type"], (DIST / path[1:]).read_bytes())
        elif path.startswith("/r/") and path.count("/") == 2:
            self._page(writer, "room")
        else:
            self._send(writer, 404, "application/problem+json", b'{"title":"There is nothing here"}')
        return True

    def _page(self, writer: asyncio.StreamWriter, name: str, status: int = 200, extra: str = "") -> None:
        body = (DIST / self.manifest["pages"][name]).read_bytes()
        csp = f"Content-Security-Policy: {self.manifest['csp'][name]}\r\n"
        self._send(writer, status, "text/html; charset=utf-8", body, csp + extra)

    def _invited(self, query: str, fields: dict[str, str]) -> bool:
        return self.link in (*parse_qs(query).get("t", ()), fields.get("cookie", "").removeprefix("rostra_sea="))

    def _refused(self, path: str, writer: asyncio.StreamWriter) -> None:
        """The page all the same: a link may carry its token where only the page can see it."""
        if path == "/r/sea":
            self._page(writer, "room", 403)
        else:
            self._send(writer, 403, "application/problem+json", b'{"title":"Forbidden"}')

    def _posted(self, path: str, body: bytes, kind: str, writer: asyncio.StreamWriter) -> None:
        """As an edge takes it; its own rules say what is wrong with it."""
        if self.unwell:
            self._send(writer, self.unwell, "application/problem+json", b"{}")
            return
        try:
            status, told = self._taken(path.removeprefix("/r/sea/"), body, kind)
        except RostraError as e:
            status, told = e.status, e.problem()
        self._send(writer, status, "application/json", b"" if status == 204 else json.dumps(told).encode())

    def _taken(self, what: str, body: bytes, kind: str) -> tuple[int, dict[str, Any]]:
        if what == "react":
            self.reacted.append((time.monotonic(), reaction_sent(body, kind)))
            return 204, {}
        if what == "rsvp":
            self.rsvps.append(rsvp_made(body, kind).ticket or secrets.token_urlsafe(16))
            return 202, {"ticket": self.rsvps[-1]}
        if what == "report-abuse":
            report = report_made(body, kind)
            self.reports.append((report.said, report.about))
            return 202, {"taken": True}
        asked = hand_asked(body, kind)
        up = "" if asked.again and self.hands.get(asked.ticket, {}).get("state") == "accepted" else asked.ticket
        ticket = up or secrets.token_urlsafe(16)
        if asked.withdraw:
            self.hands[ticket]["state"] = "withdrawn"
        elif not up:
            self.hands[ticket] = {"name": asked.name, "why": asked.why, "state": "waiting"}
        return 202, {"ticket": ticket, "state": self.hands[ticket]["state"]}

    @staticmethod
    def _send(writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, extra: str = "") -> None:
        about = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nDate: {formatdate(usegmt=True)}\r\n"
        head = f"HTTP/1.1 {status} X\r\n{about}{extra}\r\n"
        writer.write(head.encode() + body)

    def _live(self, writer: asyncio.StreamWriter) -> bool:
        self.joins.append(time.monotonic())
        if self.refuse:
            status, after = self.refuse
            extra = f"Retry-After: {after}\r\n" if after else ""
            self._send(writer, status, "application/problem+json", b"{}", extra)
            return True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mp4\r\nTransfer-Encoding: chunked\r\n\r\n")
        if self.keep_back:
            return False
        count = max(1, round(2 * self.room.flush_s / PART_S))
        generation = self.room.generation
        backlog = [p for p in self.room.parts if p not in self._pending and p.name.generation == generation][-count:]
        if backlog:
            init = self.room._packager.init if self.room._packager else b""
            self._chunk(writer, init + b"".join(p.body for p in backlog))
        self._listeners.add(writer)
        return False
