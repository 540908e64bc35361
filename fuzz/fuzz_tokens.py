"""Invariant: whatever the bytes, reading a token ends in BadToken, or in claims we signed whose only text this is.

Run: ``python -m fuzz.fuzz_tokens [SECONDS] [SEED]``. Inputs are mutations of good tokens, signed nonsense and noise.
"""

from __future__ import annotations

import base64
import json
import random
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.errors import BadToken
from rostra.units import Role
from rostra.wire.tokens import TAG, Claims, read, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
GOOD = [
    sign(Claims("main", Role.SPEAKER, "Ann", "a1b2c3", 2_000_000_000), KEY),
    sign(Claims("a" * 40, Role.HOST, "\U0001f3a4" * 60, "x" * 32, 253_402_300_799), KEY),
    sign(Claims("m", Role.LISTENER, "", "_", 1), KEY),
]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\x00é"


def check(data: bytes) -> None:
    """One input, however it came about; raises AssertionError when the invariant does not hold."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        claims = read(text, PUBLIC)
    except BadToken as e:
        assert str(e).endswith("."), "a refusal is a sentence"
        return
    assert sign(claims, KEY) == text, "a token that reads well has one spelling"


target = check


def seeds() -> list[bytes]:
    return [text.encode() for text in GOOD]


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _mutated(rng: random.Random) -> str:
    text = list(rng.choice(GOOD))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(4):
            case 0:
                text.insert(at, rng.choice(LETTERS))
            case 1:
                del text[at : at + rng.randint(1, 9)]
            case 2:
                text[at : at + 1] = rng.choice(LETTERS)
            case _:
                text[at:at] = text[: rng.randint(1, 400)]
        text = text or ["."]
    return "".join(text)


def _value(rng: random.Random, depth: int = 0) -> object:
    plain = [None, True, 0, -1, 2**70, 1.5, "", "main", "host", "\u202e", "x" * 100, 2_000_000_000]
    if depth < 3 and rng.random() < 0.2:
        return [_value(rng, depth + 1)] if rng.random() < 0.5 else {"room": _value(rng, depth + 1)}
    return rng.choice(plain)


def _signed_nonsense(rng: random.Random) -> str:
    body: dict[str, object] = {"v": 1, "room": "main", "role": "host", "name": "Ann", "jti": "a", "exp": 2_000_000_000}
    for key in rng.sample(sorted(body), rng.randint(0, 3)):
        body[key] = _value(rng)
    if rng.random() < 0.2:
        body.pop(rng.choice(sorted(body)))
    tight = rng.random() < 0.7
    separators = (",", ":") if tight else (", ", ": ")
    payload = json.dumps(body, separators=separators, sort_keys=rng.random() < 0.8, ensure_ascii=rng.random() < 0.3)
    if rng.random() < 0.1:
        payload = "[" * rng.randint(1, 700)
    raw = payload.encode("utf-8", "surrogatepass")
    return f"{_b64(raw)}.{_b64(KEY.sign(TAG + raw))}"


def generate(rng: random.Random) -> bytes:
    match rng.randrange(3):
        case 0:
            return _mutated(rng).encode()
        case 1:
            return _signed_nonsense(rng).encode()
        case _:
            return rng.randbytes(rng.randint(0, 1500))


def main(seconds: float = 10.0, seed: int = 1) -> int:
    """How many inputs were tried."""
    rng, tried, end = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = generate(rng)
        try:
            check(data)
        except BaseException:
            print(f"failing input: {data!r}", file=sys.stderr)
            raise
        tried += 1
    return tried


if __name__ == "__main__":
    print(main(*(float(a) for a in sys.argv[1:2]), *(int(a) for a in sys.argv[2:3])), "tokens tried, none misread")
