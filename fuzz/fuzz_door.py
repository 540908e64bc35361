"""Invariant: a pass, an answer or a word of another edge is refused with a sentence, or written as it is read.

The first byte says which of them it is; what is signed is signed with keys of the fuzzer's own.
"""

from __future__ import annotations

import base64
import hmac
import json
import random
from types import MappingProxyType
from typing import Any, Final

import altcha

from rostra.admission.challenge import challenge, check
from rostra.errors import BadAnswer, BadPass, WireError
from rostra.units import WallTime
from rostra.wire.door import (
    SHUFFLED,
    DoorRecord,
    DoorReport,
    LineRecord,
    Outcome,
    RoomCount,
    Seated,
    decode_record,
    decode_report,
    decode_seated,
    encode_record,
    encode_report,
    encode_seated,
)
from rostra.wire.passes import DoorKey, DoorKeys, Line, Pass, decode_keys, encode_keys, sign, verify

NOW = WallTime(1_900_000_000.0)
SECRET = bytes(range(32))
KEYS = DoorKeys(3, MappingProxyType({2: DoorKey(bytes(32), NOW), 3: DoorKey(SECRET, NOW)}))

SPANS = ((0, SHUFFLED, 7), (SHUFFLED, SHUFFLED + 250, 3))
RECORD = DoorRecord(
    "main",
    NOW,
    bytes(16),
    {Line.LATE: LineRecord(5, SPANS, ((1.5, 3),), ((0.5, 2),), 3.5, 2.5)},
    {"e-1": 7},
    (1.0, 2.0),
)
REPORT = DoorReport(
    "e-1", NOW, 9, 2.5, {"main": RoomCount(1, 2, {Line.RSVP: SPANS}, {Line.LATE: 4})}, 5, 0.5, "cpu_share",
    {Outcome.NUMBERED: (1, 2, 3, 4, 5)},
)  # fmt: skip
WORDS: Final[list[tuple[Any, Any, Any]]] = [
    (decode_record, encode_record, RECORD),
    (decode_report, encode_report, REPORT),
    (decode_seated, encode_seated, Seated("e-1", (("main", b"12345678"), ("other", b"abcdefgh")))),
    (decode_keys, encode_keys, KEYS),
]


def _answer() -> bytes:
    asked = challenge(KEYS, "main", b"home", 0.0, NOW, draw=lambda _: 3)
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(asked))
    assert solution is not None
    body = {"challenge": {k: v for k, v in asked.items() if k != "trials"}, "solution": solution.to_dict()}
    return base64.b64encode(json.dumps(body).encode())


ANSWER = _answer()
PASSES = [sign(Pass("main", line, NOW, bytes(8), 3), KEYS).encode() for line in Line]


def target(data: bytes) -> None:
    which, rest = data[:1], data[1:]
    if which == b"p":
        text = rest.decode("utf-8", "surrogateescape")
        try:
            found = verify(text, KEYS, "main", NOW)
        except BadPass as e:
            assert str(e).endswith(".")
            return
        assert sign(found, KEYS) == text, "a pass has one spelling"
    elif which == b"a":
        try:
            assert check(KEYS, rest.decode("utf-8", "surrogateescape"), "main", b"home", NOW)
        except BadAnswer as e:
            assert str(e).endswith(".")
    else:
        decode, encode, _ = WORDS[which[0] % len(WORDS) if which else 0]
        try:
            value = decode(rest)
        except WireError:
            return
        assert decode(encode(value)) == value


def seeds() -> list[bytes]:
    words = [bytes([i]) + encode(value) for i, (_, encode, value) in enumerate(WORDS)]
    return [*(b"p" + one for one in PASSES), b"a" + ANSWER, *words]


def _value(rng: random.Random) -> object:
    plain = [
        None,
        True,
        0,
        -1,
        2**53,
        2**53 + 1,
        10**400,
        1.5,
        1e308,
        float("nan"),
        "",
        "main",
        "\ud800",
        [],
        {},
        [[1, 2, 3]],
    ]
    return rng.choice(plain)


def _changed(rng: random.Random, body: Any) -> Any:
    """Somewhere in it, something else."""
    if isinstance(body, dict) and body and rng.random() < 0.9:
        key = rng.choice(sorted(body))
        return (
            {**body, key: _changed(rng, body[key])} if rng.random() < 0.95 else {k: body[k] for k in body if k != key}
        )
    if isinstance(body, list) and body and rng.random() < 0.8:
        at = rng.randrange(len(body))
        return [*body[:at], _changed(rng, body[at]), *body[at + 1 :]]
    return _value(rng)


def generate(rng: random.Random) -> bytes:
    match rng.randrange(4):
        case 0:
            body = (
                rng.randbytes(24) if rng.random() < 0.3 else bytearray(base64.urlsafe_b64decode(PASSES[0] + b"==")[:24])
            )
            if isinstance(body, bytearray):
                body[rng.randrange(24)] = rng.randrange(256)
                body = bytes(body)
            mac = hmac.digest(SECRET, body, "sha256")[:16]
            return b"p" + base64.urlsafe_b64encode(body + mac).rstrip(b"=")
        case 1:
            changed = _changed(rng, json.loads(base64.b64decode(ANSWER)))
            return b"a" + base64.b64encode(json.dumps(changed).encode())
        case _:
            i = rng.randrange(len(WORDS))
            _, encode, value = WORDS[i]
            return bytes([i]) + json.dumps(_changed(rng, json.loads(encode(value)))).encode()
