import threading
from typing import Any

import pytest

from rostra.client import RostraClient, asking
from rostra.errors import (
    BadToken,
    ConfigError,
    Conflict,
    Full,
    NotFound,
    RostraError,
    StageUnavailable,
    Unavailable,
)
from tests.client.conftest import BREAK, ROOM, Studio


def test_what_makes_something_is_said_again_with_the_same_key_when_the_connection_breaks(studio: Studio) -> None:
    studio.answers = [BREAK, (201, ROOM)]
    with studio.client() as rostra:
        assert rostra.create_room("A talk").id == "talk"
    keys = [asked.headers["Idempotency-Key"] for asked in studio.asked]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert studio.asked[0].body == studio.asked[1].body


def test_once_more_and_no_more(studio: Studio) -> None:
    studio.answers = [BREAK]
    with studio.client() as rostra, pytest.raises(Unavailable, match="Is `rostra serve` running"):
        rostra.create_room("A talk")
    assert len(studio.asked) == 2


def test_each_wish_has_a_key_of_its_own(studio: Studio) -> None:
    studio.answers = [(201, ROOM)]
    with studio.client() as rostra:
        rostra.create_room("A talk")
        rostra.create_room("A talk")
    assert studio.asked[0].headers["Idempotency-Key"] != studio.asked[1].headers["Idempotency-Key"]


def test_what_has_no_key_is_not_said_twice(studio: Studio) -> None:
    studio.answers = [BREAK]
    with studio.client() as rostra, pytest.raises(Unavailable):
        rostra.end("talk")
    assert len(studio.asked) == 1


def test_a_refusal_is_not_said_twice_either(studio: Studio) -> None:
    studio.answers = [(503, StageUnavailable("The stage does not answer. Try again.").problem())]
    with studio.client() as rostra, pytest.raises(StageUnavailable, match=r"^The stage does not answer\. Try again\.$"):
        rostra.create_room("A talk")
    assert len(studio.asked) == 1


def test_nobody_there() -> None:
    with RostraClient("http://127.0.0.1:1", "secret") as rostra, pytest.raises(Unavailable) as caught:
        rostra.room("talk")
    assert "http://127.0.0.1:1 does not answer" in str(caught.value)
    assert "Is `rostra serve` running?" in str(caught.value)


def test_a_studio_that_is_silent_is_given_up_in_time(studio: Studio) -> None:
    studio.answers, studio.delay = [ROOM], threading.Event()
    with studio.client(timeout_s=0.1) as rostra, pytest.raises(Unavailable, match=r"within 0.1 s.*may have been done"):
        rostra.room("talk")


def test_what_takes_longer_is_waited_for_longer(studio: Studio) -> None:
    studio.answers, studio.delay = [ROOM], threading.Event()
    threading.Timer(0.5, studio.delay.set).start()
    with studio.client(timeout_s=0.05) as rostra:
        assert rostra.open("talk").id == "talk"


def test_refusals_are_the_errors_of_the_studio(studio: Studio) -> None:
    with studio.client() as rostra:
        for error in (Conflict("Taken."), NotFound("Nothing."), BadToken("No.")):
            studio.answers = [(error.status, error.problem())]
            with pytest.raises(type(error), match=str(error)):
                rostra.room("talk")
        studio.answers, studio.headers = [(503, Full("Full.", 9).problem())], {"Retry-After": "9"}
        with pytest.raises(Full) as caught:
            rostra.room("talk")
        assert caught.value.retry_after_s == 9


@pytest.mark.parametrize("answer", [b"<html>", b"", b"\xff", [], "x", 3, None, (404, b"<html>"), b"[" * 200_000])
def test_what_is_no_studio(studio: Studio, answer: Any) -> None:
    studio.answers = [answer]
    with studio.client() as rostra, pytest.raises(RostraError, match="is not a Rostra studio"):
        rostra.room("talk")


def test_a_proxy_before_a_studio_that_is_down(studio: Studio) -> None:
    studio.answers = [(502, b"<html>Bad Gateway")]
    with studio.client() as rostra, pytest.raises(Unavailable, match=r"status 502.*Try again"):
        rostra.room("talk")


def test_an_answer_without_end_is_not_kept(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MAX_ANSWER_BYTES", 1000)
    studio.answers = [b" " * 1001]
    with studio.client() as rostra, pytest.raises(RostraError, match="is not a Rostra studio"):
        rostra.room("talk")


def test_pages_are_asked_for_as_they_are_used(studio: Studio) -> None:
    studio.answers = [{"items": [ROOM], "next": "a/b"}, {"items": [{**ROOM, "id": "old"}], "next": None}]
    with studio.client() as rostra:
        rooms = rostra.rooms()
        assert studio.asked == []
        assert next(rooms).id == "talk"
        assert len(studio.asked) == 1
        assert [room.id for room in rooms] == ["old"]
    assert [asked.path for asked in studio.asked] == [
        "/api/rooms?limit=100&cursor=", "/api/rooms?limit=100&cursor=a%2Fb",
    ]  # fmt: skip


def test_pages_that_do_not_go_on_come_to_an_end(studio: Studio) -> None:
    studio.answers = [{"items": [], "next": "again"}]
    with studio.client() as rostra:
        with pytest.raises(RostraError, match="same page"):
            list(rostra.rooms())
        studio.answers = [{"seats": []}]
        with pytest.raises(RostraError, match="is not a Rostra studio"):
            list(rostra.rooms())


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "schlüssel", "a\x00"])
def test_what_is_no_token_is_not_sent_nor_shown(token: str) -> None:
    with pytest.raises(BadToken) as caught:
        RostraClient("http://127.0.0.1:1", token)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["", "studio.test", "ftp://studio.test", "http://", "http://[::1", "http://x:99999", "http://x/?a=b"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ConfigError, match="is not the address of a studio"):
        RostraClient(address, "secret")
