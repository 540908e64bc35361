"""Starting the programs that are measured, and ending each by its own id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rostra.leash import leashed

HERE = Path(__file__).parent
ROOT = HERE.parent
BIN = HERE / "bin"

OURS = 0
"""The core of what is measured, where a benchmark binds processes to cores."""
THEIRS = 1
"""The core of the crowd and whatever else is needed."""


class LeftOut(Exception):
    """This cannot be measured here; the text says why in a sentence."""


def need(*programs: str) -> None:
    """:raises LeftOut: names the first that is not installed."""
    for program in programs:
        if not shutil.which(program):
            raise LeftOut(f"{program} is not installed")


def compiled(name: str) -> Path:
    """The C program of that name, compiled if its source is newer.

    :raises LeftOut: where there is no C compiler.
    """
    sources = [HERE / "c" / f"{name}.c"] + ([HERE / "c" / "stream.c"] if name == "crowd" else [])
    target = BIN / name
    newest = max(f.stat().st_mtime for f in (HERE / "c").iterdir())
    if target.exists() and target.stat().st_mtime > newest:
        return target
    need("cc")
    BIN.mkdir(exist_ok=True)
    fresh = BIN / f"{name}.{os.getpid()}"
    command = ["cc", "-O2", "-std=gnu11", "-Wall", "-Wextra", *map(str, sources), "-o", str(fresh)]
    tls = ["-DWITH_TLS", "-lssl", "-lcrypto"] if name == "crowd" and has_openssl() else []
    subprocess.run([*command, *tls], check=True)
    fresh.rename(target)
    return target


def has_openssl() -> bool:
    return Path("/usr/include/openssl/ssl.h").exists()


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as s:
        s.bind((host, 0))
        return int(s.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[str], timeout_s: float = 20.0) -> None:
    """:raises RuntimeError: if the program ends, or the port stays closed."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on {port}")


def start(
    command: Sequence[object], *, core: int | None = None, env: dict[str, str] | None = None, log: Path | None = None
) -> subprocess.Popen[str]:
    """A child that cannot outlive us, with pipes for standard input and output; its errors go to ``log``, or to ours.

    ``core`` binds it to one, where there is more than one.
    """
    words = [str(word) for word in command]
    words[0] = shutil.which(words[0]) or words[0]
    if core is not None and (os.cpu_count() or 1) > core:
        words = [shutil.which("taskset") or "taskset", "-c", str(core), *words]
    with log.open("ab") if log else contextlib.nullcontext() as errors:
        return subprocess.Popen(
            leashed(words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(env or {})},
            cwd=ROOT,
        )


def end(process: subprocess.Popen[str], grace_s: float = 5.0) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextlib.contextmanager
def running(process: subprocess.Popen[str], grace_s: float = 5.0) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        end(process, grace_s)
