"""The broadcast delay: what comes out is what went in so long before, but for what was dumped; nothing twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.stage.delay import MAX_PLACES, DelayLine, Said
from rostra.units import FRAME_S, FRAME_SAMPLES, RoomState
from rostra.wire.rooms import MAX_DELAY_S


def said(n: int) -> Said:
    """The n-th tick; its sound and its levels say so."""
    return Said(np.full(FRAME_SAMPLES, n, np.int16), RoomState.LIVE, {"s1": -n})


def number(heard: Said | None) -> int | None:
    """Which tick that was; -1: its place, without its sound."""
    if heard is None:
        return None
    if heard.pcm is None:
        assert heard.levels == {}
        return -1
    assert heard.levels == {"s1": -int(heard.pcm[0])}
    return int(heard.pcm[0])


def run(line: DelayLine, ticks: range) -> list[int | None]:
    return [number(line.pass_on(said(n))) for n in ticks]


def test_without_a_delay_everything_passes_as_it_is() -> None:
    line = DelayLine()
    one = said(1)
    assert line.pass_on(one) is one and line.held_s == 0 and line.dump() == 0 and not line.sounding


def test_what_was_said_is_heard_a_delay_later() -> None:
    line = DelayLine(0.1)
    assert run(line, range(10)) == [None] * 5 + list(range(5))
    assert line.held_s == pytest.approx(0.1) and line.sounding


def test_growing_plays_quiet_until_it_is_filled() -> None:
    line = DelayLine(0.04)
    run(line, range(6))
    line.set_delay(0.1)
    assert run(line, range(6, 12)) == [None, None, None, 4, 5, 6]


def test_shrinking_cuts_the_oldest() -> None:
    line = DelayLine(0.1)
    run(line, range(10))
    line.set_delay(0.04)
    assert run(line, range(10, 13)) == [8, 9, 10]
    line.set_delay(0.0)
    assert run(line, range(13, 15)) == [13, 14] and line.held_s == 0 and not line.sounding


def test_what_is_dumped_keeps_its_place_and_not_its_sound() -> None:
    line = DelayLine(0.1)
    run(line, range(8))
    assert line.dump() == pytest.approx(0.1) and not line.sounding and line.dump() == 0
    assert run(line, range(8, 15)) == [-1] * 5 + [8, 9]


def test_at_the_end_it_is_played_out() -> None:
    line = DelayLine(0.06)
    run(line, range(5))
    assert [number(line.drain()) for _ in range(4)] == [2, 3, 4, None]


def test_it_holds_copies_and_no_more_than_half_a_minute_of_them() -> None:
    line = DelayLine(MAX_DELAY_S)
    mix = np.zeros((33, FRAME_SAMPLES), np.int16)
    for _ in range(MAX_PLACES + 100):
        line.pass_on(Said(mix[0], RoomState.LIVE))
    assert len(line._places) == MAX_PLACES
    held = [s.pcm for s in line._places if s.pcm is not None]
    assert all(p.base is None for p in held) and sum(p.nbytes for p in held) < 3_000_000
    mix[:] = 7
    assert not any(p.any() for p in held)


@pytest.mark.parametrize("delay_s", [-0.1, MAX_DELAY_S + 0.1])
def test_a_delay_that_there_is_not(delay_s: float) -> None:
    with pytest.raises(ValueError, match="0 to 30 s"):
        DelayLine(delay_s)


steps = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 30)),
    st.tuples(st.just("delay"), st.integers(0, 40)),
    st.tuples(st.just("dump"), st.just(0)),
)


@settings(max_examples=200)
@given(st.integers(0, 40), st.lists(steps, max_size=30))
def test_what_comes_out_is_what_went_in_a_delay_before_but_for_what_was_dumped(
    first: int, steps: list[tuple[str, int]]
) -> None:
    line, delay = DelayLine(first * FRAME_S), first
    now, heard, dumped = 0, [], set[int]()
    for what, n in steps:
        if what == "delay":
            line.set_delay(n * FRAME_S)
            delay = n
        elif what == "dump":
            inside = {int(s.pcm[0]) for s in line._places if s.pcm is not None}
            assert line.dump() == pytest.approx(len(inside) * FRAME_S)
            dumped |= inside
        else:
            for _ in range(n):
                came = number(line.pass_on(said(now)))
                assert came in (None, -1, now - delay), "neither earlier nor later"
                if came is not None and came >= 0:
                    heard.append(came)
                elif came is None:
                    assert line.held_s <= delay * FRAME_S + 1e-9, "only while it fills"
                now += 1
    while (last := line.drain()) is not None:
        if last.pcm is not None:
            heard.append(int(last.pcm[0]))
    assert heard == sorted(set(heard)), "in order, none twice"
    assert not dumped & set(heard)
    assert not line.sounding
