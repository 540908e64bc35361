"""Speed and size, side by side with others: ``python -m benchmarks`` (or ``make bench``).

Every run writes one JSON file a benchmark into ``benchmarks/results``; ``python -m benchmarks.table`` makes
``docs/benchmarks.md`` from them. docs/topics/benchmarks.md says how each figure is taken.
"""

NAMES = (
    "send", "tls", "joins", "minute", "admission", "refusals", "hold", "house", "house_tls", "memory", "hls", "page",
    "mouth_to_ear", "stage", "announce", "mute", "early", "reactions", "hands", "guess", "attacks",
    "floods", "threefold", "bots", "generator", "plan",
)  # fmt: skip
"""In the order in which they run and stand in the table."""
