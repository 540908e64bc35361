"""Upright, in its colours, small, and nothing but the picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from rostra.errors import TooLarge
from rostra.pictures.recode import SIDES, recode
from rostra.pictures.sniff import MAX_MADE_BYTES
from tests.pictures.making import SECRET, noise, opened, picture, png, riff_chunks

RED, BLUE = (255, 0, 0), (0, 0, 255)


def near(found: object, wanted: tuple[int, ...], by: int = 24) -> bool:
    assert isinstance(found, tuple)
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("purpose", ["post", "cover"])
def test_every_kind_becomes_webp(kind: str, purpose: str) -> None:
    found = opened(recode(picture(kind, (3000, 1500)), kind, purpose))
    assert (found.format, found.size) == ("WEBP", (SIDES[purpose], SIDES[purpose] // 2))
    assert near(found.getpixel((10, 10)), RED)
    assert near(found.getpixel((found.width - 10, 10)), BLUE)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "1"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "RGBA"), ("PNG", "I;16"), ("JPEG", "L"),
        ("JPEG", "CMYK"), ("GIF", "L"), ("GIF", "P"), ("WEBP", "RGBA"),
    ],
)  # fmt: skip
def test_every_mode(kind: str, mode: str) -> None:
    if mode == "I;16":
        out = io.BytesIO()
        Image.new("I;16", (40, 30), 32768).save(out, "PNG")
        found = opened(recode(out.getvalue(), kind, "post"))
        assert near(found.convert("RGB").getpixel((5, 5)), (128, 128, 128), 4)
    else:
        found = opened(recode(picture(kind, mode=mode), kind, "post"))
        if mode in ("P", "RGBA", "CMYK"):
            assert near(found.convert("RGB").getpixel((5, 5)), RED)
    assert found.format == "WEBP"


def test_what_shows_through_still_does() -> None:
    image = Image.new("RGBA", (2000, 100), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 1000, 100))
    for kind in ("PNG", "WEBP", "GIF"):
        out = io.BytesIO()
        image.save(out, kind)
        found = opened(recode(out.getvalue(), kind, "post")).convert("RGBA")
        assert near(found.getpixel((100, 10)), (255, 0, 0, 255))
        assert near(found.getpixel((900, 10))[3:], (0,))  # type: ignore[index]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_upright(orientation: int) -> None:
    """The picture as it should be is red on the left; it is stored turned, and EXIF says how."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # FLIP_LEFT_RIGHT, ROTATE_180, ... by Image.Transpose
    stored = opened(picture("PNG", (60, 40)))
    if orientation in back:
        stored = stored.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "WEBP"):
        out = io.BytesIO()
        stored.save(out, kind, exif=exif)
        found = opened(recode(out.getvalue(), kind, "post"))
        assert found.size == (60, 40)
        assert near(found.getpixel((10, 20)), RED, 40)
        assert near(found.getpixel((50, 20)), BLUE, 40)
        assert 0x0112 not in found.getexif()


def test_metadata_is_really_gone() -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x8825] = {1: "N"}
    text = PngInfo()
    text.add_text("Comment", SECRET.decode())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
    made = {
        "JPEG": picture("JPEG", exif=exif, comment=SECRET, icc_profile=profile, xmp=xmp),
        "PNG": picture("PNG", exif=exif, pnginfo=text, icc_profile=profile),
        "WEBP": picture("WEBP", exif=exif, xmp=xmp, icc_profile=profile),
        "GIF": picture("GIF", comment=SECRET),
    }
    for kind, data in made.items():
        assert SECRET in data, kind
        found = recode(data + b"PK\x03\x04 trailing " + SECRET, kind, "post")
        assert SECRET not in found
        assert b"trailing" not in found
        assert set(riff_chunks(found)) <= {b"VP8 ", b"VP8L", b"VP8X", b"ALPH"}
        image = opened(found)
        assert not image.getexif()
        assert not {"exif", "icc_profile", "xmp", "comment"} & image.info.keys()


def test_colours_of_another_profile_become_srgb() -> None:
    """With a profile whose red and blue are swapped, red means blue."""
    plain = picture("JPEG")
    swapped = _swapped_profile()
    found = opened(recode(picture("JPEG", icc_profile=swapped), "JPEG", "post"))
    assert near(opened(recode(plain, "JPEG", "post")).getpixel((10, 10)), RED)
    assert near(found.getpixel((10, 10)), BLUE, 60)


def _swapped_profile() -> bytes:
    """sRGB, with rXYZ and bXYZ changed over in its table of tags (ICC.1, 7.3)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def test_a_profile_that_is_rubbish_is_left_aside() -> None:
    found = opened(recode(picture("PNG", icc_profile=b"rubbish" * 100), "PNG", "post"))
    assert near(found.getpixel((10, 10)), RED)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_what_moves_the_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "green")]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100, loop=0)
    assert opened(out.getvalue()).n_frames == 3  # type: ignore[attr-defined]
    found = opened(recode(out.getvalue(), kind, "post"))
    assert getattr(found, "n_frames", 1) == 1
    assert near(found.getpixel((20, 15)), RED)


@pytest.mark.parametrize("channels", [3, 4])
def test_noise_becomes_small_enough(channels: int) -> None:
    out = io.BytesIO()
    noise((1300, 1300), channels).save(out, "PNG")
    found = recode(out.getvalue(), "PNG", "cover")
    assert len(found) <= MAX_MADE_BYTES
    assert min(opened(found).size) >= 100


@pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (30_000, 1), (16, 16)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    found = opened(recode(picture("PNG", size), "PNG", "post"))
    assert found.width <= min(960, max(1, size[0]))
    assert found.height <= min(960, max(1, size[1]))


def test_too_many_pixels() -> None:
    for width, height in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (40_000_001, 1), (6400, 6400)):
        with pytest.raises(TooLarge, match="40 million"):
            recode(png(width, height, b""), "PNG", "post")


def test_another_reader_is_never_tried() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        recode(picture("PNG"), "JPEG", "post")
