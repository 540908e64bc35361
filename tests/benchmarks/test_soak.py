"""The short form of `make soak`: a third of a minute on air, and a small attack beside it, loses nothing, and says what
memory and time did."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.soak import soak
from benchmarks.storms import Weather


@pytest.mark.alone
@pytest.mark.skipif(not shutil.which("cc"), reason="left out: cc is not installed")
def test_a_short_soak_loses_nobody_and_hears_no_hole() -> None:
    weather = Weather(["slow-heads"], pause_s=(60.0, 60.0), newcomers=20, at_most_s=4, at_most=30)
    result = soak(15.0, 100, weather)
    figures = {(f.what, f.of): f for f in result.figures}
    assert result.details["attacks"][0]["did"]["opened"] >= 30
    assert figures["attacks that ran to their end", "the library"].values == [1]
    assert figures["never heard, or lost", "newcomers during attacks"].met
    assert figures["lost or never heard", "100 listeners"].met
    assert figures["with parts that do not follow one another", "100 listeners"].met
    assert figures["holes heard", "rostra listen"].met
    assert {of for what, of in figures if what == "memory growth"} == {
        "edge",
        "nats-server",
        "serve",
        "stage",
        "studio",
    }
