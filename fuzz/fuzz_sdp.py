"""Invariant: whatever claims to be an offer is an offer or refused, and what is answered has as many sections."""

from __future__ import annotations

from pathlib import Path

from rostra.errors import Refused
from rostra.stage.sdp import MAX_CANDIDATES, MAX_SECTIONS, Answer, Direction, parse_offer, write_answer

OFFERS = Path(__file__).parent.parent / "tests" / "stage" / "offers"

ANSWER = Answer(
    ufrag="abcd",
    password="p" * 22,
    fingerprint=("sha-256", ":".join(["AB"] * 32)),
    setup="active",
    candidates=("1 1 udp 2130706431 127.0.0.1 40000 typ host",),
    session_id=7,
    ssrc=99,
    cname="mix",
)


def seeds() -> list[bytes]:
    offers = [path.read_bytes() for path in sorted(OFFERS.glob("*.sdp"))]
    many = b"v=0\n" + b"m=audio 9 UDP/TLS/RTP/SAVPF 111\n" * 40
    long = b"v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 111\n" + b"a=candidate:" + b"1 " * 20_000
    return [*offers, offers[0].replace(b"\n", b"\r\n"), many, long, b"v=0"]


def target(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for direction in Direction:
        try:
            offer = parse_offer(text, direction)
        except Refused as e:
            assert str(e), "a refusal says why"
            continue
        assert 0 <= offer.chosen < len(offer.sections) <= MAX_SECTIONS
        assert len(offer.candidates) <= MAX_CANDIDATES
        answer = write_answer(offer, ANSWER, direction)
        lines = answer.split("\r\n")
        assert sum(line.startswith("m=") for line in lines) == len(offer.sections)
        assert sum(line.startswith("m=") and line.split(" ")[1] != "0" for line in lines) == 1
        assert all("\n" not in line and "\r" not in line for line in lines), (
            "nothing of the offer breaks a line of ours"
        )
