"""``python -m rostra.pictures.child``: reads one picture, writes one, ends. ``workshop`` starts it.

It limits itself before it looks at anything: whatever a picture makes of it, it ends soon and small, writes no file
and leaves no core.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from typing import Any

from rostra.errors import BadRequest, Refused, TooLarge
from rostra.pictures.sniff import MAX_PICTURE_BYTES

MEMORY_BYTES = 512 * 1024 * 1024
"""Of address space. 40 megapixels take 160 MB decoded."""

WEBP_MEMORY_BYTES = 1024 * 1024 * 1024
"""libwebp keeps two canvases beside the picture, and Pillow copies it once more: 640 MB for 40 megapixels."""

CPU_S = 10
DESCRIPTORS = 32
"""Three pipes, and a font at a time."""

MAX_REQUEST_BYTES = MAX_PICTURE_BYTES + 256 * 1024
"""A picture, and what is written on a card."""


def limit(kind: str) -> None:
    memory = WEBP_MEMORY_BYTES if kind == "WEBP" else MEMORY_BYTES
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


def work(request: dict[str, Any], data: bytes) -> tuple[str, bytes]:
    """Which kind of picture came of it, and the picture. :raises Refused:"""
    warnings.simplefilter("ignore")  # nobody would read them; of real photographs many have some EXIF that is broken
    try:
        if request["do"] == "card":
            from rostra.pictures.drawing import draw_card

            speakers = [str(name) for name in request["speakers"]]
            return draw_card(str(request["title"]), str(request["when"]), speakers, data, str(request["kind"]))
        from rostra.pictures.recode import recode

        return "WEBP", recode(data, str(request["kind"]), str(request["do"]))
    except Refused:
        raise
    except MemoryError as e:
        raise TooLarge("Reading this picture takes too much memory. Make it smaller and send it again.") from e
    except Exception as e:  # Pillow's readers raise anything at all on hostile input
        raise BadRequest(
            "This picture could not be read: it is damaged, or not whole. Save it anew as JPEG or PNG and try again."
        ) from e


def main() -> int:
    head = sys.stdin.buffer.readline(MAX_REQUEST_BYTES)
    request = json.loads(head)
    limit(str(request["kind"]))
    data = sys.stdin.buffer.read(MAX_REQUEST_BYTES)
    try:
        kind, made = work(request, data)
        answer = json.dumps({"kind": kind}).encode() + b"\n" + made
    except Refused as e:
        answer = json.dumps({"refused": e.slug, "sentence": str(e)}).encode() + b"\n"
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
