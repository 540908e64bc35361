from __future__ import annotations

import pytest

from rostra.errors import BadRequest
from rostra.publishing.link import read_seat_link


def test_a_link_is_taken_apart() -> None:
    link = read_seat_link("https://studio.example:8443/speak/town-hall#t=abc.def-_1")
    assert (link.studio, link.room, link.token) == ("https://studio.example:8443", "town-hall", "abc.def-_1")
    assert link.shared
    assert link.whip_url == "https://studio.example:8443/stage/town-hall/whip"


def test_a_host_link_behind_a_path_works_too() -> None:
    assert read_seat_link(" http://a.example/x/y/host/r1#t=T ").whip_url == "http://a.example/x/y/stage/r1/whip"


def test_a_hosts_link_is_for_one() -> None:
    assert not read_seat_link("http://a.example/host/r1#t=T").shared


def test_the_secret_stays_out_of_repr() -> None:
    assert "SECRET" not in repr(read_seat_link("http://a.example/host/r1#t=SECRET"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a link"),
        ("room", "not a link"),
        ("ftp://a/speak/r#t=x", "not a link"),
        ("http:///speak/r#t=x", "not a link"),
        ("http://a.example/r/town-hall", "not a host or speaker link"),
        ("http://a.example/speak/Bad_Room#t=x", "not a host or speaker link"),
        ("http://a.example/speak/r1", "no #t="),
        ("http://a.example/speak/r1#t=", "no #t="),
        ("http://a.example/listen/r1#t=SECRET", "not a host or speaker link"),
    ],
)
def test_what_is_wrong_is_said_and_the_secret_is_not(text: str, says: str) -> None:
    with pytest.raises(BadRequest, match=says) as caught:
        read_seat_link(text)
    assert "SECRET" not in str(caught.value)
