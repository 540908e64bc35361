"""What commands share that run in a terminal until they are done or told to stop: signals, and a line that lives."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from rich.console import Console
from rich.live import Live
from rich.text import Text

T = TypeVar("T")

PATIENCE_S = 2.5
"""Signals within this after the first are the same one: some programs send theirs to a process and to its group."""


def run_until_told(work: Coroutine[Any, Any, T]) -> T | None:
    """Runs it; Ctrl-C and SIGTERM cancel it, so that it ends in order, and give None."""

    async def main() -> T | None:
        task = asyncio.create_task(work)
        loop = asyncio.get_running_loop()
        told: float | None = None

        def stop() -> None:
            nonlocal told
            if told is None or loop.time() - told > PATIENCE_S:
                told = loop.time()
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            return await task
        except asyncio.CancelledError:
            if told is not None:
                return None
            raise

    return asyncio.run(main())


class LiveLine:
    """One line on standard error, written over; where that is no terminal, a line when its first words change."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._live: Live | None = None
        self._last_head = ""

    def __enter__(self) -> LiveLine:
        if not self._quiet and self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, head: str, rest: str) -> None:
        if self._quiet:
            return
        if self._live:
            self._live.update(Text(f"{head}  {rest}", no_wrap=True, overflow="ellipsis"), refresh=True)
        elif head != self._last_head:
            print(f"{head}  {rest}", file=sys.stderr, flush=True)
        self._last_head = head


def bar(level_dbfs: float, width: int = 12) -> str:
    """A level between -60 and 0 dBFS as a bar of text."""
    filled = round(max(0.0, min(1.0, (level_dbfs + 60) / 60)) * width)
    return "▮" * filled + "▯" * (width - filled)


def clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 02:03."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"
