"""One child process: its log, its life, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from voicemesh_cli.failures import CliError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

_GUARD = Path(__file__).with_name("guard.py")
_POLL_S = 0.02
_LOG_LINES = 12


class LaunchError(CliError):
    """A process of the mesh died or never got ready; names it, its last log lines and its log file.

    `last_words` is what it printed last, for places where there is no room for more.
    """

    def __init__(self, message: str, last_words: str = "") -> None:
        super().__init__(message)
        self.last_words = last_words


class Process:
    """A running child: guarded against outliving this process, writing to its log file."""

    def __init__(self, name: str, child: asyncio.subprocess.Process, log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self._child = child
        self._stopped = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._child.returncode is None

    async def ended(self) -> LaunchError:
        """Wait until the process has ended; the error that says so."""
        code = await self._child.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return self.error(how)

    def error(self, what: str) -> LaunchError:
        """An error about this process with the end of its log."""
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        said = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
        message = f"{self.name} {what}. Its last words:\n{said}\n  All of them: {self.log_file}"
        return LaunchError(message, lines[-1].strip() if lines else what)

    async def wait_until(self, probe: Callable[[], str | None], limit_s: float) -> str:
        """Wait for the probe to give something.

        Raises LaunchError when the process ends before, or when `limit_s` seconds have passed.
        """
        try:
            async with asyncio.timeout(limit_s):
                while (found := probe()) is None:
                    if not self.running:
                        raise await self.ended()
                    await asyncio.sleep(_POLL_S)
                return found
        except TimeoutError:
            raise self.error(f"was not ready after {limit_s:g} s") from None

    async def stop(self, grace_s: float) -> None:
        """End the process and all it started: SIGTERM, up to `grace_s` seconds of patience, SIGKILL."""
        if self._stopped:
            return
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._child.wait()
        self.kill()
        await self._child.wait()
        self._stopped = True

    def kill(self) -> None:
        """SIGKILL to the process and all it started."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # The child leads its own process group; the group may outlive it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)


@contextlib.asynccontextmanager
async def started(
    name: str, command: Sequence[str], *, env: Mapping[str, str], log_file: Path, grace_s: float
) -> AsyncIterator[Process]:
    """Run a program (absolute path, arguments) for the length of the block; it is stopped behind it.

    The child is in a session of its own, so that Ctrl-C reaches the launcher alone, which ends the
    children in order.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    guarded = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), *command]
    with log_file.open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *guarded,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    process = Process(name, child, log_file)
    try:
        yield process
    except BaseException:
        # After an error nobody waits for a graceful end of what is left; a short patience still saves files.
        await process.stop(min(grace_s, 2.0))
        raise
    else:
        await process.stop(grace_s)
