from __future__ import annotations

import ipaddress
from collections import Counter

import pytest

from rostra.edge.proxy_preamble import read_preamble
from rostra.rehearsal.addresses import LOCAL, Population, attacking, loopback, packed, preamble


def test_people_come_from_their_networks_again_and_again() -> None:
    crowd = Population(50, seed=3)
    addresses = [crowd.address(n) for n in range(2000)]
    assert addresses == [Population(50, seed=3).address(n) for n in range(2000)]
    assert {a[:3] for a in addresses} == set(crowd.networks)
    assert not any(ipaddress.IPv4Address(a).is_private or ipaddress.IPv4Address(a).is_loopback for a in addresses)


def test_some_networks_are_larger_than_others() -> None:
    crowd = Population(100, seed=1)
    addresses = [crowd.address(n)[:3] for n in range(10_000)]
    sizes = sorted((addresses.count(n) for n in crowd.networks), reverse=True)
    assert sum(sizes[:10]) > 2500


def test_a_campus_is_one_address_and_v6_is_v6() -> None:
    crowd = Population(100, seed=1, behind_one=0.5, v6=1.0)
    addresses = [crowd.address(n) for n in range(1000)]
    assert 430 < max(addresses.count(a) for a in set(addresses)) < 570
    assert {len(a) for a in addresses} == {4, 16}


@pytest.mark.parametrize("source", [b"\x05\x06\x07\x08", b"\x2a\x01" + bytes(13) + b"\x09"])
def test_what_is_said_of_an_address_is_what_an_edge_reads(source: bytes) -> None:
    said = preamble(source, 1234, packed("127.0.0.1"), 8080)
    found = read_preamble(said + b"GET / HTTP/1.1\r\n")
    assert found is not None
    assert found.size == len(said)
    assert ipaddress.ip_address(found.source or "") == ipaddress.ip_address(source)
    health = read_preamble(LOCAL)
    assert health is not None
    assert health.source is None


def test_sources_on_loopback_are_many_and_valid() -> None:
    listeners = [loopback(block, n) for block in (0, 2, 249) for n in range(0, 20_000)]
    attackers = [attacking(n, networks) for networks in (1, 200, 20_000) for n in range(0, 20_000)]
    assert len(set(listeners)) == 15_000, "four a household"
    assert loopback(2, 40_001) == loopback(2, 40_001), "who comes back comes from there again"
    assert max(Counter(a.rpartition(".")[0] for a in listeners).values()) == 80, "and few a network"
    assert len({a.rpartition(".")[0] for a in attackers[20_000:40_000]}) == 200
    assert len({a.rpartition(".")[0] for a in attackers[:20_000]}) == 1
    found = {*listeners, *attackers}
    assert not set(listeners) & set(attackers)
    assert all(ipaddress.IPv4Address(a).is_loopback and a.split(".")[3] not in ("0", "255") for a in found)
