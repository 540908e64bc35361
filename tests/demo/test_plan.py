from __future__ import annotations

import itertools
import stat
from pathlib import Path

import numpy as np
import pytest

from rostra.demo.plan import Part, Plan, from_second
from rostra.errors import WireError
from rostra.units import FRAME_SAMPLES

PLAN = Plan((Part("http://a/speak/r#t=SECRET", "Ann", voice="low"), Part("http://a/x", "Talk", file="a.wav")), False)


def test_a_plan_goes_through_its_file_which_only_we_may_read(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    file.write_text("of an earlier run")
    file.chmod(0o644)
    PLAN.write(file)
    assert Plan.read(file) == PLAN
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_secret_stays_out_of_repr() -> None:
    assert "SECRET" not in repr(PLAN)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"parts":[{}],"verify":true}', '{"parts":[{"link":"","name":""}],"verify":1}']
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "demo.json").write_text(text)
    with pytest.raises(WireError):
        Plan.read(tmp_path / "demo.json")


def test_a_track_begins_where_the_clock_is_and_goes_on_for_ever() -> None:
    track = np.repeat(np.arange(100, dtype=np.int16), FRAME_SAMPLES)
    heard = [int(f[0]) for f in itertools.islice(from_second(track, 2.0 + 1.94), 6)]
    assert heard == [97, 98, 99, 0, 1, 2]
