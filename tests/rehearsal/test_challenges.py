from __future__ import annotations

import base64
import hashlib
import json
import struct

import pytest

from rostra.errors import WireError
from rostra.rehearsal.challenges import read_challenge, solve


def made(counter: int, trials: int = 100, cost: int = 3) -> bytes:
    nonce, salt = b"n" * 16, b"s" * 16
    key = hashlib.pbkdf2_hmac("sha256", nonce + struct.pack(">I", counter), salt, cost, 32).hex()
    parameters = {
        "algorithm": "PBKDF2/SHA-256", "nonce": nonce.hex(), "salt": salt.hex(), "cost": cost, "keyLength": 32,
        "keyPrefix": key[:32], "keySignature": "00", "data": {"kid": 1},
    }  # fmt: skip
    return json.dumps({"challenge": {"parameters": parameters, "signature": "ab", "trials": trials}}).encode()


def test_a_challenge_is_solved_and_sent_back_unchanged() -> None:
    body = made(42)
    answer = solve(read_challenge(body))
    assert answer is not None
    sent = json.loads(base64.b64decode(answer))
    asked = json.loads(body)["challenge"]
    assert sent["solution"]["counter"] == 42
    assert sent["solution"]["derivedKey"].startswith(asked["parameters"]["keyPrefix"])
    assert sent["challenge"] == {"parameters": asked["parameters"], "signature": "ab"}


def test_what_cannot_be_solved_is_given_up() -> None:
    assert solve(read_challenge(made(50, trials=20))) is None


@pytest.mark.parametrize("bad", [b"", b"[]", b"{}", made(1).replace(b"PBKDF2/SHA-256", b"ROT13"), made(1, cost=10**6)])
def test_what_is_no_challenge_is_said(bad: bytes) -> None:
    with pytest.raises(WireError):
        read_challenge(bad)
