"""The proof of work a door may ask for (ALTCHA, version 2), solved as a browser does: by trying counters. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass
from typing import Any

from rostra.errors import WireError

MOST_TRIES = 1_000_000
"""A challenge that needs more would keep a phone busy for minutes: it is given up, and counted."""

MOST_COST = 100_000
"""Iterations of PBKDF2 a key."""

_ALGORITHMS = {"PBKDF2/SHA-256": "sha256", "PBKDF2/SHA-384": "sha384", "PBKDF2/SHA-512": "sha512"}


@dataclass(frozen=True, slots=True)
class Challenge:
    """``whole`` is what was sent, to be sent back unchanged."""

    algorithm: str
    nonce: bytes
    salt: bytes
    cost: int
    key_bytes: int
    prefix: str
    trials: int
    whole: dict[str, Any]


def read_challenge(body: bytes) -> Challenge:
    """From an answer that holds one, at its top or under ``challenge``. :raises WireError: there is none."""
    try:
        data: dict[str, Any] = json.loads(body)
        inner = data.get("challenge")
        data = inner if isinstance(inner, dict) else data
        asked = data["parameters"]
        found = Challenge(
            str(asked["algorithm"]),
            bytes.fromhex(asked["nonce"]),
            bytes.fromhex(asked["salt"]),
            int(asked["cost"]),
            int(asked["keyLength"]),
            str(asked["keyPrefix"]).lower(),
            int(data.get("trials", MOST_TRIES)),
            {"parameters": asked, "signature": data["signature"]},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise WireError(f"not a challenge: {e}") from e
    if found.algorithm not in _ALGORITHMS or not 0 < found.cost <= MOST_COST or not 0 < found.key_bytes <= 64:
        raise WireError(f"a challenge by {found.algorithm!r} at a cost of {found.cost}, which is not known here")
    return found


def solve(challenge: Challenge) -> str | None:
    """The payload that answers it; None: no counter up to its bound does."""
    digest = _ALGORITHMS[challenge.algorithm]
    for counter in range(min(challenge.trials, MOST_TRIES) + 1):
        password = challenge.nonce + struct.pack(">I", counter)
        key = hashlib.pbkdf2_hmac(digest, password, challenge.salt, challenge.cost, challenge.key_bytes).hex()
        if key.startswith(challenge.prefix):
            body = {"challenge": challenge.whole, "solution": {"counter": counter, "derivedKey": key}}
            return base64.b64encode(json.dumps(body).encode()).decode()
    return None
