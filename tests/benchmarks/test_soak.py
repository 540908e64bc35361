"""The short form of `make soak`: a third of a minute on air loses nothing, and says what memory and time did."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.soak import soak


@pytest.mark.alone
@pytest.mark.skipif(not shutil.which("cc"), reason="left out: cc is not installed")
def test_a_short_soak_loses_nobody_and_hears_no_hole() -> None:
    figures = {(f.what, f.of): f for f in soak(20.0, 100).figures}
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
