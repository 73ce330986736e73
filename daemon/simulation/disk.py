"""The disk under the simulated daemon's journal: it fills up, breaks, and loses power; the errors are SQLite's own.

*Full* is a limit on the pages of the file, *broken* one on the bytes that this process may write to any file: SQLite
finds out as it would on a real disk, in the middle of a transaction. After a *power loss* the disk holds what had been
synced, and any part of what was being written. What SQLite has synced follows from its mode: with synchronous=FULL each
commit; with less, nothing since the last checkpoint, so that a journal that relied on it would be found out here.
"""

import random
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE: Final = 4096
_FULL: Final = 2  # PRAGMA synchronous
_ROOM: Final = (0, 3 * _PAGE)  # bytes that a broken disk still takes
DISK_ERRORS: Final = ("disk I/O error", "database or disk is full")  # in SQLite's words


@dataclass(frozen=True, slots=True)
class Image:
    """What the two files of a journal hold."""

    pages: bytes
    log: bytes


class Disk:
    """The files of one journal."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self._path = path
        self._log = Path(f"{path}-wal")
        self._index = Path(f"{path}-shm")
        self._chance = chance

    def fill_up(self, connection: sqlite3.Connection) -> None:
        """Let the file of this connection grow no more."""
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """Let writes fail a little behind the end of the log: what is being written is torn."""
        size = self._log.stat().st_size if self._log.exists() else 0
        with _largest_file(size + self._chance.randint(*_ROOM)):
            yield

    def fail_checkpoint(self, connection: sqlite3.Connection) -> None:
        """Try to move the log into the file on a disk that takes nothing, as SQLite does now and then by itself."""
        with _largest_file(1), suppress(sqlite3.Error):  # SQLite, too, takes no notice: the log has it all
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def image(self) -> Image:
        """Return what is written, synced or not."""
        return Image(_read(self._path), _read(self._log))

    def synced(self, image: Image, connection: sqlite3.Connection | None) -> Image:
        """Return what of an image taken between two transactions would survive."""
        if connection is None or connection.execute("PRAGMA synchronous").fetchone()[0] >= _FULL:
            return image
        return Image(image.pages, b"")

    def lose_power(self, before: Image, after: Image) -> None:
        """Leave what was synced `before`, and any part of what has been written since."""
        self._restore(self._torn(before, after))

    def _torn(self, before: Image, after: Image) -> Image:
        """Return a state that a disk can be in: first the log is written, then synced, then the pages are written."""
        states = [before, after]
        if after.log:
            arrived = self._chance.randint(0, len(after.log))
            states.append(Image(before.pages, after.log[:arrived] + before.log[arrived:]))
        if after.pages != before.pages:
            states.append(Image(self._some_pages(before.pages, after.pages), after.log or before.log))
        return self._chance.choice(states)

    def _some_pages(self, before: bytes, after: bytes) -> bytes:
        """Return the new file with some of its pages still as they were."""
        return b"".join(
            old if at < len(before) and self._chance.random() < 0.5 else after[at : at + _PAGE]
            for at in range(0, len(after), _PAGE)
            for old in (before[at : at + _PAGE],)
        )

    def _restore(self, image: Image) -> None:
        self._path.write_bytes(image.pages)
        self._index.unlink(missing_ok=True)
        if image.log:
            self._log.write_bytes(image.log)
        else:
            self._log.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """Let writes beyond `size` fail; Python ignores the signal that would come with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
