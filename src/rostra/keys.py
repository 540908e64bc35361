"""The keys in the data folder: links are signed with one, operators hold the other.

``DATA/keys/link.key`` signs links (Ed25519, PKCS 8, mode 0600), ``link.pub`` is its public half, all that edges and
stages need; ``operator-token`` is what ``rostra room`` shows the studio (mode 0600). They are made at the first start
and never replaced: every link that was ever sent depends on them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from rostra.errors import DataFolderFault

OPERATOR_TOKEN_BYTES = 32
"""256 bits: not to be guessed."""


def make_keys(data: Path) -> None:
    """Makes what is not there yet. Two processes that do this at once end up with the same keys.

    :raises DataFolderFault: if the folder cannot be written.
    """
    folder = data / "keys"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (folder / "link.key").exists():
            key = Ed25519PrivateKey.generate()
            _make(folder / "link.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        public = private_key(data).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        _make(folder / "link.pub", public, 0o644)
        _make(folder / "operator-token", f"{secrets.token_urlsafe(OPERATOR_TOKEN_BYTES)}\n".encode(), 0o600)
    except OSError as e:
        raise DataFolderFault(
            f"The keys in {folder} cannot be made: {e.strerror}. Choose another folder with --data."
        ) from e


def private_key(data: Path) -> Ed25519PrivateKey:
    """:raises DataFolderFault: if there is none, or it is not ours to read."""
    path = data / "keys" / "link.key"
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError) as e:
        raise _unreadable(path, e) from e
    if not isinstance(key, Ed25519PrivateKey):
        raise _unreadable(path, "it is not an Ed25519 key")
    return key


def public_key(data: Path) -> Ed25519PublicKey:
    """:raises DataFolderFault: if there is none."""
    path = data / "keys" / "link.pub"
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as e:
        raise _unreadable(path, e) from e
    if not isinstance(key, Ed25519PublicKey):
        raise _unreadable(path, "it is not an Ed25519 key")
    return key


def operator_token(data: Path) -> str:
    """:raises DataFolderFault: if there is none, or it is not ours to read."""
    path = data / "keys" / "operator-token"
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as e:
        raise _unreadable(path, e) from e
    if len(token) < OPERATOR_TOKEN_BYTES:
        raise _unreadable(path, "it is empty or cut off")
    return token


def _unreadable(path: Path, reason: object) -> DataFolderFault:
    why = reason.strerror if isinstance(reason, OSError) else reason
    return DataFolderFault(
        f"{path} cannot be read: {why}. Is --data the folder that `rostra serve` uses, and are you its user?"
    )


def _make(path: Path, content: bytes, mode: int) -> None:
    """Creates ``path`` whole, or leaves what is there: never half a key, never two."""
    if path.exists():
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()
