import numpy as np

from rostra.mixing.audible import KEEP_FRAMES, Audible


def choose(audible: Audible, levels: list[float], talks: list[bool] | None = None, **kw: list[bool]) -> list[int]:
    level = np.array(levels, np.float32)
    talking = np.array(talks if talks is not None else [x > -60 for x in levels])
    present = np.array(kw.get("present", [True] * len(levels)))
    return audible.choose(level, talking, present)


def test_whoever_talks_gets_a_place_at_once() -> None:
    audible = Audible(8, 3)
    assert choose(audible, [-99, -99, -99, -99]) == []
    assert choose(audible, [-99, -20, -99, -99]) == [1]
    assert audible.newly == [1]
    assert choose(audible, [-25, -20, -99, -99]) == [1, 0]
    assert audible.newly == [0]


def test_no_more_than_the_places_and_the_loudest_of_them() -> None:
    audible = Audible(8, 3)
    assert sorted(choose(audible, [-30, -10, -20, -40, -15])) == [1, 2, 4]


def test_those_who_are_heard_stay_against_the_slightly_louder() -> None:
    audible = Audible(8, 2)
    choose(audible, [-20, -20, -99])
    for _ in range(200):
        assert choose(audible, [-20, -20, -16]) == [0, 1]
    heard = [choose(audible, [-20, -20, -12]) for _ in range(5)]
    assert 2 in heard[-1] and len(heard[-1]) == 2


def test_a_breath_does_not_cost_the_place_a_silence_does() -> None:
    audible = Audible(8, 1)
    choose(audible, [-20, -99])
    for _ in range(KEEP_FRAMES - 1):
        assert choose(audible, [-99, -99]) == [0]
    assert choose(audible, [-99, -99]) == []


def test_a_place_kept_for_someone_silent_is_given_up_to_someone_who_talks() -> None:
    audible = Audible(8, 1)
    choose(audible, [-20, -99])
    assert choose(audible, [-99, -40]) == [1]


def test_who_is_gone_or_muted_loses_the_place_at_once() -> None:
    audible = Audible(8, 2)
    choose(audible, [-20, -20])
    assert choose(audible, [-99, -20], present=[False, True]) == [1]
    audible.reset(1)
    assert choose(audible, [-99, -99]) == []


def test_no_places_no_audible() -> None:
    assert choose(Audible(4, 0), [-10, -10]) == []
