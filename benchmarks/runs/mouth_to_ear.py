"""How long a click takes from a speaker's mouth to a listener's ear, with thousands of others listening."""

from __future__ import annotations

import json
import time
from subprocess import Popen

import numpy as np

from benchmarks.clicks import EVERY_S, delays
from benchmarks.crowd import Crowd, gathered
from benchmarks.player import Player, players
from benchmarks.probe import Ears
from benchmarks.programs import LeftOut, running
from benchmarks.results import Must, Result
from benchmarks.scale import Scale
from benchmarks.whole import ROOM, Whole, serving

Times = list[tuple[int, float]]


def run(scale: Scale) -> Result:
    listeners, seconds = scale.pick(5000, 100), scale.pick(60.0, 8.0)
    result = Result(
        "mouth_to_ear",
        f"Mouth to ear with {listeners} others listening",
        {
            "transport": "plain; the speaker by WebRTC", "loopback": True, "flush_s": "the ladder", "rendition": "opus",
            "listeners": listeners, "seconds": seconds, "rounds": len(scale.rounds),
            "processes": "rostra serve (1 edge, 1 stage), 1 speaker, 1 crowd, 20 listeners who take times, Chromium",
        },
    )  # fmt: skip
    columns: dict[str, list[list[float]]] = {}
    for _ in scale.rounds:
        with serving() as whole, running(_speaker(whole, seconds)) as speaker:
            crowd = Crowd(whole.front_port, f"/r/{ROOM}/live", listeners, rate=1000)
            with gathered(crowd) as gathering:
                columns_of_round = _listen(whole, speaker, seconds, result)
                heard = gathering.finish()
        for name, values in columns_of_round.items():
            columns.setdefault(name, []).append(values)
        result.details.setdefault("crowd", []).append(heard.summary())
        if heard.lost or heard.never:
            raise RuntimeError(f"{heard.lost} others were lost and {heard.never} never heard: no figure")
    musts = {"received, push": (1.2, 2.0), "heard, hls.js": (2.5, None)}
    for name, rounds in columns.items():
        bounds = (None, None) if scale.quick else musts.get(name, (None, None))
        for label, q, bound in (("p50", 0.5, bounds[0]), ("p99", 0.99, bounds[1]), ("max", 1.0, None)):
            values = [float(np.quantile(v, q)) for v in rounds]
            what, whose = name.split(", ")
            result.add(f"{what} {label}", whose, "s", values, Must("<=", bound) if bound else None)
    return result


def _speaker(whole: Whole, seconds: float) -> Popen[str]:
    clicks = round((seconds + 90) / EVERY_S)  # it speaks while the crowd gathers and browsers start
    return whole.talking(whole.token("host"), "--clicks", clicks)


def _listen(whole: Whole, speaker: Popen[str], seconds: float, result: Result) -> dict[str, list[float]]:
    """Delays by how they were taken."""
    ears = Ears(whole.front_port, f"/r/{ROOM}/live", 20, over_s=seconds / 4)
    browsers: list[Player] = []
    played: dict[str, Times] = {}
    try:
        with players(whole.front, ROOM) as browsers:
            ears.start()
            time.sleep(seconds)
            played = {p.name: p.clicks() for p in browsers}
    except LeftOut as e:
        result.left_out = [str(e)]
        ears.start()
        time.sleep(seconds)
    taken = ears.stop()
    assert speaker.stdin and speaker.stdout
    speaker.stdin.write("mark\n")
    speaker.stdin.flush()
    said = [(int(kind), float(at)) for kind, at in json.loads(speaker.stdout.readline())["said"]]
    received: list[float] = []
    heard: list[float] = []
    for ear in taken:
        came, sounded = ear.clicks()
        received += delays(said, came)
        heard += delays(said, sounded)
    found = {"received, push": received, "heard, model player": heard}
    found |= {f"heard, {name}": delays(said, times) for name, times in played.items()}
    for name, values in found.items():
        if not values:
            raise RuntimeError(f"no click was found again ({name})")
    return found
