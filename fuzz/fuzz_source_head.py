"""Invariant: a source client's head is read or refused, whole and byte by byte alike; so are handovers and chunks."""

from __future__ import annotations

import base64

from rostra.errors import Refused, WireError
from rostra.stage.sources import Dechunker
from rostra.wire.handover import MAX_REST_BYTES, Handover, decode_handover, encode_handover
from rostra.wire.source_head import MAX_HEAD_BYTES, SourceHead, head_end, parse_source_head

AUTH = b"Authorization: Basic " + base64.b64encode(b"source:tok.en") + b"\r\n"
HEAD = SourceHead("PUT", "HTTP/1.1", "demo", "tok.en", "audio/ogg", "Name", chunked=True, expects_continue=True)


def seeds() -> list[bytes]:
    return [
        b"PUT /demo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: audio/ogg\r\n" + AUTH + b"\r\nOggS",
        b"SOURCE /demo.mp3 HTTP/1.0\r\nice-name: x\r\nContent-Type: audio/mpeg\r\n" + AUTH + b"\r\n\xff\xfb",
        b"SOURCE /demo ICE/1.0\n" + AUTH.replace(b"\r\n", b"\n") + b"\n",
        b"PUT /demo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + AUTH + b"\r\n5\r\nhello\r\n0\r\n\r\n",
        encode_handover(Handover(HEAD, b"OggS")),
        b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
        b"X: " + b"a" * (MAX_HEAD_BYTES + 10),
    ]


def target(data: bytes) -> None:
    _head(data)
    _handover(data)
    whole, pieces = _body([data]), _body([data[i : i + 1] for i in range(len(data))])
    assert whole == pieces, "chunks cut anywhere are the same chunks"


def _head(data: bytes) -> None:
    try:
        end = head_end(data)
    except Refused:
        return
    for n in range(min(len(data), 64)):
        early = head_end(data[:n])
        assert early is None or early == end, "a head does not end earlier than it ends"
    if end is None:
        return
    try:
        head = parse_source_head(data[:end])
    except Refused as e:
        assert str(e), "a refusal says why"
        return
    assert head.token and head.method in ("PUT", "SOURCE")
    rest = data[end:][:MAX_REST_BYTES]
    assert decode_handover(encode_handover(Handover(head, rest))) == Handover(head, rest)


def _handover(data: bytes) -> None:
    try:
        found = decode_handover(data)
    except WireError:
        return
    assert decode_handover(encode_handover(found)) == found


def _body(pieces: list[bytes]) -> tuple[bytes, bool, bool]:
    dechunker, out = Dechunker(), b""
    for piece in pieces:
        try:
            out += dechunker.feed(piece)
        except Refused:
            return b"", False, True
    return out, dechunker.ended, False
