"""Reads a large journal through beside the running daemon: before the start it would take longer than a start may."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import structlog

from daemon.journal.sqlite import failure, findings_in, open_for_reading, refuse_findings
from daemon.runtime.worker_thread import WorkerThread

log = structlog.get_logger()


class FileCheck:
    """Looks once at every page. Damage ends the daemon, as it would have refused the start."""

    name = "journal-check"

    def __init__(self, path: Path) -> None:
        """Take the file of a journal, which somebody else may be writing to."""
        self._path = path

    async def run(self, ready: asyncio.Event) -> None:
        """Check the file, then stay until cancelled.

        Raises:
            JournalFailed: it is damaged, or cannot be read.
        """
        ready.set()
        await self.check()
        log.info("journal.checked", bytes=self._path.stat().st_size)
        await asyncio.Event().wait()

    async def check(self) -> None:
        """Read every page; raises as `run`."""
        try:
            connection = open_for_reading(self._path)
        except sqlite3.Error as error:
            raise failure(self._path, error) from error
        thread = WorkerThread(self.name)
        checking = asyncio.get_running_loop().run_in_executor(thread, _all_findings, connection, self._path)
        try:
            findings = await asyncio.shield(checking)
        except asyncio.CancelledError:
            with suppress(sqlite3.ProgrammingError):  # it has just ended by itself
                connection.interrupt()
            raise
        finally:
            thread.shutdown(wait=False)  # a disk that does not answer keeps nobody from ending
        refuse_findings(self._path, findings)


def _all_findings(connection: sqlite3.Connection, path: Path) -> list[str]:
    with closing(connection):
        return findings_in(connection, path)
