from datetime import datetime

import pytest

from rostra.studio import texts


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  A\t talk ", "A talk"), ("e\u0301", "\u00e9"), ("a\u202eb\u2066c", "abc"), ("A\u200bn\u200dn", "Ann"),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"), ("<script>", "<script>"),
        ("a" + "\u0300" * 50, "\u00e0" + "\u0300" * 4),
    ],
)  # fmt: skip
def test_hostile_text(written: str, kept: str) -> None:
    assert texts.line(written, 60) == kept


def test_what_cannot_be() -> None:
    for text in ("a\x00b", "\x1b[31m", "\u200b\u202e", "x" * 61):
        with pytest.raises(ValueError):
            texts.line(text, 60, 1)


def test_an_hour_that_is_skipped_or_comes_twice() -> None:
    _, said = texts.moment(datetime(2030, 3, 31, 2, 30), "Europe/Berlin")
    assert "put forward" in said
    _, said = texts.moment(datetime(2030, 10, 27, 2, 30), "Europe/Berlin")
    assert "put back" in said
    with pytest.raises(ValueError, match="over"):
        texts.coming(0.0, 61.0)
