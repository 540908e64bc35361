"""Invariant: a query means one playlist or is refused, and what is understood can be asked for plainly."""

from __future__ import annotations

from rostra.edge.query import Directives, parse_codec, parse_directives
from rostra.errors import BadRequest
from rostra.units import PARTS_PER_SEGMENT, Rendition


def seeds() -> list[bytes]:
    return [
        b"_HLS_msn=12&_HLS_part=3",
        b"_HLS_msn=12&_HLS_part=9&_HLS_skip=YES",
        b"_HLS_skip=v2",
        b"_HLS_msn=999999999999999",
        b"_HLS_part=1",
        b"%5FHLS_msn=%31%32&a=b&&=",
        b"codec=aac&token=x",
        b"_HLS_msn=1&_HLS_msn=2",
        b"a=" + b"+" * 1100,
    ]


def target(data: bytes) -> None:
    query = data.decode("latin-1")
    try:
        found = parse_directives(query)
    except BadRequest as e:
        assert str(e)
    else:
        assert found.msn is None or 0 <= found.msn <= 10**15
        assert found.part is None or 0 <= found.part < PARTS_PER_SEGMENT
        assert parse_directives(_written(found)) == found, "what is understood can be asked for plainly"
    try:
        assert parse_codec(query) in (None, Rendition.OPUS, Rendition.AAC, Rendition.OPUS_LOW)
    except BadRequest as e:
        assert str(e)


def _written(found: Directives) -> str:
    pairs = [("_HLS_msn", found.msn), ("_HLS_part", found.part), ("_HLS_skip", "YES" if found.skip else None)]
    return "&".join(f"{name}={value}" for name, value in pairs if value is not None)
