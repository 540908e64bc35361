"""Unix sockets whose path is longer than the kernel takes in an address (108 bytes with the zero; unix(7))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def short(path: Path) -> Iterator[str]:
    """A short name for ``path``, to bind or connect to while the context lasts: through a descriptor of its folder.

    :raises OSError: if there is no such folder.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
