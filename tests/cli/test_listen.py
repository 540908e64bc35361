from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from rostra.units import MediaTime
from rostra.wire.emsg import notice_emsg
from rostra.wire.listeners import EdgeNotice
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
