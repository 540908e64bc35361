from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rostra.bus.client import Bus
from rostra.bus.server import NatsServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path)
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    bus = await Bus.connect(server.url, "test", timeout_s=10)
    yield bus
    await bus.close()
