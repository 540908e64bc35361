import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.catalog.paging import read_cursor, write_cursor
from rostra.errors import BadRequest
from rostra.wire.rooms import ROOM_ID


@given(st.floats(allow_nan=False, allow_infinity=False), st.from_regex(ROOM_ID, fullmatch=True))
def test_a_cursor_comes_back_exactly(created: float, name: str) -> None:
    assert read_cursor(write_cursor(created, name)) == (created, name)


@given(st.text(max_size=300))
def test_anything_else_is_refused_with_a_sentence(cursor: str) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        read_cursor(cursor)


@pytest.mark.parametrize(
    "inside",
    [
        b"[1]",
        b'["x","y"]',
        b"[1,2]",
        b'[NaN,"a"]',
        b'[1e999,"a"]',
        b'[1,"\\u0000"]',
        b"{}",
        b"[" * 90,
        b"[1" + b"0" * 90,
    ],
)
def test_what_only_looks_like_one(inside: bytes) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        read_cursor(base64.urlsafe_b64encode(inside).decode())
