"""One module a benchmark, each with ``run(scale) -> Result``."""
