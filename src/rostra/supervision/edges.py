"""How many edge processes a machine wants."""

from __future__ import annotations

import math

LISTENERS_PER_CORE = 150_000
"""What one core can send to with a 2 s flush (architecture, "Figures to build against")."""

MOST_EDGES = 32
"""Each costs some 60 MB; more open files are the better answer from here on."""


def edge_count(cores: int, open_files: int, reserve: int, memory_listeners: int) -> int:
    """One a core, more where ``open_files`` a process would bound the listeners that cores and memory can carry, and
    one to spare: when a process is lost its listeners find room in the others."""
    carried = min(cores * LISTENERS_PER_CORE, memory_listeners)
    each = max(1, open_files - reserve)
    return min(max(cores, math.ceil(carried / each)) + 1, MOST_EDGES)
