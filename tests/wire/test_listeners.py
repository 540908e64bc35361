import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostra.errors import WireError
from rostra.wire.listeners import EdgeNotice, SeatView, Snapshot

FULL = Snapshot(
    "live",
    99,
    {"a": -20, "b": -127},
    (SeatView("a", "Ada", "host"), SeatView("b", "Bo", "speaker", True)),
    {"❤": 5},
    7,
)
MOVING = Snapshot("interrupted", 0)
names = st.text(max_size=20)


def test_a_snapshot_has_the_short_names_that_are_written_down() -> None:
    assert json.loads(FULL.to_json()) == {
        "v": 1,
        "s": "live",
        "n": 99,
        "l": {"a": -20, "b": -127},
        "x": {"❤": 5},
        "p": 7,
        "st": [{"i": "a", "n": "Ada", "r": "host"}, {"i": "b", "n": "Bo", "r": "speaker", "m": 1}],
    }
    assert MOVING.to_json() == b'{"v":1,"s":"interrupted","n":0,"l":{}}'


@given(
    names,
    st.integers(0, 10**9),
    st.dictionaries(names, st.integers(-127, 0), max_size=3),
    st.none() | st.lists(st.builds(SeatView, names, names, names, st.booleans()), max_size=5).map(tuple),
    st.dictionaries(names, st.integers(1, 10**6), max_size=8),
    st.none() | st.integers(0, 10**6),
)
def test_a_snapshot_comes_back(
    state: str,
    listening: int,
    levels: dict[str, int],
    stage: tuple[SeatView, ...] | None,
    reactions: dict[str, int],
    board: int | None,
) -> None:
    snapshot = Snapshot(state, listening, levels, stage, reactions, board)
    assert Snapshot.from_json(snapshot.to_json()) == snapshot


def test_an_empty_stage_is_not_an_unknown_one() -> None:
    assert Snapshot.from_json(Snapshot("open", 1, {}, ()).to_json()).stage == ()


@given(names, st.dictionaries(names.filter(lambda n: n != "e"), st.floats(allow_nan=False), max_size=3))
def test_a_notice_comes_back(kind: str, values: dict[str, float]) -> None:
    assert EdgeNotice.from_json(EdgeNotice(kind, values).to_json()) == EdgeNotice(kind, values)


@given(st.binary(max_size=60))
@example(b"")
@example(b"null")
@example(b"[" * 100_000)
@example(b"[]")
@example(b"{}")
@example(b'{"v":2,"s":"live","n":1,"l":{}}')
@example(b'{"v":1,"s":"live","n":"many","l":{}}')
@example(b'{"v":1,"s":"live","n":1,"l":[]}')
@example(b'{"v":1,"s":"live","n":1,"l":{},"st":[1]}')
@example(b'{"v":1,"s":"live","n":1,"l":{},"x":7}')
@example(b'{"v":1,"s":"live","n":1,"l":{},"p":"new"}')
@example(b'{"e":"flush","flush_s":"long"}')
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        Snapshot.from_json(data)
    with pytest.raises(WireError):
        EdgeNotice.from_json(data)
