"""The data folder: of our version, writable, and ours alone while we run.

::

    DATA/VERSION    the version of this layout
    DATA/keys/      keys that links and operators depend on (rostra.keys)
    DATA/nats/      what the bus keeps: room records
    DATA/run/       of this run only: addresses (serve.json), sockets, configuration written for others
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from rostra.errors import DataFolderFault

VERSION = "1"


class DataFolder:
    """Held from :meth:`open` to :meth:`close`; the lock ends with the process however it ends."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> DataFolder:
        """Makes it if it is not there.

        :raises DataFolderFault: it is of another version, in use, something else's, or cannot be written.
        """
        try:
            path = path.absolute()
            _check_version(path)
            (path / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(path / "run" / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as e:
            raise DataFolderFault(
                f"The data folder {path} cannot be used: {e.strerror}. Choose another with --data DIR."
            ) from e
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            os.close(lock)
            raise DataFolderFault(
                f"Another `rostra serve`{_holder(path)} uses the data folder {path}. "
                "Stop it first, or choose another with --data DIR."
            ) from e
        version = path / "VERSION"
        if not version.exists():
            version.write_text(f"{VERSION}\n", encoding="ascii")
        return cls(path, lock)

    def close(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.path / "run" / "serve.json").unlink()
        os.close(self._lock)

    def write_addresses(self, addresses: dict[str, Any]) -> None:
        """DATA/run/serve.json: where the doors are, for ``rostra room`` and others on this machine."""
        beside = self.path / "run" / ".serve.json"
        beside.write_text(json.dumps(addresses, indent=1) + "\n", encoding="utf-8")
        beside.replace(self.path / "run" / "serve.json")


def _check_version(path: Path) -> None:
    if not path.exists():
        return
    version = path / "VERSION"
    if version.exists():
        found = version.read_text(encoding="utf-8", errors="replace").strip()[:40]
        if found != VERSION:
            raise DataFolderFault(
                f"The data folder {path} is of version {found!r}; this Rostra writes version {VERSION}. Start the "
                "Rostra that made it, or choose another folder with --data DIR. Nothing in it was changed."
            )
    elif any(p.name not in ("run", "keys") for p in path.iterdir()):
        raise DataFolderFault(
            f"The folder {path} has files in it that Rostra did not make. Choose another with --data DIR."
        )


def _holder(path: Path) -> str:
    try:
        return f" (process {json.loads((path / 'run' / 'serve.json').read_text())['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
