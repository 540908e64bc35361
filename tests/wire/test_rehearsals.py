from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.errors import BadToken, WireError
from rostra.units import WallTime
from rostra.wire.rehearsals import (
    Consent,
    answer,
    answered,
    decode_granted,
    encode_granted,
    grant,
    origin_of,
    read_token,
    verify,
)

KEY = Ed25519PrivateKey.generate()
GRANTED = grant("abcdefghijklmnop", "https://live.example.org:443", 2_000, KEY, "https://live.example.org:8443")
NONCE = "n" * 43


def test_what_was_granted_is_read_and_answered() -> None:
    consent = verify(GRANTED.token, KEY.public_key(), WallTime(1_999))
    assert (consent.origin, consent.studio) == ("https://live.example.org:443", "https://live.example.org:8443")
    signature = answer(consent, GRANTED.secret, NONCE)
    assert answered(consent, NONCE, signature)
    assert not answered(consent, "m" * 43, signature), "another nonce"
    assert not answered(consent, NONCE, NONCE), "an echo"
    assert not answered(consent, NONCE, "")


def test_an_edge_believes_its_own_operator_until_it_is_over() -> None:
    with pytest.raises(BadToken, match="expired"):
        verify(GRANTED.token, KEY.public_key(), WallTime(2_000))
    with pytest.raises(BadToken, match="another Rostra"):
        verify(GRANTED.token, Ed25519PrivateKey.generate().public_key(), WallTime(1))


def test_whoever_signs_with_another_key_makes_another_token() -> None:
    """A token carries the key that signed it, so it can be read; that it means nothing is the target's word."""
    forged = grant("abcdefghijklmnop", "https://live.example.org:443", 2_000, Ed25519PrivateKey.generate())
    consent, _ = read_token(forged.token)
    ours, _ = read_token(GRANTED.token)
    assert not answered(consent, NONCE, answer(ours, GRANTED.secret, NONCE))


def test_it_goes_over_the_bus() -> None:
    assert decode_granted(encode_granted(GRANTED)) == GRANTED
    for bad in (b"", b"[]", b"{}", b'{"v":1,"token":"x","secret":"AA"}'):
        with pytest.raises(WireError):
            decode_granted(bad)


def test_one_way_to_write_an_origin() -> None:
    assert origin_of("HTTPS://Live.Example.org/r/demo?x=1") == "https://live.example.org:443"
    assert origin_of("http://[::1]:8080") == "http://[::1]:8080"
    for bad in ("", "example.org", "ftp://x", "http://", "http://user@x", "http://x:99999"):
        assert origin_of(bad) == ""


def test_a_consent_cannot_be_built_wrong() -> None:
    key = read_token(GRANTED.token)[0].key
    for identity, origin, until in (
        ("short", "http://x:80", 1),
        ("a" * 16, "http://x", 1),
        ("a" * 16, "http://x:80", 0),
    ):
        with pytest.raises(ValueError, match="consent"):
            Consent(identity, origin, until, key)
