"""Posts: the newest first, as many as a board shows, and a version that rises."""

import pytest

from rostra.catalog import Catalog, posts
from rostra.errors import BadRequest, Conflict, NotFound
from rostra.units import WallTime
from rostra.wire.boards import MAX_POSTS, Board, Post
from tests.catalog.making import post, room


@pytest.fixture
def tea(catalog: Catalog) -> Catalog:
    catalog.create_room(room())
    return catalog


def test_the_board_is_what_was_posted(tea: Catalog) -> None:
    assert tea.board("tea") == Board()
    one = post("1", 1.25, link="https://example.org/?a=b", picture="a" * 32 + ".webp", pinned=True)
    assert tea.add_post("tea", one) == Board(1, (one,))
    two = post("2", 2.0)
    assert tea.add_post("tea", two) == Board(2, (two, one))
    same = post("10", 2.0)  # of the same instant: the one that came later
    assert tea.add_post("tea", same) == Board(3, (same, two, one)) == tea.board("tea")


def test_change_and_delete_raise_the_version(tea: Catalog) -> None:
    tea.add_post("tea", post("1"))
    pinned = Post("1", WallTime(1.0), "Ada", "post 1", pinned=True)
    assert tea.change_post("tea", "1", lambda p: pinned) == Board(2, (pinned,))
    assert tea.change_post("tea", "1", lambda p: p) == Board(2, (pinned,))
    assert tea.delete_post("tea", "1") == Board(3) == tea.board("tea")


def test_what_cannot_be_posted(tea: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        tea.add_post("other", post())
    tea.add_post("tea", post())
    with pytest.raises(Conflict):
        tea.add_post("tea", post(text="again"))
    for change in (lambda: tea.change_post("tea", "9", lambda p: p), lambda: tea.delete_post("tea", "9")):
        with pytest.raises(NotFound):
            change()
    with pytest.raises(ValueError, match="keeps its id"):
        tea.change_post("tea", "1", lambda p: post("2"))
    with pytest.raises(BadRequest):
        tea.add_post("tea", post("2", text="\0"))
    monkeypatch.setattr(posts, "MAX_KEPT", 1)
    with pytest.raises(Conflict, match="Delete some"):
        tea.add_post("tea", post("2"))
    assert tea.board("tea") == Board(1, (post(),))


def test_what_is_pinned_does_not_fall_off(tea: Catalog) -> None:
    tea.add_post("tea", post("pinned", 0.0, pinned=True))
    for n in range(MAX_POSTS + 3):
        board = tea.add_post("tea", post(str(n), float(n + 1)))
    assert len(board.posts) == MAX_POSTS
    assert [board.posts[0].id, board.posts[-1].id] == [str(MAX_POSTS + 2), "pinned"]
    assert [p.at for p in board.posts] == sorted((p.at for p in board.posts), reverse=True)


def test_the_same_id_in_two_rooms(tea: Catalog) -> None:
    tea.create_room(room("other"))
    tea.add_post("tea", post("1", text="here"))
    tea.add_post("other", post("1", text="there"))
    tea.delete_post("tea", "1")
    assert [p.text for p in tea.board("other").posts] == ["there"]
