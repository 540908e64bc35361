from __future__ import annotations

import socket
import struct

import pytest

from rostra.edge.proxy_preamble import MAX_V1_BYTES, MAX_V2_BYTES, Preamble, read_preamble
from rostra.errors import BadRequest

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


V4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 5000, 443)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + struct.pack("!HH", 5000, 443)


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 5000 443\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
        (v2(1, 0x11, V4), "192.0.2.7"),
        (v2(1, 0x21, V6), "2001:db8::7"),
        (v2(1, 0x11, V4 + b"\x04\x00\x03abc"), "192.0.2.7"),
        (v2(1, 0x00, b""), None),
        (v2(1, 0x31, bytes(216)), None),
        (v2(0, 0x11, V4), None),
        (v2(0, 0x00, b""), None),
    ],
)
def test_whole_and_byte_by_byte(data: bytes, source: str | None) -> None:
    assert read_preamble(data + b"GET / HTTP/1.1\r\n") == Preamble(source, len(data))
    for i in range(len(data)):
        assert read_preamble(data[:i]) is None
    assert read_preamble(data) == Preamble(source, len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXX",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 5000\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 99999\r\n",
        b"PROXY TCP4 192.0.2.300 198.51.100.1 5000 443\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 5000 443\r\n",
        b"PROXY TCP4 192.0.2.7 nowhere 5000 443\r\n",
        b"PROXY TCP9 192.0.2.7 198.51.100.1 5000 443\r\n",
        b"PROXY " + b"x" * MAX_V1_BYTES,
        v2(2, 0x11, V4),
        v2(1, 0x11, V4[:8]),
        v2(1, 0x21, V4),
        v2(1, 0x11, bytes(MAX_V2_BYTES)),
        b"\r\n\r\n\0\r\nQUIT\r",
        SIGNATURE + b"\x11\x11\x00\x0c" + V4,
    ],
)
def test_garbage(data: bytes) -> None:
    with pytest.raises(BadRequest):
        read_preamble(data)
