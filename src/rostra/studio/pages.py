"""The pages of the stage door: built files, read once (see src/rostra/web/build.ts for the manifest).

The token of a link is in the fragment, so a page is the same for everyone and knows nothing until its script runs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.responses import Response

from rostra.errors import NotFound, Unavailable
from rostra.wire.rooms import ROOM_ID

NAMES = ("host", "speak", "desk")
SPEAK = ("host", "speak")
"""Those on which somebody speaks."""

MAX_PAGES_BYTES = 8 * 1024 * 1024
"""All files together, kept in memory; hls.js, the largest, has 0.4 MB."""

_ASSET = re.compile(r"/assets/[A-Za-z0-9._-]{1,80}")

_FALLBACK_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Pages:
    """What was built. Empty where nothing was, which the addresses then say."""

    def __init__(self, folder: Path, front: str = "") -> None:
        """:param front: the address of the front door, where pictures of posts are."""
        self._html: dict[str, tuple[bytes, str]] = {}
        self._assets: dict[str, tuple[bytes, str]] = {}
        try:
            manifest = json.loads((folder / "manifest.json").read_bytes())
        except (OSError, ValueError):
            return
        for name in NAMES:
            if file := manifest["pages"].get(name):
                policy = manifest["csp"].get(name, _FALLBACK_POLICY)
                self._html[name] = ((folder / Path(file).name).read_bytes(), _with_pictures(policy, front))
        for address, about in manifest["assets"].items():
            if _ASSET.fullmatch(address):
                self._assets[address] = ((folder / address.lstrip("/")).read_bytes(), about["type"])
        if sum(len(b) for b, _ in (*self._html.values(), *self._assets.values())) > MAX_PAGES_BYTES:
            raise ValueError("the built pages are larger than pages can be")

    def page(self, name: str) -> Response:
        found = self._html.get(name)
        if found is None:
            raise Unavailable("The pages have not been built on this machine. Run `make pages`.")
        body, policy = found
        headers = {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-cache",
        }
        if name in SPEAK:  # only the page itself may use a microphone
            headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=()"
        return Response(body, 200, headers, "text/html; charset=utf-8")

    def asset(self, name: str) -> Response:
        found = self._assets.get(f"/assets/{name}")
        if found is None:
            raise NotFound("There is no such file.")
        body, kind = found
        # Its name carries a hash of its content (RFC 8246).
        return Response(body, 200, {"Cache-Control": "public, max-age=31536000, immutable"}, f"{kind}; charset=utf-8")


def _with_pictures(policy: str, front: str) -> str:
    """Pictures come from here, and from the front door: from no third party."""
    at = urlsplit(front)
    return policy.replace("img-src 'self'", f"img-src 'self' {at.scheme}://{at.netloc}") if at.netloc else policy


def routes(pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/assets/{name}", methods=["GET", "HEAD"])
    async def asset(name: str) -> Response:
        return pages.asset(name)

    @router.api_route("/desk", methods=["GET", "HEAD"])
    async def desk() -> Response:
        return pages.page("desk")

    @router.api_route("/{name}/{room}", methods=["GET", "HEAD"])
    async def page(name: str, room: str) -> Response:
        if name not in ("host", "speak") or not ROOM_ID.fullmatch(room):
            raise NotFound("There is nothing at this address.")
        return pages.page(name)

    return router
