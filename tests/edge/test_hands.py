from __future__ import annotations

from rostra.edge.hands import Hands
from rostra.units import WallTime
from rostra.wire.hands import Hand, HandState


def hand(n: int, state: HandState = HandState.WAITING, link: str = "") -> Hand:
    return Hand("demo", f"{n:022}", "Ada", "", WallTime(1.0), state, link)


def ticket(n: int) -> str:
    return f"{n:022}"


def test_the_answer_is_for_the_ticket_of_that_room() -> None:
    it = Hands()
    it.learned(hand(1))
    assert it.answer("demo", ticket(1)) == (HandState.WAITING, "")
    it.on_hand(hand(1).key, hand(1, HandState.ACCEPTED, "https://x/speak"))
    assert it.answer("demo", ticket(1)) == (HandState.ACCEPTED, "https://x/speak")
    assert it.answer("other", ticket(1)) is None
    assert it.answer("demo", ticket(2)) is None


def test_news_that_come_while_the_bus_is_asked_are_newer_than_its_answer() -> None:
    it = Hands()
    it.expect("demo", ticket(1))
    assert it.answer("demo", ticket(1)) is None
    it.on_hand(hand(1).key, hand(1, HandState.DECLINED))
    it.expect("demo", ticket(1))  # somebody else asks for the same
    assert it.learned(hand(1)) == (HandState.DECLINED, "")
    assert it.answer("demo", ticket(1)) == (HandState.DECLINED, "")


def test_what_came_to_nothing_is_not_waited_for() -> None:
    it = Hands()
    it.expect("demo", ticket(1))
    it.drop(ticket(1))
    it.drop(ticket(2))
    assert len(it) == 0
    it.learned(hand(1))
    it.drop(ticket(1))
    assert len(it) == 1


def test_forgotten_on_the_bus_forgotten_here() -> None:
    it = Hands()
    it.learned(hand(1))
    it.on_hand(hand(1).key, None)
    it.on_hand(hand(2).key, None)
    assert it.answer("demo", ticket(1)) is None
    it.learned(hand(3))
    it.forget()
    assert (len(it), it.answer("demo", ticket(3))) == (0, None)


def test_those_who_have_not_asked_for_the_longest_go_first() -> None:
    it = Hands(most=3)
    for n in range(3):
        it.learned(hand(n))
    assert it.answer("demo", ticket(0))
    for n in range(3, 5):
        it.learned(hand(n))
    assert len(it) == 3
    assert [it.answer("demo", ticket(n)) is not None for n in range(5)] == [True, False, False, True, True]


def test_seventy_thousand_hands_at_other_edges_cost_nothing_here() -> None:
    it = Hands(most=1000)
    for n in range(10):
        it.learned(hand(n))
    for n in range(10, 70_000):
        it.on_hand(f"demo.{n:022}", hand(n))
    assert len(it) == 10
    for n in range(70_000):
        it.learned(hand(n))
    assert len(it) == 1000
    assert it.answer("demo", ticket(69_999)) and it.answer("demo", ticket(68_999)) is None
