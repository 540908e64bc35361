"""Pictures at hand: the ones asked for last, up to a number of bytes, and for a moment the names of those that do not
exist. Pure: is told the time."""

from __future__ import annotations

from collections import OrderedDict

from rostra.edge.answers import CACHE_ASSET, Answer, fields_of

MAX_BYTES = 64 * 1024 * 1024
"""A thousand pictures of the largest size, 60 KB."""

MISSING_S = 5.0
"""How long it is believed that there is no such picture."""

MAX_MISSING = 4096
"""Names of pictures that do not exist. When full, all are forgotten: the bus is asked again."""

TYPES = {"webp": "image/webp", "png": "image/png", "jpg": "image/jpeg"}

_FIELDS = (
    "Content-Security-Policy: default-src 'none'; sandbox\r\n"  # opened by itself, it is a picture and nothing else
    "Cross-Origin-Resource-Policy: cross-origin\r\n"
)


class Shelf:
    def __init__(self, most_bytes: int = MAX_BYTES) -> None:
        self._most_bytes = most_bytes
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._bytes = 0
        self._missing: dict[str, float] = {}

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def get(self, name: str) -> Answer | None:
        found = self._answers.get(name)
        if found is not None:
            self._answers.move_to_end(name)
        return found

    def put(self, name: str, picture: bytes) -> Answer:
        """``name`` ends with one of :data:`TYPES`."""
        self._missing.pop(name, None)
        if (known := self._answers.pop(name, None)) is not None:
            self._bytes -= len(known.body)
        answer = Answer(200, fields_of(TYPES[name.rpartition(".")[2]], CACHE_ASSET, cors=True, extra=_FIELDS), picture)
        self._answers[name] = answer
        self._bytes += len(picture)
        while self._bytes > self._most_bytes and len(self._answers) > 1:
            _, oldest = self._answers.popitem(last=False)
            self._bytes -= len(oldest.body)
        return answer

    def miss(self, name: str, now: float) -> None:
        """There is no such picture."""
        if len(self._missing) >= MAX_MISSING:
            self._missing.clear()
        self._missing[name] = now + MISSING_S

    def is_missing(self, name: str, now: float) -> bool:
        return self._missing.get(name, 0.0) > now
