from __future__ import annotations

import pytest

from rostra.admission.capacity import Capacity, Limits
from rostra.admission.usher import DoorOptions, Usher
from rostra.admission.verdicts import Asked, Challenge, Kind, ProofOfWork, Refuse
from rostra.units import WallTime
from tests.admission.house import EPOCH, KEYS, ROOM

WALL = WallTime(EPOCH)


def test_the_work_of_a_challenge_has_the_bounds_it_was_given() -> None:
    gate = ProofOfWork((200, 300))
    assert gate.make(KEYS, ROOM, b"home", 0.0, WALL)["trials"] == 200
    assert gate.make(KEYS, ROOM, b"home", 5.0, WALL)["trials"] in (299, 300)
    with pytest.raises(ValueError, match="not easier"):
        ProofOfWork((300, 200))


def test_the_usher_asks_for_real_work() -> None:
    usher = Usher(DoorOptions("edge-0"), Capacity(Limits(open_files=100)))
    usher.on_keys(KEYS)
    asked = Asked(ROOM, Kind.NUMBER, bytes([192, 0, 2, 1]), WallTime(EPOCH - 60.0))
    verdict = usher.number(asked, 0.0, WALL)
    assert isinstance(verdict, Challenge)
    assert verdict.challenge is not None
    assert "signature" in verdict.challenge
    wrong = usher.number(Asked(ROOM, Kind.NUMBER, asked.address, asked.opened, "", "bm8="), 0.0, WALL)
    assert isinstance(wrong, Refuse)
    assert wrong.slug == "bad-answer"
