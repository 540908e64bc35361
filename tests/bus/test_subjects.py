import pytest

from rostra.bus import subjects
from rostra.errors import WireError
from rostra.units import Rendition


def test_names_of_subjects() -> None:
    assert subjects.part_subject("main", Rendition.AAC) == "part.main.aac"
    assert subjects.room_of_part("part.main.aac") == "main"
    for bad in ("part.main", "part.A.opus", "part.main.opus.more", "x"):
        with pytest.raises(WireError):
            subjects.room_of_part(bad)
