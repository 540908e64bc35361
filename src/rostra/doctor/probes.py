"""Asks the machine: the driver of this room. Each probe returns a :class:`Check`; none raises."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rostra.config import Settings
from rostra.doctor import checks
from rostra.doctor.checks import Check
from rostra.limits import Finding, listener_capacity, machine_facts

PAGES = ("home.html", "room.html", "speak.html", "host.html", "manifest.json")
DIST = Path(__file__).parent.parent / "web" / "dist"

_STA_UNSYNC = 0x0040
_TIME_BAD = -1


def limits(settings: Settings, edges: int, wanted: int | None) -> tuple[list[Check], list[Finding]]:
    facts = machine_facts()
    front = settings.front
    findings = listener_capacity(facts, edges, reserve=front.reserve_descriptors, backlog=front.backlog)
    depth = min(facts.somaxconn, front.backlog)
    found = checks.limit_checks(findings, wanted)
    return [checks.backlog_check(c, depth) if c.what == "backlog" else c for c in found], findings


def clock() -> Check:
    """adjtimex(2) with no modes set only reads: the state that the time service left in the kernel."""
    buffer = ctypes.create_string_buffer(512)  # struct timex has 208 bytes
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (AttributeError, OSError):
        return checks.clock_check(None, 0.0)
    if state == _TIME_BAD:
        return checks.clock_check(None, 0.0)
    _modes, _offset, _frequency, maxerror_us, _esterror_us, status = struct.unpack_from("@iqqqqi", buffer)
    return checks.clock_check(not status & _STA_UNSYNC, maxerror_us / 1e6)


def data_folder(path: Path) -> Check:
    """Whether it, or the nearest folder above it that is there, can be written, and how much room is left."""
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    free: int | None = None
    try:
        free = shutil.disk_usage(there).free
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"rostra")
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        return checks.disk_check(str(path), free, e.strerror or str(e))
    return checks.disk_check(str(path), free, "")


def codecs() -> Check:
    missing: list[str] = []
    libopus = ""
    try:
        import av

        from rostra.codecs.libopus import version

        libopus = version()
        for name in ("aac", "libmp3lame"):
            try:
                av.CodecContext.create(name, "w")
            except Exception:  # whatever it raises, it cannot be made
                missing.append(name)
    except Exception as e:
        missing.append(str(e))
    return checks.codec_check(missing, libopus)


def bus(url: str) -> Check:
    """The nats-server beside this Python or on the PATH; with ``url``, whether someone answers there."""
    if url:
        from urllib.parse import urlsplit

        where = urlsplit(url)
        try:
            with socket.create_connection((where.hostname or "", where.port or 4222), 3) as connection:
                greeting = connection.recv(5)
        except OSError as e:
            return checks.bus_check("", f"{url} does not answer: {e.strerror or e}.")
        if greeting != b"INFO ":
            return checks.bus_check("", f"What answers at {url} is no NATS server.")
        return checks.bus_check(url, "")
    beside = Path(sys.executable).parent / "nats-server"
    binary = str(beside) if beside.exists() else shutil.which("nats-server")
    if not binary:
        return checks.bus_check("", "The nats-server program is not here.")
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except OSError as e:
        return checks.bus_check("", f"{binary} cannot be started: {e.strerror or e}.")
    return checks.bus_check(done.stdout.strip() or binary, "")


def udp(settings: Settings) -> Check:
    low = settings.webrtc.udp_ports[0]
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
        ):
            here.bind(("127.0.0.1", low))
            here.settimeout(2)
            there.sendto(b"rostra", here.getsockname())
            if here.recv(16) != b"rostra":
                return checks.udp_check("something else came than was sent", "")
    except OSError as e:
        return checks.udp_check(f"{e.strerror or e}", "")
    return checks.udp_check("", "127.0.0.1")


def doors(settings: Settings) -> list[Check]:
    ours = _our_ports(Path(settings.data))
    found = []
    for door, section in (
        ("front door", settings.front),
        ("stage door", settings.studio),
        ("source port", settings.source),
    ):
        host, port = section.host, section.port
        found.append(checks.port_check(door, host, port, "ours" if port in ours else _port_state(host, port)))
    return found


def pages() -> Check:
    return checks.pages_check([name for name in PAGES if not (DIST / name).exists()])


def certificate(settings: Settings) -> Iterable[Check]:
    """Nothing where none is configured."""
    tls = settings.tls
    if not tls.cert and not tls.key:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tls.cert, tls.key or None)
        from cryptography.x509 import load_pem_x509_certificate

        expires = load_pem_x509_certificate(Path(tls.cert).read_bytes()).not_valid_after_utc
        yield checks.certificate_check("", (expires.timestamp() - time.time()) / 86400)
    except (OSError, ValueError) as e:
        yield checks.certificate_check(f"Certificate and key cannot be used: {e}.", None)


def _our_ports(data: Path) -> set[int]:
    """Ports of the Rostra that runs with this data folder."""
    import json
    from urllib.parse import urlsplit

    try:
        addresses = json.loads((data / "run" / "serve.json").read_text())
        os.kill(int(addresses["pid"]), 0)
        return {urlsplit(addresses[door]).port or 0 for door in ("front", "studio", "source")}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _port_state(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    import errno

    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as e:
        return "taken" if e.errno == errno.EADDRINUSE else (e.strerror or str(e))
    return "free"
