"""What a newcomer pays with when the door is crowded: a little work, by ALTCHA's proof of work, version 2.

The page finds the one counter, from 0 to ``trials``, whose PBKDF2 key begins as the challenge says
(docs/decisions/0008-altcha.md says why this of all). It is known beforehand, so making a challenge costs us one key,
checking an answer costs no key at all, and nobody waits longer than for ``trials`` of them.

A challenge is for one room, one place (a household) and two minutes; that stands signed in its ``data``::

    {"for": HMAC of room and place, "kid": which door key, "until": UTC second}

``until`` stands there and not in ALTCHA's own ``expiresAt``, which its library would hold against the machine's clock:
we are told the time.

An answer shown twice gives the same pass id twice: nothing is to be had by replaying it.
"""

from __future__ import annotations

import binascii
import hmac
import json
import math
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import altcha

from rostra.errors import BadAnswer
from rostra.units import WallTime
from rostra.wire.passes import ID_BYTES, DoorKeys

ALGORITHM: Final = "PBKDF2/SHA-256"

ITERATIONS: Final = 200
"""Of PBKDF2, a key. So few that making a challenge costs us little; so many that what a browser adds to each call
is the smaller part of what a phone spends, and a stranger's own program is not many times faster."""

TRIALS: Final = (4_000, 40_000)
"""Keys that a page makes at most, without pressure and under all of it; half of that on average. A phone makes about
7,000 a second: 0.3 s and 3 s."""

VALID_S: Final = 120.0
"""Time enough for the slowest phone at the hardest, many times over; too short to work ahead for an evening."""

MAX_ANSWER_LETTERS: Final = 1536
"""An answer as our page writes it has about 900."""

_TAG = b"rostra challenge 1\n"

_PARAMETERS = {"algorithm", "nonce", "salt", "cost", "keyLength", "keyPrefix", "keySignature", "data"}

_LIES = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


def trials(pressure: float, bounds: tuple[int, int] = TRIALS) -> int:
    """How many keys at most, at a pressure from 0 to 1: each step feels as much harder as the one before."""
    low, high = bounds
    return int(low * math.pow(high / low, min(max(pressure, 0.0), 1.0)))


def challenge(
    keys: DoorKeys,
    room: str,
    place: bytes,
    pressure: float,
    wall: WallTime,
    *,
    bounds: tuple[int, int] = TRIALS,
    draw: Callable[[int], int] = secrets.randbelow,
) -> dict[str, Any]:
    """A challenge for one who comes from ``place``, to be sent as JSON. ``trials`` in it is for the page's progress.

    :param bounds: as :data:`TRIALS` (``door.challenge_trials``). :param draw: a number below its argument that nobody
        can guess.
    """
    kid = keys.current
    for_signing, for_keys, for_place, _ = _secrets(keys.signing)
    most = trials(pressure, bounds)
    made = altcha.create_challenge(
        ALGORITHM,
        ITERATIONS,
        counter=draw(most),
        data={"for": _for(for_place, room, place), "kid": kid, "until": int(wall + VALID_S)},
        hmac_secret=for_signing,
        hmac_key_secret=for_keys,
    )
    return {**made.to_dict(), "trials": most}


def check(keys: DoorKeys, answer: str, room: str, place: bytes, wall: WallTime) -> bytes:
    """The id of the pass that ``answer`` pays for: the same answer, the same id.

    :raises BadAnswer: with a sentence.
    """
    if len(answer) > MAX_ANSWER_LETTERS:
        raise BadAnswer("This answer is far too long to be one. Ask for a new challenge.")
    try:
        body = json.loads(binascii.a2b_base64(answer.encode("ascii"), strict_mode=True))
        asked, data = body["challenge"], body["challenge"]["parameters"]["data"]
        kid, until, whose = data["kid"], data["until"], data["for"]
        signature = bytes.fromhex(asked["signature"])
        if asked["parameters"].keys() != _PARAMETERS or data.keys() != {"for", "kid", "until"}:
            raise ValueError("not one of ours")
        if type(kid) is not int or type(until) is not int or type(whose) is not str:
            raise ValueError("not one of ours")
        payload = altcha.Payload.from_dict(body)
    except _LIES:
        raise BadAnswer("This is no answer to a challenge. Ask for a new one.") from None
    secret = keys.good(kid)
    if secret is None or wall > until:
        raise BadAnswer("This answer came too late. Ask for a new challenge.")
    for_signing, for_keys, for_place, for_ids = _secrets(secret)
    if not hmac.compare_digest(_for(for_place, room, place).encode(), whose.encode("utf-8", "replace")):
        raise BadAnswer("This challenge was for another room or another network. Ask for a new one.")
    try:
        found = altcha.verify_solution(payload, for_signing, hmac_key_secret=for_keys)
    except _LIES:
        raise BadAnswer("This is no answer to a challenge. Ask for a new one.") from None
    if found.invalid_signature:
        raise BadAnswer("This challenge was not given by this server, or was changed. Ask for a new one.")
    if not found.verified:
        raise BadAnswer("This is not the solution. Ask for a new challenge.")
    return hmac.digest(for_ids, signature, "sha256")[:ID_BYTES]


def _for(secret: bytes, room: str, place: bytes) -> str:
    return hmac.digest(secret, room.encode() + b"\0" + place, "sha256")[:8].hex()


@lru_cache(maxsize=8)
def _secrets(key: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Four of one: what is signed for one purpose is nothing for another."""
    signing, key_signing, place, ids = (
        hmac.digest(key, _TAG + what, "sha256") for what in (b"sign", b"key", b"for", b"id")
    )
    return signing, key_signing, place, ids
