import base64
import hmac
import json
from itertools import pairwise
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import BadPass, WireError
from rostra.units import WallTime
from rostra.wire.passes import (
    KNOWN_BEFORE_USE_S,
    MAX_KEYS,
    MAX_KEYS_BYTES,
    MAX_SKEW_S,
    PASS_LETTERS,
    ROTATE_S,
    DoorKey,
    DoorKeys,
    Line,
    Pass,
    decode_keys,
    encode_keys,
    peek,
    sign,
    tend,
    verify,
)

NOW = WallTime(1_900_000_000.0)


def secret(n: int) -> bytes:
    return bytes([n % 256]) * 32


def keys(*kids: int, current: int | None = None) -> DoorKeys:
    made = {kid: DoorKey(secret(kid), WallTime(NOW - 1000 + i)) for i, kid in enumerate(kids)}
    return DoorKeys(kids[-1] if current is None else current, MappingProxyType(made))


KEYS = keys(7)
ANN = Pass("main", Line.EARLY, WallTime(1_899_999_990.123), b"12345678", 7)
TEXT = sign(ANN, KEYS)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def signed(body: bytes, key: bytes = secret(7)) -> str:
    return base64.urlsafe_b64encode(body + hmac.digest(key, body, "sha256")[:16]).rstrip(b"=").decode()


def test_what_was_signed_is_read() -> None:
    assert verify(TEXT, KEYS, "main", NOW) == ANN
    assert len(TEXT) == PASS_LETTERS
    assert peek(TEXT) == (Line.EARLY, ANN.at, ANN.id)


@given(
    st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True),
    st.sampled_from(Line),
    st.integers(0, int(NOW) * 1000),
    st.binary(min_size=8, max_size=8),
)
def test_every_pass_comes_back(room: str, line: Line, at_ms: int, id_: bytes) -> None:
    one = Pass(room, line, WallTime(at_ms / 1000), id_, 7)
    assert verify(sign(one, KEYS), KEYS, room, NOW) == one


def test_every_letter_counts() -> None:
    """Whatever single letter is another one, also the last, of which base64 ignores four bits."""
    for i in range(PASS_LETTERS):
        for letter in "ABgw09-_":
            changed = TEXT[:i] + letter + TEXT[i + 1 :]
            if changed != TEXT:
                with pytest.raises(BadPass):
                    verify(changed, KEYS, "main", NOW)


@pytest.mark.parametrize(
    "text",
    [
        "", "A", TEXT[:-1], TEXT + "A", TEXT + "=", TEXT + "==", " " + TEXT[1:], TEXT[:-1] + "\n", TEXT[:-1] + "=",
        TEXT.swapcase(), "A" * 54, "_" * 54, "\U0001f3a4" * 54, "é" * 54, "\0" * 54, "A" * 100_000,
        TEXT[:-2] + "==", base64.b64encode(raw(TEXT)).decode()[:54].replace("-", "+").replace("_", "/") + "=",
    ],
)  # fmt: skip
def test_garbage_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadPass) as refused:
        verify(text, KEYS, "main", NOW)
    assert str(refused.value).endswith(".")
    assert refused.value.status == 401


def test_the_other_alphabet_is_not_ours() -> None:
    one = next(
        p for n in range(200) if {"-", "_"} & set(p := sign(Pass("main", Line.LATE, WallTime(n), b"12345678", 7), KEYS))
    )
    with pytest.raises(BadPass):
        verify(one.replace("-", "+").replace("_", "/"), KEYS, "main", NOW)


def test_another_room_is_refused() -> None:
    with pytest.raises(BadPass, match="another room"):
        verify(TEXT, KEYS, "other", NOW)


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [(0, 2, "another version"), (0, 0, "another version"), (1, 8, "too old"), (2, 0, "later"), (2, 5, "later"),
     (2, 255, "later"), (3, 2, "later"), (4, 0, "another room"), (10, 255, "future")],
)  # fmt: skip
def test_even_signed_a_pass_must_say_what_we_say(at: int, value: int, says: str) -> None:
    body = bytearray(raw(TEXT)[:24])
    body[at] = value
    with pytest.raises(BadPass, match=says):
        verify(signed(bytes(body)), KEYS, "main", NOW)


def test_a_line_of_ones_own_making_is_refused() -> None:
    """A late one who makes himself an early one, without the key."""
    late = sign(Pass("main", Line.LATE, ANN.at, ANN.id, 7), KEYS)
    forged = bytearray(raw(late))
    forged[2] = Line.RSVP
    with pytest.raises(BadPass, match="changed"):
        verify(base64.urlsafe_b64encode(bytes(forged)).rstrip(b"=").decode(), KEYS, "main", NOW)


def test_clocks_of_edges_may_differ_by_two_minutes() -> None:
    ahead = Pass("main", Line.LATE, WallTime(NOW + MAX_SKEW_S), b"12345678", 7)
    assert verify(sign(ahead, KEYS), KEYS, "main", NOW) == ahead
    with pytest.raises(BadPass, match="clock"):
        verify(sign(ahead, KEYS), KEYS, "main", WallTime(NOW - 0.01))
    behind = Pass("main", Line.LATE, WallTime(NOW - 86400), b"12345678", 7)
    assert verify(sign(behind, KEYS), KEYS, "main", NOW) == behind


def test_two_keys_are_good_and_for_a_promise_to_come_all() -> None:
    many = keys(1, 2, 3)
    for kid, line, good in [
        (3, Line.LATE, True), (2, Line.LATE, True), (1, Line.LATE, False), (1, Line.RSVP, True),
        (2, Line.CROWDED, True),
    ]:  # fmt: skip
        text = sign(Pass("main", line, WallTime(NOW - 5), b"12345678", kid), many)
        if good:
            assert verify(text, many, "main", NOW).kid == kid
        else:
            with pytest.raises(BadPass, match="too old"):
                verify(text, many, "main", NOW)
    assert many.good(1) is None and many.good(2) == secret(2) and many.good(9) is None


def test_while_keys_change_every_edge_reads_every_other() -> None:
    """One that has not heard of the change yet, and one that has, at each step of it."""
    steps = [tend(None, NOW, secret(1))]
    wall = float(NOW)
    for _ in range(6000):
        assert steps[-1] is not None
        if (then := tend(steps[-1], WallTime(wall), secret(len(steps)))) is not None:
            steps.append(then)
        wall += KNOWN_BEFORE_USE_S / 2
    assert len(steps) > 3
    for before, after in pairwise(steps):
        assert before is not None and after is not None
        for maker, reader in ((before, after), (after, before)):
            text = sign(Pass("main", Line.LATE, WallTime(NOW), b"12345678", maker.current), maker)
            assert verify(text, reader, "main", WallTime(wall)).line is Line.LATE


def test_keys_change_each_half_day_and_are_kept_for_two_months() -> None:
    found = tend(None, NOW, secret(0))
    assert found is not None and found.current == 0
    assert tend(found, WallTime(NOW + ROTATE_S - 1), secret(1)) is None
    assert tend(found, WallTime(NOW - 1e6), secret(1)) is None, "a clock that is behind changes nothing"
    wall = float(NOW)
    for n in range(1, 700):  # a number of one byte comes around, twice
        wall += ROTATE_S
        made = tend(found, WallTime(wall), secret(n))
        assert made is not None and made.current == found.current, "known before it signs"
        assert tend(made, WallTime(wall + KNOWN_BEFORE_USE_S - 1), secret(n)) is None
        used = tend(made, WallTime(wall + KNOWN_BEFORE_USE_S), secret(n))
        assert used is not None and used.current == n % 256
        found = used
    assert len(found.keys) == MAX_KEYS
    assert len(encode_keys(found)) <= MAX_KEYS_BYTES


def test_keys_come_back_and_are_not_shown() -> None:
    many = keys(250, 255, 0, 1, current=0)
    assert decode_keys(encode_keys(many)) == many
    assert decode_keys(encode_keys(many)).latest == {255, 0, 1}
    assert "\\x" not in repr(many) and secret(255).hex() not in repr(many)


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2}, {"current": 9}, {"current": "7"}, {"keys": []}, {"keys": {}}, {"keys": None},
        {"keys": [[7, "aa", 1.0]]},
        {"keys": [[256, "00" * 32, 1.0]], "current": 256}, {"keys": [[7, "00" * 32, 1.0]] * 2},
        {"keys": [[7, "00" * 32]]}, {"keys": [[7, 5, 1.0]]}, {"keys": [[n, "00" * 32, 1.0] for n in range(200)]},
    ],
)  # fmt: skip
def test_keys_that_are_none_are_refused(changes: dict[str, object]) -> None:
    body = {**json.loads(encode_keys(KEYS)), **changes}
    if changes == {"current": "7"}:
        assert decode_keys(json.dumps(body).encode()) == KEYS
        return
    with pytest.raises(WireError):
        decode_keys(json.dumps(body).encode())


@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_no_bytes_get_anything_but_a_refusal(data: bytes) -> None:
    with pytest.raises(BadPass):
        verify(data.decode("latin-1"), KEYS, "main", NOW)
    with pytest.raises(WireError):
        decode_keys(data)


@pytest.mark.parametrize("changes", [{"id": b"1"}, {"at": -1.0}, {"at": 1e18}])
def test_a_pass_cannot_be_built_wrong(changes: dict[str, object]) -> None:
    fields = {"room": "main", "line": Line.LATE, "at": NOW, "id": b"12345678", "kid": 7}
    with pytest.raises(ValueError, match=r"."):
        Pass(**{**fields, **changes})  # type: ignore[arg-type]
