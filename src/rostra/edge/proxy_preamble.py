"""The preamble of the PROXY protocol, versions 1 and 2 (haproxy, "The PROXY protocol", sections 2.1 and 2.2).

It is read only on connections from neighbours that are trusted to tell the truth, and there it must be present: "the
receiver MUST be configured to only receive the protocol described in this specification and MUST not try to guess
whether the protocol header is present or not".
"""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass

from rostra.errors import BadRequest

MAX_V1_BYTES = 107
"""2.1: "a 108-byte buffer is always enough to store all the line and a trailing zero"."""

MAX_V2_BYTES = 16 + 2048
"""Addresses take 216 bytes at most; the rest are TLVs, of which none is wanted."""

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_TCP = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f.:]{2,39}) ([0-9A-Fa-f.:]{2,39}) ([0-9]{1,5}) ([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Preamble:
    """``source`` is the address of the client, None where the proxy speaks for itself (its health checks); ``size`` in
    bytes.
    """

    source: str | None
    size: int


def read_preamble(data: bytes) -> Preamble | None:
    """The preamble at the beginning of ``data``; None if it is not whole yet.

    :raises BadRequest: if it is none.
    """
    if data[:12] == _SIGNATURE[: len(data[:12])]:
        return _version_2(data)
    if data[:6] == b"PROXY "[: len(data[:6])]:
        return _version_1(data)
    raise BadRequest("A connection from this proxy begins with a PROXY protocol preamble.")


def _version_1(data: bytes) -> Preamble | None:
    end = data.find(b"\r\n", 0, MAX_V1_BYTES)
    if end < 0:
        if len(data) >= MAX_V1_BYTES:
            raise BadRequest("The PROXY protocol preamble has no end.")
        return None
    line = data[:end]
    if line.startswith(b"PROXY UNKNOWN"):
        # 2.1: "the receiver must ignore anything presented before the CRLF"
        return Preamble(None, end + 2)
    match = _TCP.fullmatch(line)
    if not match or not all(int(port) <= 65535 for port in match.groups()[3:]):
        raise BadRequest("The PROXY protocol preamble is malformed.")
    family, source, destination = match.groups()[:3]
    address: type[ipaddress.IPv4Address | ipaddress.IPv6Address]
    address = ipaddress.IPv4Address if family == b"4" else ipaddress.IPv6Address
    try:
        address(destination.decode())
        return Preamble(str(address(source.decode())), end + 2)
    except ValueError as e:
        raise BadRequest("The PROXY protocol preamble has no address.") from e


def _version_2(data: bytes) -> Preamble | None:
    if len(data) < 16:
        return None
    version_command, family, length = struct.unpack_from("!BBH", data, 12)
    size = 16 + length
    if version_command not in (0x20, 0x21) or size > MAX_V2_BYTES:
        raise BadRequest("The PROXY protocol preamble is malformed.")
    if len(data) < size:
        return None
    source: str | None = None
    if version_command == 0x21:  # 2.2: 0x0 LOCAL, 0x1 PROXY
        if family >> 4 == 1:
            source = str(ipaddress.IPv4Address(_address(data, 4, length)))
        elif family >> 4 == 2:
            source = str(ipaddress.IPv6Address(_address(data, 16, length)))
    return Preamble(source, size)


def _address(data: bytes, size: int, length: int) -> bytes:
    if length < 2 * size + 4:
        raise BadRequest("The PROXY protocol preamble is cut short.")
    return data[16 : 16 + size]
