"""Pictures, good and hostile, made here."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

SECRET = b"GPS 52.5163 N 13.3777 E"


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: Any) -> bytes:
    """Left red, right blue."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, kind, **options)
    return out.getvalue()


def noise(size: tuple[int, int], channels: int = 3) -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels)


def chunk(name: bytes, data: bytes) -> bytes:
    """PNG, 5.3."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, rows: bytes, *more: bytes, depth: int = 8, colour: int = 0) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", rows)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + body + chunk(b"IEND", b"")


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def riff_chunks(data: bytes) -> list[bytes]:
    """Names of the chunks of a WebP file (RFC 9649, section 2.3)."""
    assert data[:4] == b"RIFF"
    assert struct.unpack("<I", data[4:8])[0] + 8 == len(data)
    names, at = [], 12
    while at < len(data):
        names.append(data[at : at + 4])
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        at += 8 + size + size % 2
    return names
