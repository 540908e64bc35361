"""Where the stage may be reached: settings, addresses, ports."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from rostra.config import WebRtcSettings
from rostra.errors import ConfigError, Full
from rostra.stage import ice
from rostra.stage.ice import Agent, Network, network_of


def settings(**values: object) -> WebRtcSettings:
    return WebRtcSettings.model_validate(values)


def test_servers_are_read_from_their_urls() -> None:
    network = network_of(
        settings(ice_servers=["stun:stun.example:3479", "turn:ann:s3cr:et@turn.example", "turns:b:c@[2001:db8::1]:443"])
    )
    assert network.stun == ("stun.example", 3479)
    assert network.turn == ("turn.example", 3478), "the first TURN server is ours; the others are for browsers"
    assert (network.turn_user, network.turn_secret, network.turn_tls) == ("ann", "s3cr:et", False)
    tls = network_of(settings(ice_servers=["turns:b:c@[2001:db8::1]"]))
    assert (tls.turn, tls.turn_tls) == (("2001:db8::1", 5349), True)
    assert network_of(settings()).stun is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"ice_servers": ["http://stun.example"]}, "ice_servers"),
        ({"ice_servers": ["stun:"]}, "ice_servers"),
        ({"public_address": "example.org"}, "not an IP address"),
        ({"hosts": ["localhost"]}, "not an IP address"),
        ({"udp_ports": [5000, 4000]}, "udp_ports"),
        ({"udp_ports": [0, 4000]}, "udp_ports"),
        ({"udp_ports": [4000, 70000]}, "udp_ports"),
    ],
)
def test_what_makes_no_sense_is_named(values: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        network_of(settings(**values))


class Adapter:
    def __init__(self, *addresses: object) -> None:
        self.ips = [type("IP", (), {"ip": address})() for address in addresses]


@pytest.mark.parametrize(
    ("adapters", "offered"),
    [
        ([Adapter("127.0.0.1", ("::1", 0, 0))], ("127.0.0.1",)),
        (
            [Adapter("127.0.0.1"), Adapter("192.0.2.7", ("fe80::1", 0, 2), ("2001:db8::7", 0, 0))],
            ("192.0.2.7", "2001:db8::7"),
        ),
        ([], ("127.0.0.1",)),
    ],
)
def test_every_interface_is_offered_and_loopback_when_there_is_no_other(
    adapters: list[Adapter], offered: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ice.ifaddr, "get_adapters", lambda: adapters)
    assert Network().local_addresses() == offered
    assert Network(addresses=("10.0.0.1",)).local_addresses() == ("10.0.0.1",)


@pytest.fixture
async def agents() -> AsyncIterator[list[Agent]]:
    made: list[Agent] = []
    yield made
    for agent in made:
        await agent.close()


def agent(network: Network, agents: list[Agent]) -> Agent:
    made = Agent(network, lambda data, now: None)
    agents.append(made)
    return made


async def test_ports_stay_in_their_range_and_come_back(agents: list[Agent]) -> None:
    network = Network(addresses=("127.0.0.1",), ports=(43_310, 43_311))
    for _ in range(2):
        await agent(network, agents).gather_candidates()
    assert {a.local_candidates[0].port for a in agents} == {43_310, 43_311}
    with pytest.raises(Full):
        await agent(network, agents).gather_candidates()
    await agents[0].close()
    await agent(network, agents).gather_candidates()


async def test_a_port_that_someone_else_has_is_passed_over(agents: list[Agent]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 43_321))
        for _ in range(2):
            await agent(Network(addresses=("127.0.0.1",), ports=(43_320, 43_322)), agents).gather_candidates()
    assert {a.local_candidates[0].port for a in agents} == {43_320, 43_322}


async def test_an_address_that_is_not_ours_is_left_out(agents: list[Agent]) -> None:
    made = agent(Network(addresses=("198.51.100.1", "127.0.0.1")), agents)
    await made.gather_candidates()
    assert [c.host for c in made.local_candidates] == ["127.0.0.1"]
    with pytest.raises(Full):
        await agent(Network(addresses=("198.51.100.1",)), agents).gather_candidates()


async def test_the_public_address_stands_for_the_local_one(agents: list[Agent]) -> None:
    made = agent(Network(addresses=("127.0.0.1",), public_address="203.0.113.5"), agents)
    await made.gather_candidates()
    (line,) = made.announced()
    port = made.local_candidates[0].port
    assert line.split()[4:] == ["203.0.113.5", str(port), "typ", "host"]


async def test_what_nobody_reads_is_not_piled_up(agents: list[Agent]) -> None:
    made = agent(Network(addresses=("127.0.0.1",)), agents)
    for _ in range(1000):
        made.data_received(b"\x16", 1)
    assert made._queue.qsize() == ice.MAX_UNREAD
    assert made.send_now(b"x") is False, "there is nowhere to send to yet"
