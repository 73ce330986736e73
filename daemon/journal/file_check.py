"""Reads a large journal through beside the running daemon: before the start it would take longer than a start may."""

import asyncio
from contextlib import closing
from pathlib import Path

import structlog

from daemon.journal.sqlite import findings_in, open_for_reading, refuse_findings
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
        thread = WorkerThread(self.name)
        with closing(open_for_reading(self._path)) as connection:
            checking = asyncio.get_running_loop().run_in_executor(thread, findings_in, connection, self._path)
            try:
                findings = await asyncio.shield(checking)
            finally:
                connection.interrupt()
                thread.shutdown(wait=True)
        refuse_findings(self._path, findings)
