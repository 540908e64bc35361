"""What the page of a room tells those who only look at its head: search engines, and the sites on which its address is
shared (https://ogp.me; Twitter cards). Pure."""

from __future__ import annotations

import html

from rostra.wire.calendar import local
from rostra.wire.rooms import Room

SITE = "Rostra"

MAX_DESCRIPTION = 300
"""Sites show one or two hundred characters."""


def head_of(room: Room, front: str) -> bytes:
    """The tags, for the head of the page. ``front``: the address of the front door, never what a request calls it."""
    address = f"{front}/r/{room.id}"
    description = description_of(room)
    named = [("description", description)]
    properties = [
        ("og:type", "website"),
        ("og:site_name", SITE),
        ("og:title", room.title),
        ("og:description", description),
        ("og:url", address),
    ]
    if room.card:
        properties += [
            ("og:image", f"{front}/p/{room.card}"),
            ("og:image:width", "1200"),
            ("og:image:height", "630"),
            ("og:image:alt", room.title),
        ]
    named.append(("twitter:card", "summary_large_image" if room.card else "summary"))
    if room.invited or not room.listed:
        named.append(("robots", "noindex"))
    tags = [f'<link rel="canonical" href="{_escaped(address)}">']
    tags += [f'<meta name="{name}" content="{_escaped(value)}">' for name, value in named]
    tags += [f'<meta property="{name}" content="{_escaped(value)}">' for name, value in properties]
    if not room.invited:
        feed = f"{address}/feed.xml"
        tags.append(f'<link rel="alternate" type="application/rss+xml" title="Podcast" href="{_escaped(feed)}">')
    return "\n".join(tags).encode("utf-8", "replace")


def title_of(room: Room) -> bytes:
    """What stands between the title tags."""
    return f"{_escaped(room.title)} · {SITE}".encode("utf-8", "replace")


def description_of(room: Room) -> str:
    """When it is, who speaks, what it is about."""
    when = f"{local(room.at, room.tz):%A, %-d %B %Y, %H:%M %Z}"
    who = f"With {', '.join(room.speakers)}." if room.speakers else ""
    whole = " ".join(" ".join(part for part in (f"{when}.", who, room.words) if part).split())
    return whole if len(whole) <= MAX_DESCRIPTION else whole[: MAX_DESCRIPTION - 1].rstrip() + "…"


def _escaped(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=True)
