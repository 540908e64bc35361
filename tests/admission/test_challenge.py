import base64
import json
from types import MappingProxyType
from typing import Any

import altcha
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.admission import challenge as module
from rostra.admission.challenge import (
    ALGORITHM,
    ITERATIONS,
    MAX_ANSWER_LETTERS,
    TRIALS,
    VALID_S,
    challenge,
    check,
    trials,
)
from rostra.errors import BadAnswer
from rostra.units import WallTime
from rostra.wire.passes import DoorKey, DoorKeys

NOW = WallTime(1_900_000_000.0)
HOME = b"\xc0\x00\x02\x01"


def keys(*kids: int) -> DoorKeys:
    return DoorKeys(kids[-1], MappingProxyType({kid: DoorKey(bytes([kid]) * 32, NOW) for kid in kids}))


KEYS = keys(3)


def made(room: str = "main", place: bytes = HOME, wall: WallTime = NOW, from_: DoorKeys = KEYS) -> dict[str, Any]:
    """One that is found at the eleventh trial, so that tests are quick."""
    return challenge(from_, room, place, 0.0, wall, draw=lambda _: 10)


def answered(asked: dict[str, Any], **changes: Any) -> str:
    """As a page answers, by the library's own solver."""
    solution = altcha.solve_challenge(altcha.Challenge.from_dict(asked))
    assert solution is not None
    body = {"challenge": {k: v for k, v in asked.items() if k != "trials"}, "solution": solution.to_dict()}
    return packed({**body, **changes})


def packed(body: object) -> str:
    return base64.b64encode(json.dumps(body).encode()).decode()


ASKED = made()
ANSWER = answered(ASKED)


def test_the_solution_pays_for_one_pass_however_often_it_is_shown() -> None:
    id_ = check(KEYS, ANSWER, "main", HOME, NOW)
    assert len(id_) == 8
    assert check(KEYS, ANSWER, "main", HOME, WallTime(NOW + 60)) == id_, "a replayed answer gives the same pass"
    assert check(KEYS, answered(ASKED), "main", HOME, NOW) == id_, "solved twice as well"
    assert check(KEYS, answered(made()), "main", HOME, NOW) != id_


def test_a_challenge_is_what_the_library_of_any_page_expects() -> None:
    asked = challenge(KEYS, "main", HOME, 0.5, NOW)
    parameters = asked["parameters"]
    assert (parameters["algorithm"], parameters["cost"]) == (ALGORITHM, ITERATIONS)
    assert set(asked) == {"parameters", "signature", "trials"}
    assert HOME.hex() not in json.dumps(asked), "whose it is, only we know"
    assert len(ANSWER) < 1000 < MAX_ANSWER_LETTERS
    assert json.loads(json.dumps(asked)) == asked


def test_it_is_never_the_same_twice() -> None:
    assert len({challenge(KEYS, "main", HOME, 0.0, NOW)["signature"] for _ in range(20)}) == 20


def test_difficulty_follows_the_pressure_and_has_bounds() -> None:
    assert [trials(p) for p in (-1.0, 0.0, 1.0, 7.0)] == [TRIALS[0], TRIALS[0], TRIALS[1], TRIALS[1]]
    steps = [trials(p / 10) for p in range(11)]
    assert steps == sorted(steps)
    drawn: list[int] = []
    challenge(KEYS, "main", HOME, 1.0, NOW, draw=lambda n: drawn.append(n) or 0)
    assert drawn == [TRIALS[1]]


def test_it_is_for_one_room_and_one_household() -> None:
    for room, place in (("other", HOME), ("main", b"\xc0\x00\x02\x02"), ("main", b""), ("mai", b"n" + HOME)):
        with pytest.raises(BadAnswer, match="another room or another network"):
            check(KEYS, ANSWER, room, place, NOW)


def test_it_comes_in_time_or_not_at_all() -> None:
    check(KEYS, ANSWER, "main", HOME, WallTime(NOW + VALID_S))
    with pytest.raises(BadAnswer, match="too late"):
        check(KEYS, ANSWER, "main", HOME, WallTime(NOW + VALID_S + 1))


def test_an_edge_with_another_clock_is_believed_for_as_long() -> None:
    check(KEYS, answered(made(wall=WallTime(NOW + 100))), "main", HOME, NOW)


def test_the_key_before_is_good_and_no_older_one() -> None:
    old = answered(made(from_=keys(1)))
    assert check(keys(1, 2), old, "main", HOME, NOW)
    with pytest.raises(BadAnswer, match="too late"):
        check(keys(1, 2, 3), old, "main", HOME, NOW)
    with pytest.raises(BadAnswer, match="too late"):
        check(keys(2), old, "main", HOME, NOW)
    forger = DoorKeys(3, MappingProxyType({3: DoorKey(b"x" * 32, NOW)}))
    with pytest.raises(BadAnswer, match="another room"):
        check(KEYS, answered(made(from_=forger)), "main", HOME, NOW)


def body_of(answer: str) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(answer)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("solution.derivedKey", "00" * 32), ("solution.derivedKey", ""), ("solution.derivedKey", 7),
        ("solution.derivedKey", None), ("solution.derivedKey", "\ud800"), ("solution.derivedKey", "zz"),
        ("challenge.signature", "00" * 32), ("challenge.signature", ""), ("challenge.signature", None),
        ("challenge.signature", "\ud800"), ("challenge.signature", 7),
        ("challenge.parameters.cost", 1), ("challenge.parameters.cost", 10**9), ("challenge.parameters.cost", "x"),
        ("challenge.parameters.algorithm", "SHA-256"), ("challenge.parameters.algorithm", "ARGON2ID"),
        ("challenge.parameters.algorithm", None), ("challenge.parameters.algorithm", "\ud800"),
        ("challenge.parameters.keyPrefix", ""), ("challenge.parameters.keyPrefix", "00"),
        ("challenge.parameters.keySignature", ""), ("challenge.parameters.keySignature", None),
        ("challenge.parameters.keyLength", 0), ("challenge.parameters.nonce", ""), ("challenge.parameters.salt", 1),
        ("challenge.parameters.data.until", 2**60), ("challenge.parameters.data.until", 1e300),
        ("challenge.parameters.data.until", "x"), ("challenge.parameters.data.kid", 4),
        ("challenge.parameters.data.kid", True), ("challenge.parameters.data.kid", []),
        ("challenge.parameters.data.for", ""), ("challenge.parameters.data.for", "\ud800"),
        ("challenge.parameters.data.for", {}), ("challenge.parameters.data.more", 1),
        ("challenge.parameters.data", None), ("challenge.parameters.data", []), ("challenge.parameters.data", "x"),
        ("challenge.parameters.expiresAt", 1), ("challenge.parameters.memoryCost", 2**40),
        ("challenge.parameters", None), ("challenge.parameters", []), ("challenge", None), ("challenge", "x"),
        ("solution", None), ("solution", []), ("solution", {}),
    ],
)  # fmt: skip
def test_whatever_is_changed_in_it_is_refused_with_a_sentence(path: str, value: object) -> None:
    body = body_of(ANSWER)
    *way, last = path.split(".")
    there = body
    for name in way:
        there = there[name]
    there[last] = value
    with pytest.raises(BadAnswer) as refused:
        check(KEYS, packed(body), "main", HOME, NOW)
    assert str(refused.value).endswith(".")
    assert refused.value.status == 400


def test_what_the_library_does_not_look_at_changes_nothing() -> None:
    """Where the key itself is signed, the counter is not needed any more; the time is the page's word."""
    body = body_of(ANSWER)
    body["solution"]["counter"] = 7
    body["solution"]["time"] = -1
    assert check(KEYS, packed(body), "main", HOME, NOW) == check(KEYS, ANSWER, "main", HOME, NOW)


@pytest.mark.parametrize(
    "answer",
    [
        "", "A", "=", "\0", "é" * 40, "\U0001f3a4", ANSWER[:-1], ANSWER + "=", ANSWER + "A", " " + ANSWER,
        ANSWER + "\n", ANSWER[1:], "A" * MAX_ANSWER_LETTERS, "A" * 100_000, packed(None), packed(7),
        packed([]), packed({}),
        base64.b64encode(b"[" * 1100).decode(), base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b'{"challenge":' * 80).decode(), base64.b64encode(b"9" * 1100).decode(),
        packed({"challenge": "x" * 300}),
    ],
)  # fmt: skip
def test_garbage_is_refused_with_a_sentence(answer: str) -> None:
    with pytest.raises(BadAnswer) as refused:
        check(KEYS, answer, "main", HOME, NOW)
    assert str(refused.value).endswith(".")


def test_a_wrong_solution_costs_us_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever asks for challenges and answers nonsense would have us do the work."""
    monkeypatch.setattr(module.altcha.v2.hashlib, "pbkdf2_hmac", lambda *_: pytest.fail("a key was derived"))
    body = body_of(ANSWER)
    body["solution"]["derivedKey"] = "00" * 32
    with pytest.raises(BadAnswer, match="not the solution"):
        check(KEYS, packed(body), "main", HOME, NOW)
    assert check(KEYS, ANSWER, "main", HOME, NOW)


NAMES = st.sampled_from(["challenge", "solution", "parameters", "data", "signature", "kid", "until", "for"])
BODIES = st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda x: st.dictionaries(NAMES, x, max_size=4))


@given(st.binary(max_size=300) | BODIES.map(lambda body: packed(body).encode()))
def test_no_bytes_get_anything_but_a_refusal(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        check(KEYS, data.decode("latin-1"), "main", HOME, NOW)
