"""Strangers' pictures by way of a child that may die, hang or lie."""

from __future__ import annotations

import asyncio
import io
import sys
import zlib
from pathlib import Path

import psutil
import pytest
from PIL import Image

from rostra.errors import BadRequest, Full, Refused, TooLarge, Unsupported
from rostra.pictures import card, prepare, workshop
from rostra.pictures.sniff import MAX_MADE_BYTES
from rostra.wire.rooms import PICTURE
from tests.pictures.making import chunk, opened, picture, png, riff_chunks

SIX_K = 6320
"""6320 x 6320 are 39.9 million."""


@pytest.fixture(autouse=True)
def no_child_is_left() -> object:
    yield
    assert [child.cmdline() for child in psutil.Process().children() if "rostra.pictures" in str(child.cmdline())] == []


async def test_a_picture_for_a_post_and_for_a_room() -> None:
    for purpose, side in (("post", 960), ("cover", 1280)):
        name, made = await prepare(picture("JPEG", (2000, 1000)), purpose)  # type: ignore[arg-type]
        assert PICTURE.fullmatch(name)
        assert name.endswith(".webp")
        assert opened(made).size == (side, side // 2)
    assert (await prepare(picture("JPEG", (2000, 1000)), "cover")) == (name, made)  # the same is called the same


async def test_a_card() -> None:
    name, made = await card("Tea", "20:00", ["Ada", "Bo\0"], None)
    assert PICTURE.fullmatch(name)
    assert name.endswith(".png")
    assert opened(made).size == (1200, 630)
    _, cover = await prepare(picture("PNG"), "cover")
    name, made = await card("T" * 5000, "20:00", ["Ada"] * 100, cover)
    assert PICTURE.fullmatch(name)
    assert name.endswith(".jpg")
    assert opened(made).size == (1200, 630)
    with pytest.raises(Unsupported):
        await card("Tea", "20:00", [], b"<svg/>")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
async def test_forty_megapixels_are_taken(kind: str) -> None:
    data = picture(kind, (SIX_K, SIX_K), **({"lossless": True, "method": 0} if kind == "WEBP" else {}))
    assert opened((await prepare(data, "post"))[1]).size == (960, 960)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
async def test_forty_megapixels_that_show_through(mode: str) -> None:
    data = picture("PNG", (SIX_K, SIX_K), mode)
    assert opened((await prepare(data, "post"))[1]).size == (960, 960)


async def test_a_progressive_picture_of_forty_megapixels() -> None:
    data = picture("JPEG", (SIX_K, SIX_K), progressive=True, subsampling=0)
    assert opened((await prepare(data, "post"))[1]).size == (960, 960)


def bomb() -> bytes:
    """36 million pixels promised, ten times as many bytes there."""
    packed = zlib.compressobj()
    rows = b"".join(packed.compress(bytes(1 << 20)) for _ in range(360)) + packed.flush()
    return png(6000, 6000, rows)


def with_text(name: bytes, head: bytes, mebibytes: int) -> bytes:
    packed = zlib.compressobj()
    text = b"".join(packed.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packed.flush()
    return png(1, 1, zlib.compress(b"\0\0"), chunk(name, head + text))


HOSTILE = {
    "claims 60000 x 60000": (lambda: png(60_000, 60_000, zlib.compress(bytes(100))), TooLarge),
    "claims more than there can be": (lambda: png(2**31 - 1, 2**31 - 1, b""), TooLarge),
    "has no size": (lambda: png(0, 0, b""), BadRequest),
    "49 million pixels": (lambda: picture("PNG", (7000, 7000)), TooLarge),
    "text that swells": (lambda: with_text(b"zTXt", b"Comment\0\0", 8), BadRequest),
    "a profile that swells": (lambda: with_text(b"iCCP", b"x\0\0", 8), None),
    "truncated JPEG": (lambda: picture("JPEG", (500, 500))[:900], BadRequest),
    "truncated PNG": (lambda: picture("PNG", (500, 500))[:90], BadRequest),
    "truncated WebP": (lambda: picture("WEBP", (500, 500))[:90], BadRequest),
    "truncated GIF": (lambda: picture("GIF", (500, 500))[:90], BadRequest),
    "only the first bytes of a JPEG": (lambda: b"\xff\xd8\xff", BadRequest),
    "rubbish behind a good beginning": (lambda: b"\x89PNG\r\n\x1a\n" + b"rubbish" * 999, BadRequest),
    "SVG": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', Unsupported),
    "SVG with a GIF's name in it": (lambda: b"<!--GIF89a--><svg/>", Unsupported),
    "HTML": (lambda: b"<!doctype html><script>alert(1)</script>", Unsupported),
    "TIFF": (lambda: picture("TIFF"), Unsupported),
    "9 MB": (lambda: picture("JPEG") + bytes(9 * 2**20), TooLarge),
    "nothing": (lambda: b"", BadRequest),
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_hostile_pictures_are_refused_with_a_sentence(what: str) -> None:
    make, expected = HOSTILE[what]
    try:
        _, made = await prepare(make(), "post")
    except Refused as e:
        assert type(e) is (expected or BadRequest), e
        assert str(e).endswith(".")
    else:
        assert expected is None
        assert set(riff_chunks(made)) <= {b"VP8 ", b"VP8L"}


async def test_a_bomb_goes_off_in_the_child_or_not_at_all() -> None:
    try:
        _, made = await prepare(bomb(), "post")  # what is too much of it is not looked at
        assert opened(made).size == (960, 960)
    except Refused:
        pass


async def test_nothing_of_a_polyglot_is_left() -> None:
    script = b"<script>alert('both')</script>"
    for kind in ("JPEG", "GIF", "PNG", "WEBP"):
        data = picture(kind) + script + b"PK\x05\x06" + bytes(18)
        _, made = await prepare(data, "post")
        assert b"script" not in made
        assert b"PK\x05\x06" not in made


def says(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "COMMAND", (sys.executable, "-c", f"# rostra.pictures\nimport os, sys, time\n{code}"))


@pytest.mark.parametrize(
    "code",
    [
        "os.kill(os.getpid(), 9)",
        "os.abort()",
        "sys.exit(0)",
        "print('rubbish')",
        "print('[]')",
        "print('null')",
        "print('[' * 900)",
        'print(\'{"kind": "WEBP"}\\n<html>\')',
        'print(\'{"kind": "GIF"}\\nGIF89a\')',
        'print(\'{"kind": ["WEBP"]}\')',
        'print(\'{"refused": "internal", "sentence": "no"}\')',
        "sys.stdout.write('{\"kind\": \"WEBP\"}\\nRIFF1234WEBP' + 'x' * 70_000)",
        "while True: sys.stdout.write('x' * 65536)",
        "os.close(0); time.sleep(0.2); print('{}')",
    ],
)
async def test_a_child_that_dies_or_lies(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    says(code, monkeypatch)
    with pytest.raises(BadRequest, match="could not be read"):
        await prepare(picture("PNG") + bytes(4 << 20), "post")


async def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    says("time.sleep(60)", monkeypatch)
    monkeypatch.setattr(workshop, "LIMIT_S", 0.5)
    with pytest.raises(BadRequest, match="too much time"):
        await prepare(picture("PNG"), "post")


async def test_a_child_ends_with_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    says("time.sleep(60)", monkeypatch)
    asking = asyncio.create_task(prepare(picture("PNG"), "post"))
    await asyncio.sleep(0.3)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_two_at_once_some_wait_and_the_rest_come_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    says(
        f"folder = {str(tmp_path)!r}; mine = folder + '/' + str(os.getpid()); open(mine, 'w').close()\n"
        "time.sleep(0.2); import json; found = str(len(os.listdir(folder)))\n"
        "print(json.dumps({'refused': 'unsupported', 'sentence': found}))\n"
        "os.unlink(mine)",
        monkeypatch,
    )
    many = [prepare(picture("PNG"), "post") for _ in range(workshop.AT_ONCE + workshop.MAX_WAITING + 3)]
    outcomes = await asyncio.gather(*many, return_exceptions=True)
    refused = [e for e in outcomes if isinstance(e, Full)]
    done = [int(str(e)) for e in outcomes if isinstance(e, Unsupported)]
    assert len(refused) == 3
    assert all(e.retry_after_s > 0 for e in refused)
    assert len(done) == workshop.AT_ONCE + workshop.MAX_WAITING
    assert max(done) <= workshop.AT_ONCE


async def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", fails)
    with pytest.raises(Full, match="Try again"):
        await prepare(picture("PNG"), "post")


async def test_the_child_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSTRA_CATALOG_URL", "postgresql://me:secret@there/x")
    says('print(\'{"refused": "unsupported", "sentence": "\' + \' \'.join(os.environ) + \'"}\')', monkeypatch)
    with pytest.raises(Unsupported) as said:
        await prepare(picture("PNG"), "post")
    assert "ROSTRA" not in str(said.value)
    assert "PATH" in str(said.value)


async def test_what_comes_out_has_a_bound() -> None:
    image = Image.effect_noise((1300, 1300), 200).convert("RGB")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    _, made = await prepare(out.getvalue(), "cover")
    assert len(made) <= MAX_MADE_BYTES
