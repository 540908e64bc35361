"""What an edge counts, as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Metric:
    """One family: ``kind`` is counter or gauge; values by their labels."""

    name: str
    kind: str
    help: str
    values: Mapping[Labels, float] = field(default_factory=dict)


def one(name: str, kind: str, text: str, value: float) -> Metric:
    return Metric(name, kind, text, {(): value})


def render(metrics: Iterable[Metric]) -> bytes:
    lines: list[str] = []
    for metric in metrics:
        lines.append(f"# HELP {metric.name} {metric.help}")
        lines.append(f"# TYPE {metric.name} {metric.kind}")
        for labels, value in metric.values.items():
            text = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
            lines.append(f"{metric.name}{{{text}}} {value:.10g}" if text else f"{metric.name} {value:.10g}")
    return ("\n".join(lines) + "\n").encode()


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
