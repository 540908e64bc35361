"""Every setting, typed, with its own documentation. An unknown key is an error.

Settings come from, later ones winning: the defaults here, ``--config FILE`` (TOML, same names), ``ROSTRA_SECTION_KEY``
in the environment, the command line. ``docs/settings.md`` is made from this file (``make docs``).
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rostra.errors import ConfigError

STRICT_TRANSPORT_S = 30 * 24 * 3600
"""How long a browser comes by https only: past the next evening, and no longer than a month after TLS was given up."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class FrontSettings(_Section):
    """The front door: what the public reaches."""

    host: str = "0.0.0.0"  # noqa: S104
    """Address to listen on."""
    port: int = Field(8080, ge=0, le=65535)
    """Port to listen on. 0 takes a free one."""
    edges: int = Field(0, ge=0, le=256)
    """Edge processes. 0: one a core and more where the limit on open files asks for it, with one to spare."""
    flush_s: float = Field(0.0, ge=0.0, le=4.0)
    """Seconds of sound sent to a listener at once. 0: the ladder 0.5, 1, 2, 4, rising with load."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of proxies in front that are believed when they say for whom they ask: by the PROXY protocol's
    preamble, by `X-Forwarded-For`, and by `Forwarded` (RFC 7239) where there is none. None else is. Limits an address
    are counted by it."""
    proxy_protocol: bool = False
    """Whether connections from trusted proxies begin with a PROXY protocol v1 or v2 preamble."""
    public_url: str = ""
    """The address listeners use, if it is not http(s)://host:port (a proxy or a load balancer in front)."""
    backlog: int = Field(4096, ge=16)
    """Connections the kernel keeps for us until we accept them (capped by net.core.somaxconn)."""
    reserve_descriptors: int = Field(200, ge=16)
    """Open files kept back from listeners, for the bus and to answer 'come back' when full."""
    drain_s: float = Field(2.0, ge=0.0, le=60.0)
    """How long an edge that is asked to end tells its listeners to go elsewhere, so that they do not go all at once."""


class DoorSettings(_Section):
    """Who gets in when all come at once."""

    admission: str = Field("on", pattern="^(on|off)$")
    """off: everyone is let in until there are no open files left, and nothing is counted. For measuring what the door
    itself costs."""
    uplink_mbit_s: float = Field(0.0, ge=0.0, le=10_000_000.0)
    """What this machine can send, in Mbit/s, all edges together. 0: not limited."""
    places: int = Field(0, ge=0, le=10_000_000)
    """How many listeners one edge takes at most. 0: as many as the machine bears, found while they listen."""
    joins_s: float = Field(0.0, ge=0.0, le=1_000_000.0)
    """How many listeners a second may join at one edge. 0: as many as it bears, found while they join."""
    address_floor: int = Field(20, ge=4, le=1_000_000)
    """So many from one address (IPv6: a /64) are let in even above its fair share; fewer in a small house, where it is
    a 10,000th of all places, but never less than 4. Shares are kept only while there is not enough for everyone."""
    network_floor: int = Field(200, ge=4, le=1_000_000)
    """The same for one network: IPv4 /24, IPv6 /48; a 2,500th of all places."""
    provider_floor: int = Field(2000, ge=4, le=10_000_000)
    """The same for one provider: IPv4 /16, IPv6 /32; a 250th of all places."""
    challenge_trials: tuple[
        Annotated[int, Field(ge=100, le=1_000_000)], Annotated[int, Field(ge=100, le=1_000_000)]
    ] = (
        4_000,
        40_000,
    )
    """Work that a newcomer's browser does when the door is crowded: keys tried at most, without pressure and under all
    of it. A phone tries about 7,000 a second, and half of them on average."""


class StudioSettings(_Section):
    """The stage door: API and pages for hosts, speakers and operators."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8081, ge=0, le=65535)
    """Port to listen on. 0 takes a free one."""
    public_url: str = ""
    """The address hosts and speakers use, if it is not http(s)://host:port."""
    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may call the stage door from a browser, besides its own."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of proxies in front that are believed when they say for whom they ask (`X-Forwarded-For`) and
    whether by https (`X-Forwarded-Proto`). None else is. Limits an address are counted by it."""


class SourceSettings(_Section):
    """The source port: Icecast source clients."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(8082, ge=0, le=65535)
    """Port to listen on. 0 takes a free one."""


class WebRtcSettings(_Section):
    """How browsers' media reaches the stage."""

    ice_servers: tuple[str, ...] = ()
    """STUN and TURN servers for browsers and the stage, as URLs (RFC 7064, RFC 7065):
    stun:HOST:PORT, turn:USER:SECRET@HOST:PORT."""
    public_address: str = ""
    """The public IP address of this machine behind a cloud's one-to-one NAT; announced in place of the local one."""
    udp_ports: tuple[int, int] = (0, 0)
    """Lowest and highest UDP port for media; 0, 0 lets the kernel choose."""
    hosts: tuple[str, ...] = ()
    """Local addresses to offer for media; empty offers every interface, loopback included when there is no other."""


class StageSettings(_Section):
    """Who may speak."""

    hosts: int = Field(1, ge=1, le=4)
    """Host seats."""
    cohosts: int = Field(2, ge=0, le=8)
    """Co-host seats."""
    speakers: int = Field(10, ge=0, le=32)
    """Speaker seats; 32 seats in all at most."""
    return_grace_s: float = Field(30.0, ge=0.0, le=600.0)
    """How long a speaker whose network dropped may come back to the same seat."""
    loudness_lufs: float = Field(-18.0, ge=-36.0, le=-10.0)
    """Short-term loudness every voice is brought to."""


class RoomsSettings(_Section):
    """The life of rooms."""

    doors_s: float = Field(900.0, ge=0.0, le=24 * 3600.0)
    """How long before its time the doors of a new room open by themselves, if nobody says otherwise of it."""
    silence_ends_s: float = Field(3600.0, ge=10.0, le=7 * 24 * 3600.0)
    """A room on air ends by itself when nobody was heard for so long."""


class CatalogSettings(_Section):
    """The database of what is announced: rooms, links, posts, RSVPs, reports."""

    url: str = ""
    """postgresql://USER:PASSWORD@HOST/NAME or sqlite:///PATH. Empty: SQLite, catalog.db in the data folder."""


class TlsSettings(_Section):
    """Certificates for both doors."""

    cert: str = ""
    """PEM file with the certificate and its chain. Empty: plain HTTP."""
    key: str = ""
    """PEM file with the private key."""


class BusSettings(_Section):
    """NATS."""

    url: str = ""
    """URL of a NATS server or cluster with JetStream. Empty: `rostra serve` starts its own."""


class Settings(_Section):
    """All settings of one Rostra."""

    data: str = ".rostra"
    """The data folder: keys, the bus's files, rooms. Made if it is not there."""
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    """How much the processes say."""
    front: FrontSettings = FrontSettings()
    door: DoorSettings = DoorSettings()
    studio: StudioSettings = StudioSettings()
    source: SourceSettings = SourceSettings()
    webrtc: WebRtcSettings = WebRtcSettings()
    stage: StageSettings = StageSettings()
    rooms: RoomsSettings = RoomsSettings()
    catalog: CatalogSettings = CatalogSettings()
    tls: TlsSettings = TlsSettings()
    bus: BusSettings = BusSettings()

    @property
    def front_url(self) -> str:
        """Where listeners find the front door."""
        return self.front.public_url.rstrip("/") or local_url(self.scheme, self.front.host, self.front.port)

    @property
    def studio_url(self) -> str:
        """Where hosts and speakers find the stage door."""
        return self.studio.public_url.rstrip("/") or local_url(self.scheme, self.studio.host, self.studio.port)

    @property
    def scheme(self) -> str:
        return "https" if self.tls.cert else "http"


def strict_transport(url: str) -> str:
    """What a door at ``url`` says by Strict-Transport-Security (RFC 6797); empty: nothing.

    Only one that is reached by https and by a name: of an address browsers ignore it (8.1.1), and of ``localhost`` it
    would hold for whatever else is tried there.
    """
    parts = urlsplit(url)
    name = (parts.hostname or "").rstrip(".")
    local = name == "localhost" or name.endswith(".localhost") or "." not in name
    if parts.scheme != "https" or local or ":" in name or name.replace(".", "").isdigit():
        return ""
    return f"max-age={STRICT_TRANSPORT_S}"


def local_url(scheme: str, host: str, port: int) -> str:
    """The address of a door on this machine: one that listens on all addresses is reached by the loopback's."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{scheme}://[{reachable}]:{port}" if ":" in reachable else f"{scheme}://{reachable}:{port}"


CHILD_VARIABLE = "ROSTRA_SETTINGS_JSON"
"""How `rostra serve` hands its resolved settings to the processes it starts."""

HEARTBEAT_VARIABLE = "ROSTRA_HEARTBEAT_FD"
"""Number of a pipe that a supervised process writes a byte to every 0.25 s, so that a hung one is found."""

_NOT_SETTINGS = frozenset({CHILD_VARIABLE, HEARTBEAT_VARIABLE, "ROSTRA_SKIP_PAGES"})


def load(file: str | None = None, overrides: dict[str, Any] | None = None) -> Settings:
    """Settings from all sources; ``overrides`` is nested as the sections are and wins.

    :raises ConfigError: names the key and what is wrong with it.
    """
    merged: dict[str, Any] = {}
    if inherited := os.environ.get(CHILD_VARIABLE):
        merged = json.loads(inherited)
    if file:
        _merge(merged, _read(Path(file)))
    _merge(merged, _from_environment(dict(os.environ)))
    _merge(merged, overrides or {})
    try:
        return Settings.model_validate(merged)
    except ValidationError as e:
        first = e.errors()[0]
        key = ".".join(str(x) for x in first["loc"])
        what = "is not a setting; see docs/settings.md" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"{key}: {what}") from e


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as e:
        raise ConfigError(f"The configuration file {path} cannot be read: {e.strerror}.") from e
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"The configuration file {path} is not TOML: {e}.") from e


def _from_environment(environ: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    sections = {n: f.annotation for n, f in Settings.model_fields.items()}
    for name, value in environ.items():
        if not name.startswith("ROSTRA_") or name in _NOT_SETTINGS:
            continue
        key = name.removeprefix("ROSTRA_").lower()
        section, _, rest = key.partition("_")
        kind = sections.get(section)
        if isinstance(kind, type) and issubclass(kind, _Section) and rest:
            found.setdefault(section, {})[rest] = _parse(value)
        elif key in sections:
            found[key] = _parse(value)
        else:
            raise ConfigError(f"{name}: is not a setting; see docs/settings.md")
    return found


def _parse(value: str) -> Any:
    """JSON where it is JSON (numbers, lists), the bare text otherwise."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
