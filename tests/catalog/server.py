"""A PostgreSQL server of Debian's, in a folder of its own, reached by a unix socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg


class Missing(Exception):
    """Why there is no server here, in a line."""


def binaries() -> Path:
    """The folder with ``initdb`` and ``postgres``. Debian keeps it off the PATH."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres")):
            return folder
    raise Missing("needs Debian's postgresql (apt-get install postgresql)")


def unprivileged() -> list[str]:
    """How to run a command that refuses to run as root; and it ends with us, however we end."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise Missing("needs setpriv (Debian's util-linux) to run postgres")
    if os.geteuid() != 0:
        return [setpriv, "--pdeathsig", "INT"]
    return [setpriv, "--reuid", _user(), "--regid", str(_group()), "--clear-groups", "--pdeathsig", "INT"]


def _user() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise Missing("needs a user `postgres` or `nobody`: postgres refuses to run as root")


def _group() -> int:
    return pwd.getpwnam(_user()).pw_gid


class Postgres:
    """:raises Missing: where it cannot be had."""

    def __init__(self) -> None:
        self._bin = binaries()
        self._as = unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.folder = Path(tempfile.mkdtemp(prefix="rostra-pg-"))  # a socket's path is short, and pytest's are private
        if os.geteuid() == 0:
            shutil.chown(self.folder, _user(), _group())
        made = subprocess.run(
            [*self._as, str(self._bin / "initdb"), "-D", str(self.folder / "data"), "-U", "rostra", "-A", "trust",
             "-E", "UTF8", "--locale=C", "--no-sync"],
            capture_output=True, text=True, timeout=60, check=False, cwd=self.folder,
        )  # fmt: skip
        if made.returncode != 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise Missing(f"initdb: {made.stderr.strip().splitlines()[-1:] or made.returncode}")

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._as, str(self._bin / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder),
             "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """At once, whoever is connected; it writes nothing more and reads its log when it is started again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://rostra@/{database}?host={self.folder}"

    def fresh(self) -> str:
        """The URL of an empty database."""
        self._databases += 1
        name = f"catalog{self._databases}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)
