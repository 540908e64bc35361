from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.edge import guests as guests_module
from rostra.edge.guests import ALL_LOOKS, LOOKS, Guests, still_welcome
from rostra.edge.quota import Quota, Rate
from rostra.errors import Forbidden, TooMany, Unavailable
from rostra.units import Role, RoomState
from rostra.wire.rooms import Room
from rostra.wire.tokens import Claims, sign
from tests.edge.making import EPOCH, room

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
SECRET = room(RoomState.LIVE, invited=True)


def token(role: Role = Role.LISTENER, jti: str = "listener", room_id: str = "demo", exp: float = EPOCH + 60) -> str:
    return sign(Claims(room_id, role, "", jti, int(exp)), KEY)


def guests(guesses: int = 3) -> Guests:
    return Guests(KEY.public_key, Quota(Rate(1, guesses), b"salt"))


def admit(it: Guests, shown: str, to: Room = SECRET, wall: float = EPOCH, place: bytes = b"here") -> str:
    return it.admit(to, shown, lambda: place, wall, 100.0)


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_listen(role: Role) -> None:
    assert admit(guests(), token(role, role.value)) == f"{role.value}:{role.value}"


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ("", "invited"),
        ("x", "damaged"),
        ("x" * 5000, "too long"),
        (token()[:-4] + "AAAA", "changed"),
        (token(room_id="other"), "another room"),
        (token(exp=EPOCH - 1), "expired"),
        (sign(Claims("demo", Role.HOST, "", "host", int(EPOCH + 60)), Ed25519PrivateKey.generate()), "not made by"),
    ],
)
def test_others_hear_why_not(shown: str, why: str) -> None:
    it = guests()
    for _ in range(2):
        with pytest.raises(Forbidden, match=why):
            admit(it, shown)


def test_a_link_that_was_taken_back_is_refused_at_once() -> None:
    it = guests()
    assert admit(it, token())
    with pytest.raises(Forbidden, match="taken back"):
        admit(it, token(), SECRET.with_(issues={"listener": 1}))
    assert admit(it, token(jti="listener-1"), SECRET.with_(issues={"listener": 1}))
    with pytest.raises(Forbidden, match="taken back"):
        admit(it, token(jti="p7"), SECRET.with_(revoked=("p7",)))


def test_who_guesses_waits_and_who_is_known_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    it, looked = guests(guesses=3), list[str]()
    assert admit(it, token())

    def counting(shown: str, key: Any) -> Claims:
        looked.append(shown)
        return real(shown, key)

    real = guests_module.read
    monkeypatch.setattr(guests_module, "read", counting)
    for n in range(3):
        with pytest.raises(Forbidden):
            admit(it, f"guess{n}")
    for n in range(1000):
        with pytest.raises(TooMany):
            admit(it, f"guess{n}")
    assert len(looked) == 3 + LOOKS.burst, "no more signatures than that, however many guess"
    assert admit(it, token())
    assert admit(it, token(jti="p1"), place=b"elsewhere")


def test_a_guesser_shuts_nobody_out_who_sits_behind_the_same_address() -> None:
    it, now = guests(guesses=20), 100.0
    for n in range(20):
        with pytest.raises(Forbidden):
            it.admit(SECRET, f"guess{n}", lambda: b"here", EPOCH, now)
    with pytest.raises(TooMany):
        it.admit(SECRET, "guess", lambda: b"here", EPOCH, now)
    assert it.admit(SECRET, token(jti="p1"), lambda: b"here", EPOCH, now) == "listener:p1"
    for n in range(1000):
        with pytest.raises(TooMany):
            it.admit(SECRET, f"more{n}", lambda: b"here", EPOCH, now)
    with pytest.raises(TooMany):
        it.admit(SECRET, token(jti="p2"), lambda: b"here", EPOCH, now)
    later = now + 60 / LOOKS.a_minute
    assert it.admit(SECRET, token(jti="p2"), lambda: b"here", EPOCH, later) == "listener:p2"


def test_many_who_guess_cost_no_more_than_so_much_together() -> None:
    it, refused = guests(guesses=1), 0
    for n in range(ALL_LOOKS.burst + 50):
        for _ in range(2):
            try:
                admit(it, "guess", place=b"%d" % n)
            except TooMany:
                refused += 1
            except Forbidden:
                pass
    assert refused == ALL_LOOKS.burst + 50
    assert admit(it, token(jti="p1"), place=b"a good one elsewhere")
    with pytest.raises(TooMany):
        admit(it, token(jti="p2"), place=b"7")


def test_good_tokens_are_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests_module, "MAX_KNOWN", 4)
    it = guests()
    for n in range(20):
        admit(it, token(jti=f"p{n}"))
        assert len(it._known) <= 4


def test_without_a_key_nobody_comes_in() -> None:
    it = Guests(lambda: None, Quota(Rate(1, 1), b"salt"))
    with pytest.raises(Unavailable, match="key"):
        admit(it, token())


def test_who_may_stay() -> None:
    assert still_welcome(room(), "")
    assert still_welcome(room(), "listener:listener")
    assert not still_welcome(SECRET, "")
    assert still_welcome(SECRET, "listener:listener")
    assert not still_welcome(SECRET.with_(issues={"listener": 1}), "listener:listener")
    assert not still_welcome(SECRET.with_(revoked=("p1",)), "speaker:p1")
