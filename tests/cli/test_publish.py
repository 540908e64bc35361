from __future__ import annotations

from pathlib import Path

from tests.cli.test_listen import rostra
from tests.publishing.test_sound import wav
from tests.publishing.whip_stage import whip_stage
from tests.sounds import dbfs, voice


async def test_a_file_is_played_and_the_seat_left(tmp_path: Path) -> None:
    file = wav(tmp_path / "a.wav", voice(1.5, seed=3))
    async with whip_stage() as stage:
        status, out, err = await rostra("publish", stage.link, file)
        assert status == 0, err
        assert out == ""
        assert "a.wav: on air  00:0" in err
        assert "a.wav: ended  00:02 of 00:02" in err
        assert len(stage.deleted) == 1
        assert dbfs(stage.sound) > -40


async def test_ctrl_c_leaves_the_seat(tmp_path: Path) -> None:
    file = wav(tmp_path / "a.wav", voice(1.0, seed=3))
    async with whip_stage() as stage:
        status, _, err = await rostra("publish", stage.link, file, "--loop", "--quiet", end_when=stage.on_air)
        assert (status, err) == (0, "")
        assert len(stage.deleted) == 1
        assert len(stage.sound) >= 33_600


async def test_mistakes_are_told_in_a_sentence(tmp_path: Path) -> None:
    link = "http://127.0.0.1:1/speak/quiet#t=x"
    for words, says in (
        (("publish", "http://127.0.0.1:1/speak/quiet", "x.wav"), "no #t="),
        (("publish", link, str(tmp_path / "none.wav")), "cannot be opened"),
        (("publish", link, "-", "--loop"), "leave --loop away"),
    ):
        status, _, err = await rostra(*words)
        assert status == 1
        assert err.startswith("rostra: ")
        assert says in err
        assert "Traceback" not in err
