"""ID3v2.4 (id3.org, "ID3 tag version 2.4.0"): just what a ``TXXX`` frame with one text needs, and a careful reader."""

from __future__ import annotations

import struct

from rostra.errors import WireError

MAX_TAG_BYTES = 64 * 1024
"""A tag of ours is a few hundred bytes; no reader here looks into a larger one."""

_UTF8 = 3
_HEAD = 10
"""Bytes of the head of a tag, and of a frame."""


def _syncsafe(n: int) -> bytes:
    """28 bits in four bytes whose highest bits are 0 (structure document, section 6.2)."""
    return bytes((n >> 21 & 0x7F, n >> 14 & 0x7F, n >> 7 & 0x7F, n & 0x7F))


def _unsyncsafe(data: bytes) -> int:
    if any(b & 0x80 for b in data):
        raise WireError("an ID3 size that is not syncsafe")
    return data[0] << 21 | data[1] << 14 | data[2] << 7 | data[3]


def write_txxx(description: str, value: bytes) -> bytes:
    """A tag with one ``TXXX`` frame (frames document, section 4.2.6). ``value`` is UTF-8 without a NUL."""
    if "\0" in description or b"\0" in value:
        raise ValueError("a NUL ends a text, it cannot stand in one")
    body = bytes((_UTF8,)) + description.encode() + b"\0" + value
    frame = b"TXXX" + _syncsafe(len(body)) + b"\0\0" + body
    if len(frame) > MAX_TAG_BYTES:
        raise ValueError(f"a tag of {len(frame)} bytes is more than anyone reads")
    return b"ID3\x04\x00\x00" + _syncsafe(len(frame)) + frame


def read_txxx(tag: bytes, description: str) -> bytes | None:
    """The value of the ``TXXX`` frame of that description, as UTF-8; None if the tag has none.

    :raises WireError: if it is not an ID3v2.4 tag, or is broken.
    """
    if len(tag) < _HEAD or tag[:3] != b"ID3" or len(tag) > MAX_TAG_BYTES + _HEAD:
        raise WireError("not an ID3 tag")
    if tag[3] != 4 or tag[5] & 0xF0:  # unsynchronisation, extended header, experimental, footer: none is ours
        raise WireError("an ID3 tag of another version or with flags that are not read here")
    end = _HEAD + _unsyncsafe(tag[6:10])
    if end > len(tag):
        raise WireError("an ID3 tag breaks off")
    at = _HEAD
    while at + _HEAD <= end and tag[at]:  # a NUL begins the padding
        kind, (flags,) = tag[at : at + 4], struct.unpack_from(">H", tag, at + 8)
        start = at + _HEAD
        at = start + _unsyncsafe(tag[at + 4 : at + 8])
        if at > end:
            raise WireError("an ID3 frame breaks off")
        if kind == b"TXXX" and not flags & 0x00FF:
            body = tag[start:at]
            name, found, value = body[1:].partition(b"\0")
            if not body or body[0] != _UTF8 or not found:
                continue  # another encoding: not written by us
            if name == description.encode():
                return value.rstrip(b"\0")
    return None
