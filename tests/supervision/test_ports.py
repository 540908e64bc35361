import socket
from collections.abc import Iterator

import pytest

from rostra.errors import ConfigError, EnvironmentFault, PortInUse
from rostra.supervision.ports import parse_address, port_of, reserve


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        yield s


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:0", ("::1", 0)), (":80", ("0.0.0.0", 80)), ("a.b:1", ("a.b", 1))],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text, "--front") == expected


@pytest.mark.parametrize("text", ["8080", "localhost", "::1:80", "a:b", "a:70000", "a:-1", "", "a:", "a:\u0663"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--front .*write"):
        parse_address(text, "--front")


def test_any_port_becomes_one_that_our_processes_can_share() -> None:
    with reserve("127.0.0.1", 0, "--front") as held:
        port = port_of(held)
        assert port > 0
        edges = []
        for _ in range(2):
            edge = socket.socket()
            edge.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            edge.bind(("127.0.0.1", port))
            edge.listen(8)
            edges.append(edge)
        for _ in range(8):  # all reach an edge, none the socket that only holds the port
            with socket.create_connection(("127.0.0.1", port), timeout=2):
                pass
        for edge in edges:
            edge.close()


def test_a_port_in_use_is_a_sentence(taken: socket.socket) -> None:
    with pytest.raises(PortInUse, match=r"in use by another program.*choose another with --front 127\.0\.0\.1:PORT"):
        reserve("127.0.0.1", taken.getsockname()[1], "--front")


def test_a_port_whose_holder_would_share_it_is_in_use_all_the_same() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        with pytest.raises(PortInUse):
            reserve("127.0.0.1", other.getsockname()[1], "--front")


def test_a_port_that_another_rostra_holds_for_its_edges_is_in_use() -> None:
    with reserve("127.0.0.1", 0, "--front") as held, pytest.raises(PortInUse):
        reserve("127.0.0.1", port_of(held), "--front")


def test_connections_that_linger_do_not_keep_a_port() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # the server closes first: the connection stays in TIME_WAIT here
        client.close()
    reserve("127.0.0.1", port, "--front").close()


def test_an_address_that_is_not_ours_is_a_sentence() -> None:
    with pytest.raises(EnvironmentFault, match=r"--front 192\.0\.2\.1:0 cannot be used"):
        reserve("192.0.2.1", 0, "--front")
