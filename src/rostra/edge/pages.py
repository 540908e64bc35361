"""The pages as bytes, read once at the start: each in every encoding, with the policy that its build worked out.

``web/dist/manifest.json`` says what there is. Without it the edge says in a plain page that the pages were not built.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli

from rostra.edge.answers import CACHE_ASSET, CACHE_PAGE, NO_STORE, SAFE_PAGE, Answer, encoded, fields_of
from rostra.edge.negotiate import Encoding
from rostra.little_page import little_page

DIST = Path(__file__).parent.parent / "web" / "dist"

STATE_MARK = b"<!--rostra:state-->"
"""Where the page of a room wants the state, so that it need not ask before it shows something."""

HEAD_MARK = b"<!--rostra:meta-->"
"""Where it wants what is told of the room to those who only look at its head."""

_TITLE = re.compile(rb"<title>[^<]*</title>")

_INLINE = re.compile(rb"<(script|style)\b([^>]*)>(.*?)</\1>", re.DOTALL)

_THRESHOLD_HEAD = b'<meta name="robots" content="noindex">'
_THRESHOLD_SAYS = b"<noscript>This room is by invitation. Open the whole link that you were sent.</noscript>"
"""For whoever runs no scripts; others read it in the page's own words."""

_NOT_BUILT = little_page(
    "The pages are not built",
    "This edge serves sound, playlists and state, but its pages were not built. Run `make pages` and start it again.",
)

BROTLI_LIVE_QUALITY = 5
"""For what is made again each second."""

BROTLI_QUALITY, BROTLI_LARGE_QUALITY, LARGE_BYTES = 11, 9, 64 * 1024
"""For what is made once at the start: the best, but for large files, of which it would take seconds to gain a tenth."""


@dataclass(frozen=True, slots=True)
class Page:
    html: bytes
    fields: str
    """Security fields, as lines."""


class Pages:
    def __init__(self, dist: Path = DIST, transport: str = "") -> None:
        """:param transport: of Strict-Transport-Security (``config.strict_transport``); empty: none."""
        manifest = _manifest(dist)
        self.built = bool(manifest)
        self.transport = f"Strict-Transport-Security: {transport}\r\n" if transport else ""
        """A ready line for every page."""
        self.home = _page(dist, manifest, "home", self.transport)
        self.room = _page(dist, manifest, "room", self.transport)
        self.threshold = _threshold(self.room) if self.built else None
        """The page of every room that takes a link, for those who showed none: a link may carry its token behind the
        "#", where only the page's script sees it. It knows nothing of the room."""
        self._assets: dict[str, dict[Encoding, Answer]] = {
            address: _asset(dist / address.lstrip("/"), str(about["type"]))
            for address, about in manifest.get("assets", {}).items()
        }
        self.home_answers = page_answers(self.home, self.home.html)

    def asset(self, address: str, encoding: Encoding) -> Answer | None:
        forms = self._assets.get(address)
        return forms[encoding] if forms else None

    def room_answers(
        self, state: bytes, head: bytes = b"", title: bytes = b"", made_of: bytes = b""
    ) -> dict[Encoding, Answer]:
        """A room's page with its state in it, in each encoding. ``head``: tags; ``title``: escaped; ``made_of``: what
        is the same in two pages that tell the same, at whichever edge and time they were made.
        """
        # In a script of a type that is not run; "<" has to be written otherwise, or a title could end it.
        data = b'<script type="application/json" id="state">%s</script>' % state.replace(b"<", b"\\u003c")
        html = _with_head(self.room.html, head, title).replace(STATE_MARK, data, 1)
        return page_answers(self.room, html, BROTLI_LIVE_QUALITY, self.room.html + made_of if made_of else b"")


def _with_head(html: bytes, head: bytes, title: bytes) -> bytes:
    if title:
        html = _TITLE.sub(lambda _: b"<title>%s</title>" % title, html, count=1)
    mark = HEAD_MARK if HEAD_MARK in html else b"</head>"
    return html.replace(mark, head + (b"" if mark is HEAD_MARK else b"\n</head>"), 1)


def page_answers(page: Page, html: bytes, quality: int = BROTLI_QUALITY, same: bytes = b"") -> dict[Encoding, Answer]:
    """``same``: what stands for the page, for a tag that is weak (RFC 9110, 8.8.3)."""
    tag = hashlib.sha256(same or html).hexdigest()[:20]
    weak = "W/" if same else ""
    return {
        encoding: Answer(
            200,
            fields_of("text/html; charset=utf-8", CACHE_PAGE, extra=encoded(encoding) + page.fields),
            body,
            tag=f'{weak}"{tag}-{encoding.value}"',
        )
        for encoding, body in encodings(html, quality).items()
    }


def _threshold(page: Page) -> dict[Encoding, Answer]:
    html = _with_head(page.html, _THRESHOLD_HEAD, b"").replace(STATE_MARK, _THRESHOLD_SAYS, 1)
    return {
        encoding: Answer(
            403,
            fields_of("text/html; charset=utf-8", NO_STORE, extra=f"Vary: Accept\r\n{encoded(encoding)}{page.fields}"),
            body,
        )
        for encoding, body in encodings(html).items()
    }


def encodings(body: bytes, quality: int = BROTLI_QUALITY) -> dict[Encoding, bytes]:
    return {
        Encoding.IDENTITY: body,
        Encoding.GZIP: gzip.compress(body, 9 if quality > 9 else 6, mtime=0),
        Encoding.BROTLI: brotli.compress(
            body, quality=quality if len(body) < LARGE_BYTES else min(quality, BROTLI_LARGE_QUALITY)
        ),
    }


def _manifest(dist: Path) -> dict[str, Any]:
    try:
        found = json.loads((dist / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _page(dist: Path, manifest: dict[str, Any], name: str, transport: str) -> Page:
    file = manifest.get("pages", {}).get(name)
    html = (dist / file).read_bytes() if file else _NOT_BUILT
    policy = manifest.get("csp", {}).get(name) or policy_of(html)
    return Page(html, f"Content-Security-Policy: {policy}\r\n{SAFE_PAGE}{transport}")


def policy_of(html: bytes) -> str:
    """A Content-Security-Policy that allows exactly the scripts and styles that stand in the page."""
    hashes: dict[bytes, list[str]] = {b"script": [], b"style": []}
    for kind, attributes, text in _INLINE.findall(html):
        if b"src=" not in attributes and text:
            hashes[kind].append(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'")
    scripts, styles = (" ".join(["'self'", *hashes[kind]]) for kind in (b"script", b"style"))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self' data:; "
        "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; "
        "form-action 'self'; frame-ancestors *"
    )


def _asset(file: Path, content_type: str) -> dict[Encoding, Answer]:
    return {
        encoding: Answer(200, fields_of(content_type, CACHE_ASSET, cors=True, extra=encoded(encoding)), data)
        for encoding, data in _packed(file).items()
    }


def _packed(file: Path) -> dict[Encoding, bytes]:
    """A file in each encoding; the build leaves them beside it: it takes a second that an edge does not have."""
    body = file.read_bytes()
    ready = {Encoding.GZIP: file.with_name(f"{file.name}.gz"), Encoding.BROTLI: file.with_name(f"{file.name}.br")}
    if not all(path.exists() for path in ready.values()):
        return encodings(body)
    return {Encoding.IDENTITY: body} | {encoding: path.read_bytes() for encoding, path in ready.items()}
