"""Where a crowd seems to come from. Pure and seeded.

Two things: the address on this machine that a connection is made from (the whole of 127.0.0.0/8 is ours), and the
address in the world that a PROXY protocol preamble says. Both are many, so that the target's accounting by prefix meets
a population.
"""

from __future__ import annotations

import random
import socket
import struct
from dataclasses import dataclass, field

from rostra.rehearsal.draws import draw, mix

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""haproxy, "The PROXY protocol", 2.2."""

LISTENERS_AN_ADDRESS = 4
"""A household. A door counts by address, /24 and /16, on loopback too."""

ATTACKERS_AN_ADDRESS = 400
"""Far below an address's ports, and the kernel looks for a free one among few."""

MOST_ATTACKING = 5 * 256
"""Networks on loopback that no listener comes from: 127.251 to 127.255."""

_NOT_PUBLIC = frozenset({0, 10, 100, 127, 169, 172, 192, 198, 203, *range(224, 256)})
"""First bytes left out altogether: private, shared, documentation, multicast."""


def loopback(block: int, number: int) -> str:
    """The source of listener ``number`` of a generator that has block ``block``: households all over 127.1 to
    127.250, as people come from all over the world."""
    place = number // LISTENERS_AN_ADDRESS
    return f"127.{1 + (block + place) % 250}.{block % 256}.{1 + place // 250 % 254}"


def attacking(number: int, networks: int, each: int = ATTACKERS_AN_ADDRESS) -> str:
    """The source of connection ``number`` of an attack from so many networks (/24), on loopback."""
    networks = min(networks, MOST_ATTACKING)
    network, host = number % networks, number // networks // each % 254
    return f"127.{251 + network // 256}.{network % 256}.{1 + host}"


@dataclass(frozen=True, slots=True)
class Population:
    """Networks and how many people are behind each: a few large (a campus, a carrier), many small."""

    prefixes: int
    """IPv4 /24 or IPv6 /48 networks."""
    seed: int = 1
    v6: float = 0.0
    """Share that comes by IPv6."""
    behind_one: float = 0.0
    """Share that comes from a single address: a campus, a carrier's NAT."""
    networks: tuple[bytes, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        if not 1 <= self.prefixes <= 1_000_000:
            raise ValueError("a crowd comes from 1 to 1,000,000 networks")
        chosen = random.Random(self.seed * 7919 + self.prefixes)
        first = [n for n in range(1, 224) if n not in _NOT_PUBLIC]
        found = [
            bytes((chosen.choice(first), chosen.randrange(256), chosen.randrange(256))) for _ in range(self.prefixes)
        ]
        object.__setattr__(self, "networks", tuple(found))

    def address(self, number: int) -> bytes:
        """Packed, 4 or 16 bytes, of person ``number``."""
        seed = self.seed
        if self.behind_one and draw(seed, number, 0) < self.behind_one:
            return self.networks[0] + b"\x07"
        # The square of an even draw: the first tenth of the networks holds a third of the people.
        network = self.networks[int(draw(seed, number, 1) ** 2 * self.prefixes)]
        host = mix(seed << 32 ^ number)
        if self.v6 and draw(seed, number, 2) < self.v6:
            return b"\x2a" + network + host.to_bytes(8, "big") + b"\0\0\0\1"
        return network + bytes((1 + host % 254,))


def preamble(source: bytes, port: int, target: bytes, target_port: int) -> bytes:
    """A version 2 preamble of PROXY, TCP over the family of ``source`` (2.2)."""
    if len(source) == 4:
        to = target if len(target) == 4 else b"\x7f\0\0\1"
        return SIGNATURE + b"\x21\x11\x00\x0c" + source + to + struct.pack("!HH", port, target_port)
    to = target if len(target) == 16 else b"\0" * 15 + b"\1"
    return SIGNATURE + b"\x21\x21\x00\x24" + source + to + struct.pack("!HH", port, target_port)


LOCAL = SIGNATURE + b"\x20\0\0\0"
"""2.2, LOCAL: "the connection was established on purpose by the proxy without being relayed"."""


def packed(address: str) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address.partition("%")[0])
