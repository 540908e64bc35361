from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.edge.rehearsals import MAX_CONSENTS, Rehearsals
from rostra.errors import BadRequest, NotFound
from rostra.wire.rehearsals import answered, grant, read_token

KEY = Ed25519PrivateKey.generate()


def asked(identity: str = "abcdefghijklmnop") -> bytes:
    return json.dumps({"nonce": "n" * 43, "id": identity}).encode()


def test_it_signs_for_a_consent_while_it_holds() -> None:
    rehearsals = Rehearsals(KEY.public_key)
    granted = grant("abcdefghijklmnop", "http://x:80", 1000, KEY)
    rehearsals.on_consent("abcdefghijklmnop", granted, 10.0)
    made = rehearsals.answer(asked(), 999.0)
    assert answered(read_token(granted.token)[0], "n" * 43, json.loads(made.body)["signature"])
    with pytest.raises(NotFound):
        rehearsals.answer(asked(), 1000.0)
    with pytest.raises(NotFound):
        rehearsals.answer(asked("ponmlkjihgfedcba"), 10.0)
    for bad in (b"", b"[]", b'{"nonce": 5, "id": 6}', b'{"nonce": "x", "id": "abcdefghijklmnop"}'):
        with pytest.raises(BadRequest):
            rehearsals.answer(bad, 10.0)
    rehearsals.on_consent("abcdefghijklmnop", None, 10.0)
    with pytest.raises(NotFound):
        rehearsals.answer(asked(), 10.0)


def test_only_its_own_operator_can_agree() -> None:
    rehearsals = Rehearsals(KEY.public_key)
    other = grant("abcdefghijklmnop", "http://x:80", 1000, Ed25519PrivateKey.generate())
    rehearsals.on_consent("abcdefghijklmnop", other, 10.0)
    with pytest.raises(NotFound):
        rehearsals.answer(asked(), 10.0)
    keyless = Rehearsals(lambda: None)
    keyless.on_consent("abcdefghijklmnop", grant("abcdefghijklmnop", "http://x:80", 1000, KEY), 10.0)
    with pytest.raises(NotFound):
        keyless.answer(asked(), 10.0)


def test_they_are_bounded() -> None:
    rehearsals = Rehearsals(KEY.public_key)
    for n in range(MAX_CONSENTS + 5):
        identity = f"{n:016}"
        rehearsals.on_consent(identity, grant(identity, "http://x:80", 1000, KEY), 10.0)
    with pytest.raises(NotFound):
        rehearsals.answer(asked(f"{0:016}"), 10.0)
    assert rehearsals.answer(asked(f"{MAX_CONSENTS + 4:016}"), 10.0).status == 200
