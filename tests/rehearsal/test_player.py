from __future__ import annotations

from rostra.rehearsal.player import REBUFFER_S, Player

S = 48_000


def test_first_sound_counts_from_asking() -> None:
    player = Player(10.0)
    assert not player.hear(100 * S, 104 * S, 10.25)
    assert player.first_sound_s == 0.25
    assert player.sound_s == 4.0


def test_sound_in_time_is_no_underrun_and_sound_too_late_is_one() -> None:
    player = Player(0.0)
    player.hear(0, 2 * S, 0.0)
    assert not player.hear(2 * S, 4 * S, 1.9)
    assert player.hear(4 * S, 6 * S, 4.5)
    assert player.underruns == 1
    assert player.silent_s == 0.5 + REBUFFER_S
    assert not player.hear(6 * S, 8 * S, 6.9), "it holds what it waited for"


def test_missing_sound_is_a_hole_and_sound_again_is_not_heard_twice() -> None:
    player = Player(0.0)
    player.hear(0, 2 * S, 0.0)
    player.hear(0, 2 * S, 0.1)
    assert player.repeated == 1
    player.hear(3 * S, 4 * S, 0.2)
    assert (player.holes, player.hole_s) == (1, 1.0)
    player.hear(3 * S, 5 * S, 0.3)
    assert player.sound_s == 4.0, "the half that was known is not counted again"


def test_it_slows_down_for_a_longer_flush_until_it_holds_enough() -> None:
    player = Player(0.0)
    player.hear(0, S, 0.0)
    player.flush(2.0)
    before = player.play_from
    for n in range(1, 200):
        player.hear(n * S, (n + 1) * S, float(n))
    assert player.play_from > before + 1.5
    assert player.play_from < before + 3.5
    assert not player.underruns


def test_it_waits_for_what_it_starts_with() -> None:
    player = Player(0.0, start_s=3.0)
    player.hear(0, 2 * S, 0.0)
    assert player.play_from < 0
    player.hear(2 * S, 4 * S, 2.0)
    assert player.play_from == 2.0
    assert player.silent_until(5.9) == 0.0
    assert player.silent_until(7.0) == 1.0


def test_whoever_goes_begins_anew() -> None:
    player = Player(0.0)
    player.hear(0, 2 * S, 0.0)
    player.leave()
    assert not player.hear(100 * S, 102 * S, 50.0)
    assert player.underruns == player.holes == 0
