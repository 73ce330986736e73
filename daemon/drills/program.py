"""A `paperd` command as a process of its own: what it says, line by line, and how it ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

_LINE_LIMIT: Final = 1 << 20  # bytes
Line = Mapping[str, Any]


class Unseen(Exception):
    """Something that a drill waited for did not come."""


class Program:
    """A process that goes on until it ends or is told to. Its output goes to a file, too."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        """Take a process whose standard output and error are one pipe; `start` makes one."""
        self.name = name
        self.process = process
        self.log = log
        self.lines: list[Line] = []  # what it said as JSON
        self.on_line: Callable[[Line], None] = lambda _line: None
        self._news = asyncio.Event()
        self._handle = os.pidfd_open(process.pid)
        self._reading = asyncio.create_task(self._read(), name=f"output of {name}")

    @classmethod
    async def start(
        cls,
        name: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> "Program":
        """Start `paperd ARGUMENTS`; nothing configures it but these."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PAPERD_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "daemon", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_LIMIT, env=kept | dict(environment or {}), cwd=folder,
        )  # fmt: skip
        return cls(name, process, folder / f"{name}.log")

    @property
    def is_running(self) -> bool:
        """Return whether it has not ended."""
        return self.process.returncode is None

    def said(self, event: str, since: int = 0) -> list[Line]:
        """Return its log lines of an event, leaving out the first `since` lines of all."""
        return [line for line in self.lines[since:] if line.get("event") == event]

    def text(self) -> str:
        """Return all that it has said."""
        return self.log.read_text(errors="replace")

    async def wait_for(self, event: str, *, within_s: float, count: int = 1, since: int = 0) -> Line:
        """Return the `count`-th line of an event as soon as it is there.

        Raises:
            Unseen: it did not come in `within_s` host seconds, or the program ended before.
        """
        try:
            async with asyncio.timeout(within_s):
                while len(found := self.said(event, since)) < count:
                    if self._reading.done():
                        raise Unseen(f"{self.name} ended with {await self.process.wait()} before it said {event}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Unseen(f"{self.name} did not say {event} within {within_s:g} s") from None
        return found[count - 1]

    async def ended(self, *, within_s: float) -> int:
        """Return the exit code as soon as it has ended; below 0: by that signal.

        Raises:
            Unseen: it still runs after `within_s` host seconds.
        """
        try:
            async with asyncio.timeout(within_s):
                code = await self.process.wait()
                await self._reading
        except TimeoutError:
            raise Unseen(f"{self.name} still ran after {within_s:g} s") from None
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal; harmless when it has ended."""
        if (
            self.is_running
        ):  # not by `process`: it would look whether the process has ended, and take its exit code away
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    async def kill(self) -> None:
        """End it at once, whatever it does."""
        self.send(signal.SIGKILL)
        await self.process.wait()
        await self._reading

    async def _read(self) -> None:
        output = self.process.stdout
        if output is None:
            return
        try:
            with self.log.open("ab", buffering=0) as log:
                async for raw in output:
                    log.write(raw)
                    self._take(raw)
        finally:
            await self.process.wait()
            os.close(self._handle)
            self._news.set()  # last: who waits for news looks whether this is done

    def _take(self, raw: bytes) -> None:
        if not raw.startswith(b"{"):
            return
        try:
            line = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return  # a program that is killed leaves half a line
        self.lines.append(line)
        self.on_line(line)
        self._news.set()
