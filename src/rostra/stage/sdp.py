"""The offer of a WHIP or WHEP client, and our answer. Pure: text in, values out, and back.

Only what one Opus stream over one bundled, multiplexed transport needs (RFC 9725, 4.4; RFC 8843; RFC 8839). Of an
offer, the first audio section that has Opus and points the right way is taken; every other section is rejected
with port 0 (RFC 3264, 6): video, data channels, a second microphone.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from rostra.errors import BadRequest, TooLarge, Unsupported

MAX_SDP_BYTES: Final = 64 * 1024
"""A browser's offer with every codec it knows has 6 to 10 KiB."""

MAX_SECTIONS: Final = 32
"""Bounds the answer, which has a section for each of the offer's."""

MAX_CANDIDATES: Final = 32
"""Each is an address we send checks to: what an offer names beyond these is left out (compare RFC 8445, 19.5.1)."""

FMTP: Final = "minptime=10;useinbandfec=1;usedtx=0"
"""RFC 7587, 6.1: send copies of lost packets once you hear of loss; do not stop in pauses, a room's noise included."""

_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")
_DIGESTS: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_SECTION: Final = re.compile(r"m=([a-z]{1,16}) (\d{1,5})(?:/\d{1,3})? ([A-Z0-9/]{1,32})((?: [!-~]{1,32}){1,64})")
_RTPMAP: Final = re.compile(r"(\d{1,3}) ([!-.0-~]{1,32})/(\d{1,6})(?:/(\d))?")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,64}")
_PROTOCOLS: Final = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF"})
_PAYLOAD_TYPES: Final = frozenset({*range(64), *range(96, 128)})
_DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")


class Direction(Enum):
    """Seen from the client."""

    SEND = "recvonly"
    """WHIP: the client sends, so we answer ``recvonly``."""
    RECEIVE = "sendonly"
    """WHEP: the client receives, so we answer ``sendonly``."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address at which the client may be reached (RFC 8839, 5.1), UDP and literal only."""

    foundation: str
    priority: int
    address: str
    port: int
    kind: str


@dataclass(frozen=True, slots=True)
class Section:
    """One ``m=`` line, as much of it as the answer repeats."""

    kind: str
    protocol: str
    formats: str
    mid: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What an offer comes to."""

    sections: tuple[Section, ...]
    chosen: int
    """Which of the sections is the voice."""
    payload_type: int
    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    setup: str
    """``actpass``, ``active`` or ``passive`` (RFC 8842, 5.2)."""
    ice_lite: bool
    candidates: tuple[Candidate, ...]


@dataclass(slots=True)
class _Attributes:
    """The ``a=`` lines of the session or of a section, which falls back on the session's."""

    values: dict[str, list[str]]
    session: _Attributes | None = None

    def first(self, name: str) -> str | None:
        found = self.values.get(name)
        if found:
            return found[0]
        return self.session.first(name) if self.session else None

    def every(self, name: str) -> list[str]:
        return self.values.get(name) or (self.session.every(name) if self.session else [])

    def has(self, name: str) -> bool:
        return name in self.values or (self.session is not None and self.session.has(name))


def parse_offer(text: str, direction: Direction) -> Offer:
    """Read an offer and choose its voice.

    :raises BadRequest: it is not an SDP offer, or has no audio in that direction.
    :raises Unsupported: it has audio, but no Opus.
    :raises TooLarge: it is longer than :data:`MAX_SDP_BYTES`.
    """
    if len(text.encode("utf-8", "replace")) > MAX_SDP_BYTES:
        raise TooLarge(f"The offer has more than {MAX_SDP_BYTES} bytes.")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if not lines or lines[0] != "v=0":
        raise BadRequest("This is not an SDP offer: it must begin with v=0 (RFC 8866, 5.1).")
    session = _Attributes({})
    sections: list[tuple[Section, int, _Attributes]] = []
    for line in lines:
        if line.startswith("m="):
            sections.append(_section(line, session))
            if len(sections) > MAX_SECTIONS:
                raise BadRequest(f"The offer has more than {MAX_SECTIONS} media sections.")
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            (sections[-1][2] if sections else session).values.setdefault(name, []).append(value.strip())
    named = tuple(_named(section, attributes, i) for i, (section, _, attributes) in enumerate(sections))
    chosen, payload_type = _choose([(s, port, a) for s, port, a in sections], direction)
    attributes = sections[chosen][2]
    return Offer(
        sections=named,
        chosen=chosen,
        payload_type=payload_type,
        ufrag=_matching(attributes.first("ice-ufrag"), _UFRAG, "ice-ufrag"),
        password=_matching(attributes.first("ice-pwd"), _PASSWORD, "ice-pwd"),
        fingerprints=_fingerprints(attributes),
        setup=_setup(attributes),
        ice_lite="ice-lite" in session.values,
        candidates=_candidates([attributes, *(a for _, _, a in sections)]),
    )


def _section(line: str, session: _Attributes) -> tuple[Section, int, _Attributes]:
    found = _SECTION.fullmatch(line)
    if found is None:
        raise BadRequest("A media line of the offer is malformed.")
    return Section(found[1], found[3], found[4].strip(), ""), int(found[2]), _Attributes({}, session)


def _named(section: Section, attributes: _Attributes, index: int) -> Section:
    mid = attributes.values.get("mid", [str(index)])[0]
    if not _TOKEN.fullmatch(mid):
        raise BadRequest("A media section of the offer has a malformed mid.")
    return Section(section.kind, section.protocol, section.formats, mid)


def _choose(sections: list[tuple[Section, int, _Attributes]], direction: Direction) -> tuple[int, int]:
    """The first audio section that will do, and its payload type for Opus."""
    wanted = ("sendrecv", "sendonly") if direction is Direction.SEND else ("sendrecv", "recvonly")
    audio = [(i, s, a) for i, (s, port, a) in enumerate(sections) if s.kind == "audio" and s.protocol in _PROTOCOLS]
    if not audio:
        raise BadRequest("The offer has no audio. Add a microphone (WHIP) or an audio receiver (WHEP).")
    right = [(i, s, a) for i, s, a in audio if next((d for d in _DIRECTIONS if a.has(d)), "sendrecv") in wanted]
    if not right:
        what = "sends no audio" if direction is Direction.SEND else "does not want to receive audio"
        raise BadRequest(f"The offer {what}.")
    for index, section, attributes in right:
        payload_type = _opus(section, attributes)
        if payload_type is not None:
            if not attributes.has("rtcp-mux"):
                raise BadRequest("The offer lacks rtcp-mux, without which nothing is done here (RFC 9725, 4.4).")
            return index, payload_type
    raise Unsupported("The offer has no Opus (opus/48000/2, RFC 7587), the only codec spoken here.")


def _opus(section: Section, attributes: _Attributes) -> int | None:
    for value in attributes.values.get("rtpmap", []):
        found = _RTPMAP.fullmatch(value)
        if found is None or found[2].lower() != "opus" or found[3] != "48000":
            continue
        # RFC 5761, 4: 64 to 95 would look like RTCP once the marker is set.
        if int(found[1]) in _PAYLOAD_TYPES and found[1] in section.formats.split():
            return int(found[1])
    return None


def _matching(value: str | None, pattern: re.Pattern[str], name: str) -> str:
    if value is None or not pattern.fullmatch(value):
        raise BadRequest(f"The offer has no well-formed {name} (RFC 8839, 5.4).")
    return value


def _fingerprints(attributes: _Attributes) -> tuple[tuple[str, str], ...]:
    found = []
    for value in attributes.every("fingerprint")[:8]:
        algorithm, _, digest = value.partition(" ")
        size = _DIGESTS.get(algorithm.lower())
        if size is None:
            continue
        if not re.fullmatch(rf"[0-9A-Fa-f]{{2}}(?::[0-9A-Fa-f]{{2}}){{{size - 1}}}", digest):
            raise BadRequest("A certificate fingerprint of the offer is malformed (RFC 8122, 5).")
        found.append((algorithm.lower(), digest.upper()))
    if not found:
        raise BadRequest("The offer has no certificate fingerprint by SHA-256 or better (RFC 8122, 5).")
    return tuple(found)


def _setup(attributes: _Attributes) -> str:
    setup = attributes.first("setup")
    if setup not in ("actpass", "active", "passive"):
        raise BadRequest("The offer has no usable setup attribute; send actpass (RFC 8842, 5.2).")
    return setup


def _candidates(attributes: list[_Attributes]) -> tuple[Candidate, ...]:
    """Of all sections, for bundled sections share their transport and a client may name candidates in the first only.

    Names (``.local``, draft-ietf-mmusic-mdns-ice-candidates) are left out: looking them up takes multicast and a
    second, and the client's own checks, which reach us, tell the address.
    """
    found: dict[tuple[str, int], Candidate] = {}
    for value in [v for a in attributes for v in a.values.get("candidate", [])]:
        bits = value.split()
        if (
            len(bits) < 8
            or bits[1] != "1"
            or bits[2].lower() != "udp"
            or bits[6] != "typ"
            or len(found) >= MAX_CANDIDATES
        ):
            continue
        try:
            address, port, priority = str(ipaddress.ip_address(bits[4])), int(bits[5]), int(bits[3])
        except ValueError:
            continue
        if not (0 < port < 65_536 and 0 <= priority < 2**32) or bits[7] not in ("host", "srflx", "relay"):
            continue
        found.setdefault((address, port), Candidate(bits[0][:32], priority, address, port, bits[7]))
    return tuple(found.values())[:MAX_CANDIDATES]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is ours in the answer."""

    ufrag: str
    password: str
    fingerprint: tuple[str, str]
    setup: str
    """``active`` or ``passive``."""
    candidates: tuple[str, ...]
    """As they stand after ``a=candidate:``."""
    session_id: int
    ssrc: int
    cname: str


def write_answer(offer: Offer, answer: Answer, direction: Direction) -> str:
    """The SDP answer (RFC 9429, 5.3)."""
    mid = offer.sections[offer.chosen].mid
    lines = [
        "v=0",
        f"o=- {answer.session_id} 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {mid}",
        "a=msid-semantic:WMS *",
    ]
    for index, section in enumerate(offer.sections):
        if index != offer.chosen:
            # RFC 3264, 6: "the port number in the corresponding stream in the answer MUST be set to zero".
            # One format is enough there and must be one; "0" is what browsers are used to see.
            one = "0" if "RTP" in section.protocol else section.formats.split()[0]
            lines += [f"m={section.kind} 0 {section.protocol} {one}", "c=IN IP4 0.0.0.0"]
            lines += ["a=inactive", f"a=mid:{section.mid}"]
        else:
            lines += _voice(offer, section, answer, direction)
    return "\r\n".join(lines) + "\r\n"


def _voice(offer: Offer, section: Section, answer: Answer, direction: Direction) -> list[str]:
    payload_type = offer.payload_type
    lines = [
        f"m=audio 9 {section.protocol} {payload_type}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        *(f"a=candidate:{candidate}" for candidate in answer.candidates),
        "a=end-of-candidates",
        f"a=ice-ufrag:{answer.ufrag}",
        f"a=ice-pwd:{answer.password}",
        f"a=fingerprint:{answer.fingerprint[0]} {answer.fingerprint[1]}",
        f"a=setup:{answer.setup}",
        f"a=mid:{section.mid}",
        f"a={direction.value}",
        "a=rtcp-mux",
        f"a=rtpmap:{payload_type} opus/48000/2",
        f"a=fmtp:{payload_type} {FMTP}",
    ]
    if direction is Direction.RECEIVE:
        lines += [f"a=msid:rostra {answer.cname}", f"a=ssrc:{answer.ssrc} cname:{answer.cname}"]
    return lines
