"""base64url without padding (RFC 4648, section 5), as it stands in links and tokens: each value has one spelling."""

from __future__ import annotations

import base64
import binascii
import re

_LETTERS = re.compile(r"[A-Za-z0-9_-]+")


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """:raises ValueError: if it is not base64url as we write it: no padding, no other letters, no stray bits at the end
    (RFC 4648, section 3.5)."""
    if not _LETTERS.fullmatch(text):
        raise ValueError("not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as e:
        raise ValueError("not base64url") from e
    if encode(data) != text:
        raise ValueError("not canonical")
    return data
