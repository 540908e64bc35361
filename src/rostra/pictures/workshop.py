"""Starts a child for each picture, and watches it: it may run out of memory, hang, crash or lie.

What goes in: a line of JSON (what to do), then the picture. What comes out: a line of JSON (what became of it), then
the new picture. Bounded both ways.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from rostra.errors import BadRequest, Full, Refused, TooLarge, Unsupported
from rostra.leash import leashed
from rostra.pictures.sniff import MAX_MADE_BYTES, MAX_PICTURE_BYTES, made_by_us, sniff

__all__ = ["MAX_PICTURE_BYTES", "card", "prepare"]

log = logging.getLogger("rostra.pictures")

LIMIT_S = 10.0
"""From the start of a child to its end; what is allowed in takes a second or two."""

BURY_S = 2.0
"""A child that was killed is gone in milliseconds; one that got away keeps nobody waiting longer."""

AT_ONCE = 2
"""Children; each may take half a gigabyte."""

MAX_WAITING = 8
"""Pictures that wait for a child, 8 MB each. Uploads beyond are asked to come again."""

RETRY_S = 10.0

MAX_CARD_CHARS = 2000
"""Of each text on a card; what does not fit is cut there anyway."""

COMMAND: Final = (sys.executable, "-P", "-m", "rostra.pictures.child")
"""``-P``: nothing is imported from the folder we happen to be in."""

_PASSED_ON: Final = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Of our environment: not the address of a database, say."""

_SUFFIXES: Final = {"WEBP": "webp", "PNG": "png", "JPEG": "jpg"}
_REFUSALS: Final[dict[str, type[Refused]]] = {e.slug: e for e in (BadRequest, TooLarge, Unsupported)}

_GAVE_UP = (
    "This picture could not be read: it takes too much time or memory, or is damaged. Save it anew as JPEG or PNG, "
    "smaller if it is large, and try again."
)


async def prepare(data: bytes, purpose: Literal["post", "cover"]) -> tuple[str, bytes]:
    """The picture as WebP of 60 KB at most, without metadata, upright; and its name (``wire.rooms.PICTURE``).

    :raises BadRequest: it is damaged, or reading it took too much.
    :raises TooLarge: more than 8 MB or 40 megapixels.
    :raises Unsupported: no JPEG, PNG, WebP or GIF.
    :raises Full: many are being prepared at the moment.
    """
    return await _have_done({"do": purpose, "kind": sniff(data)}, data, ("WEBP",))


async def card(title: str, when_text: str, speakers: Sequence[str], picture: bytes | None) -> tuple[str, bytes]:
    """The picture for those who share a room's address: 1200 x 630, PNG or JPEG of 60 KB at most; and its name.

    ``when_text`` is drawn as it is. ``picture``: the room's own, as it was prepared or sent.

    :raises Refused: as :func:`prepare`.
    """
    request = {
        "do": "card",
        "kind": sniff(picture) if picture else "",
        "title": title[:MAX_CARD_CHARS],
        "when": when_text[:MAX_CARD_CHARS],
        "speakers": [name[:MAX_CARD_CHARS] for name in speakers[:32]],
    }
    return await _have_done(request, picture or b"", ("PNG", "JPEG"))


async def _have_done(request: dict[str, Any], data: bytes, kinds: Sequence[str]) -> tuple[str, bytes]:
    async with _place():
        answer = await _ask_child(json.dumps(request).encode() + b"\n" + data)
    head, _, made = answer.partition(b"\n")
    try:
        said = json.loads(head)
        refused, sentence, kind = (str(said.get(name, "")) for name in ("refused", "sentence", "kind"))
    except (ValueError, AttributeError, RecursionError):
        refused = sentence = kind = ""
    if refused in _REFUSALS:
        raise _REFUSALS[refused](sentence[:300])
    if kind not in kinds or not made_by_us(made, kind):
        raise BadRequest(_GAVE_UP)
    return f"{hashlib.sha256(made).hexdigest()[:32]}.{_SUFFIXES[kind]}", made


async def _ask_child(request: bytes) -> bytes:
    """What the child said; nothing, if it died or took too long."""
    try:
        child = await asyncio.create_subprocess_exec(
            *leashed(COMMAND), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment(), start_new_session=True
        )
    except OSError as e:
        log.warning("no process for a picture: %s", e)
        raise Full("No picture can be prepared at the moment. Try again in a few seconds.", RETRY_S) from e
    try:
        async with asyncio.timeout(LIMIT_S):
            return await _converse(child, request)
    except TimeoutError:
        log.warning("a picture took more than %g s", LIMIT_S)
        return b""
    finally:
        await _end(child)


async def _converse(child: Process, request: bytes) -> bytes:
    feeding = asyncio.create_task(_feed(child, request))
    assert child.stdout
    answer = bytearray()
    try:
        while piece := await child.stdout.read(MAX_MADE_BYTES):
            answer += piece
            if len(answer) > MAX_MADE_BYTES + 1024:
                return b""
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    return bytes(answer)


async def _feed(child: Process, request: bytes) -> None:
    assert child.stdin
    with contextlib.suppress(ConnectionError):  # it may refuse before it has read all
        child.stdin.write(request)
        await child.stdin.drain()
    child.stdin.close()


async def _end(child: Process) -> None:
    """Whatever it does, and what it started. It is waited for even if we are cancelled, or it would stay a zombie."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    await asyncio.shield(asyncio.ensure_future(_bury(child)))


async def _bury(child: Process) -> None:
    """What is still in its pipe is read first: asyncio lets go of a process only when its pipes are at their end."""
    assert child.stdout
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(BURY_S):
            while await child.stdout.read(MAX_MADE_BYTES):
                pass
            await child.wait()


def _environment() -> dict[str, str]:
    """One arena: each takes 64 MB of address space before it holds anything, and that is limited."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"MALLOC_ARENA_MAX": "1"}


class _Places:
    def __init__(self) -> None:
        self.free = asyncio.Semaphore(AT_ONCE)
        self.waiting = 0


_places: WeakKeyDictionary[asyncio.AbstractEventLoop, _Places] = WeakKeyDictionary()
"""A semaphore belongs to a loop. A process has one; tests have many."""


@contextlib.asynccontextmanager
async def _place() -> AsyncIterator[None]:
    """:raises Full: if too many wait already."""
    places = _places.setdefault(asyncio.get_running_loop(), _Places())
    if places.waiting >= MAX_WAITING:
        raise Full("Many pictures are being prepared. Try again in a few seconds.", RETRY_S)
    places.waiting += 1
    try:
        await places.free.acquire()
    finally:
        places.waiting -= 1
    try:
        yield
    finally:
        places.free.release()
