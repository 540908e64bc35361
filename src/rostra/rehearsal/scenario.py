"""Crowds and attacks as files: TOML in, typed values out, a sentence for nonsense.

The docstrings under the fields are the reference (docs/topics/rehearsal.md is made from them by hand).
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rostra.errors import ConfigError
from rostra.rehearsal.arrivals import Arrivals, Curve
from rostra.rehearsal.network import KINDS, Manners

LIBRARY = Path(__file__).parent / "library"

MAX_FILE_BYTES = 256 * 1024
MAX_ATTACKS = 200

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class CrowdPlan(_Table):
    """Listeners as they are. Shares are of all listeners."""

    listeners: int = Field(1000, ge=1, le=10_000_000)
    """How many come."""
    over_s: float = Field(10.0, ge=0.0, le=86_400.0)
    """Within how many seconds."""
    hold_s: float = Field(30.0, ge=0.0, le=86_400.0)
    """How long they stay after the last has come."""
    curve: Curve = Curve.EVEN
    """How they come: even, spike, fill, return."""
    seed: int = Field(1, ge=0, le=2**31)
    """Of everything that is drawn: the same seed gives the same crowd."""
    hls: Share = 0.0
    """Listen by LL-HLS; the others are pushed to."""
    aac: Share = 0.0
    """Ask for AAC instead of Opus."""
    start_s: float = Field(0.0, ge=0.0, le=30.0)
    """What the model player holds before it starts."""
    patience_s: float = Field(60.0, ge=1.0, le=3600.0)
    """Who has heard nothing for so long gives up."""
    networks: dict[str, Share] = Field(default_factory=dict)
    """Shares by kind of network: lte, edge, tunnel (rehearsal/network.py). The rest is on a wire."""
    come_and_go: Share = 0.0
    """Leave and come back, again and again."""
    background: Share = 0.0
    """Tabs in the background: they look at their socket once a second."""
    reload: Share = 0.0
    """Load the page again and again at the start."""
    page: Share = 0.0
    """Fetch the page and its state before the sound."""
    proxied: bool = False
    """Say an address of the world by PROXY v2, which the target must believe of us (front.trusted_proxies and
    front.proxy_protocol)."""
    prefixes: int = Field(2000, ge=1, le=1_000_000)
    """Networks (/24, /48) from which a proxied crowd comes."""
    v6: Share = 0.0
    """Come by IPv6, where proxied."""
    behind_one: Share = 0.0
    """Come from one single address, where proxied: a campus, a carrier's NAT."""
    samples: int = Field(3, ge=0, le=100)
    """Pushed streams kept whole, decoded at the end and compared with one another and with the source."""

    @model_validator(mode="after")
    def _adds_up(self) -> CrowdPlan:
        for name in self.networks:
            if name not in KINDS:
                raise ValueError(f"networks.{name} is not a kind of network: {', '.join(KINDS)}")
        if sum(self.networks.values()) > 1.000001:
            raise ValueError("the shares of networks are more than all listeners")
        if self.come_and_go + self.background + self.reload > 1.000001:
            raise ValueError("come_and_go, background and reload are more than all listeners")
        return self

    @property
    def arrivals(self) -> Arrivals:
        return Arrivals(self.curve, self.listeners, self.over_s)

    @property
    def manners(self) -> Manners:
        return Manners(self.come_and_go, self.background, self.reload, self.page)


class Kind(StrEnum):
    """What an attack does; one module each in ``rehearsal/attacks``."""

    CONNECTIONS = "connections"
    SLOW_HEADS = "slow-heads"
    SLOW_BODIES = "slow-bodies"
    SLOW_READERS = "slow-readers"
    REQUESTS = "requests"
    PLAYLISTS = "playlists"
    ROOMS = "rooms"
    TICKETS = "tickets"
    RSVPS = "rsvps"
    HANDSHAKES = "handshakes"
    BOTS = "bots"
    REACTIONS = "reactions"
    STAGE_DOOR = "stage-door"


class AttackPlan(_Table):
    """One thing that is done to the target, from one time to another."""

    kind: Kind
    """connections, slow-heads, slow-bodies, slow-readers, requests, playlists, rooms, tickets, rsvps, handshakes, bots,
    reactions, stage-door."""
    from_s: float = Field(0.0, ge=0.0, le=86_400.0)
    """Begins so long after the crowd."""
    for_s: float = Field(20.0, gt=0.0, le=86_400.0)
    """Lasts so long."""
    connections: int = Field(500, ge=1, le=1_000_000)
    """Held at once, at most."""
    rate: float = Field(0.0, ge=0.0, le=1_000_000.0)
    """Connections begun a second; 0: as fast as its share of the CPU allows."""
    prefixes: int = Field(1, ge=1, le=1_000_000)
    """Networks it comes from, where the crowd is proxied."""
    pause_s: float = Field(1.0, ge=0.0, le=600.0)
    """Between two bytes of a slow one, or two requests of one that keeps asking."""
    pipelined: int = Field(16, ge=1, le=256)
    """Requests sent at once on a connection that is kept."""


class AttackFile(_Table):
    """A file of attacks: one, or a mixture with times."""

    name: str = Field(min_length=1, max_length=80)
    """What it is called in the report."""
    words: str = Field("", max_length=2000)
    """What it is and what a door should do about it."""
    weight: int = Field(100, ge=1, le=10_000)
    """Its CPU weight; a process of ours has 100 (cgroup), where that can be had."""
    attack: tuple[AttackPlan, ...] = Field(min_length=1, max_length=MAX_ATTACKS)
    """What is done, each with its times."""

    @property
    def ends_s(self) -> float:
        return max(plan.from_s + plan.for_s for plan in self.attack)


T = TypeVar("T", bound=BaseModel)


def read_crowd(path: Path, changes: dict[str, Any] | None = None) -> CrowdPlan:
    """The table ``[crowd]`` of a file; ``changes`` (options of the command) win. :raises ConfigError: a sentence."""
    data = _toml(path)
    if unknown := data.keys() - {"crowd"}:
        raise ConfigError(f"{path}: {sorted(unknown)[0]} is nothing of a crowd; a crowd's file has one table, [crowd].")
    table = data.get("crowd", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: crowd is a table: write [crowd].")
    return make(CrowdPlan, {**table, **(changes or {})}, str(path))


def read_attack(name: str) -> AttackFile:
    """A file of attacks, or the name of one in the library. :raises ConfigError: a sentence."""
    path = Path(name)
    if not path.exists() and path.suffix == "" and path.parent == Path():
        path = LIBRARY / f"{name}.toml"
        if not path.exists():
            raise ConfigError(f"There is no attack {name!r}. Give a file, or one of: {', '.join(library())}.")
    return make(AttackFile, _toml(path), str(path))


def library() -> list[str]:
    return sorted(p.stem for p in LIBRARY.glob("*.toml") if not p.stem.startswith("crowd-"))


def make(model: type[T], values: dict[str, Any], where: str) -> T:
    """:raises ConfigError: names the key and what is wrong with it."""
    try:
        return model.model_validate(values)
    except ValidationError as e:
        first = e.errors()[0]
        key = ".".join(str(x) for x in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        what = "is not known here" if first["type"] == "extra_forbidden" else said
        known = f" Known are: {', '.join(model.model_fields)}." if first["type"] == "extra_forbidden" else ""
        given = first.get("input")
        was = f" It is {given!r}." if key and isinstance(given, int | float | str) and len(str(given)) <= 60 else ""
        raise ConfigError(f"{where}: {key + ' ' if key else ''}{_sentence(what)}{known or was}") from e


def _sentence(text: str) -> str:
    text = text[:1].lower() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES // 1024} KiB: that is no rehearsal's file.")
        return tomllib.loads(raw.decode())
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}.") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as e:
        raise ConfigError(f"{path} is not TOML: {e}.") from e
