"""A page that needs nothing but itself, for what goes wrong: a title and a sentence, in the look of the others."""

from __future__ import annotations

import base64
import hashlib
import html

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{background:#f7f2e8;color:#221c15;font:1.125rem/1.5 Seravek,Ubuntu,Calibri,system-ui,sans-serif;"
    "max-width:34rem;margin:16vh auto;padding:0 1.5rem;overflow-wrap:anywhere}"
    "p.mark{color:#a5331c;font-weight:600}"
    "h1{font:400 2.25rem/1.15 Palatino,P052,Georgia,serif;margin:0 0 1rem}"
    "@media(prefers-color-scheme:dark){body{background:#15120e;color:#f4ecdf}p.mark{color:#ff9068}}"
)
"""The colours of web/src/styles/tokens.css."""

POLICY = (
    "default-src 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
"""Its Content-Security-Policy, but for who may frame it."""


def little_page(title: str, sentence: str) -> bytes:
    """Both are text: whatever stands in them is shown, not run."""
    title, sentence = html.escape(title), html.escape(sentence)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{title} \u00b7 Rostra</title><style>{_STYLE}</style>"
        f"<main><p class=mark>Rostra</p><h1>{title}</h1><p>{sentence}</p></main></html>\n"
    ).encode()
