from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.units import MediaTime, Role
from rostra.wire.emsg import notice_emsg
from rostra.wire.listeners import EdgeNotice
from rostra.wire.tokens import Claims, sign
from tests.edge.making import edge, room, stream
from tests.listening.front import INIT, Request, front, opus_parts
from tests.sounds import voice

PARTS = opus_parts(voice(2.0, seed=8))


async def rostra(*words: str, end_when: asyncio.Event | None = None) -> tuple[int, str, str]:
    """Runs the command as a person would; SIGINT a second after ``end_when``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rostra", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "COLUMNS": "120"},
    )  # fmt: skip
    if end_when is not None:
        await asyncio.wait_for(end_when.wait(), 20)
        await asyncio.sleep(1)
        process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode(), err.decode()


async def test_json_and_the_saved_sound(tmp_path: Path) -> None:
    async def live(request: Request) -> None:
        await request.begin()
        await request.send(INIT + b"".join(PARTS))
        await asyncio.sleep(0.5)  # for /state, which is asked beside it
        await request.send(notice_emsg(EdgeNotice("ended"), MediaTime(0)))

    saved = tmp_path / "a.mp4"
    async with front(live) as door:
        status, out, _ = await rostra("listen", door.url, "--json", "--quiet", "--save", str(saved))
    body = json.loads(out)
    assert status == 0
    assert (body["parts"], body["state"], body["title"], body["holes"]) == (4, "ended", "Quiet", 0)
    assert saved.read_bytes().startswith(INIT + PARTS[0])


async def test_ctrl_c_ends_it_with_what_was_measured() -> None:
    heard = asyncio.Event()

    async def live(request: Request) -> None:
        await request.begin()
        await request.send(INIT + PARTS[0])
        heard.set()
        await asyncio.sleep(20)

    async with front(live) as door:
        status, out, err = await rostra("listen", door.url, end_when=heard)
    assert status == 0
    assert "heard        0.5 s in 1 parts" in out
    assert "Quiet: live" in err


async def test_no_such_room() -> None:
    async def live(request: Request) -> None:
        await request.answer(b'{"detail":"There is no room of that name."}', 404)

    async with front(live) as door:
        status, out, err = await rostra("listen", door.url)
    assert (status, out) == (1, "")
    assert err.endswith("rostra: There is no room of that name.\n")


async def test_nothing_heard_is_a_failure() -> None:
    status, out, err = await rostra("listen", "http://127.0.0.1:1/r/quiet", "--seconds", "0.3", "--quiet")
    assert status == 1
    assert "s: All connection attempts failed." in err
    assert "0 parts" in out


@pytest.mark.parametrize(("how", "via"), [("#t=", "push"), ("?t=", "hls")])
async def test_an_invitation_opens_the_room(how: str, via: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    token = sign(Claims("secret", Role.LISTENER, "", "listener", 4_000_000_000), key)
    async with edge(room(room_id="secret", invited=True), key=key.public_key()) as front:
        front.feed(stream(12), "secret")
        page = f"http://127.0.0.1:{front.port}/r/secret"
        words = ("listen", page + how + token, "--via", via, "--seconds", "1", "--quiet", "--json")
        status, out, err = await rostra(*words)
        body = json.loads(out)
        assert (status, body["title"], body["parts"] > 0) == (0, "An <evening>", True), err
        assert token not in out + err
        status, out, err = await rostra("listen", page, "--via", via, "--quiet")
        assert (status, out) == (1, "")
        assert "those who were invited" in err
