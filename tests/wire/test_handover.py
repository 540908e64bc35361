"""The handover goes there and back, and nothing else passes for one."""

from __future__ import annotations

import pytest

from rostra.errors import WireError
from rostra.wire.handover import MAX_REST_BYTES, Handover, decode_handover, encode_handover, message_length
from rostra.wire.source_head import SourceHead

HEAD = SourceHead("PUT", "HTTP/1.1", "demo", "tok.en", "audio/ogg", "Café", chunked=True, expects_continue=True)


@pytest.mark.parametrize("rest", [b"", b"OggS\x00\xff", bytes(MAX_REST_BYTES)])
def test_there_and_back(rest: bytes) -> None:
    data = encode_handover(Handover(HEAD, rest))
    assert decode_handover(data) == Handover(HEAD, rest)
    assert message_length(data[:4]) == len(data)
    assert message_length(data[:3]) is None


def test_too_much_is_not_taken() -> None:
    with pytest.raises(ValueError, match="handed over"):
        Handover(HEAD, bytes(MAX_REST_BYTES + 1))
    with pytest.raises(WireError):
        message_length(b"\xff\xff\xff\xff")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"v":2,"head":{},"rest":""}',
        b'{"v":1,"head":{"method":"GET","version":"HTTP/1.1","room":"a","token":""},"rest":""}',
        b'{"v":1,"head":{"method":"PUT","version":"HTTP/1.1","room":"A b","token":""},"rest":""}',
        b'{"v":1,"head":{"method":"PUT","version":"HTTP/1.1","room":"a","token":""},"rest":"#"}',
    ],
)
def test_garbage(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_handover(len(body).to_bytes(4, "big") + body)
    with pytest.raises(WireError):
        decode_handover(len(body).to_bytes(4, "big") + body + b"x")
