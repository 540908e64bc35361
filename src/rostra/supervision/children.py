"""One process that is kept running: started on a leash, listened to, ended when hung, started again when it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence

from rostra.config import CHILD_VARIABLE, HEARTBEAT_VARIABLE
from rostra.leash import leashed
from rostra.supervision.restarts import Restarts
from rostra.supervision.watchdog import CHECK_EVERY_S, Watchdog
from rostra.units import Monotonic

log = logging.getLogger("rostra.supervision")

KILL_AFTER_S = 1.8
"""From asking a process to end to ending it: Ctrl-C is to be over in 3 s, the bus being last."""

NOT_STARTED = 127
"""The status that a shell gives to what it cannot start."""


def environment(settings_json: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """A child gets its settings resolved, so none of the variables they came from: they would win again."""
    kept = {k: v for k, v in inherited.items() if not k.startswith("ROSTRA_")}
    return {**kept, CHILD_VARIABLE: settings_json}


class Child:
    """``final(status)`` says whether a process that ended has done its work; otherwise it is started again."""

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        env: Mapping[str, str],
        *,
        watchdog: Watchdog | None = None,
        final: Callable[[int], bool] = lambda status: False,
        on_final: Callable[[], None] = lambda: None,
        kill_after_s: float = KILL_AFTER_S,
    ) -> None:
        self.name = name
        self._command = command
        self._env = env
        self._watchdog = watchdog
        self._final = final
        self._on_final = on_final
        self._kill_after_s = kill_after_s
        self.restarts = Restarts()
        self.last_status: int | None = None
        self.process: Process | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process that runs now; None between two."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Asks it to end and, if it does not, ends it. Returns when it is gone."""
        self._stopping = True
        self._wake.set()
        self._signal(signal.SIGTERM)
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=self._kill_after_s)
        if not done:
            log.warning("%s did not end by itself; ending it", self.name)
            self._signal(signal.SIGKILL)
        await self._task

    def kill(self) -> None:
        """Ends the process that runs now; another is started in its place."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def _keep(self) -> None:
        while not self._stopping:
            self.restarts.started(_now())
            try:
                self.last_status = await self._live()
            except OSError as e:
                log.error("%s cannot be started: %s", self.name, e)
                self.last_status = NOT_STARTED
            if self._stopping:
                return
            if self._final(self.last_status):
                log.info("%s has ended", self.name)
                self._on_final()
                return
            delay = self.restarts.ended(_now())
            log.warning("%s ended (%s); starting it again%s", self.name, _how(self.last_status), _in(delay))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def _live(self) -> int:
        """One life, from start to end; its exit status."""
        env = dict(self._env)
        if self._watchdog is None:
            self.process = await self._spawn(env, ())
            return await self.process.wait()
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        try:
            env[HEARTBEAT_VARIABLE] = str(theirs)
            self.process = await self._spawn(env, (theirs,))
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        watch = asyncio.get_running_loop().create_task(self._watch(self._watchdog, ours))
        try:
            return await self.process.wait()
        finally:
            watch.cancel()
            os.close(ours)

    async def _spawn(self, env: dict[str, str], fds: tuple[int, ...]) -> Process:
        process = await asyncio.create_subprocess_exec(
            *leashed(self._command()),
            env=env,
            pass_fds=fds,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=2,  # our own standard output says one line, and it says that we are ready
            process_group=0,  # Ctrl-C in a terminal reaches us alone: we end them in order
        )
        if self._stopping:  # asked to stop while it was being started
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        return process

    async def _watch(self, watchdog: Watchdog, pipe: int) -> None:
        watchdog.started(_now())
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            with contextlib.suppress(BlockingIOError):
                if heard := os.read(pipe, 65_536):
                    watchdog.beat(_now(), len(heard))
            if watchdog.hung(_now()):
                log.error("%s hangs: no sign of life for %.0f s; ending it", self.name, watchdog.limit_s)
                self.kill()
                return


def _now() -> Monotonic:
    return Monotonic(time.monotonic())


def _how(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _in(delay: float) -> str:
    return f" in {delay:g} s" if delay else ""
