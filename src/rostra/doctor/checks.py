"""What is asked of a machine, and what an answer means. Pure; the probes that ask are in ``probes.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rostra.limits import Finding, tightest

FEW_LISTENERS = 1000
"""A limit below this is worth a warning even when nobody said how many are to come."""

LITTLE_DISK_BYTES = 2 * 2**30
LEAST_DISK_BYTES = 200 * 2**20
"""Keys, room records and logs need little; recordings about 0.4 GB for a day of a room in both renditions."""

SYNC_WARN_S = 0.25
"""A clock further off than this shows in the latency that listeners measure, and in signed times."""

CERTIFICATE_WARN_DAYS = 14.0


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it is, what that means, what to do about it (empty where nothing)."""

    what: str
    verdict: Verdict
    value: str
    means: str
    todo: str = ""
    listeners: int | None = None
    """How many this lets listen at once, where it bounds that."""

    def to_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "verdict": self.verdict.value,
            "value": self.value,
            "means": self.means,
            "todo": self.todo,
            "listeners": self.listeners,
        }


def limit_checks(findings: Sequence[Finding], wanted: int | None) -> list[Check]:
    """The kernel's limits, held against how many are ``wanted``."""
    checks = []
    for finding in findings:
        verdict = Verdict.OK
        if finding.listeners is not None:
            if wanted is not None and finding.listeners < wanted:
                verdict = Verdict.FAIL
            elif finding.listeners < FEW_LISTENERS:
                verdict = Verdict.WARN
        means, _, todo = finding.sentence.partition(" More: ")
        checks.append(
            Check(
                finding.what,
                verdict,
                finding.value,
                means,
                f"More: {todo}" if todo and verdict is not Verdict.OK else "",
                finding.listeners,
            )
        )
    return checks


def backlog_check(check: Check, depth: int) -> Check:
    """The queue of connections not yet accepted: below 1024 a crowd that comes at once meets closed doors."""
    if depth >= 1024:
        return check
    return Check(
        check.what,
        Verdict.WARN,
        check.value,
        check.means,
        "Raise it before a crowd comes: sysctl -w net.core.somaxconn=4096.",
    )


def clock_check(synchronised: bool | None, error_s: float) -> Check:
    """``synchronised``: what the kernel was told by whoever keeps its clock; None where it does not say."""
    if synchronised is None:
        return Check("time", Verdict.WARN, "unknown", "The kernel does not say whether its clock is kept right.", _NTP)
    if not synchronised:
        return Check(
            "time",
            Verdict.WARN,
            "not synchronised",
            "Nobody keeps this clock right. Sound is not affected; the times on playlists and in records, and any "
            "latency measured from another machine, are as wrong as the clock.",
            _NTP,
        )
    if error_s > SYNC_WARN_S:
        return Check("time", Verdict.WARN, f"within {error_s:.2f} s", "The clock is kept, but badly.", _NTP)
    return Check("time", Verdict.OK, f"within {error_s * 1000:.0f} ms", "The clock is kept right.")


_NTP = "Run a time service: apt-get install chrony (in a container: on its host)."


def disk_check(path: str, free_bytes: int | None, problem: str) -> Check:
    """``problem``: why the data folder cannot be written; empty if it can."""
    if problem or free_bytes is None:
        return Check(
            "data folder",
            Verdict.FAIL,
            path,
            f"Nothing can be kept there: {problem or 'it cannot be looked at'}.",
            "Choose another with --data DIR, or give yourself the right to write there.",
        )
    value = f"{path}, {free_bytes / 2**30:.1f} GiB free"
    if free_bytes < LEAST_DISK_BYTES:
        return Check("data folder", Verdict.FAIL, value, "The disk is all but full.", "Make room, or use --data DIR.")
    if free_bytes < LITTLE_DISK_BYTES:
        return Check("data folder", Verdict.WARN, value, "The disk is nearly full.", "Make room, or use --data DIR.")
    return Check("data folder", Verdict.OK, value, "It can be written, and there is room.")


def codec_check(missing: Sequence[str], libopus: str) -> Check:
    if missing:
        return Check(
            "codecs",
            Verdict.FAIL,
            f"missing: {', '.join(missing)}",
            "Without these encoders a room cannot go on air.",
            "Install PyAV again (pip install --force-reinstall av): its wheel brings them.",
        )
    return Check("codecs", Verdict.OK, f"{libopus}, AAC, MP3", "Every rendition can be encoded.")


def bus_check(version: str, problem: str) -> Check:
    if problem:
        return Check("bus", Verdict.FAIL, "no nats-server", problem, "Run `make setup`, or give --nats URL.")
    return Check("bus", Verdict.OK, version, "The bus can be started.")


def udp_check(problem: str, address: str) -> Check:
    """Whether media can come: a datagram was sent to ``address`` and came back to us."""
    if problem:
        return Check(
            "WebRTC (UDP)",
            Verdict.FAIL,
            problem,
            "Speakers in browsers cannot reach the stage; source clients can.",
            "Allow UDP for this program, and see webrtc.udp_ports in docs/settings.md.",
        )
    return Check(
        "WebRTC (UDP)",
        Verdict.OK,
        f"datagrams pass on {address}",
        "Speakers on this machine can reach the stage; from outside, a firewall must let webrtc.udp_ports through.",
    )


def port_check(door: str, host: str, port: int, state: str) -> Check:
    """``state``: ``free``, ``ours`` (a running Rostra has it), ``taken``, or why it cannot be used."""
    what, value = door, f"{host}:{port}"
    option = {"front door": "--front", "stage door": "--studio", "source port": "--source"}[door]
    if state == "free":
        return Check(what, Verdict.OK, value, "Its port is free.")
    if state == "ours":
        return Check(what, Verdict.OK, value, "Rostra is running there.")
    if state == "taken":
        return Check(
            what,
            Verdict.FAIL,
            value,
            "Another program has its port, so `rostra serve` would not start.",
            f"Stop that program, or choose another port with {option} {host}:PORT.",
        )
    return Check(
        what, Verdict.FAIL, value, f"Its address cannot be used: {state}.", f"Choose another with {option} HOST:PORT."
    )


def pages_check(missing: Sequence[str]) -> Check:
    if missing:
        return Check(
            "pages",
            Verdict.FAIL,
            f"missing: {', '.join(missing)}",
            "Listeners would get sound but no page.",
            "Run `make pages`.",
        )
    return Check("pages", Verdict.OK, "built", "Every page is there.")


def certificate_check(problem: str, days_left: float | None) -> Check:
    """For a configured certificate. ``days_left``: until it expires."""
    if problem or days_left is None:
        return Check("certificate", Verdict.FAIL, "unusable", problem, "See docs/howto/certificates.md.")
    value = f"{days_left:.0f} days left"
    if days_left <= 0:
        return Check("certificate", Verdict.FAIL, "expired", "No browser will come in.", "Renew it.")
    if days_left < CERTIFICATE_WARN_DAYS:
        return Check("certificate", Verdict.WARN, value, "It expires soon.", "Renew it before the event.")
    return Check("certificate", Verdict.OK, value, "Certificate and key belong together.")


def conclusion(checks: Sequence[Check], findings: Sequence[Finding], wanted: int | None, edges: int) -> str:
    """One sentence that answers what was asked."""
    failed = [c for c in checks if c.verdict is Verdict.FAIL]
    bound = tightest(findings)
    most = bound.listeners if bound is not None and bound.listeners is not None else None
    processes = "one edge process" if edges == 1 else f"{edges} edge processes"
    capacity = f"With {processes} this machine's limits allow {most:,} listeners" if most is not None else ""
    reason = f" ({bound.what} is the tightest)." if bound is not None else ""
    if failed:
        return f"{len(failed)} of {len(checks)} checks failed: {', '.join(c.what for c in failed)}. {capacity}{reason}"
    if wanted is not None:
        return f"Nothing stands in the way of {wanted:,} listeners. {capacity}{reason}"
    return f"{capacity}{reason}".strip()
