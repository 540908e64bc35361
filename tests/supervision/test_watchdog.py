from rostra.supervision.watchdog import CHECK_EVERY_S, REGULAR_BEATS, START_LIMIT_S, Watchdog
from rostra.units import Monotonic


def first_hung(dog: Watchdog, start: float, until: float) -> float | None:
    """When regular checks from ``start`` on find it hung."""
    now = start
    while now <= until:
        if dog.hung(Monotonic(now)):
            return now
        now += CHECK_EVERY_S
    return None


def test_a_process_that_beats_is_never_hung() -> None:
    dog = Watchdog(2.0)
    dog.started(Monotonic(0.0))
    for tick in range(1, 400):
        dog.beat(Monotonic(tick * 0.25))
        assert not dog.hung(Monotonic(tick * 0.25))


def test_silence_is_noticed_just_after_the_limit() -> None:
    dog = Watchdog(2.0)
    dog.started(Monotonic(0.0))
    dog.beat(Monotonic(0.25), REGULAR_BEATS)
    found = first_hung(dog, 0.25, 10.0)
    assert found is not None
    assert 2.25 < found <= 2.5 + CHECK_EVERY_S


def test_a_start_may_take_longer_but_not_for_ever() -> None:
    dog = Watchdog(2.0)
    dog.started(Monotonic(50.0))
    assert first_hung(dog, 50.25, 50.0 + START_LIMIT_S) is None
    assert first_hung(dog, 50.25 + START_LIMIT_S, 200.0) is not None


def test_a_start_that_beats_and_then_loads_for_a_while_is_still_a_start() -> None:
    dog = Watchdog(2.0)
    dog.started(Monotonic(0.0))
    dog.beat(Monotonic(0.5))
    assert first_hung(dog, 0.75, 15.0) is None
    dog.beat(Monotonic(15.0), REGULAR_BEATS)
    assert first_hung(dog, 15.25, 20.0) is not None


def test_a_watchdog_that_was_late_itself_blames_nobody() -> None:
    dog = Watchdog(2.0)
    dog.started(Monotonic(0.0))
    dog.beat(Monotonic(0.25), REGULAR_BEATS)
    assert not dog.hung(Monotonic(0.5))
    assert not dog.hung(Monotonic(60.0)), "the whole machine stood still for a minute"
    found = first_hung(dog, 60.25, 70.0)
    assert found is not None, "and yet it is found when it goes on being silent"
    assert found < 62.5


def test_a_new_life_begins_afresh() -> None:
    dog = Watchdog(2.0)
    dog.started(Monotonic(0.0))
    dog.beat(Monotonic(1.0), REGULAR_BEATS)
    dog.started(Monotonic(4.0))
    assert not dog.hung(Monotonic(4.25))
