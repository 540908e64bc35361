"""A picture of a stranger's to one of ours: the first frame, upright, in sRGB, small, and nothing but the picture.

Runs in the child alone. What it raises besides ``Refused`` is made a refusal there.
"""

from __future__ import annotations

import io
from typing import Final

from PIL import GifImagePlugin, Image, ImageCms, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from rostra.errors import TooLarge
from rostra.pictures.sniff import MAX_MADE_BYTES

READERS: Final = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""Imported by name, or Pillow would load every reader it has to find one of them."""

MAX_PIXELS = 40_000_000
"""More than any phone's camera gives by default."""

SIDES: Final = {"post": 960, "cover": 1280}
"""The longer side, in pixels: twice what a page shows it at, for dense screens."""

QUALITIES: Final = (80, 65, 50)
SHRINK: Final = (0.4, 0.85)
"""A side becomes so much of what it was, at least and at most, from one try to the next."""
LEAST_SIDE: Final = 16

_ORIENTATION = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.32, 4.6.4: how it has to be turned to stand upright."""


def recode(data: bytes, kind: str, purpose: str) -> bytes:
    """WebP of 60 KB at most. ``kind``: the reader, and no other."""
    side = SIDES[purpose]
    return small_webp(read(data, kind, (side, side)))


def read(data: bytes, kind: str, at_most: tuple[int, int]) -> Image.Image:
    """RGB or, where something shows through, RGBA; not larger than ``at_most``; nothing but pixels."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        opened = Image.open(io.BytesIO(data), formats=(kind,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        raise _too_many_pixels() from e
    with opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise _too_many_pixels()
        # Shrinks while a JPEG is decoded, so that 40 megapixels never stand in memory.
        opened.draft("RGB", (at_most[0] * 2, at_most[1] * 2))
        opened.load()
        turn = _TURNS.get(_orientation(opened))
        profile = opened.info.get("icc_profile")
        image: Image.Image = _shrunk(opened, at_most)
    image = _to_srgb(image, profile)
    if turn is not None:
        image = image.transpose(turn)
    image.info = {}  # writers take profile, comment and the like from here
    return image


def small_webp(image: Image.Image) -> bytes:
    """Worse first, then smaller, until it has 60 KB. How much smaller is guessed from its size, or noise took 10 s."""
    while True:
        for quality in QUALITIES:
            out = io.BytesIO()
            image.save(out, "WEBP", quality=quality, alpha_quality=min(quality, 70), method=4)
            if out.tell() <= MAX_MADE_BYTES:
                return out.getvalue()
        share = min(max(0.95 * (MAX_MADE_BYTES / out.tell()) ** 0.5, SHRINK[0]), SHRINK[1])
        size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        if max(size) < LEAST_SIDE:
            raise TooLarge("This picture cannot be made small enough. Send another.")
        image = image.resize(size, Image.Resampling.LANCZOS)


def _shrunk(image: Image.Image, at_most: tuple[int, int]) -> Image.Image:
    """Colours first where they stand in a palette, pixels last: each step has at most one full copy more."""
    see_through = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    elif image.mode not in ("RGB", "RGBA", "L", "LA", "CMYK"):
        image = image.convert("RGBA" if see_through else "RGB")
    elif "transparency" in image.info:
        image = image.convert("RGBA")
    if image.width > at_most[0] or image.height > at_most[1]:
        image.thumbnail(at_most, Image.Resampling.LANCZOS, reducing_gap=2.0)
    else:
        image = image.copy()  # what was opened is closed soon
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pillow would cut 16 bits of grey off at white instead of scaling them."""
    return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours a profile means, as long as it can be read; pages show what has none as sRGB."""
    see_through = image.mode in ("RGBA", "LA")
    if profile and not see_through and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            found = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if found is not None:
                return found
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    return image.convert("RGBA" if see_through else "RGB")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # what stands in EXIF is a stranger's too; a picture without it is still one
        return 1


def _too_many_pixels() -> TooLarge:
    return TooLarge(
        f"This picture has too many pixels; {MAX_PIXELS // 1_000_000} million are taken at most. Make it smaller and "
        "send it again."
    )
