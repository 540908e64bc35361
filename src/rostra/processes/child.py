"""What every process that `rostra serve` starts has in common: its log, its heartbeat, its way to end.

``run(name, main)`` is the whole of a process's driver: ``main(settings, stop)`` works until ``stop`` is set, which
SIGTERM and Ctrl-C do.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from rostra import config
from rostra.config import HEARTBEAT_VARIABLE, Settings
from rostra.errors import RostraError

HEARTBEAT_EVERY_S = 0.25

Main = Callable[[Settings, asyncio.Event], Awaitable[None]]


def set_up_log(name: str, level: str) -> None:
    """One line an event on standard error: time, who, what; the level only where it is worth a look."""
    logging.addLevelName(logging.INFO, "")
    logging.addLevelName(logging.DEBUG, "debug: ")
    logging.addLevelName(logging.WARNING, "warning: ")
    logging.addLevelName(logging.ERROR, "error: ")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {name:<12} %(levelname)s%(message)s", datefmt="%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("rostra").setLevel(level.upper())


class Heartbeat:
    """Tells the watchdog that the event loop turns: a byte each 0.25 s on the inherited pipe; nothing without one."""

    def __init__(self) -> None:
        inherited = os.environ.get(HEARTBEAT_VARIABLE, "")
        self._fd = int(inherited) if inherited.isdigit() else None
        self._timer: asyncio.TimerHandle | None = None
        if self._fd is not None:
            os.set_blocking(self._fd, False)

    def start(self) -> None:
        """Call it from the event loop that does the work."""
        if self._fd is None:
            return
        try:
            os.write(self._fd, b".")
        except BlockingIOError:
            pass  # the pipe is full: the watchdog itself is slow
        except OSError:
            self._fd = None  # the watchdog is gone
            return
        self._timer = asyncio.get_running_loop().call_later(HEARTBEAT_EVERY_S, self.start)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


async def work(main: Main, settings: Settings) -> None:
    """Runs ``main`` until it returns; SIGTERM and SIGINT ask it to."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    heartbeat = Heartbeat()
    heartbeat.start()
    try:
        await main(settings, stop)
    finally:
        heartbeat.stop()


def run(
    name: str,
    main: Main,
    settings: Settings | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """The exit status: 0 when it ended as asked, 1 with a sentence when it cannot go on.

    ``loop_factory`` chooses the event loop (``uvloop.new_event_loop``); asyncio's own without.
    """
    try:
        settings = settings or config.load()
        set_up_log(name, settings.log_level)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(work(main, settings))
    except RostraError as e:
        print(f"rostra: {e}", file=sys.stderr)
        return 1
    return 0
