"""Has the day's report written by a child process, so that its seconds and megabytes stay out of the daemon."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

_PROGRAM: Final = (sys.executable, "-m", "daemon")


class ReportFailed(Exception):
    """The child ended without a report."""


class ChildDayReporter:
    """Implements `ports.DayReporter` with `paperd report`."""

    def __init__(
        self,
        state: Path,
        *,
        journal_url: str | None = None,
        limit_s: float = 8.0,
        program: Sequence[str] = _PROGRAM,
    ) -> None:
        """Report from and into the state directory `state`.

        Args:
            state: the daemon's state directory.
            journal_url: where the journal is if not there; handed over in the environment, as it may hold a password.
            limit_s: host seconds after which the child is ended.
            program: how to start paperd.
        """
        self._state = state
        self._journal_url = journal_url
        self._limit_s = limit_s
        self._program = tuple(program)

    async def report(self, day: date) -> str | None:
        """Write the day's report and return where the page is, None when it could not be written (which is logged)."""
        try:
            path = await self._written(day)
        except (OSError, ReportFailed) as error:
            log.error("report.failed", day=day.isoformat(), cause=str(error))  # noqa: TRY400 - a cause, no traceback
            return None
        log.info("report.written", day=day.isoformat(), path=path)
        return path

    async def _written(self, day: date) -> str:
        arguments = ("report", "--state", str(self._state), "--date", day.isoformat(), "--json")
        child = await asyncio.create_subprocess_exec(
            *self._program, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=self._environment()
        )
        try:
            async with asyncio.timeout(self._limit_s):
                output, complaints = await child.communicate()
        except TimeoutError as error:
            raise ReportFailed(f"not done after {self._limit_s:g} s") from error
        finally:
            await _ended(child)
        if child.returncode != 0:
            cause = _error_in(output) or _last_line(complaints)
            raise ReportFailed(cause or f"the child ended with {child.returncode}")
        return _page(output)

    def _environment(self) -> dict[str, str]:
        if self._journal_url is None:
            return dict(os.environ)
        return {**os.environ, "PAPERD_JOURNAL__URL": self._journal_url}


async def _ended(child: Process) -> None:
    """End the child if it still runs, and do not leave before it is gone."""
    if child.returncode is None:
        child.kill()
        await child.wait()


def _page(output: bytes) -> str:
    try:
        answer = json.loads(output)
    except ValueError as error:
        raise ReportFailed(f"the child printed no JSON: {output[:80]!r}") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("html"), str):
        raise ReportFailed("the child named no page")
    return str(answer["html"])


def _error_in(output: bytes) -> str:
    """Return what the child says went wrong; a child that crashed says it on standard error only."""
    try:
        answer = json.loads(output)
    except ValueError:
        return ""
    return str(answer.get("error", "")) if isinstance(answer, dict) else ""


def _last_line(complaints: bytes) -> str:
    lines = complaints.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
