import pytest

from rostra.mixing import MixerSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"loudness_lufs": 3.0},
        {"loudness_lufs": -80.0},
        {"max_gain_db": -1.0},
        {"max_gain_db": 50.0},
        {"min_gain_db": 2.0},
        {"ceiling_dbfs": 0.0},
        {"audible": 33},
        {"gate_depth_db": -1.0},
        {"echo_duck_db": -1.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        MixerSettings(**wrong)


def test_the_defaults_are_those_of_the_plan() -> None:
    settings = MixerSettings()
    assert (settings.loudness_lufs, settings.audible, settings.ceiling_dbfs) == (-18.0, 3, -1.0)
