"""How many edge processes a machine wants."""

from __future__ import annotations

import math

LISTENERS_PER_CORE = 50_000
"""What a core is counted on for. It can send to three times as many (architecture, "Figures to build against"), with a
2 s flush, no TLS and nothing else to do."""

MOST_EDGES = 32
"""Each costs some 60 MB; more open files are the better answer from here on."""


def edge_count(cores: int, open_files: int, reserve: int, memory_listeners: int) -> int:
    """One a core, more where ``open_files`` a process would bound the listeners that cores and memory can carry, and
    one to spare: when a process is lost its listeners find room in the others."""
    carried = min(cores * LISTENERS_PER_CORE, memory_listeners)
    each = max(1, open_files - reserve)
    return min(max(cores, math.ceil(carried / each)) + 1, MOST_EDGES)


def first_edges(count: int, cores: int) -> int:
    """How many start at once; the rest come one after another once the door is open, so that it opens sooner."""
    return min(count, cores + 1)
