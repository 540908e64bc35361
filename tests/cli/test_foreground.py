from __future__ import annotations

import asyncio
import os
import signal

import pytest

from rostra.cli._foreground import LiveLine, bar, clock, run_until_told


def test_a_signal_ends_it_in_order() -> None:
    tidied = False

    async def work() -> int:
        nonlocal tidied
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(10)
        finally:
            tidied = True
        return 1

    assert run_until_told(work()) is None
    assert tidied


def test_a_signal_that_comes_twice_does_not_disturb_the_tidying() -> None:
    tidied = False

    async def work() -> None:
        nonlocal tidied
        loop = asyncio.get_running_loop()
        for after_s in (0.05, 0.1, 0.15):
            loop.call_later(after_s, os.kill, os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.3)
            tidied = True

    assert run_until_told(work()) is None
    assert tidied


def test_without_a_signal_its_result_comes_back() -> None:
    async def work() -> int:
        return 7

    assert run_until_told(work()) == 7


def test_where_there_is_no_terminal_only_changes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveLine() as line:
        line.show("connecting", "0")
        line.show("connecting", "1")
        line.show("live", "2")
    with LiveLine(quiet=True) as line:
        line.show("live", "3")
    assert capsys.readouterr().err == "connecting  0\nlive  2\n"


def test_bar_and_clock() -> None:
    assert bar(-127) == "▯" * 12
    assert bar(0) == "▮" * 12
    assert bar(-30).count("▮") == 6
    assert [clock(s) for s in (0, 61.4, 3722.9)] == ["00:00", "01:01", "1:02:03"]
