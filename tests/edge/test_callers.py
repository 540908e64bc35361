from __future__ import annotations

import ipaddress

import pytest

from rostra.edge.callers import caller, household, packed, prefix

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("127.0.0.1/32"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # a stranger says so
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first was made up
        ("127.0.0.1", "198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("::ffff:127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "," * 5000, "127.0.0.1"),
        ("", "198.51.100.7", ""),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: str, found: str) -> None:
    assert caller(peer, forwarded, TRUSTED) == found


@pytest.mark.parametrize(
    ("peer", "x_forwarded_for", "forwarded", "found"),
    [
        ("127.0.0.1", "", "for=198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "", 'For="[2001:db8::1]:4711";proto=https', "2001:db8::1"),
        ("127.0.0.1", "", "for=203.0.113.9, for=198.51.100.7:80;by=10.0.0.1", "198.51.100.7"),
        ("127.0.0.1", "", "for=198.51.100.7, for=10.0.0.3", "198.51.100.7"),
        ("127.0.0.1", "", "for=198.51.100.7, for=_hidden", "127.0.0.1"),
        ("127.0.0.1", "", "for=unknown", "127.0.0.1"),
        ("127.0.0.1", "", 'by=1.2.3.4;proto="for=5.6.7.8"', "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7", "for=203.0.113.9", "198.51.100.7"),  # which a stranger wrote
        ("192.0.2.1", "", "for=198.51.100.7", "192.0.2.1"),
    ],
)
def test_forwarded_is_read_where_it_is_all_there_is(
    peer: str, x_forwarded_for: str, forwarded: str, found: str
) -> None:
    assert caller(peer, x_forwarded_for, TRUSTED, forwarded) == found


def test_addresses_are_packed() -> None:
    assert packed("192.0.2.1") == bytes((192, 0, 2, 1))
    assert len(packed("fe80::1%eth0")) == 16
    assert packed("::ffff:192.0.2.1") == packed("192.0.2.1"), "or all of IPv4 would be one household"
    assert packed("") == packed("nonsense") == b""


def test_a_household_is_an_address_or_a_64() -> None:
    assert household("192.0.2.1") != household("192.0.2.2")
    assert household("2001:db8::1") == household("2001:db8::ffff:1") != household("2001:db8:0:1::1")
    assert household("::ffff:192.0.2.1") == household("192.0.2.1")
    assert household("fe80::1%eth0") == household("fe80::2")
    assert household("") == household("nonsense") == b""


def test_what_is_written_down_is_no_whole_address() -> None:
    assert prefix("192.0.2.77") == "192.0.2.0/24"
    assert prefix("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert prefix("") == ""
