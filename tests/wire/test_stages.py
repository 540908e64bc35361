"""A stage's memory as it stands on the bus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.units import WallTime
from rostra.wire.stages import MAX_BARRED, MAX_MARK, MAX_SAT, StageMemory, decode_memory, encode_memory

marks = st.text(min_size=1, max_size=MAX_MARK)
times = st.floats(0, 1e10).map(WallTime)


@given(times, st.lists(marks, max_size=9), st.lists(marks, max_size=9), times)
def test_it_is_read_as_it_was_written(created: WallTime, barred: list[str], sat: list[str], heard: WallTime) -> None:
    memory = StageMemory(created, tuple(barred), tuple(sat), heard)
    assert decode_memory(encode_memory(memory)) == memory


@pytest.mark.parametrize("data", [
    b"", b"[]", b"{}", b'{"v":2}', b'{"v":1,"created":"x"}', b'{"v":1,"created":0,"barred":7,"sat":[],"heard":0}',
    b'{"v":1,"created":0,"barred":[""],"sat":[],"heard":0}', b"[" * 100_000,
])  # fmt: skip
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_memory(data)


def test_the_fullest_fits_its_bucket() -> None:
    memory = StageMemory(WallTime(1e9), ("x" * MAX_MARK,) * MAX_BARRED, ("x" * MAX_MARK,) * MAX_SAT, WallTime(1e9))
    assert len(encode_memory(memory)) < 16 * 1024
    for barred, sat in ((MAX_BARRED + 1, 0), (0, MAX_SAT + 1)):
        with pytest.raises(ValueError, match="at most"):
            StageMemory(WallTime(1e9), ("x",) * barred, ("x",) * sat)
