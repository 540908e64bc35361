"""Who asks, for limits: the address of a client, and the network it is in. Pure."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_HOPS = 16
"""Addresses looked at in X-Forwarded-For or Forwarded: more proxies one behind the other nobody has."""

_MAPPED = bytes(10) + b"\xff\xff"
"""RFC 4291, 2.5.5.2."""

_FOR = re.compile(r'(?:^|;)\s*for=("?)(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9_]+)?\1\s*(?:;|$)', re.IGNORECASE)
"""RFC 7239, 6: an IPv6 address stands in brackets; names that hide somebody are no addresses."""


def caller(peer: str, x_forwarded_for: str, trusted: Sequence[Network], forwarded: str = "") -> str:
    """The address of the client: ``peer``, or what a proxy that is trusted says of it in X-Forwarded-For, or in
    Forwarded (RFC 7239) where that is all there is.

    Each proxy adds whom it heard from at the end, so what counts is the last address that is not a trusted proxy's own:
    what stands before it anyone may have written.
    """
    found = peer
    if not trusted or not _is_in(found, trusted):
        return found
    for hop in reversed(_hops(x_forwarded_for, forwarded)):
        if not _is_in(found, trusted) or address_of(hop) is None:
            break
        found = hop
    return found


def _hops(x_forwarded_for: str, forwarded: str) -> list[str]:
    if x_forwarded_for:
        return [hop.strip() for hop in x_forwarded_for.split(",")[-MAX_HOPS:]]
    elements = forwarded.split(",")[-MAX_HOPS:] if forwarded else []
    found = [_FOR.search(element.strip()) for element in elements]
    return [(one[2] or one[3]) if one else "" for one in found]


def packed(address: str) -> bytes:
    """The bytes of an address, 4 or 16, as quickly as can be; empty: it is none. One of IPv4 has 4, however it is
    written: a socket for both families writes it as one of IPv6."""
    try:
        if ":" not in address:
            return socket.inet_pton(socket.AF_INET, address)
        found = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
        return found[12:] if found.startswith(_MAPPED) else found
    except OSError:
        return b""


def address_of(text: str) -> Address | None:
    """An address as one of IPv4 where it is one, however it is written; None: it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def household(address: str) -> bytes:
    """What is limited: an IPv4 address, or an IPv6 /64, of which a household has at least one to itself (RFC 6177)."""
    found = address_of(address)
    if found is None:
        return b""
    return found.packed if found.version == 4 else found.packed[:8]


def prefix(address: str) -> str:
    """The network that is written down: IPv4 /24, IPv6 /48; empty: unknown. Never a whole address."""
    found = address_of(address)
    if found is None:
        return ""
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    found = address_of(address)
    return found is not None and any(found in network for network in networks)
