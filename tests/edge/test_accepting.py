from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import struct
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rostra.edge import accepting
from rostra.edge.accepting import Acceptor, open_listener, secure_context
from rostra.edge.poller import Poller
from rostra.errors import EnvironmentFault, PortInUse
from tests.edge.making import Client, Edge, edge, stream, until

PART = "/r/demo/hls/opus/g1-p8.m4s"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost that signs itself, and its key."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(cert_file), str(key_file)


async def secure_client(running: Edge, certificate: tuple[str, str], preamble: bytes = b"") -> Client:
    context = ssl.create_default_context(cafile=certificate[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(preamble)
    await writer.start_tls(context, server_hostname="localhost")
    return Client(reader, writer)


# --- the listening socket ---


def test_accepted_sockets_inherit_their_bounds() -> None:
    listener = open_listener("127.0.0.1", 0, 16)
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    with listener, client, accepted:
        get = accepted.getsockopt
        # The kernel doubles what is asked for, for its own account (socket(7)).
        assert get(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * accepting.SEND_BUFFER_BYTES
        assert get(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * accepting.RECEIVE_BUFFER_BYTES
        assert get(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert get(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == accepting.UNSENT_LOW_WATER_BYTES
        assert get(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
        assert get(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert get(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10


def test_whoever_vanishes_is_gone_within_twenty_seconds() -> None:
    idle, interval, probes = accepting.KEEPALIVE
    assert idle + interval * probes <= 20
    assert accepting.USER_TIMEOUT_S + 4.0 <= 20


def test_siblings_share_a_port_and_others_are_told() -> None:
    first = open_listener("127.0.0.1", 0, 16)
    port = first.getsockname()[1]
    with first, open_listener("127.0.0.1", port, 16):
        pass
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortInUse, match="--front"):
            open_listener("127.0.0.1", other.getsockname()[1], 16)
    with pytest.raises(EnvironmentFault, match=r"192\.0\.2\.1"):
        open_listener("192.0.2.1", 0, 16)
    with pytest.raises(EnvironmentFault, match="no such host"):
        open_listener("no such host", 0, 16)


def test_before_it_closes_whoever_waits_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "ACCEPTING_S", 10.0)
    listener, poller, taken = open_listener("127.0.0.1", 0, 512), Poller(), list[int]()
    acceptor = Acceptor(listener, poller, lambda fd, _: taken.append(fd), lambda: None)
    acceptor.start()
    clients = [socket.create_connection(listener.getsockname()) for _ in range(300)]
    poller.turn()
    assert len(taken) == accepting.ACCEPTED_AT_ONCE
    acceptor.close()
    assert len(taken) == acceptor.accepted == 300
    assert len(poller) == 0
    for fd in taken:
        accepting.close_quietly(fd)
    for client in clients:
        client.close()
    poller.stop()


def test_whoever_takes_long_to_greet_does_not_keep_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "ACCEPTING_S", 0.0)
    listener, taken = open_listener("127.0.0.1", 0, 64), list[int]()
    acceptor = Acceptor(listener, Poller(), lambda fd, _: taken.append(fd), lambda: None)
    clients = [socket.create_connection(listener.getsockname()) for _ in range(10)]
    assert acceptor.accept(100)
    assert 0 < len(taken) < accepting.LOOKED_AT_EVERY
    while acceptor.accept(100):
        pass
    assert len(taken) == 10, "and nobody is forgotten"
    for fd in taken:
        accepting.close_quietly(fd)
    for client in clients:
        client.close()
    listener.close()


# --- TLS ---


async def test_tls(certificate: tuple[str, str]) -> None:
    async with edge(tls=secure_context(*certificate)) as running:
        parts = stream(8)
        running.feed(parts)
        client = await secure_client(running, certificate)
        assert (await client.ask(PART)).body == parts[0].body
        client.send(f"GET {PART} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
        for _ in range(20):
            assert (await client.answer()).body == parts[0].body
        listener = await secure_client(running, certificate)
        listener.get("/r/demo/live")
        await listener.head()
        assert [await listener.chunk() for _ in range(3)] == [parts[0].init, parts[-2].body, parts[-1].body]
        new = stream(40)[16:]
        await running.feed_on(new)
        assert [await listener.chunk() for _ in new] == [p.body for p in new]
        assert running.front.counts()["rooms"]["demo"]["push"] == 1
        assert b'tls="yes"} 1\n' in running.front.metrics()
        await listener.close()
        await until(
            lambda: (
                "push" not in running.front.counts()["rooms"].get("demo", {"push": 0})
                or running.front.counts()["rooms"].get("demo", {"push": 0})["push"] == 0
            )
        )
        await client.close()


async def test_tls_laggard_gets_whole_parts(certificate: tuple[str, str]) -> None:
    async with edge(tls=secure_context(*certificate)) as running:
        running.feed(stream(8))
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context(cafile=certificate[0])
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.to_thread(raw.connect, ("127.0.0.1", running.port))
        sock = await asyncio.to_thread(context.wrap_socket, raw, server_hostname="localhost")
        await loop.run_in_executor(None, sock.sendall, b"GET /r/demo/live HTTP/1.0\r\n\r\n")
        await until(lambda: running.front.tally.joined == 1)
        parts = stream(120)[16:]
        await running.feed_on(parts)
        await until(lambda: running.front.tally.skipped_parts > 0)
        got = b""
        sock.settimeout(0.5)

        def drain() -> bytes:
            data = b""
            try:
                while piece := sock.recv(65536):
                    data += piece
            except TimeoutError:
                pass
            return data

        got = await asyncio.to_thread(drain)
        sound = got.partition(b"\r\n\r\n")[2]
        times = times_of(sound)
        assert times == sorted(set(times))
        assert times[-1] == parts[-1].time
        assert len(times) == 2 + len(parts) - running.front.tally.skipped_parts
        sock.close()


def times_of(stream_bytes: bytes) -> list[int]:
    """The media times of the parts in a bare stream, which must be whole boxes."""
    times, at = [], 0
    while at < len(stream_bytes):
        size, kind = struct.unpack_from(">I4s", stream_bytes, at)
        assert kind in (b"ftyp", b"moov", b"emsg", b"moof", b"mdat")
        if kind == b"mdat":
            times.append(struct.unpack_from(">Q", stream_bytes, at + 8)[0])
        at += size
    assert at == len(stream_bytes)
    return times


async def test_tls_refuses_what_is_none(certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "HANDSHAKE_TIMEOUT_S", 0.2)
    async with edge(tls=secure_context(*certificate)) as running:
        plain = await running.client()
        plain.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        # Closed or reset: what it sent was not read.
        await asyncio.gather(asyncio.wait_for(plain.reader.read(), 5), return_exceptions=True)
        silent = await running.client()
        assert await silent.ended()
        gone = await running.client()
        gone.send(b"\x16\x03\x01")
        await gone.close()
        await until(lambda: len(running.front.poller) == 0)


async def test_tls_sessions_are_taken_up_again(certificate: tuple[str, str]) -> None:
    async with edge(tls=secure_context(*certificate)) as running:
        context = ssl.create_default_context(cafile=certificate[0])

        def visit(session: ssl.SSLSession | None) -> tuple[bool | None, ssl.SSLSession | None]:
            raw = socket.create_connection(("127.0.0.1", running.port))
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                sock.recv(1000)
                return sock.session_reused, sock.session

        reused, session = await asyncio.to_thread(visit, None)
        assert not reused
        reused, _ = await asyncio.to_thread(visit, session)
        assert reused


def test_a_certificate_that_cannot_be_used(tmp_path: Path, certificate: tuple[str, str]) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    for cert, key in ((str(tmp_path / "none.pem"), ""), (str(tmp_path / "x.pem"), certificate[1])):
        with pytest.raises(EnvironmentFault, match="cannot be used"):
            secure_context(cert, key)


# --- PROXY protocol ---


async def test_preamble_of_a_trusted_neighbour() -> None:
    async with edge(proxy_protocol=True, trusted_proxies=("127.0.0.0/8",)) as running:
        running.feed(stream(8))
        client = await running.client()
        for byte in b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n":
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.answer()).status == 403  # it is 192.0.2.7 who asks
        assert (await client.ask(PART)).status == 200
        local = await running.client()
        local.send(b"PROXY UNKNOWN\r\n")
        assert (await local.ask("/metrics")).status == 200
        without = await running.client()
        without.get("/healthz")
        assert await without.ended()


async def test_a_stranger_s_preamble_is_no_http() -> None:
    async with edge(proxy_protocol=True, trusted_proxies=("192.0.2.0/24",)) as running:
        client = await running.client()
        client.send(b"PROXY TCP4 127.0.0.1 127.0.0.1 5000 80\r\n\r\n")
        assert (await client.answer()).status == 400


async def test_preamble_before_tls(certificate: tuple[str, str]) -> None:
    async with edge(tls=secure_context(*certificate), proxy_protocol=True, trusted_proxies=("127.0.0.1",)) as running:
        preamble = b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n"
        client = await secure_client(running, certificate, preamble)
        assert (await client.ask("/metrics")).status == 403
        await client.close()
