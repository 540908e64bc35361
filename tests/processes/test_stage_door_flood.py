"""Strangers at the stage door and the source port, by the hundred: nobody on stage, no host and no listener notices."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from rostra.cli._consent import make_consent
from rostra.rehearsal.attacks.stage_door import OFFER
from rostra.rehearsal.conductor import Orders, Rehearsal
from rostra.rehearsal.scenario import AttackFile, AttackPlan, CrowdPlan, Kind
from rostra.rehearsal.target import read_target
from tests.processes.serving import RUN, Serving, serving, until
from tests.publishing.test_sound import wav
from tests.sounds import voice

pytestmark = pytest.mark.timeout(120)

ROOM = "talk"

FLOOD_S = 6.0

_addresses = itertools.cycle(f"127.9.{n // 200}.{1 + n % 200}" for n in range(2000))
"""Whoever comes has one of its own: no bound for one address helps."""


@pytest.fixture(scope="module")
def rostra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """On air, with one who speaks by her host's link."""
    folder = tmp_path_factory.mktemp("flooded")
    with serving(folder / "data", "--flush", "1", edges=1) as running:
        made = running.room("create", "A talk", "--id", ROOM)
        speech = wav(folder / "ann.wav", voice(20.0, seed=11, pitch_hz=190))
        speaking = subprocess.Popen(
            [*RUN, "publish", made["links"]["host"], speech, "--loop"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until(lambda: httpx.get(f"{running.front}/r/{ROOM}/state").json()["state"] == "live", 30)
            yield running
        finally:
            speaking.terminate()
            speaking.wait(10)


def token(rostra: Serving, role: str) -> str:
    return str(rostra.room("show", ROOM)["links"][role]).partition("#t=")[2]


def post(fields: str, body: str = "") -> bytes:
    lines = [f"POST /stage/{ROOM}/whip HTTP/1.1", "Host: x", f"Content-Length: {len(OFFER)}"]
    return ("\r\n".join([*lines, "Content-Type: application/sdp", ""]) + fields + "\r\n" + body).encode()


def strangers(host: str) -> dict[str, Iterator[bytes]]:
    """What each says on a connection. ``host``: a good link, with which nobody but its signature is needed."""
    payload, _, signature = host.partition(".")
    n = itertools.count()

    def guess() -> str:
        return f"Authorization: Bearer {payload}.{secrets.token_urlsafe(48)}{signature[64:]}\r\n"

    def login() -> str:
        return base64.b64encode(f"source:{payload}.{secrets.token_urlsafe(64)}".encode()).decode()

    return {
        "offers": (post(guess(), OFFER.replace("{n}", str(next(n)))) for _ in itertools.count()),
        "offers without a token": (post("", OFFER.replace("{n}", "1")) for _ in itertools.count()),
        "offers whose body does not come": (post("") for _ in itertools.count()),
        "calls": (f"GET /api/rooms/{ROOM} HTTP/1.1\r\nHost: x\r\n{guess()}\r\n".encode() for _ in itertools.count()),
        "silence": itertools.repeat(b""),
        "heads that do not end": itertools.repeat(b"GET /api/rooms HTTP/1.1\r\nX: "),
        "sources": (
            f"PUT /{ROOM} HTTP/1.1\r\nAuthorization: Basic {login()}\r\nContent-Type: audio/mpeg\r\n\r\n".encode()
            for _ in itertools.count()
        ),
        "sources that say nothing": itertools.repeat(b"PUT /ta"),
    }


async def stranger(port: int, words: Iterator[bytes], outcomes: Counter[str]) -> None:
    """Comes, says it, waits for what becomes of it for a while, and comes again from elsewhere."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(next(_addresses), 0))
        except OSError:
            outcomes["not let in"] += 1
            await asyncio.sleep(0.01)
            continue
        try:
            said = next(words)
            writer.write(said)
            async with asyncio.timeout(3):
                answer = await reader.read(2000)
            outcomes[answer[9:12].decode("latin-1") or "closed"] += 1
        except (OSError, TimeoutError):
            outcomes["closed"] += 1
        finally:
            writer.transport.abort()
        if not said.endswith(b"\r\n"):  # or those who say nothing would keep everybody else from being heard here
            await asyncio.sleep(1)


async def flood(source: int, studio: int, host: str, each: int) -> dict[str, dict[str, int]]:
    """For so long. What became of them."""
    outcomes: dict[str, Counter[str]] = {}
    tasks = []
    for name, words in strangers(host).items():
        outcomes[name] = Counter()
        # Those that say nothing are more than there are places.
        many = each * (25 if "silence" in name or "not end" in name else 5 if "sources that" in name else 1)
        port = source if name.startswith("source") else studio
        tasks += [asyncio.create_task(stranger(port, words, outcomes[name])) for _ in range(many)]
    await asyncio.sleep(FLOOD_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {name: dict(found) for name, found in outcomes.items()}


def main() -> None:
    """In a process of their own: strangers do not wait for each other, nor does whoever looks at the clock for them."""
    source, studio, each = map(int, sys.argv[1:4])
    print(json.dumps(asyncio.run(flood(source, studio, sys.stdin.readline().strip(), each))))


@contextlib.contextmanager
def flooding(rostra: Serving, host: str, each: int) -> Iterator[subprocess.Popen[str]]:
    ports = [str(urlsplit(rostra.addresses[door]).port) for door in ("source", "studio")]
    with subprocess.Popen(
        [sys.executable, "-m", __name__, *ports, str(each)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        process.stdin.write(f"{host}\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


def hears(rostra: Serving, seconds: float) -> dict[str, Any]:
    done = subprocess.run(
        [*RUN, "listen", f"{rostra.front}/r/{ROOM}", "--seconds", str(seconds), "--json"],
        capture_output=True, text=True, timeout=seconds + 30, check=False,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


async def seats(rostra: Serving, host: str) -> list[tuple[str, str]]:
    """Each time by a connection of its own, as a host comes who was not there yet."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {host}"}, timeout=5) as client:
        answer = await client.get(f"{rostra.studio}/api/rooms/{ROOM}/people")
        assert answer.status_code == 200, answer.text
        return [(seat["id"], seat["name"]) for seat in answer.json()["seats"]]


async def encoder(rostra: Serving, link: str) -> bytes:
    """What a real one is told that comes in the middle of it."""
    port = urlsplit(rostra.addresses["source"]).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    login = base64.b64encode(f"source:{link}".encode()).decode()
    writer.write(
        f"PUT /{ROOM} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Type: audio/mpeg\r\n"
        "Expect: 100-continue\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(5):
            return await reader.read(200)
    finally:
        writer.transport.abort()


async def test_a_flood_of_all_kinds_is_noticed_by_nobody(rostra: Serving) -> None:
    host, speaker = token(rostra, "host"), token(rostra, "speaker")
    before = hears(rostra, 3)
    (ann,) = await seats(rostra, host)
    hearing = asyncio.create_task(asyncio.to_thread(hears, rostra, FLOOD_S))
    took: list[float] = []
    with flooding(rostra, host, each=15) as strange:
        end = time.monotonic() + FLOOD_S
        while time.monotonic() < end:
            asked = time.monotonic()
            assert ann in await seats(rostra, host), "she keeps her seat"
            took.append(time.monotonic() - asked)
            await asyncio.sleep(0.2)
        let_in = await encoder(rostra, speaker)
        heard = await hearing
        outcomes = {name: Counter(found) for name, found in json.loads(strange.communicate(timeout=20)[0]).items()}
    assert let_in.startswith((b"HTTP/1.1 100", b"HTTP/1.0 100", b"HTTP/1.1 200", b"HTTP/1.0 200")), let_in
    assert heard["holes"] == 0
    assert heard["connections"] == 1
    # Two processes share two cores with all who flood: what is measured on a quiet machine is benchmarks' `guess`.
    assert heard["latency_s"]["p50"] < before["latency_s"]["p50"] + 0.5
    assert sorted(took)[len(took) // 2] < 1.0
    for name in ("offers", "calls", "offers without a token"):
        assert set(outcomes[name]) <= {"401", "429", "closed", "not let in"}, name
        assert outcomes[name]["401"] + outcomes[name]["429"] > 100, name
    assert outcomes["sources"]["401"] + outcomes["sources"]["429"] > 10
    assert httpx.get(f"{rostra.front}/r/{ROOM}/state").json()["state"] == "live"


def test_the_rehearsals_own_flood_costs_the_crowd_nothing(rostra: Serving) -> None:
    plan = AttackPlan(kind=Kind.STAGE_DOOR, from_s=0.5, for_s=4, connections=50)
    crowd = CrowdPlan(listeners=40, over_s=1, hold_s=5, samples=0)
    target = read_target(f"{rostra.front}/r/{ROOM}", proxied=False)
    consent = make_consent(rostra.data, "", 1.0, stage_door=True)
    report = asyncio.run(
        Rehearsal(Orders(target, consent, crowd, (AttackFile(name="x", attack=(plan,)),))).run(lambda progress: None)
    )
    figures, (cost,) = report["figures"], report["costs"]
    assert report["problems"] == []
    assert (figures["heard"], figures["lost"], figures["broken"], figures["holes"]) == (40, 0, 0, 0)
    assert cost["did"].get("answer_401", 0) + cost["did"].get("answer_429", 0) > 50


if __name__ == "__main__":
    main()
