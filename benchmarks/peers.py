"""Those the edge is held against: a plain C loop, Icecast, nginx and HAProxy, each set up for this load."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import family
from benchmarks.programs import OURS, compiled, free_port, need, running, start, wait_for_port


@dataclass(frozen=True, slots=True)
class Server:
    """Something that listens."""

    name: str
    port: int
    pids: tuple[int, ...]
    """The processes whose CPU and memory count."""


@contextlib.contextmanager
def c_loop(bytes_a_flush: int, flush_s: float, *, pinned: bool, faults: tuple[str, ...] = ()) -> Iterator[Server]:
    command = [compiled("loop"), "--bytes", str(bytes_a_flush), "--flush", str(flush_s), *faults]
    with running(start(command, core=OURS if pinned else None)) as process:
        assert process.stdout
        port = int(process.stdout.readline().split()[1])
        yield Server("C loop", port, (process.pid,))


_ICECAST = """<icecast>
 <limits><clients>20000</clients><sources>2</sources><queue-size>524288</queue-size><client-timeout>30</client-timeout>
  <header-timeout>15</header-timeout><source-timeout>10</source-timeout><burst-size>{burst}</burst-size></limits>
 <authentication><source-password>{secret}</source-password><admin-user>admin</admin-user>
  <admin-password>{secret}</admin-password></authentication>
 <hostname>localhost</hostname>
 <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
 <fileserve>0</fileserve>
 <paths><basedir>{folder}</basedir><logdir>{folder}</logdir><webroot>{share}/web</webroot>
  <adminroot>{share}/admin</adminroot></paths>
 <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>1</loglevel></logging>
 <security><chroot>0</chroot>{owner}</security>
</icecast>
"""
_OWNER = "<changeowner><user>icecast2</user><group>icecast</group></changeowner>"


def icecast_version() -> str:
    need("icecast2")
    return subprocess.run(["icecast2", "-v"], capture_output=True, text=True, check=False).stdout.strip()


@contextlib.contextmanager
def icecast(bytes_a_flush: int, flush_s: float, *, pinned: bool, burst_bytes: int) -> Iterator[Server]:
    """One mount, ``/live``, fed as many bytes as often as the edge sends. The burst to newcomers is as large as ours.

    :raises LeftOut: where it is not installed.
    """
    name = icecast_version()
    with _folder() as folder:
        port, secret = free_port(), "benchmark"
        config = folder / "icecast.xml"
        owner = _OWNER if os.geteuid() == 0 else ""  # it refuses to run as root
        text = _ICECAST.format(
            port=port, secret=secret, folder=folder, burst=burst_bytes, owner=owner, share="/usr/share/icecast2"
        )
        config.write_text(text)
        if owner:
            shutil.chown(folder, "icecast2", "icecast")
            shutil.chown(config, "icecast2", "icecast")
        core = OURS if pinned else None
        with running(start(["icecast2", "-c", config], core=core, log=folder / "stderr.log")) as process:
            wait_for_port(port, process)
            with _source(port, secret, bytes_a_flush, flush_s):
                yield Server(name, port, (process.pid,))


@contextlib.contextmanager
def _source(port: int, secret: str, bytes_a_flush: int, flush_s: float) -> Iterator[None]:
    """A source client that sends MPEG-like bytes in real time."""
    s = socket.create_connection(("127.0.0.1", port), 10)
    token = b64encode(f"source:{secret}".encode()).decode()
    s.sendall(f"SOURCE /live HTTP/1.0\r\nAuthorization: Basic {token}\r\nContent-Type: audio/mpeg\r\n\r\n".encode())
    answer = s.recv(4096)
    if b" 200 " not in answer:
        raise RuntimeError(f"Icecast does not take the source: {answer!r}")
    over = threading.Event()
    # The head of an MPEG-1 layer III frame, 64 kbit/s at 48 kHz, then filling: Icecast does not look at it.
    frame = b"\xff\xfb\x54\xc4" + bytes(188)
    block = (frame * (bytes_a_flush // len(frame) + 1))[:bytes_a_flush]

    def feed() -> None:
        due = time.monotonic()
        with contextlib.suppress(OSError):
            while not over.wait(max(0.0, due - time.monotonic())):
                s.sendall(block)
                due += flush_s

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    time.sleep(2 * flush_s + 0.2)  # so that there is a burst for the first listener
    try:
        yield
    finally:
        over.set()
        s.close()
        thread.join(5)


_NGINX = """worker_processes {workers};
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 19900; }}
http {{
 access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
 keepalive_timeout 600; keepalive_requests 1000000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
 fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
 open_file_cache max=1000 inactive=600s; open_file_cache_valid 600s;
 types {{ audio/mp4 m4s; }}
 {server}
}}
"""


@contextlib.contextmanager
def nginx(server: str, port: int, *, workers: int = 1, pinned: bool) -> Iterator[Server]:
    """nginx from Debian with a ``server`` block, which listens on ``port``; its workers' cost counts.

    :raises LeftOut: where it is not installed.
    """
    need("nginx")
    with _folder() as folder:
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(workers=workers, folder=folder, server=server, user=user))
        command = ["nginx", "-p", folder, "-c", config, "-e", folder / "error.log"]
        with running(start(command, core=OURS if pinned else None)) as process:
            wait_for_port(port, process)
            yield Server("nginx", port, tuple(family(process.pid)[1:]))


def nginx_file(folder: Path, port: int) -> str:
    """A server block for one static file, as fast as nginx can."""
    return (
        f"server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}; "
        'add_header Cache-Control "public, max-age=31536000, immutable"; '
        'add_header Access-Control-Allow-Origin "*"; }'
    )


def nginx_limited(folder: Path, port: int, icecast_port: int) -> str:
    """In front of Icecast, with what it has against floods: so many connections and requests an address
    (``limit_conn``, ``limit_req``), heads within 5 s as ours. Files of ``folder`` under ``/r/``. To be used with more
    than one worker: a listener takes two of its connections."""
    return (
        "limit_conn_zone $binary_remote_addr zone=people:10m;"
        " limit_req_zone $binary_remote_addr zone=requests:10m rate=100r/s;"
        " limit_conn_status 429; limit_req_status 429;"
        f" server {{ listen 127.0.0.1:{port} backlog=4096 reuseport; reset_timedout_connection on;"
        " client_header_timeout 5s; client_body_timeout 5s; limit_conn people 400;"
        " limit_req zone=requests burst=200 nodelay;"
        f" location /r/ {{ root {folder}; default_type application/json; }}"
        f" location / {{ proxy_pass http://127.0.0.1:{icecast_port}; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 600s; } }'
    )


def nginx_tls(port: int, edge_port: int, certificate: Path, key: Path) -> str:
    """A server block that ends TLS in front of the edge and passes on what comes as it comes."""
    return (
        f"server {{ listen 127.0.0.1:{port} ssl backlog=4096; ssl_certificate {certificate}; ssl_certificate_key {key};"
        f" ssl_protocols TLSv1.3; location / {{ proxy_pass http://127.0.0.1:{edge_port}; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; proxy_buffering off; proxy_buffer_size 16k;'
        " proxy_buffers 4 16k; proxy_read_timeout 600s; } }"
    )


_HAPROXY = """global
 maxconn 9900
 nbthread 1
 tune.ssl.default-dh-param 2048
defaults
 mode http
 timeout connect 10s
 timeout client 600s
 timeout server 600s
frontend door
 bind 127.0.0.1:{port} ssl crt {pem} ssl-min-ver TLSv1.3 backlog 4096
 default_backend edge
backend edge
 server edge 127.0.0.1:{edge_port} maxconn 9900
"""


@contextlib.contextmanager
def haproxy_tls(edge_port: int, certificate: Path, key: Path, *, pinned: bool) -> Iterator[Server]:
    """HAProxy from Debian ending TLS in front of the edge, one thread.

    :raises LeftOut: where it is not installed.
    """
    need("haproxy")
    with _folder() as folder:
        port = free_port()
        pem, config = folder / "both.pem", folder / "haproxy.cfg"
        pem.write_text(certificate.read_text() + key.read_text())
        config.write_text(_HAPROXY.format(port=port, edge_port=edge_port, pem=pem))
        with running(start(["haproxy", "-db", "-f", config], core=OURS if pinned else None)) as process:
            wait_for_port(port, process)
            yield Server("HAProxy", port, (process.pid,))


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost with the key that costs least on both sides (ECDSA P-256), and its key."""
    need("openssl")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return certificate, key


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
