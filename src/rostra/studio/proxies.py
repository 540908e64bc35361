"""Proxies in front of the stage door that are believed when they say for whom they ask, and by which scheme."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.types import Scope

from rostra.errors import ConfigError


def networks(given: Sequence[str]) -> list[str]:
    """In their plain form. :raises ConfigError: one of them is no network."""
    found = []
    for network in given:
        try:
            found.append(str(ipaddress.ip_network(network, strict=False)))
        except ValueError as e:
            raise ConfigError(f"studio.trusted_proxies: {network!r} is not a network such as 10.0.0.0/8.") from e
    return found


def from_here(scope: Scope) -> bool:
    """Whether a neighbour on this machine asks, and for itself: what a proxy passes on names whom it is for."""
    if any(name in (b"x-forwarded-for", b"forwarded") for name, _ in scope["headers"]):
        return False
    try:
        address = ipaddress.ip_address((scope.get("client") or ("",))[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
