"""What is wrong with a microphone."""

from __future__ import annotations

import numpy as np
import pytest

from rostra.stage.health import Health, Source
from rostra.units import Pcm
from tests import sounds


def hear(sound: Pcm, *, muted: bool = False, health: Health | None = None) -> Health:
    health = health or Health()
    for frame in sounds.frames(sound):
        health.hear(frame, muted=muted)
    return health


@pytest.mark.parametrize("sound", [sounds.silence(6), sounds.noise(6, 1, -65.0)])
def test_five_seconds_of_nothing_are_a_microphone_that_is_off(sound: Pcm) -> None:
    assert hear(sound[: int(4.9 * 48_000)]).source is Source.GOOD
    assert hear(sound).source is Source.SILENT


def test_a_quiet_room_and_a_voice_are_none() -> None:
    assert hear(sounds.noise(10, 1, -55.0)).source is Source.GOOD
    health = hear(sounds.silence(6))
    assert hear(sounds.voice(1, 3), health=health).source is Source.GOOD, "it is good with the first sound"


def test_who_is_muted_is_silent_as_they_should_be() -> None:
    health = hear(sounds.silence(10), muted=True)
    assert health.source is Source.GOOD
    assert hear(sounds.silence(4), health=health).source is Source.GOOD, "it counts from when they unmuted"
    assert hear(sounds.silence(2), health=health).source is Source.SILENT


def test_a_tick_in_which_nothing_came_says_nothing() -> None:
    health = Health()
    for _ in range(1000):
        health.hear(None, muted=False)
    assert health.source is Source.GOOD


def test_clipping_is_more_than_a_hundredth_of_the_last_second() -> None:
    loud = np.clip(sounds.tone(440, 2, -3.0).astype(int) * 3, -32768, 32767).astype(np.int16)
    health = hear(loud)
    assert health.source is Source.CLIPPING
    assert hear(sounds.voice(1.1, 4), health=health).source is Source.GOOD, "a second later it is forgotten"
    assert hear(sounds.voice(10, 4, level_dbfs=-20.0)).source is Source.GOOD
    few = sounds.voice(2, 5)
    few[::200] = 32767
    assert hear(few).source is Source.GOOD, "half a hundredth"
