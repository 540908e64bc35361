"""What tests of processes share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rostra.bus.server import NatsServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A bus without anything on it."""
    server = NatsServer(tmp_path / "bus")
    await server.start()
    yield server
    await server.kill()
