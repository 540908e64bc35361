"""`rostra studio` by itself, as in a cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from rostra.bus.server import NatsServer, free_port
from rostra.errors import PortInUse
from rostra.processes.studio import listen
from tests.processes.serving import RUN, until


@contextmanager
def studio(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    with (data.parent / "studio.log").open("w") as log:
        process = subprocess.Popen(
            [*RUN, "studio", "--data", str(data), "--studio", f"127.0.0.1:{port}", "--source", "127.0.0.1:0", *options],
            stderr=log,
        )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def health(url: str) -> dict[str, bool]:
    try:
        found: dict[str, bool] = httpx.get(f"{url}/healthz", trust_env=False).json()
        return found
    except httpx.HTTPError:
        return {}


async def test_it_serves_through_a_bus_that_goes_and_comes_and_ends_when_told(
    server: NatsServer, tmp_path: Path
) -> None:
    with studio(tmp_path / "data", "--nats", server.url) as (process, url):
        await asyncio.to_thread(until, lambda: health(url) == {"ok": True, "bus": True})
        await server.kill()
        await asyncio.to_thread(until, lambda: health(url) == {"ok": True, "bus": False})
        token = (tmp_path / "data" / "keys" / "operator-token").read_text().strip()
        operator = {"Authorization": f"Bearer {token}"}
        answer = await asyncio.to_thread(lambda: httpx.get(f"{url}/api/rooms/talk", headers=operator))
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:rostra:problem:bus-unavailable"
        await server.start()
        await asyncio.to_thread(until, lambda: health(url)["bus"])
        answer = await asyncio.to_thread(lambda: httpx.get(f"{url}/api/rooms", headers=operator))
        assert answer.json() == {"items": [], "next": None}
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 5) == 0
    assert "Traceback" not in (tmp_path / "studio.log").read_text()


async def test_told_to_end_while_it_waits_for_a_bus(tmp_path: Path) -> None:
    with studio(tmp_path / "data", "--nats", f"nats://127.0.0.1:{free_port()}") as (process, url):
        # The door's port is taken before the bus is looked for.
        await asyncio.to_thread(until, lambda: _connects(url))
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 5) == 0


def _connects(url: str) -> bool:
    try:
        httpx.get(f"{url}/healthz", timeout=0.2, trust_env=False)
    except httpx.ConnectError:
        return False
    except httpx.HTTPError:
        return True
    return True


def test_without_a_bus_it_says_what_it_needs(tmp_path: Path) -> None:
    done = subprocess.run(
        [*RUN, "studio", "--data", str(tmp_path)], capture_output=True, text=True, timeout=30, check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("ROSTRA_")},
    )  # fmt: skip
    assert done.returncode == 1
    assert (
        done.stderr == "rostra: The studio needs the bus: give --nats URL, or run `rostra serve`, which brings one.\n"
    )


def test_listening_shares_a_held_port_but_not_a_strangers() -> None:
    with listen("127.0.0.1", 0, "--studio") as ours:
        assert ours.getsockname()[1] > 0
    import socket

    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen(1)
        with pytest.raises(PortInUse):
            listen("127.0.0.1", stranger.getsockname()[1], "--studio")
