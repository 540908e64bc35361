"""A thousand attempts a second to guess a link, at either door: who is let in, does the host notice, does the sound?"""

from __future__ import annotations

import base64
import random
import time
from datetime import UTC, datetime, timedelta

from benchmarks.console import Console, quantiles
from benchmarks.crowd import Crowd, Gathering, gathered
from benchmarks.knocks import Answered, Knocks, knocking, request
from benchmarks.machine import cpu_s, idle_s
from benchmarks.programs import running
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.whole import ROOM, Whole, serving

FLUSH_S = 1.0
CLOSED = "closed"
"""A room that takes a link to listen."""
ASKS_A_SECOND = 10.0
GUESSES = 500
"""Different ones. Whoever guesses with the right name and time of a token still lacks the signature."""
SIGNATURE_BYTES = 64


def run(scale: Scale) -> Result:
    rate, seconds, listeners = scale.pick(1000.0, 200.0), scale.pick(10.0, 1.0), scale.pick(500, 50)
    addresses = scale.pick(1000, 20)
    result = Result(
        "guess",
        f"{rate:.0f} attempts a second to guess a link",
        {
            "transport": "plain", "loopback": True, "flush_s": FLUSH_S, "attempts_a_second": rate, "seconds": seconds,
            "listeners": listeners, "rounds": len(scale.rounds), "host_asks_a_second": ASKS_A_SECOND,
            "processes": "rostra serve (2 edges, 1 stage), 1 speaker, 1 crowd, 1 process that guesses, 1 console",
        },
    )  # fmt: skip
    columns: dict[tuple[str, str], list[float]] = {}
    for _ in scale.rounds:
        with (
            serving("--flush", str(FLUSH_S), edges=2) as whole,
            running(whole.talking(whole.token("host"))),
            whole.operator() as operator,
        ):
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            closed = operator.create_room("A room for the invited", id=CLOSED, at=tomorrow, invited=True)
            stage_door, front_door = _at_the_stage_door(whole), _at_the_front_door(closed.links["listener"])
            storms = {
                "nobody guesses": None,
                "at the stage door, from one address": Knocks(
                    whole.studio_port, stage_door, rate, seconds, visitors=20, addresses=1
                ),
                f"at the stage door, from {addresses} addresses": Knocks(
                    whole.studio_port, stage_door, rate, seconds, visitors=200, addresses=addresses, once=True
                ),
                f"at the front door, from {addresses} addresses": Knocks(
                    whole.front_port, front_door, rate, seconds, visitors=200, addresses=addresses, once=True
                ),
            }
            crowd = Crowd(whole.front_port, f"/r/{ROOM}/live", listeners, 1000.0, start_buffer_s=2 * FLUSH_S - 0.05)
            asks = [lambda _: f"/api/rooms/{ROOM}/people", lambda _: f"/api/rooms/{ROOM}/hands"]
            with gathered(crowd) as gathering, Console(whole, "host", asks, ASKS_A_SECOND) as console:
                time.sleep(scale.pick(3.0, 0.5))
                for name, knocks in storms.items():
                    for what, value in _phase(whole, gathering, console, knocks, seconds, result).items():
                        columns.setdefault((what, name), []).append(value)
                heard = gathering.finish()
            columns.setdefault(("lost", "listeners"), []).append(heard.lost + heard.never)
    for (what, whose), values in columns.items():
        result.add(what, whose, _unit(what), values, _must(what, scale))
    return result


def _unit(what: str) -> str:
    if what.startswith("the host"):
        return "ms"
    return "cores" if what.startswith(("CPU", "cores")) else ""


def _must(what: str, scale: Scale) -> Must | None:
    if what in ("let in", "lost"):
        return Must("<=", 0, every=True)
    if scale.quick:
        return None
    if what == "underruns of listeners":
        return Must("<=", 0, every=True)
    return Must("<=", 100) if what.startswith("the host") and what.endswith("p99") else None


def _phase(
    whole: Whole, gathering: Gathering, console: Console, knocks: Knocks | None, seconds: float, result: Result
) -> dict[str, float]:
    studio, edges = whole.processes("studio"), whole.processes("edge")
    console.take_ms()
    before, used, idle, begun = gathering.mark(), (cpu_s(*studio), cpu_s(*edges)), idle_s(), time.monotonic()
    found: dict[str, float] = {}
    if knocks is None:
        time.sleep(seconds)
    else:
        with knocking(knocks) as guessing:
            answered = guessing.finish()
        found |= _answers(answered)
        result.details.setdefault("guesses", []).append(answered.summary())
    took = time.monotonic() - begun
    for label, value in zip(("p50", "p99", "worst"), quantiles(console.take_ms()), strict=True):
        found[f"the host is answered in, {label}"] = value
    found["underruns of listeners"] = gathering.mark()["underruns"] - before["underruns"]
    found["CPU of the studio"] = (cpu_s(*studio) - used[0]) / took
    found["CPU of the edges"] = (cpu_s(*edges) - used[1]) / took
    found["cores idle"] = (idle_s() - idle) / took
    return found


def _answers(answered: Answered) -> dict[str, float]:
    """What became of the guesses."""
    wrong, often = answered.of(401, 403), answered.of(429)
    return {
        "attempts": answered.due,
        "let in": answered.answered - wrong - often - answered.of(503),
        "told that it is not good": wrong,
        "told that it is too often": often,
        "not answered": answered.due - answered.answered,
    }


def _guessed(token: str) -> list[str]:
    """The token with other signatures."""
    rng, payload = random.Random(7), token.partition(".")[0]
    made = (base64.urlsafe_b64encode(rng.randbytes(SIGNATURE_BYTES)).decode().rstrip("=") for _ in range(GUESSES))
    return [f"{payload}.{signature}" for signature in made]


def _at_the_stage_door(whole: Whole) -> list[bytes]:
    path = f"/api/rooms/{ROOM}/people"
    return [request("GET", path, authorization=f"Bearer {guess}") for guess in _guessed(whole.token("host"))]


def _at_the_front_door(link: str) -> list[bytes]:
    token = link.rpartition("t=")[2]
    return [request("GET", f"/r/{CLOSED}?t={guess}", accept="*/*") for guess in _guessed(token)]
