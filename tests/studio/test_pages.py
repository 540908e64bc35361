from pathlib import Path

import pytest

from rostra.errors import NotFound, Unavailable
from rostra.studio.pages import Pages
from tests.studio.conftest import Door


async def test_pages_are_served_with_their_policy_and_know_nothing_of_the_room(door: Door) -> None:
    answers = [await door.client.get(f"/host/{room}") for room in ("main", "nobody")]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["content-security-policy"] == "default-src 'none'; script-src 'self'"
    assert answers[0].headers["referrer-policy"] == "no-referrer"
    assert answers[0].headers["permissions-policy"].startswith("microphone=(self)")
    assert (await door.client.get("/speak/main")).headers["content-security-policy"].startswith("default-src 'none'")
    assert (await door.client.head("/host/main")).status_code == 200


async def test_assets_are_cacheable_for_ever(door: Door) -> None:
    answer = await door.client.get("/assets/host-abc.js")
    assert (answer.status_code, answer.text) == (200, "1;")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    for no in ("nope.js", "..%2fhost.html", "%2e%2e/manifest.json"):
        assert (await door.client.get(f"/assets/{no}")).status_code == 404


async def test_other_addresses_are_problems(door: Door) -> None:
    for path in ("/", "/host", "/host/A", "/hosts/main", "/host/main/x", "/redoc"):
        answer = await door.client.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_that_was_not_built_says_so(door: Door) -> None:
    answer = await door.client.get("/desk")
    assert answer.status_code == 503
    assert "make pages" in answer.json()["detail"]


def test_nothing_built(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "none")
    with pytest.raises(Unavailable):
        pages.page("host")
    with pytest.raises(NotFound):
        pages.asset("x.js")
