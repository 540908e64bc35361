import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import BadToken
from rostra.units import Role, WallTime
from rostra.wire.tokens import MAX_NAME_LENGTH, MAX_TOKEN_BYTES, TAG, Claims, read, sign, unchecked, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
NOW = WallTime(1_900_000_000.0)
ANN = Claims("main", Role.SPEAKER, "Ann", "a1b2c3", 2_000_000_000)
TOKEN = sign(ANN, KEY)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: bytes) -> str:
    return f"{b64(payload)}.{b64(KEY.sign(TAG + payload))}"


def test_what_was_signed_is_read() -> None:
    assert verify(TOKEN, PUBLIC, "main", NOW) == ANN
    assert len(TOKEN) < 250


def test_the_longest_token_fits() -> None:
    longest = Claims("a" * 40, Role.LISTENER, "\U0001f3a4" * MAX_NAME_LENGTH, "x" * 32, 253_402_300_799)
    token = sign(longest, KEY)
    assert len(token) <= MAX_TOKEN_BYTES
    assert verify(token, PUBLIC, "a" * 40, NOW) == longest


def test_one_of_ours_is_looked_at_again_without_a_key() -> None:
    assert unchecked(TOKEN) == unchecked(TOKEN.partition(".")[0]) == ANN
    assert [unchecked(text) for text in ("", ".", "x", "https://x/#t=" + TOKEN, b64(b"[]"), b64(b"\xff"))] == [None] * 6


def test_another_room_is_refused() -> None:
    with pytest.raises(BadToken, match="for another room"):
        verify(TOKEN, PUBLIC, "other", NOW)


def test_expiry_is_the_first_second_that_is_too_late() -> None:
    assert verify(TOKEN, PUBLIC, "main", WallTime(1_999_999_999.9)) == ANN
    with pytest.raises(BadToken, match="expired"):
        verify(TOKEN, PUBLIC, "main", WallTime(2_000_000_000.0))


def test_another_servers_key_is_refused() -> None:
    with pytest.raises(BadToken, match="not made by this server"):
        verify(sign(ANN, Ed25519PrivateKey.generate()), PUBLIC, "main", NOW)


def test_a_signature_without_our_tag_is_none() -> None:
    payload = base64.urlsafe_b64decode(TOKEN.split(".")[0] + "==")
    with pytest.raises(BadToken):
        read(f"{b64(payload)}.{b64(KEY.sign(payload))}", PUBLIC)


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "a", "a.b", TOKEN + ".", TOKEN + "=", TOKEN + "A", " " + TOKEN, TOKEN + "\n", TOKEN[:-1],
        TOKEN.split(".")[0], TOKEN.replace(".", ""), TOKEN.replace(".", ".."), TOKEN.swapcase(), "A" * 1024,
        "A" * 100_000, "\U0001f3a4", "../../etc/passwd", "null", TOKEN.split(".")[0] + "." + "A" * 86,
    ],
)  # fmt: skip
def test_garbage_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadToken) as refused:
        read(text, PUBLIC)
    assert str(refused.value).endswith(".")
    assert refused.value.status == 401


def test_bits_that_base64_ignores_are_not_ours_to_ignore() -> None:
    """The last letter of a 64-byte signature carries 4 unused bits: 16 spellings, one of which we wrote."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []
    for last in alphabet:
        try:
            read(TOKEN[:-1] + last, PUBLIC)
            accepted.append(last)
        except BadToken:
            pass
    assert accepted == [TOKEN[-1]]


BODY = {"v": 1, "room": "main", "role": "speaker", "name": "Ann", "jti": "a1b2c3", "exp": 2_000_000_000}


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(BODY).encode(),  # spaces
        json.dumps(BODY, separators=(",", ":")).encode(),  # keys in another order
        json.dumps({**BODY, "more": 1}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**BODY, "v": 2}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**BODY, "exp": 2e9}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**BODY, "exp": True}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**BODY, "role": "admin"}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**BODY, "room": "../x"}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**BODY, "room": 7}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**BODY, "name": "x" * 61}, separators=(",", ":"), sort_keys=True).encode(),
        json.dumps({**BODY, "name": "a\u202eb"}, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(),
        b"[]", b"1", b"null", b"", b"\xff", b"[" * 700, b'{"v":1}',
        b'{"exp":2000000000,"jti":"a","jti":"b","name":"Ann","role":"speaker","room":"main","v":1}',
    ],
)  # fmt: skip
def test_even_signed_a_payload_must_be_as_we_write_it(payload: bytes) -> None:
    with pytest.raises(BadToken):
        read(signed(payload), PUBLIC)


@given(st.binary(max_size=2000) | st.text(max_size=2000).map(str.encode))
def test_no_bytes_get_anything_but_a_refusal(data: bytes) -> None:
    with pytest.raises(BadToken):
        read(data.decode("latin-1"), PUBLIC)


@given(
    st.builds(
        Claims,
        room=st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True),
        role=st.sampled_from(Role),
        name=st.text(max_size=60).filter(str.isprintable),
        jti=st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True),
        exp=st.integers(int(NOW) + 1, 253_402_300_799),
    )
)
def test_every_token_comes_back(claims: Claims) -> None:
    token = sign(claims, KEY)
    assert verify(token, PUBLIC, claims.room, NOW) == claims


@pytest.mark.parametrize(
    "changes",
    [{"room": "A"}, {"name": "x" * 61}, {"name": "a\nb"}, {"jti": ""}, {"jti": "a b"}, {"exp": 0}, {"exp": 10**18}],
)
def test_claims_cannot_be_built_wrong(changes: dict[str, object]) -> None:
    fields = {"room": "main", "role": Role.HOST, "name": "Ann", "jti": "a", "exp": 2_000_000_000}
    with pytest.raises(ValueError, match=r"."):
        Claims(**{**fields, **changes})  # type: ignore[arg-type]
