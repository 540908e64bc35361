from __future__ import annotations

from types import MappingProxyType

from rostra.admission.insiders import AT_LEAST, WORD_S, Insiders, is_word, word
from rostra.admission.verdicts import Asked, Challenge, Enter, Given, Kind, Wait
from rostra.admission.waiting import called
from rostra.units import WallTime
from rostra.wire.passes import DoorKey, DoorKeys, Line, Pass, sign, verify
from tests.admission.house import EPOCH, KEYS, ROOM
from tests.admission.test_usher import HOME, OPENED, Door

NOW = WallTime(EPOCH)


def test_a_word_is_good_for_two_to_four_minutes_and_for_one_room() -> None:
    said = word(KEYS, ROOM, NOW)
    assert 0 < said < 2**48
    assert is_word(KEYS, ROOM, said, NOW)
    assert is_word(KEYS, ROOM, said, WallTime(NOW + WORD_S))
    assert not is_word(KEYS, ROOM, said, WallTime(NOW + 2 * WORD_S))
    assert not is_word(KEYS, "other", said, NOW)
    assert not is_word(KEYS, ROOM, said ^ 1, NOW)
    others = DoorKeys(1, MappingProxyType({1: DoorKey(bytes(32), NOW)}))
    assert not is_word(others, ROOM, said, NOW)


def test_no_more_passes_than_listeners_and_some() -> None:
    insiders = Insiders()
    assert not insiders.take(ROOM)
    insiders.told(ROOM, 100)
    assert sum(insiders.take(ROOM) for _ in range(1000)) == 150 + AT_LEAST
    insiders.told(ROOM, 1)
    insiders.forget(ROOM)
    assert not insiders.take(ROOM)


def test_a_pass_says_that_its_holder_was_inside() -> None:
    held = Pass(ROOM, Line.LATE, NOW, b"12345678", 1, inside=True)
    assert verify(sign(held, KEYS), KEYS, ROOM, NOW) == held
    assert called(None, held)
    assert not called(None, Pass(ROOM, Line.LATE, NOW, b"12345678", 1))


def ask(door: Door, pass_: str) -> Enter | Wait:
    found = door.usher.ask(Asked(ROOM, Kind.LIVE, HOME, OPENED, pass_), door.now, door.wall)
    assert isinstance(found, Enter | Wait)
    return found


def test_whoever_was_inside_comes_before_those_who_wait() -> None:
    door = Door(seats=20)
    door.fill(20)
    door.seconds(1)
    said = door.usher.word(ROOM, 20, door.wall)
    assert said is not None
    found = door.usher.number(Asked(ROOM, Kind.NUMBER, HOME, OPENED, inside=said), door.now, door.wall)
    assert isinstance(found, Given)
    assert found.called
    assert isinstance(
        door.usher.number(Asked(ROOM, Kind.NUMBER, HOME, OPENED, inside=said + 1), door.now, door.wall), Challenge
    )
    waits = ask(door, found.pass_)
    assert isinstance(waits, Wait)
    assert waits.called, "their place is not free yet"
    door.inside -= 1
    door.seconds(1)
    came = ask(door, found.pass_)
    assert isinstance(came, Enter)
    door.inside += 1
    door.seconds(2)
    again = ask(door, found.pass_)
    assert isinstance(again, Enter), "it is the same place, on another connection"
    assert again.seat == came.seat
