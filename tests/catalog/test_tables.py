from hypothesis import given
from hypothesis import strategies as st

from rostra.catalog.tables import storable, storable_part

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANYTHING)
def test_of_any_text_a_part_can_be_stored(text: str) -> None:
    part = storable_part(text)
    assert storable(part)
    assert part == text or not storable(text)


def test_what_is_replaced() -> None:
    assert storable_part("a\0\ud800\U0001f375\udc00") == "a\ufffd\ufffd\U0001f375\ufffd"
