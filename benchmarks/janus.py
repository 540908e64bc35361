"""Janus AudioBridge from Debian, in a network namespace of its own: it has no candidates on a loopback interface."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.programs import LeftOut, need, running, start

ADDRESS = "10.77.0.1"
"""Of an interface inside the namespace whose other end is in there too: nothing leaves it."""
_NETWORK = (
    f"ip link set lo up && ip link add stage type veth peer end && ip addr add {ADDRESS}/24 dev stage"
    " && ip link set stage up && ip link set end up"
)
PORT = 8088
_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu/janus")

_GENERAL = """general: {{
 configs_folder = "{folder}"
 plugins_folder = "{libraries}/plugins"
 transports_folder = "{libraries}/transports"
 events_folder = "{libraries}/events"
 loggers_folder = "{libraries}/loggers"
 debug_level = 2
 session_timeout = 0
}}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
_HTTP = f"""general: {{ json = "compact", base_path = "/janus", http = true, port = {PORT}, https = false }}
admin: {{ admin_http = false }}
"""
_ROOM = """room-1: { description = "Stage", sampling_rate = 48000, record = false }
"""


@dataclass(frozen=True, slots=True)
class Bridge:
    url: str
    pid: int
    inside: tuple[str, ...]
    """What comes before a command so that it runs in the same namespace."""


def version() -> str:
    text = subprocess.run(["janus", "--version"], capture_output=True, text=True, check=False).stdout
    return next((f"Janus {line.split('(')[1].rstrip(')')}" for line in text.splitlines() if "(" in line), "Janus")


@contextlib.contextmanager
def audio_bridge() -> Iterator[Bridge]:
    """:raises LeftOut: without Janus, or where we may not make a namespace."""
    need("janus", "unshare", "nsenter", "ip")
    with TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        _write(folder)
        keeper = start(["unshare", "-n", "sh", "-c", f"{_NETWORK} && echo up && exec sleep 3600"])
        stack.enter_context(running(keeper))
        assert keeper.stdout
        if keeper.stdout.readline().strip() != "up":
            raise LeftOut("Janus: a network namespace cannot be made here")
        inside = ("nsenter", "-t", str(keeper.pid), "-n")
        log = (folder / "janus.log").open("ab")
        process = start([*inside, "janus", "-F", folder, "-C", folder / "janus.jcfg", "-N"], log=folder / "janus.log")
        log.close()
        stack.enter_context(running(process))
        url = f"http://{ADDRESS}:{PORT}/janus"
        _wait(inside, url)
        yield Bridge(url, process.pid, inside)


def _write(folder: Path) -> None:
    plugins = [f.name for f in sorted((_LIBRARIES / "plugins").glob("*.so")) if "audiobridge" not in f.name]
    transports = [f.name for f in sorted((_LIBRARIES / "transports").glob("*.so")) if "http" not in f.name]
    general = _GENERAL.format(
        folder=folder, libraries=_LIBRARIES, plugins=",".join(plugins), transports=",".join(transports)
    )
    (folder / "janus.jcfg").write_text(general)
    (folder / "janus.transport.http.jcfg").write_text(_HTTP)
    (folder / "janus.plugin.audiobridge.jcfg").write_text(_ROOM)


def _wait(inside: tuple[str, ...], url: str) -> None:
    """Until its API answers, asked from inside the namespace."""
    ask = f"import urllib.request as u; u.urlopen('{url}/info', timeout=1)"
    for _ in range(50):
        done = subprocess.run([*inside, "python3", "-c", ask], capture_output=True, check=False, env={**os.environ})
        if done.returncode == 0:
            return
        time.sleep(0.2)
    raise RuntimeError("Janus does not answer")
