"""What Prometheus may scrape: text exposition format 0.0.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

MAX_EDGES = 256
MAX_ROOMS = 1000
"""Bounds on the series that counts from the bus can make."""

EDGE_SILENT_S = 5.0
"""An edge counts each second; one that was silent so long is gone."""


class Audience:
    """The edges' latest counts (``count.EDGE``)."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[float, dict[str, Any]]] = {}

    def heard(self, edge: str, count: dict[str, Any], now: float) -> None:
        if edge in self._latest or len(self._latest) < MAX_EDGES:
            self._latest[edge] = (now, count)

    def listening(self, now: float) -> dict[tuple[str, str], int]:
        """(room, way of listening) -> connections, over all edges that are there."""
        found: Counter[tuple[str, str]] = Counter()
        for edge, (at, count) in list(self._latest.items()):
            if now - at > EDGE_SILENT_S:
                del self._latest[edge]
                continue
            rooms = count.get("rooms")
            for room, ways in (rooms if isinstance(rooms, dict) else {}).items():
                for way, n in (ways if isinstance(ways, dict) else {}).items():
                    if isinstance(n, int) and len(found) < MAX_ROOMS * 4:
                        found[str(room), str(way)] += n
        return dict(found)

    @property
    def edges(self) -> int:
        return len(self._latest)


def exposition(families: Iterable[tuple[str, str, str, Mapping[tuple[tuple[str, str], ...], float]]]) -> str:
    """``(name, type, help, {labels: value})`` as text."""
    lines = []
    for name, kind, about, values in families:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        for labels, value in sorted(values.items()):
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
            lines.append(f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
