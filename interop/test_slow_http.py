"""Slow HTTP and floods by strangers' programs (slowhttptest, siege, wrk, hping3), aimed at a Rostra on loopback beside
a crowd that hears every word."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from benchmarks.crowd import Crowd, Heard, gathered
from interop.conftest import needs, serving, until, write_wav
from tests.sounds import voice

pytestmark = [needs("cc"), pytest.mark.timeout(90)]

LISTENERS = 200
SLOW_S = 7
FLOOD_S = 4


def crowd(address: str) -> Crowd:
    where = urlsplit(address)
    # They hold two seconds: programs that take all they can get of two cores are no fault of the sound.
    return Crowd(where.port or 0, f"{where.path}/live", LISTENERS, rate=400.0, start_buffer_s=2.0)


def heard_everything(heard: Heard) -> None:
    assert (heard.lost, heard.never, heard.torn) == (0, 0, 0)
    assert heard.underran <= LISTENERS // 4  # the tools take all they can get of two cores, which others use as well


def outcomes(address: str) -> dict[str, float]:
    """What the door did, by its own count."""
    found: dict[str, float] = {}
    for line in httpx.get(f"{address.partition('/r/')[0]}/metrics").text.splitlines():
        if match := re.match(r'rostra_door_outcomes_total\{.*outcome="(\w+)".*\} (\S+)', line):
            found[match[1]] = found.get(match[1], 0.0) + float(match[2])
    return found


def slow(way: str, address: str, *more: str) -> list[str]:
    return ["slowhttptest", way, "-c", "600", "-r", "300", "-l", str(SLOW_S), "-p", "3", "-u", address, *more]


@needs("slowhttptest")
def test_slow_heads_slow_bodies_and_slow_readers_at_once(ann: str) -> None:
    attacks = {
        "heads": slow("-H", f"{ann}/live", "-i", "1", "-x", "24", "-t", "GET"),
        "bodies": slow("-B", f"{ann}/door", "-i", "1", "-s", "4000", "-x", "10", "-t", "POST"),
        "readers": slow("-X", f"{ann}/live", "-w", "256", "-y", "512", "-n", "3", "-z", "16"),
    }
    with gathered(crowd(ann)) as gathering, tempfile.TemporaryDirectory() as folder:
        running = {
            name: subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for name, words in attacks.items()
        }
        said = {name: tool.communicate(timeout=SLOW_S + 30)[0] for name, tool in running.items()}
        heard = gathering.finish()
    heard_everything(heard)
    for name, words in said.items():
        plain = re.sub(r"\x1b\[[0-9;]*m", "", words)
        available = re.findall(r"service available:\s+(\w+)", plain)
        assert len(available) >= 1, (name, plain[-1000:])
        assert set(available) == {"YES"}, (name, plain[-1500:])
    until(lambda: {"slow_head", "slow_body"} <= {name for name, n in outcomes(ann).items() if n >= 100}, 15)


@needs("siege", "wrk")
def test_as_many_requests_as_they_can_make(ann: str, tmp_path: Path) -> None:
    (tmp_path / ".siege").mkdir()
    home = {**os.environ, "HOME": str(tmp_path)}
    with gathered(crowd(ann)) as gathering:
        siege = subprocess.run(
            ["siege", "--json-output", "-q", "-b", "-c", "100", "-t", f"{FLOOD_S}S", f"{ann}/state"],
            capture_output=True, text=True, timeout=60, check=False, env=home,
        )  # fmt: skip
        wrk = subprocess.run(
            ["wrk", "-t", "1", "-c", "200", "-d", f"{FLOOD_S}s", f"{ann}/hls/main.m3u8"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        heard = gathering.finish()
    heard_everything(heard)
    report = json.loads(siege.stdout[siege.stdout.index("{") :])
    assert report["transactions"] > 500, report
    made = re.search(r"(\d+) requests in", wrk.stdout)
    assert made and int(made[1]) > 500, wrk.stdout


# --- in a network of its own: SYNs from made-up addresses do not leave it ---


def syn_flood(folder: Path) -> dict[str, object]:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with serving(folder / "data") as rostra:
        made = rostra.create("A talk", "talk")
        rostra.publish(made["links"]["host"], write_wav(folder / "voice.wav", voice(20.0, seed=11, pitch_hz=190)))
        address = f"{rostra.front}/r/talk"
        until(lambda: httpx.get(f"{address}/state").json()["state"] == "live", 30)
        with gathered(crowd(address)) as gathering:
            port = str(urlsplit(rostra.front).port)
            flood = subprocess.Popen(
                ["nice", "-n", "5", "hping3", "-q", "-S", "-p", port, "--flood", "--rand-source", "127.0.0.1"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            time.sleep(1)
            came = []
            end = time.monotonic() + FLOOD_S
            while time.monotonic() < end:  # those who come in the middle of it
                began = time.monotonic()
                came.append(httpx.get(f"{address}/state", timeout=10).status_code)
                took = time.monotonic() - began
                time.sleep(0.2)
            flood.send_signal(2)
            said = flood.communicate(timeout=10)[0]
            heard = gathering.finish()
        kernel = {
            line.split()[0]: float(line.split()[1])
            for line in httpx.get(f"{rostra.front}/metrics").text.splitlines()
            if line.startswith("rostra_kernel_")
        }
        sent = re.search(r"(\d+) packets transmitted", said)
        return {
            "sent": int(sent[1]) if sent else 0, "came": came, "took_s": took, "lost": heard.lost + heard.never,
            "torn": heard.torn, "underran": heard.underran, "kernel": kernel,
        }  # fmt: skip


def may_make_a_network() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0


@needs("hping3", "ip", "unshare")
def test_syns_without_end_in_a_network_of_its_own(tmp_path: Path) -> None:
    if not may_make_a_network():
        pytest.skip("left out: a network namespace may not be made here")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", __name__, str(tmp_path)],
        capture_output=True, text=True, timeout=80, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["sent"] > 10_000, found
    assert set(found["came"]) == {200}
    assert (found["lost"], found["torn"]) == (0, 0)
    assert found["underran"] <= LISTENERS // 4


if __name__ == "__main__":
    print(json.dumps(syn_flood(Path(sys.argv[1]))))
