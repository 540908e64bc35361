"""What every HTML answer of both doors lets a browser do, as one table: the pages that are really served, if they were
built here, and those that need no build."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from rostra.edge.pages import DIST
from rostra.edge.pages import Pages as FrontPages
from rostra.errors import Forbidden
from rostra.studio import handbook, problems
from rostra.studio import pages as studio_pages
from rostra.units import RoomState
from tests.edge.making import Edge, edge, room

BUILT = (DIST / "manifest.json").exists()
FRONT = "https://listen.example"
ONLY = {
    "default-src": {"'none'"},
    "base-uri": {"'none'"},
    "form-action": {"'none'", "'self'"},
    "img-src": {"'self'", "data:"},
    "media-src": {"'self'", "blob:"},
    "connect-src": {"'self'"},
    "worker-src": {"'self'", "blob:"},
    "script-src": {"'self'"},
    "style-src": {"'self'"},
    "frame-ancestors": {"*"},
}
"""What a page of the front door may name at most, besides hashes of what stands in it."""
CONSOLE = {**ONLY, "img-src": {"'self'", "data:", FRONT}, "connect-src": {"'self'"}, "frame-ancestors": {"'none'"}}

LISTENERS = ["/", "/r/demo", "/r/soon", "/r/over", "/r/off", "/r/secret", "/r/secret?t=x", "/r/none", "/nothing"]
STAGE = ["/host/main", "/speak/main", "/desk", "/docs", "/host/MAIN", "/nothing"]


def allowed(policy: str, html: str, most: dict[str, set[str]]) -> None:
    found = re.findall(r"<(style|script)(?: type=\"module\")?>(.*?)</\1>", html, re.DOTALL)
    inline = [text for _, text in found if text]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline}
    directives = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
    for name, sources in directives.items():
        named = set(sources.split())
        assert named <= most[name] | hashes, (name, sources)
    assert {"default-src", "base-uri", "form-action", "frame-ancestors"} <= directives.keys()
    assert hashes <= set(policy.replace(";", " ").split()), "what stands in the page is allowed"
    assert not re.search(r"\son\w+\s*=|style=\"", re.sub(r"<(script|style).*?</\1>", "", html, flags=re.DOTALL)), (
        "what no hash allows"
    )


@pytest.fixture
def pages_folder(tmp_path: Path) -> Path:
    (tmp_path / "host.html").write_text("<!doctype html><title>Host</title>")
    csp = {"host": "default-src 'none'; img-src 'self' data:"}
    (tmp_path / "manifest.json").write_text(json.dumps({"pages": {"host": "host.html"}, "assets": {}, "csp": csp}))
    return tmp_path


@pytest.fixture
async def front() -> AsyncIterator[Edge]:
    others = [room(RoomState.SCHEDULED, "soon"), room(RoomState.ENDED, "over"), room(RoomState.CANCELLED, "off")]
    records = [room(), *others, room(room_id="secret", invited=True)]
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    async with edge(*records, pages=FrontPages(), key=key, public_url=FRONT) as running:
        yield running


@pytest.mark.parametrize("path", LISTENERS)
async def test_at_the_front_door(front: Edge, path: str) -> None:
    answer = await front.ask(path, "Accept: text/html")
    assert answer.fields["content-type"] == "text/html; charset=utf-8"
    allowed(answer.fields["content-security-policy"], answer.body.decode(), ONLY)


@pytest.mark.parametrize("path", STAGE)
async def test_at_the_stage_door(path: str) -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(studio_pages.routes(studio_pages.Pages(DIST, f"{FRONT}/somewhere")))

    @app.get("/docs")
    async def docs() -> HTMLResponse:
        return HTMLResponse(handbook.page(app.openapi()), headers={"Content-Security-Policy": handbook.POLICY})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://stage") as client:
        answer = await client.get(path, headers={"Accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/html")
    allowed(answer.headers["content-security-policy"], answer.text, CONSOLE)
    if BUILT and path in ("/host/main", "/speak/main", "/desk"):
        assert f"img-src 'self' {FRONT} data:" in answer.headers["content-security-policy"]


def test_little_pages_of_both_doors() -> None:
    ours = problems.answer(Forbidden("This link was taken back."), page=True)
    allowed(ours.headers["content-security-policy"], bytes(ours.body).decode(), CONSOLE)


def test_without_a_front_door_pictures_come_from_here_alone(pages_folder: Path) -> None:
    for front, expected in (
        ("", "img-src 'self' data:"),
        ("http://[::1]:80/x", "img-src 'self' http://[::1]:80 data:"),
    ):
        answer = studio_pages.Pages(pages_folder, front).page("host")
        assert answer.headers["content-security-policy"] == f"default-src 'none'; {expected}"
