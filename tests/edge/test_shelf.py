from __future__ import annotations

from rostra.edge.answers import http_date
from rostra.edge.shelf import MAX_MISSING, MISSING_S, Shelf


def name(n: int, kind: str = "webp") -> str:
    return f"{n:032x}.{kind}"


def test_a_picture_is_immutable_and_nothing_but_a_picture() -> None:
    shelf = Shelf()
    for n, (kind, told) in enumerate((("webp", "image/webp"), ("png", "image/png"), ("jpg", "image/jpeg"))):
        head = shelf.put(name(n, kind), b"<svg onload=alert(1)>").render(http_date(0)).decode()
        assert f"Content-Type: {told}\r\n" in head
        assert "immutable" in head
        assert "X-Content-Type-Options: nosniff\r\n" in head
        assert "Content-Security-Policy: default-src 'none'; sandbox\r\n" in head


def test_the_ones_asked_for_last_stay() -> None:
    shelf = Shelf(most_bytes=100)
    for n in range(3):
        shelf.put(name(n), bytes(40))
        shelf.get(name(0))
    assert [shelf.get(name(n)) is not None for n in range(3)] == [True, False, True]
    assert shelf.size_bytes == 80
    shelf.put(name(0), bytes(10))
    assert shelf.size_bytes == 50
    shelf.put(name(9), bytes(500))  # larger than the shelf: it stays until the next comes
    assert shelf.get(name(9)) is not None


def test_what_is_missing_is_missing_for_a_moment() -> None:
    shelf = Shelf()
    shelf.miss(name(1), 10.0)
    assert shelf.is_missing(name(1), 10.0 + MISSING_S - 0.1)
    assert not shelf.is_missing(name(1), 10.0 + MISSING_S)
    shelf.put(name(1), b"x")
    assert not shelf.is_missing(name(1), 10.0)
    for n in range(MAX_MISSING + 5):
        shelf.miss(name(n), 10.0)
    assert len(shelf._missing) <= MAX_MISSING
