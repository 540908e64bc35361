"""Five hundred low-latency players behind a caching nginx: the edge is asked about once for each address.

The cache is set up as docs/howto/behind-a-proxy.md says. The negative control is the same nginx without the cache.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rostra.units import PARTS_PER_SEGMENT
from tests.edge.making import Client, Edge, edge, stream, until

pytestmark = [
    pytest.mark.skipif(not shutil.which("nginx"), reason="left out: nginx is not installed"),
    pytest.mark.stranger("nginx"),
]

PLAYERS = 500
PART_S = 0.5
STARTS_OVER_S = 1.5
PLAYED_PARTS = 12
MOST_A_ADDRESS = 1.2

CONFIG = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=rostra:10m max_size=100m inactive=2m use_temp_path=off;
  upstream rostra_front {{ server 127.0.0.1:{edge}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    location ~ ^/r/[a-z0-9-]+/hls/ {{
      proxy_pass http://rostra_front;
      proxy_cache {cache};
      proxy_cache_key $uri$is_args$args;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 15s;
      proxy_cache_lock_age 15s;
      proxy_read_timeout 20s;
      proxy_ignore_headers Vary;
      proxy_set_header Accept-Encoding "";
      gzip on; gzip_types application/vnd.apple.mpegurl; gzip_proxied any;
      add_header X-Cache $upstream_cache_status always;
    }}
  }}
}}
"""


@dataclass
class Audience:
    """What all players together asked for and got."""

    addresses: set[str] = field(default_factory=set)
    asked: int = 0
    bodies: dict[str, set[bytes]] = field(default_factory=dict)
    """Of parts, by address: a name never means two things."""
    late_s: list[float] = field(default_factory=list)
    """From the moment in which a part was made to the moment in which a player had it."""


async def play(port: int, made: dict[str, float], audience: Audience, parts: int) -> None:
    """One player: blocking reloads, and each new part as soon as it is listed."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        playlist = await ask(client, "opus.m3u8", audience)
        heard = 0
        while heard < parts:
            newest = re.findall(rb'#EXT-X-PART:[^\n]*URI="(opus/g1-p(\d+)\.m4s)"', playlist)[-1]
            name, sequence = newest[0].decode(), int(newest[1])
            body = await ask(client, name, audience)
            audience.late_s.append(time.monotonic() - made[name])
            audience.bodies.setdefault(name, set()).add(body)
            heard += 1
            msn, part = divmod(sequence + 1, PARTS_PER_SEGMENT)
            playlist = await ask(client, f"opus.m3u8?_HLS_msn={msn}&_HLS_part={part}", audience)
    finally:
        await client.close()


async def ask(client: Client, name: str, audience: Audience) -> bytes:
    address = f"/r/demo/hls/{name}"
    audience.addresses.add(address)
    audience.asked += 1
    client.get(address)
    answer = await client.answer()
    assert answer.status == 200, (address, answer)
    return answer.body


@asynccontextmanager
async def nginx(folder: Path, edge_port: int, *, cache: bool) -> AsyncIterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    zone = "rostra" if cache else "off"
    config.write_text(CONFIG.format(folder=folder, edge=edge_port, port=port, cache=zone, user=user))
    process = subprocess.Popen(["nginx", "-p", folder, "-c", config, "-e", folder / "error.log"])
    try:
        await until(lambda: answers(port), 10)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def on_air(running: Edge, made: dict[str, float]) -> None:
    """A room that goes on and on, in real time."""
    parts = stream(120)
    for part in parts[:24]:
        made[f"opus/g1-p{part.name.sequence}.m4s"] = time.monotonic()
        running.feed([part])
    due = time.monotonic()
    for part in parts[24:]:
        due += PART_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        made[f"opus/g1-p{part.name.sequence}.m4s"] = time.monotonic()
        running.feed([part])


async def asked_of(running: Edge) -> int:
    text = (await running.ask("/metrics")).body.decode()
    found = re.search(r"^rostra_edge_requests_total (\d+)$", text, re.MULTILINE)
    assert found
    return int(found[1])


async def gather(folder: Path, players: int, *, cache: bool | None) -> tuple[Audience, int]:
    """An audience through nginx (``cache`` None: straight at the edge), and how often the edge was asked."""
    audience, made = Audience(), dict[str, float]()
    async with edge() as running:
        air = asyncio.create_task(on_air(running, made))
        await asyncio.sleep(0)

        async def whole(port: int) -> None:
            async def one(i: int) -> None:
                await asyncio.sleep(STARTS_OVER_S * i / players)
                await play(port, made, audience, PLAYED_PARTS)

            await asyncio.gather(*(one(i) for i in range(players)))

        before = await asked_of(running)
        if cache is None:
            await whole(running.port)
        else:
            async with nginx(folder, running.port, cache=cache) as port:
                await whole(port)
        after = await asked_of(running)
        air.cancel()
    return audience, after - before - 1


async def test_the_edge_is_asked_about_once_for_each_address(tmp_path: Path) -> None:
    audience, asked = await gather(tmp_path, PLAYERS, cache=True)
    assert audience.asked > PLAYERS * PLAYED_PARTS
    assert len(audience.addresses) > PLAYED_PARTS
    assert asked / len(audience.addresses) <= MOST_A_ADDRESS
    assert all(len(bodies) == 1 for bodies in audience.bodies.values())
    direct, _ = await gather(tmp_path, 20, cache=None)
    through, straight = (statistics.quantiles(a.late_s, n=20) for a in (audience, direct))
    print(
        f"\nnginx cache: {audience.asked} requests of {PLAYERS} players, {len(audience.addresses)} addresses, "
        f"{asked} reached the edge. Made to heard: p50 {through[9] * 1000:.0f} ms, p95 {through[18] * 1000:.0f} ms; "
        f"straight: p50 {straight[9] * 1000:.0f} ms, p95 {straight[18] * 1000:.0f} ms."
    )


async def test_negative_control_without_the_cache_it_is_asked_by_everyone(tmp_path: Path) -> None:
    audience, asked = await gather(tmp_path, 50, cache=False)
    assert asked == pytest.approx(audience.asked, rel=0.05)
    assert asked / len(audience.addresses) > MOST_A_ADDRESS
