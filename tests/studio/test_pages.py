import json
from pathlib import Path

import pytest

from rostra.errors import NotFound, Unavailable
from rostra.studio.pages import Pages
from tests.studio.conftest import Door

SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


async def test_pages_are_served_with_their_policy_and_know_nothing_of_the_room(door: Door) -> None:
    answers = [await door.client.get(f"/host/{room}") for room in ("main", "nobody")]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["content-security-policy"] == "default-src 'none'; script-src 'self'"
    assert (await door.client.get("/speak/main")).headers["content-security-policy"].startswith("default-src 'none'")
    assert (await door.client.head("/host/main")).status_code == 200


@pytest.mark.parametrize(("path", "microphone"), [("/host/main", "(self)"), ("/speak/main", "(self)"), ("/docs", "()")])
async def test_every_page_is_a_safe_one(door: Door, path: str, microphone: str) -> None:
    """The pages on which somebody speaks ask for a microphone, and no other does."""
    for address, strict in (
        ("https://a.example", "max-age=2592000"),
        ("http://a.example", None),
        ("https://[::1]", None),
    ):
        answer = await door.client.get(f"{address}{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "script-src 'unsafe" not in policy
        assert {name: answer.headers.get(name) for name in SAFE} == SAFE
        assert answer.headers["permissions-policy"] == f"microphone={microphone}, camera=(), geolocation=()"
        assert answer.headers.get("strict-transport-security") == strict


def test_nobody_speaks_at_the_desk(pages: Path) -> None:
    (pages / "desk.html").write_text("<!doctype html><title>Desk</title>")
    manifest = json.loads((pages / "manifest.json").read_text())
    manifest["pages"]["desk"] = "desk.html"
    (pages / "manifest.json").write_text(json.dumps(manifest))
    built = Pages(pages)
    assert "permissions-policy" not in built.page("desk").headers  # so that the guard's holds: none
    assert built.page("speak").headers["permissions-policy"].startswith("microphone=(self)")


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
