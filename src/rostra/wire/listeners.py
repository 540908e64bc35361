"""What listeners should know, as the JSON that rides inside parts and the words an edge may add between them.

Two carriers, one text:

* in a part's ``metadata``: ``emsg`` version 1, scheme ``https://aomedia.org/emsg/ID3`` (AOM, "Carriage of ID3 Timed
  Metadata in CMAF"), holding an ID3v2.4 tag with one ``TXXX`` frame whose description is ``rostra``;
* between pushed parts, made by the edge once for all: ``emsg`` version 1, scheme :data:`EDGE_SCHEME`, the JSON bare.

Names are short because every listener pays for them: see :class:`Snapshot` and :class:`EdgeNotice`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from rostra.errors import WireError

ID3_SCHEME = "https://aomedia.org/emsg/ID3"
EDGE_SCHEME = "urn:rostra:edge:1"

MEAN_METADATA_BYTES = 512
"""Metadata of a part, on average, may not pass this (architecture, "The path")."""

SNAPSHOT_EVERY_S = 4.0


@dataclass(frozen=True, slots=True)
class SeatView:
    """A seat as listeners see it."""

    id: str
    name: str
    role: str
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A full picture of the room, or (``stage`` is None) only what moves: levels, tally, reactions.

    JSON: ``{"v":1,"s":state,"n":listening,"l":{seat:level},"x":{"❤":5},"p":7,"st":[{"i":id,"n":name,"r":role,"m":1}]}``
    ``st`` and ``p`` only in a full picture, ``m`` only when muted, ``x`` only when there are reactions, ``p`` only when
    there is a board. Levels are whole dBFS, -127 to 0, of seats that are heard.
    """

    state: str
    listening: int
    levels: dict[str, int] = field(default_factory=dict)
    stage: tuple[SeatView, ...] | None = None
    reactions: dict[str, int] = field(default_factory=dict)
    """Of the last second: how often each of the eight (``wire.reactions``) that were sent."""
    board: int | None = None
    """The version of the board (``wire.boards``)."""

    def to_json(self) -> bytes:
        body: dict[str, Any] = {"v": 1, "s": self.state, "n": self.listening, "l": self.levels}
        if self.reactions:
            body["x"] = self.reactions
        if self.board is not None:
            body["p"] = self.board
        if self.stage is not None:
            body["st"] = [{"i": s.id, "n": s.name, "r": s.role, **({"m": 1} if s.muted else {})} for s in self.stage]
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Snapshot:
        """:raises WireError: if it is not a snapshot of a version we know."""
        try:
            body = json.loads(data)
            if body["v"] != 1:
                raise WireError("a snapshot of another version")
            stage, board = body.get("st"), body.get("p")
            return cls(
                state=str(body["s"]),
                listening=int(body["n"]),
                levels={str(k): int(v) for k, v in body["l"].items()},
                stage=None
                if stage is None
                else tuple(SeatView(str(s["i"]), str(s["n"]), str(s["r"]), bool(s.get("m"))) for s in stage),
                reactions={str(k): int(v) for k, v in body.get("x", {}).items()},
                board=None if board is None else int(board),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
            raise WireError(f"not a snapshot: {e}") from e


@dataclass(frozen=True, slots=True)
class EdgeNotice:
    """What the edge itself must say when no part can: ``{"e":kind, ...}``.

    Kinds: ``interrupted``, ``resumed``, ``ended``, ``draining`` (``in_s``: reconnect spread over so many seconds),
    ``flush`` (``flush_s``: the flush from now on; announced before it is taken), ``posts`` (``version``: the board has
    changed; ``/posts`` has it), ``moved`` (``at``: it begins at another time, and the doors are closed until then),
    ``door`` (``step``: of the ladder of the door; ``inside``: a word for a pass by which one comes in again, so long as
    it lasts).
    """

    kind: str
    values: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return json.dumps({"e": self.kind, **self.values}, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> EdgeNotice:
        """:raises WireError: if it is not an edge's notice."""
        try:
            body = json.loads(data)
            return cls(str(body.pop("e")), {str(k): float(v) for k, v in body.items()})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
            raise WireError(f"not an edge's notice: {e}") from e
