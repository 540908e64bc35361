"""The nginx of docs/howto/behind-a-proxy.md as it stands there, and the settings beside it: whoever comes through it is
counted by their own address. The negative control is the same without the settings.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rostra.edge.postbox import RATES
from rostra.edge.routes import Kind
from tests.edge.making import Client, Edge, Kept, edge, stream, until

pytestmark = [
    pytest.mark.skipif(not shutil.which("nginx"), reason="left out: nginx is not installed"),
    pytest.mark.stranger("nginx"),
]

HOWTO = (Path(__file__).parent.parent / "docs" / "howto" / "behind-a-proxy.md").read_text()
WHOLE = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {documented}
}}
"""
BURST = RATES[Kind.HAND].burst
HAND = "/r/demo/hand"


def block(kind: str) -> str:
    """The first one of that kind in the document."""
    found = re.search(rf"^```{kind}\n(.*?)^```", HOWTO, re.DOTALL | re.MULTILINE)
    assert found, f"the document has no {kind}"
    return found[1]


def documented(edge_port: int, port: int, folder: Path) -> str:
    """The document's, at other ports and without TLS."""
    text = block("nginx")
    for there, here in (
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        (r"http2 on;", ""),
        (r"ssl_certificate .*", ""),
        (r"ssl_certificate_key .*", ""),
        (r"/var/cache/nginx/rostra", str(folder / "cache")),
        (r"127\.0\.0\.1:8080", f"127.0.0.1:{edge_port}"),
    ):
        text, times = re.subn(there, here, text)
        assert times == 1, f"{there} is there {times} times"
    return text


@asynccontextmanager
async def behind(folder: Path, carrier: Kept, trusted: tuple[str, ...]) -> AsyncIterator[tuple[Edge, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    async with edge(carrier=carrier, trusted_proxies=trusted) as running:
        config = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(WHOLE.format(user=user, folder=folder, documented=documented(running.port, port, folder)))
        process = subprocess.Popen(["nginx", "-p", folder, "-c", config, "-e", folder / "error.log"])
        try:
            await until(lambda: answers(port) or process.poll() is not None, 10)
            assert process.poll() is None, (folder / "error.log").read_text()
            yield running, port
        finally:
            process.terminate()
            process.wait(10)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def listener(port: int, number: int) -> Client:
    """Each at an address of their own, as far as this machine has them."""
    return Client(*await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.0.{number}", 0)))


def settings() -> tuple[str, ...]:
    return tuple(tomllib.loads(block("toml"))["front"]["trusted_proxies"])


def test_each_place_says_for_whom_it_asks() -> None:
    """What ngx_http_proxy_module says: "These directives are inherited from the previous configuration level if and
    only if there are no proxy_set_header directives defined on the current level." """
    server, *locations = re.split(r"^\s*location ", block("nginx"), flags=re.MULTILINE)
    assert len(locations) == 3
    for text in [server, *locations]:
        own = re.findall(r"proxy_set_header ([\w-]+)", text)
        assert not own or {"X-Forwarded-For", "Host", "Connection"} <= set(own), text


async def raise_hands(port: int) -> list[int]:
    """As many listeners as one address may not be."""
    found = []
    for number in range(2, BURST + 7):
        client = await listener(port, number)
        found.append((await client.tell(HAND, {"name": "Ada"})).status)
        await client.close()
    return found


async def test_everyone_is_counted_by_their_own_address(tmp_path: Path) -> None:
    kept = Kept()
    async with behind(tmp_path, kept, settings()) as (_, port):
        assert set(await raise_hands(port)) == {202}
        greedy, liar = await listener(port, 100), await listener(port, 101)
        one = [(await greedy.tell(HAND, {"name": "Eve"})).status for _ in range(BURST + 1)]
        said = [f"X-Forwarded-For: 203.0.113.{n}" for n in range(BURST + 1)]
        other = [(await liar.tell(HAND, {"name": "Eve"}, field)).status for field in said]
        assert one == other == [202] * BURST + [429], "and chooses none"
        assert (await greedy.ask("/metrics")).status == 403
        answer = await greedy.ask("/r/demo/state")
        assert (answer.status, answer.fields["content-type"]) == (200, "application/json")
        for client in (greedy, liar):
            await client.close()


async def test_sound_passes_at_once(tmp_path: Path) -> None:
    async with behind(tmp_path, Kept(), settings()) as (running, port):
        running.feed(stream(8))
        client, other = await listener(port, 2), await listener(port, 3)
        client.get("/r/demo/live")
        assert (await client.head()).status == 200
        for _ in range(3):
            await client.chunk()
        parts = stream(9)[16:]
        for part in parts:
            running.feed([part])
            assert (await client.chunk())[4:8] in (b"moof", b"emsg", b"styp", b"sidx", b"prft")
        for cached in ("MISS", "HIT"):
            part = await other.ask("/r/demo/hls/opus/g1-p9.m4s")
            assert (part.status, part.fields["x-cache"]) == (200, cached)
        for one in (client, other):
            await one.close()


async def test_negative_control_without_the_settings_they_are_one(tmp_path: Path) -> None:
    async with behind(tmp_path, Kept(), ()) as (_, port):
        assert (await raise_hands(port)).count(429) >= 4
