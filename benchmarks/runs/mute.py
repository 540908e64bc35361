"""How soon a host's mute is silence: in what another speaker hears, and in the parts that listeners get."""

from __future__ import annotations

import contextlib
import json
import random
import re
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from subprocess import Popen

import numpy as np

from benchmarks.heard import decode, first_time
from benchmarks.probe import Ear, Ears
from benchmarks.programs import running, start
from benchmarks.results import Must, Result
from benchmarks.runs.hls import fetch
from benchmarks.scale import Scale
from benchmarks.syllables import PAUSE_S, voiced
from benchmarks.whole import ROOM, Whole, serving, token_of
from rostra.client import RostraClient
from rostra.units import FRAME_SAMPLES, SAMPLE_RATE, Rendition

SPEAKS_S = 1.2
SILENT_S = 1.0
"""Of each turn: a part that began after the mute is whole by then."""

SEAT = "p0"
"""What the speaker calls theirs (``benchmarks.talkers``)."""

ON_STAGE = "from asking to mute until another speaker hears the voice no more"
IN_SOUND = "from asking to mute until the voice is out of the sound for listeners"
AT_EAR = "from the answer to the mute until the last of the voice has come to a listener"
USUAL = "what the voice takes to a listener otherwise"
LATER = "parts begun after the answer that have any of the voice in them"


@dataclass(frozen=True, slots=True)
class Turn:
    """Wall times: when it was asked to mute, when that was answered, when they were about to open it again."""

    asked: float
    answered: float
    until: float


def run(scale: Scale) -> Result:
    mutes = scale.pick(15, 2)
    result = Result(
        "mute",
        "A host mutes somebody who speaks without a pause",
        {
            "transport": "plain; speakers by WebRTC", "loopback": True, "flush_s": 0.5, "rendition": "opus",
            "mutes_a_round": mutes, "rounds": len(scale.rounds),
            "processes": "rostra serve (1 edge, 1 stage), 1 speaker, 1 who hears the speaker, 3 listeners",
        },
    )  # fmt: skip
    columns: dict[str, list[list[float]]] = {}
    for _ in scale.rounds:
        with serving("--flush", "0.5") as whole, contextlib.ExitStack() as stack:
            host = stack.enter_context(whole.client(whole.token("host")))
            token = token_of(host.invite(ROOM, "cohost", "Cem").link)  # of their own: nobody else can say what they do
            speaker = stack.enter_context(whole.client(token))
            stack.enter_context(running(whole.talking(token, "--syllables")))
            other = stack.enter_context(running(_overhearing(whole)))
            ears = Ears(whole.front_port, f"/r/{ROOM}/live", 3, over_s=0.5)
            ears.start()
            turns = _mute(host, speaker, mutes)
            time.sleep(1.0)  # what was said last is on its way
            on_stage = _told(other)
            clock = _clock(whole)
            found = {ON_STAGE: [_last(on_stage, t) - t.asked + PAUSE_S for t in turns]}
            for ear in ears.stop():
                for name, values in _heard(ear, clock, turns).items():
                    found.setdefault(name, []).extend(values)
            result.details.setdefault("answered_s", []).append([round(t.answered - t.asked, 4) for t in turns])
        for name, values in found.items():
            columns.setdefault(name, []).append(values)
    for name, rounds in columns.items():
        if name == LATER:
            must = None if scale.quick else Must("<=", 0, True)
            result.add(name, f"listeners, {mutes} mutes", "", [max(v) for v in rounds], must)
            continue
        whose = "another speaker" if name == ON_STAGE else "the stage" if name == IN_SOUND else "listeners"
        judged = name in (ON_STAGE, IN_SOUND) and not scale.quick
        result.add(f"{name}, p50", whose, "s", [float(np.median(v)) for v in rounds])
        result.add(f"{name}, worst", whose, "s", [max(v) for v in rounds], Must("<=", 0.2, True) if judged else None)
    return result


def _overhearing(whole: Whole) -> Popen[str]:
    process = start([sys.executable, "-m", "benchmarks.overhearing", whole.studio, ROOM, whole.token("speaker")])
    assert process.stdout
    if process.stdout.readline().strip() != "listening":
        raise RuntimeError("the other speaker hears nothing")
    return process


def _told(other: Popen[str]) -> list[float]:
    assert other.stdin and other.stdout
    other.stdin.write("mark\n")
    other.stdin.flush()
    heard: list[float] = json.loads(other.stdout.readline())
    return heard


def _mute(host: RostraClient, speaker: RostraClient, mutes: int) -> list[Turn]:
    """At moments that fall anywhere in a part."""
    rng, turns = random.Random(5), list[Turn]()
    seat = next(s.id for s in host.people(ROOM).seats if s.role == "cohost")
    for _ in range(mutes):
        time.sleep(SPEAKS_S + rng.random() * Rendition.OPUS.part_s)
        asked = time.time()
        host.mute(ROOM, seat)
        answered = time.time()
        time.sleep(SILENT_S)
        turns.append(Turn(asked, answered, time.time()))
        speaker.mute_me(ROOM, False, SEAT)
    return turns


def _clock(whole: Whole) -> float:
    """The wall time of media time 0, as the playlist tells it (EXT-X-PROGRAM-DATE-TIME)."""
    playlist = fetch(whole.front_port, f"/r/{ROOM}/hls/opus.m3u8").decode()
    dated = re.findall(r'#EXT-X-PROGRAM-DATE-TIME:(\S+)\n#EXT-X-PART:[^\n]*URI="([^"]+)"', playlist)
    if not dated:
        raise RuntimeError("no segment of the playlist has a date and parts")
    date, address = dated[-1]
    part = fetch(whole.front_port, f"/r/{ROOM}/hls/{address}")
    return datetime.fromisoformat(date).timestamp() - first_time(part[part.index(b"moof") - 4 :]) / SAMPLE_RATE


def _last(times: list[float], turn: Turn) -> float:
    """The last moment of the voice before it was about to be opened again."""
    return max(t for t in times if t < turn.until)


def _heard(ear: Ear, clock: float, turns: list[Turn]) -> dict[str, list[float]]:
    """What one listener had of each turn."""
    begin, pcm = decode(bytes(ear.body))
    parts = ear.parts()
    ends = [begin + (n + 1) * FRAME_SAMPLES for n in voiced(pcm)]
    said = [clock + end / SAMPLE_RATE for end in ends]
    starts = np.array([media for media, _ in parts])
    which = np.searchsorted(starts, np.array(ends) - 1, side="right") - 1
    came = [parts[i][1] for i in which]
    found: dict[str, list[float]] = {name: [] for name in (IN_SOUND, AT_EAR, USUAL)}
    later = {LATER: 0}
    # The backlog was said before we came.
    found[USUAL] = [c - s for s, c in zip(said, came, strict=True) if s > ear.arrivals[0][1]]
    for turn in turns:
        at = max(i for i, s in enumerate(said) if s < turn.until)
        found[IN_SOUND].append(said[at] - turn.asked + PAUSE_S)
        found[AT_EAR].append(came[at] - turn.answered)
        late = [i for i, s in enumerate(said) if turn.answered < s < turn.until]
        begun = [clock + starts[w] / SAMPLE_RATE for w in set(which[late])]
        later[LATER] += sum(b > turn.answered for b in begun)
    return found | {name: [float(n)] for name, n in later.items()}
