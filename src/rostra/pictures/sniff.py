"""What bytes are, by their beginning: never by a name or by what a client says. Pure."""

from __future__ import annotations

from rostra.errors import BadRequest, TooLarge, Unsupported

MAX_PICTURE_BYTES = 8 * 1024 * 1024
"""What a phone's camera makes has 2 to 6 MB."""

MAX_MADE_BYTES = 60_000
"""Of a picture that goes to everyone: a million of them are 60 GB."""


def sniff(data: bytes) -> str:
    """``JPEG``, ``PNG``, ``WEBP`` or ``GIF``, the names Pillow gives its readers.

    :raises BadRequest: if there is nothing. :raises TooLarge: :raises Unsupported:
    """
    if not data:
        raise BadRequest("There is no picture in the request. Send the file itself as the body.")
    if len(data) > MAX_PICTURE_BYTES:
        raise TooLarge(
            f"This picture has {len(data) / 2**20:.1f} MB; {MAX_PICTURE_BYTES // 2**20} are taken at most. "
            "Make it smaller and send it again."
        )
    found = _kind(data)
    if found is None:
        raise Unsupported("Only JPEG, PNG, WebP and GIF pictures are taken. Save this one as JPEG and try again.")
    return found


def _kind(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):  # ITU-T T.81, B.1.1.3: SOI, and another marker
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):  # PNG, 5.2
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":  # RFC 9649, section 2.4
        return "WEBP"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    return None


def made_by_us(data: bytes, kind: str) -> bool:
    """Whether an answer of the child is what it says, and small enough: the child read what a stranger sent."""
    return 0 < len(data) <= MAX_MADE_BYTES and _kind(data) == kind
