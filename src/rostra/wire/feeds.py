"""Rooms as an RSS feed with the live items of Podcasting 2.0 (https://podcasting2.org/docs/podcast-namespace), so that
a podcast app says when a room will be, is and was live, and plays it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree import ElementTree as ET

from rostra.units import RoomState, WallTime
from rostra.wire.calendar import local
from rostra.wire.rooms import Room

RSS_TYPE = "application/rss+xml; charset=utf-8"

PODCAST = "https://podcastindex.org/namespace/1.0"
ATOM = "http://www.w3.org/2005/Atom"

ET.register_namespace("podcast", PODCAST)
ET.register_namespace("atom", ATOM)

_GUIDS = uuid.UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")
"""The namespace of podcast:guid, as its specification names it."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, 2.2: these characters cannot stand in a document, however they are written."""

_LIVE = {
    RoomState.SCHEDULED: "pending",
    RoomState.OPEN: "pending",
    RoomState.LIVE: "live",
    RoomState.INTERRUPTED: "live",
    RoomState.ENDED: "ended",
    RoomState.CANCELLED: "ended",
}


def status(room: Room) -> str:
    """What podcast apps call it: ``pending``, ``live`` or ``ended``."""
    return _LIVE[room.state]


def room_feed(room: Room, front: str, made: WallTime, query: str = "") -> bytes:
    """The feed of one room. ``front``: the address of the front door; ``query``: what an invited listener's addresses
    end with."""
    address = f"{front}/r/{room.id}"
    root, channel = _channel(room.title, _about(room), address, f"{address}/feed.xml{query}", made)
    if room.card or room.picture:
        _image(channel, f"{front}/p/{room.card or room.picture}", room.title, address)
    _live_item(channel, room, front, query)
    return _document(root)


def rooms_feed(rooms: Iterable[Room], front: str, made: WallTime) -> bytes:
    """The feed of all rooms that are listed."""
    about = "Live rooms: what is on, what is to come, what has been."
    root, channel = _channel("Rostra", about, f"{front}/", f"{front}/feed.xml", made)
    for room in rooms:
        _live_item(channel, room, front, "")
    return _document(root)


def _channel(title: str, about: str, link: str, itself: str, made: WallTime) -> tuple[ET.Element, ET.Element]:
    root = ET.Element("rss", {"version": "2.0"})
    channel = ET.SubElement(root, "channel")
    _text(channel, "title", title)
    _text(channel, "link", link)
    _text(channel, "description", about or title)
    _text(channel, "generator", "Rostra")
    _text(channel, "lastBuildDate", format_datetime(_utc(made), usegmt=True))
    ET.SubElement(channel, f"{{{ATOM}}}link", {"href": itself, "rel": "self", "type": "application/rss+xml"})
    # "the feed url, with the protocol scheme and trailing slashes stripped off"
    plain = itself.partition("?")[0].partition("://")[2].rstrip("/")
    _text(channel, f"{{{PODCAST}}}guid", str(uuid.uuid5(_GUIDS, plain)))
    _text(channel, f"{{{PODCAST}}}medium", "podcast")
    return root, channel


def _live_item(channel: ET.Element, room: Room, front: str, query: str) -> None:
    address = f"{front}/r/{room.id}"
    times = {"start": local(room.started or room.at, room.tz).isoformat()}
    if room.ended:
        times["end"] = local(room.ended, room.tz).isoformat()
    item = ET.SubElement(channel, f"{{{PODCAST}}}liveItem", {"status": status(room), **times})
    _text(item, "title", room.title)
    _text(item, "description", _about(room) or room.title)
    _text(item, "link", address + query)
    guid = ET.SubElement(item, "guid", {"isPermaLink": "false"})
    guid.text = f"{address}#{_utc(room.created):%Y%m%dT%H%M%SZ}"
    _text(item, "pubDate", format_datetime(_utc(room.created), usegmt=True))
    # A stream has no length; RSS wants the attribute all the same.
    sound = {"url": f"{address}/live.mp3{query}", "type": "audio/mpeg", "length": "0"}
    ET.SubElement(item, "enclosure", sound)
    link = ET.SubElement(item, f"{{{PODCAST}}}contentLink", {"href": address + query})
    link.text = "Listen in the browser"
    for name in room.speakers:
        _text(item, f"{{{PODCAST}}}person", name)


def _image(channel: ET.Element, url: str, title: str, link: str) -> None:
    image = ET.SubElement(channel, "image")
    _text(image, "url", url)
    _text(image, "title", title)
    _text(image, "link", link)


def _about(room: Room) -> str:
    return "\n\n".join(part for part in (room.note, room.words) if part)


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _NOT_XML.sub("", text)


def _utc(at: WallTime) -> datetime:
    return local(at, "UTC").astimezone(UTC)


def _document(root: ET.Element) -> bytes:
    ET.indent(root)
    text: str = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
