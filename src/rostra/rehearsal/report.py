"""The report of a rehearsal: JSON, and a page of HTML that stands alone. Pure but for writing the two files."""

from __future__ import annotations

import html
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rostra.errors import ConfigError, EnvironmentFault
from rostra.rehearsal.charts import Band, Line, lines, number
from rostra.rehearsal.counting import Histogram, time_of

MAX_REPORT_BYTES = 64 * 1024 * 1024

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c1e21;--dim:#666b73;--edge:#dcdfe4;--soft:#f4f5f7;--good:#1a7f47;
--bad:#c0272d;--c1:#2563c9;--c2:#d9742b;--c3:#2b9a66;--c4:#a142b8;--c5:#c0272d;--c6:#767c85;--band:#d9742b22}
@media(prefers-color-scheme:dark){:root{--bg:#15171a;--fg:#e6e8eb;--dim:#9aa0a8;--edge:#33373d;--soft:#1e2125;
--good:#4cc38a;--bad:#ff7a7a;--c1:#6ea8ff;--c2:#f0a066;--c3:#5ccf98;--c4:#d58be6;--c5:#ff7a7a;--c6:#9aa0a8;
--band:#f0a06630}}*{box-sizing:border-box}body{font:1rem/1.5 system-ui,sans-serif;background:var(--bg);
color:var(--fg);margin:0 auto;max-width:72rem;padding:1rem}h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;
margin:2rem 0 .5rem}p{margin:.4rem 0}.dim,small{color:var(--dim)}.verdict{font-weight:700;padding:.15rem .6rem;
border-radius:.4rem;color:var(--bg)}.passed{background:var(--good)}.failed{background:var(--bad)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:1rem}figure{margin:0;
padding:.75rem;border:1px solid var(--edge);border-radius:.5rem}figcaption{font-weight:600}svg{width:100%;
height:auto;display:block}svg text{fill:var(--dim);font:12px system-ui,sans-serif}.grid{stroke:var(--edge)}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.band{fill:var(--band)}.legend{display:flex;flex-wrap:wrap;
gap:.2rem 1rem;font-size:.85rem;margin:0}.legend i{display:inline-block;width:.8rem;height:.8rem;
border-radius:.2rem;margin-right:.35rem;vertical-align:-.1rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.92rem}td small{line-height:1.3;display:inline-block}
th,td{text-align:left;padding:.35rem .6rem;
border-bottom:1px solid var(--edge);vertical-align:top}th{vertical-align:bottom}
th[colspan]{padding-top:1rem}th small{font-weight:400}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums}.good{color:var(--good)}.bad{color:var(--bad)}
"""

_COMPARED = (
    ("first_sound_p50", "first sound, half", "s"),
    ("first_sound_p99", "first sound, 99 of 100", "s"),
    ("never_heard", "never heard anything", ""),
    ("underrun_free", "without an underrun", "share"),
    ("underruns", "underruns", ""),
    ("holes", "holes", ""),
    ("lost", "connections lost", ""),
    ("turned_away", "refused for good", ""),
    ("told_to_wait", "told to wait", ""),
    ("challenged", "challenged", ""),
    ("gave_up", "gave up", ""),
    ("latency_p50", "latency, half", "s"),
    ("latency_p99", "latency, 99 of 100", "s"),
    ("tally_error", "tally off by", "share"),
    ("most_in", "most in at once", ""),
    ("most_joins_s", "most joins in a second", ""),
    ("bots_in", "bots that had sound", "share"),
)


def write(report: Mapping[str, Any], folder: Path, against: Mapping[str, Any] | None = None) -> tuple[Path, Path]:
    """``report.json`` and ``report.html`` in ``folder``. :raises EnvironmentFault: it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("report.json", json.dumps(report)), ("report.html", page(report, against))):
            beside = folder / f".{name}.new"
            beside.write_text(text, encoding="utf-8")
            beside.replace(folder / name)
    except OSError as e:
        raise EnvironmentFault(f"The report cannot be written to {folder}: {e.strerror}.") from e
    return folder / "report.html", folder / "report.json"


def make_room(folder: Path) -> None:
    """For a report that will be written. :raises EnvironmentFault: it could not be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        raise EnvironmentFault(
            f"A report could not be written to {folder}: {e.strerror}. Give another folder with --report DIR."
        ) from e


def read(path: Path) -> dict[str, Any]:
    """A report, or the folder it is in. :raises ConfigError: it is none."""
    path = path / "report.json" if path.is_dir() else path
    try:
        if path.stat().st_size > MAX_REPORT_BYTES:
            raise ConfigError(f"{path} is too large to be a report.")
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != 1 or not isinstance(found["figures"], dict):
            raise ValueError("of another version")
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}.") from e
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise ConfigError(f"{path} is not the report of a rehearsal (report.json).") from e
    return dict(found)


def keep_last(report: Mapping[str, Any], data: Path) -> None:
    """``DATA/rehearsal/last.json``: what the door takes its limits from, and ``rostra plan`` its figures."""
    folder = data / "rehearsal"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / ".last.json.new"
        beside.write_text(json.dumps(report), encoding="utf-8")
        beside.replace(folder / "last.json")
    except OSError as e:
        raise EnvironmentFault(f"What was measured cannot be kept in {folder}: {e.strerror}.") from e


# --- the page -------------------------------------------------------------------------------------------------------


def page(report: Mapping[str, Any], against: Mapping[str, Any] | None = None) -> str:
    crowd, figures = report["crowd"], report["figures"]
    target = report["target"]
    verdict = (
        '<span class="verdict passed">passed</span>'
        if report["passed"]
        else '<span class="verdict failed">failed</span>'
    )
    title = f"Rehearsal of {target['room']}, {crowd['listeners']:,} listeners"
    body = [
        f"<h1>{html.escape(title)} {verdict}</h1>",
        f"<p class=dim>{html.escape(target['origin'])} · {_when(report['made'])} · over {crowd['over_s']:g} s "
        f"({html.escape(crowd['curve'])}), held {crowd['hold_s']:g} s · {_machine(report)}</p>",
        *(f"<p class=bad>{html.escape(p)}</p>" for p in report["problems"]),
        _objectives(report["objectives"]),
        _figures(figures, against["figures"] if against else None),
        _charts(report),
        _costs(report),
        _samples(report["samples"]),
        _events(report["events"]),
        _measured(report["measured"]),
    ]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>{''.join(body)}</html>\n"
    )


def _machine(report: Mapping[str, Any]) -> str:
    machine = report["machine"]
    where = "crowd and target on one machine" if report["same_machine"] else "crowd on a machine of its own"
    return html.escape(
        f"{where}: {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, {machine['cpu']}"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    def cell(tag: str, n: int, text: str) -> str:
        return f"<{tag}{' class=n' if n in numbers else ''}>{text}</{tag}>"

    head = "".join(cell("th", n, html.escape(h)) for n, h in enumerate(heads))
    head = f"<tr>{head}</tr>" if any(heads) else ""
    lines_ = (
        f"<tr><th colspan={len(heads)}>{row[0]}</th></tr>"
        if len(row) == 1
        else "<tr>" + "".join(cell("td", n, text) for n, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<div class=scroll><table>{head}{''.join(lines_)}</table></div>"


def _objectives(objectives: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"<span class={'good' if o['passed'] else 'bad'}>{'reached' if o['passed'] else 'missed'}</span>",
            f"{html.escape(o['objective'])}<br><small>{html.escape(o['meaning'])}</small>",
            number(o["value"]),
        )
        for o in objectives
    ]
    return "<h2>Objectives</h2>" + _table(("", "objective", "was"), rows, (2,))


def _figures(figures: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    rows = []
    for key, words, unit in _COMPARED:
        value = figures.get(key)
        if value is None and (before is None or before.get(key) is None):
            continue
        row = [html.escape(words), number(value), html.escape(unit)]
        if before is not None:
            was = before.get(key)
            change = f"{100 * (value / was - 1):+.0f} %" if value is not None and was else ""
            row += [number(was), change]
        rows.append(row)
    heads = ["", "", ""] + (["before", "change"] if before is not None else [])
    return "<h2>What the crowd heard</h2>" + _table(heads, rows, (1, 3, 4))


def _charts(report: Mapping[str, Any]) -> str:
    seconds = report["seconds"]
    attacks = [
        Band(a["from_s"], a["from_s"] + a["for_s"], a["kind"]) for file in report["attacks"] for a in file["attack"]
    ]

    def of(key: str, name: str, colour: int = 0) -> Line:
        return Line(name, [(s["t"], float(s[key])) for s in seconds if s.get(key) is not None], colour)

    def counted(key: str, name: str, colour: int = 0) -> Line:
        return Line(name, [(s["t"], float(s.get(key, 0))) for s in seconds], colour)

    names = _busiest(seconds)
    steps = _steps(seconds)
    found = [
        _distribution("First sound", Histogram.from_json(report["first_sound"])),
        lines(
            "Joins and refusals", "a second",
            [counted("asked", "came"), counted("heard", "had sound", 3), counted("told_to_wait", "told to wait", 2),
             counted("challenged", "challenged", 4), counted("turned_away", "refused", 5)], attacks,
        ),
        lines(
            "In at once", "listeners",
            [of("in", "crowd"), of("waiting", "waiting", 2), of("bots_in", "bots", 5)], attacks,
        ),
        lines(
            "First sound by when they came", "s", [of("first_p50", "half"), of("first_p99", "99 of 100", 2)], attacks,
        ),
        lines(
            "Underruns and losses", "a second",
            [counted("underruns", "underruns", 5), counted("lost", "lost", 2), counted("broken", "broken", 4)], attacks,
        ),
        lines(
            "Latency, mixer to listener", "s", [of("latency_p50", "half"), of("latency_p99", "99 of 100", 2)], attacks,
        ),
        _tally(seconds),
        lines(
            "The ladder", "flush in s" if not any(y for _, y in steps) else _STEP_WORDS,
            [of("state_flush_s", "flush"), Line("steps beyond open", steps, 2)], attacks,
        ),
        lines("CPU by process", "cores", [_process(seconds, n, "cpu_s", 1.0) for n in names], attacks),
        lines("Memory by process", "MiB", [_process(seconds, n, "memory_bytes", 2.0**-20) for n in names], attacks),
        lines(
            "What attacked", "a second",
            [of("attack_opened", "connections"), of("attack_answers", "answers", 2), of("attack_open", "open", 3)],
            attacks,
        ) if attacks else "",
        lines("The generator itself", "ms late", [of("generator_late_ms", "late")], attacks),
    ]  # fmt: skip
    return f"<h2>Over time</h2><div class=charts>{''.join(found)}</div>"


_STEPS = ("open", "longer_flush", "small_sound", "thinned", "challenge", "waiting", "refusing")


_STEP_WORDS = "flush in s; " + ", ".join(f"{n} {name.replace('_', ' ')}" for n, name in enumerate(_STEPS))


def _steps(seconds: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    return [
        (s["t"], float(_STEPS.index(str(s.get("state_step")).replace("-", "_"))))
        for s in seconds
        if str(s.get("state_step")).replace("-", "_") in _STEPS
    ]


def _process(seconds: Sequence[Mapping[str, Any]], name: str, what: str, scale: float) -> Line:
    return Line(name, [(s["t"], s["processes"][name][what] * scale) for s in seconds if name in s.get("processes", {})])


def _busiest(seconds: Sequence[Mapping[str, Any]]) -> list[str]:
    """The six processes that used most CPU, by name."""
    used: dict[str, float] = {}
    for second in seconds:
        for name, seen in second.get("processes", {}).items():
            used[name] = used.get(name, 0.0) + seen["cpu_s"]
    return sorted(sorted(used, key=lambda name: -used[name])[:6])


def _tally(seconds: Sequence[Mapping[str, Any]]) -> str:
    truth = [(s["t"], float(s["in"] + s.get("bots_in", 0))) for s in seconds]
    told = [(s["t"], float(s["tally"][1])) for s in seconds if s.get("tally")]
    state = [(s["t"], float(s["state_listening"])) for s in seconds if s.get("state_listening") is not None]
    return lines(
        "Tally against the truth", "listeners",
        [Line("in", truth, 6), Line("told in the parts", told, 1), Line("told by /state", state, 2)],
    )  # fmt: skip


def _distribution(title: str, histogram: Histogram) -> str:
    """How many had it within a time."""
    points, seen = [], 0
    for bucket in sorted(histogram.counts):
        seen += histogram.counts[bucket]
        points.append((time_of(bucket) * 1000, 100 * seen / histogram.total))
    return lines(f"{title}: had it within", "% of those who had any", [Line("listeners", points)], x_unit="ms")


def _costs(report: Mapping[str, Any]) -> str:
    if not report["costs"]:
        return ""
    rows: list[tuple[str, ...]] = []
    for cost in report["costs"]:
        did = ", ".join(f"{k.replace('_', ' ')} {v:,}" for k, v in cost["did"].items() if isinstance(v, int) and v)
        rows.append(
            (
                f"{html.escape(cost['kind'])} <small class=dim>second {cost['from_s']:g} to "
                f"{cost['from_s'] + cost['for_s']:g}{'; ' if did else ''}{html.escape(did)}</small>",
            )
        )
        for when in ("before", "while", "after"):
            seen = cost[when]
            if seen is None:
                continue
            rows.append(
                (
                    when,
                    number(seen["asked"]),
                    number(seen["first_p50"]),
                    number(seen["first_p99"]),
                    number(seen["underruns"]),
                    number(seen["underruns_an_hour"]),
                    number(seen["lost"]),
                    number(seen["told_to_wait"]),
                    number(seen["latency_p99"]),
                    number(seen["edge_cpu"]),
                )
            )
    heads = (
        "", "came", "first sound, half, s", "99 of 100, s", "underruns", "an hour and listener", "lost",
        "told to wait", "latency, 99 of 100, s", "edges, cores",
    )  # fmt: skip
    how = "".join(f"<p class=dim>Attacks ran with {html.escape(words)}.</p>" for words in report["isolation"])
    return "<h2>What each attack cost the crowd</h2>" + _table(heads, rows, range(1, 10)) + how


def _samples(samples: Mapping[str, Any]) -> str:
    if not samples.get("streams"):
        return ""
    likeness = samples.get("likeness")
    like = f" Its loudness follows the source with a likeness of {likeness:.2f}." if likeness is not None else ""
    silent = " <span class=bad>It was silent.</span>" if samples["silent"] else ""
    return (
        "<h2>Sound that was decoded</h2>"
        f"<p>{samples['streams']} streams, {samples['parts']:,} parts, {samples['sound_s']:,} s: "
        f"{samples['undecodable']} frames did not decode, {samples['differing']} parts were not the same for all. "
        f"Level {number(samples['level_dbfs'])} dBFS.{like}{silent}</p>"
    )


def _events(events: Sequence[Sequence[Any]]) -> str:
    if not events:
        return ""
    return "<h2>What happened</h2>" + _table(("s", ""), [(number(at), html.escape(str(w))) for at, w in events], (0,))


def _measured(measured: Mapping[str, Any] | None) -> str:
    if not measured:
        return ""
    words = (
        f"{_edges(measured['edges'])} held {measured['most_in']:,} and let in {measured['most_joins_s']:,.0f} in a "
        "second. "
        f"A listener took {measured['memory_bytes']:,.0f} bytes of edge and kernel, "
        f"{measured['cpu_share_seen'] * 1e6:.2f} µs of CPU a second and {measured['out_bytes_s']:,.0f} bytes a second "
        f"at a flush of {measured['flush_s']:g} s, a join {measured['join_cpu_s'] * 1e6:.0f} µs."
    )
    return f"<h2>What it took of the edges</h2><p>{html.escape(words)}</p>"


def _edges(count: int) -> str:
    return "One edge" if count == 1 else f"{count} edges"


def _when(made: str) -> str:
    return html.escape(made.replace("T", " ").replace("+00:00", " UTC"))
