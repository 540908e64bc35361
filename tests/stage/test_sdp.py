"""Offers of browsers and of OBS, and everything that must be refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiortc import sdp as theirs
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import BadRequest, Refused, TooLarge, Unsupported
from rostra.stage.sdp import MAX_CANDIDATES, MAX_SDP_BYTES, Answer, Direction, parse_offer, write_answer

OFFERS = Path(__file__).parent / "offers"
CHROMIUM = (OFFERS / "chromium-whip.sdp").read_text()
CHROMIUM_AV = (OFFERS / "chromium-whep-av.sdp").read_text()
OBS = (OFFERS / "obs-whip.sdp").read_text()
DIGEST = ":".join(["AB"] * 32)
ANSWER = Answer(
    ufrag="abcd",
    password="p" * 22,
    fingerprint=("sha-256", DIGEST),
    setup="active",
    candidates=("1 1 udp 2130706431 127.0.0.1 40000 typ host",),
    session_id=7,
    ssrc=99,
    cname="mix",
)


def test_chromium_publishes() -> None:
    offer = parse_offer(CHROMIUM, Direction.SEND)
    assert (offer.chosen, offer.payload_type, offer.setup, offer.ice_lite) == (0, 111, "actpass", False)
    assert offer.ufrag == "HSQU" and offer.password == "wyvEAxJIryIrhsc2O9HgHpip"
    assert offer.fingerprints[0][0] == "sha-256" and offer.fingerprints[0][1].startswith("1F:17")
    assert offer.candidates == (), "names of the local network are left out"


def test_line_ends_do_not_matter() -> None:
    assert parse_offer(CHROMIUM.replace("\n", "\r\n"), Direction.SEND) == parse_offer(CHROMIUM, Direction.SEND)


def test_obs_names_its_certificate_for_the_whole_session_and_sends_video_too() -> None:
    offer = parse_offer(OBS, Direction.SEND)
    assert [s.kind for s in offer.sections] == ["audio", "video"] and offer.chosen == 0
    assert [(c.address, c.port, c.kind) for c in offer.candidates] == [
        ("192.0.2.5", 53134, "host"),
        ("198.51.100.7", 53134, "srflx"),
    ]


def test_video_and_data_are_rejected_in_the_answer() -> None:
    offer = parse_offer(CHROMIUM_AV, Direction.RECEIVE)
    kinds = [s.kind for s in offer.sections]
    assert sorted(kinds) == ["application", "audio", "video"] and kinds[offer.chosen] == "audio"
    answer = write_answer(offer, ANSWER, Direction.RECEIVE)
    read = theirs.SessionDescription.parse(answer)
    assert [m.kind for m in read.media] == kinds, "RFC 3264, 6: as many sections, in the same order"
    assert [m.port == 0 for m in read.media] == [k != "audio" for k in kinds]
    assert [m.rtp.muxId for m in read.media] == [s.mid for s in offer.sections]
    assert read.group[0].items == [offer.sections[offer.chosen].mid]


@pytest.mark.parametrize(("direction", "word"), [(Direction.SEND, "recvonly"), (Direction.RECEIVE, "sendonly")])
def test_the_answer_as_aiortc_reads_it(direction: Direction, word: str) -> None:
    text = CHROMIUM if direction is Direction.SEND else CHROMIUM.replace("a=sendonly", "a=recvonly")
    answer = write_answer(parse_offer(text, direction), ANSWER, direction)
    (media,) = theirs.SessionDescription.parse(answer).media
    assert media.direction == word and media.rtcp_mux and media.ice_candidates_complete
    assert [(c.ip, c.port) for c in media.ice_candidates] == [("127.0.0.1", 40000)]
    assert media.dtls is not None and media.dtls.role == "client" and media.dtls.fingerprints[0].value == DIGEST
    (codec,) = media.rtp.codecs
    assert (codec.mimeType, codec.payloadType, codec.clockRate, codec.channels) == ("audio/opus", 111, 48000, 2)
    assert codec.parameters == {"minptime": 10, "useinbandfec": 1, "usedtx": "0"}


def test_the_second_microphone_is_taken_if_the_first_has_no_opus() -> None:
    second = CHROMIUM[CHROMIUM.index("m=audio") :].replace("a=mid:0", "a=mid:1")
    text = CHROMIUM.replace("opus", "speex") + second
    offer = parse_offer(text, Direction.SEND)
    assert offer.chosen == 1 and offer.sections[1].mid == "1"


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", BadRequest, "v=0"),
        ("hello", BadRequest, "v=0"),
        ("v=0\ns=-", BadRequest, "no audio"),
        ("v=0\nm=audio", BadRequest, "malformed"),
        (CHROMIUM.replace("m=audio", "m=video"), BadRequest, "no audio"),
        (CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), BadRequest, "no audio"),
        (CHROMIUM.replace("a=sendonly", "a=recvonly"), BadRequest, "sends no audio"),
        (CHROMIUM.replace("a=sendonly", "a=inactive"), BadRequest, "sends no audio"),
        (CHROMIUM.replace("opus/48000/2", "opus/16000/2"), Unsupported, "no Opus"),
        (CHROMIUM.replace("a=rtpmap:111", "a=rtpmap:112"), Unsupported, "no Opus"),
        (CHROMIUM.replace("a=rtcp-mux", "a=x"), BadRequest, "rtcp-mux"),
        (CHROMIUM.replace("a=ice-ufrag:HSQU", "a=ice-ufrag:a b"), BadRequest, "ice-ufrag"),
        (CHROMIUM.replace("a=ice-pwd:", "a=x:"), BadRequest, "ice-pwd"),
        (CHROMIUM.replace("a=fingerprint:sha-256 1F:17", "a=fingerprint:sha-256 1F"), BadRequest, "fingerprint"),
        (CHROMIUM.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"), BadRequest, "SHA-256"),
        (CHROMIUM.replace("a=setup:actpass", "a=setup:holdconn"), BadRequest, "setup"),
        (CHROMIUM.replace("a=mid:0", "a=mid:a b"), BadRequest, "mid"),
        ("v=0\n" + "m=video 9 UDP/TLS/RTP/SAVPF 96\n" * 40, BadRequest, "sections"),
        ("v=0\n" + "a" * MAX_SDP_BYTES, TooLarge, "bytes"),
    ],
)
def test_refused(text: str, error: type[Refused], says: str) -> None:
    with pytest.raises(error, match=says):
        parse_offer(text, Direction.SEND)


def test_an_offer_to_send_is_no_offer_to_receive() -> None:
    with pytest.raises(BadRequest, match="does not want to receive"):
        parse_offer(CHROMIUM, Direction.RECEIVE)


def test_candidates_are_bounded_and_odd_ones_left_out() -> None:
    odd = [
        "1 1 udp 1 not-an-address 9 typ host",
        "1 1 udp 1 127.0.0.1 99999 typ host",
        "1 2 udp 1 127.0.0.1 9 typ host",
        "x",
    ]
    many = [f"1 1 udp 1 127.0.0.1 {port} typ host" for port in range(1000, 1100)]
    text = CHROMIUM + "".join(f"a=candidate:{c}\n" for c in odd + many)
    offer = parse_offer(text, Direction.SEND)
    assert len(offer.candidates) == MAX_CANDIDATES and offer.candidates[0].port == 1000


LINES = CHROMIUM_AV.splitlines()


@given(st.data())
def test_a_spoilt_offer_is_an_offer_or_refused(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        spoilt = data.draw(st.sampled_from(["", lines[at][: len(lines[at]) // 2], lines[at] + "\x00é", lines[at - 1]]))
        lines[at] = spoilt
    try:
        offer = parse_offer("\n".join(lines), Direction.RECEIVE)
    except Refused:
        return
    theirs.SessionDescription.parse(write_answer(offer, ANSWER, Direction.RECEIVE))
