"""``/docs``: the OpenAPI description as a page of our own. FastAPI's would load its scripts from a third party."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:52rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.2rem;border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent)}
article{margin:1.2rem 0}code,pre{font:14px/1.45 ui-monospace,monospace}h3{margin:0;font-size:1rem}
b.m{display:inline-block;min-width:4.2rem}p{margin:.2rem 0}pre{overflow:auto;padding:.6rem;border-radius:.4rem;
background:color-mix(in srgb,currentColor 8%,transparent)}td{padding:0 1rem .2rem 0;vertical-align:top}
"""

POLICY = (
    "default-src 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(description: dict[str, Any]) -> str:
    """The whole page for an OpenAPI 3.1 description."""
    groups: dict[str, list[str]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_operation(path, method, operation, description))
    body = "".join(f"<h2>{escape(tag.title())}</h2>{''.join(found)}" for tag, found in groups.items())
    info = description["info"]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style><h1>{escape(info['title'])}</h1>"
        f"<p>{escape(info.get('description', ''))}</p>"
        f"<p>For programs: <a href=/openapi.json>/openapi.json</a></p>{body}"
    )


def _operation(path: str, method: str, operation: dict[str, Any], description: dict[str, Any]) -> str:
    fields = ""
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        reference = str(media.get("schema", {}).get("$ref", "")).rpartition("/")[2]
        schema = description.get("components", {}).get("schemas", {}).get(reference, {})
        required = schema.get("required", [])
        rows = "".join(
            f"<tr><td><code>{escape(name)}</code>{'' if name in required else ' (optional)'}"
            f"<td>{escape(str(about.get('description', '')))}"
            for name, about in schema.get("properties", {}).items()
        )
        fields += f"<p>Body: <code>{escape(kind)}</code></p>" + (f"<table>{rows}</table>" if rows else "")
    return (
        f"<article><h3><code><b class=m>{escape(method.upper())}</b>{escape(path)}</code></h3>"
        f"<p>{escape(operation.get('summary', ''))}</p>{fields}</article>"
    )
