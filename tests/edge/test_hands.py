from __future__ import annotations

from rostra.edge.hands import Hands
from rostra.units import WallTime
from rostra.wire.hands import Hand, HandState


def hand(n: int, state: HandState = HandState.WAITING, link: str = "") -> Hand:
    return Hand("demo", f"{n:022}", "Ada", "", WallTime(1.0), state, link)


def test_the_answer_is_for_the_ticket_of_that_room() -> None:
    it = Hands()
    it.on_hand("demo.x", hand(1))
    assert it.answer("demo", f"{1:022}") == (HandState.WAITING, "")
    it.on_hand("demo.x", hand(1, HandState.ACCEPTED, "https://x/speak"))
    assert it.answer("demo", f"{1:022}") == (HandState.ACCEPTED, "https://x/speak")
    assert it.answer("other", f"{1:022}") is None
    assert it.answer("demo", f"{2:022}") is None


def test_what_the_bus_told_is_newer_than_that_it_was_stored() -> None:
    it = Hands()
    it.on_hand("demo.x", hand(1, HandState.DECLINED))
    it.raised(hand(1))
    assert it.answer("demo", f"{1:022}") == (HandState.DECLINED, "")


def test_forgotten_on_the_bus_forgotten_here() -> None:
    it = Hands()
    it.on_hand(hand(1).key, hand(1))
    it.on_hand(hand(1).key, None)
    it.on_hand(hand(2).key, None)
    assert it.answer("demo", f"{1:022}") is None


def test_the_oldest_go_first() -> None:
    it = Hands(most=3)
    for n in range(5):
        it.on_hand("", hand(n))
    it.on_hand("", hand(4, HandState.LOWERED))
    assert len(it) == 3
    assert [it.answer("demo", f"{n:022}") is not None for n in range(5)] == [False, False, True, True, True]
