"""The lock on a state directory: one daemon, or one writing command, at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.domain.errors import ForbiddenError


@contextmanager
def state_lock(state: Path) -> Iterator[None]:
    """Hold the directory's lock; it ends with the process, however that dies.

    Raises:
        ForbiddenError: somebody else holds it.
    """
    with (state / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise ForbiddenError(
                f"state: {state} is in use by another daemon (process {holder}).",
                "Stop it first with `paperd stop`, or give this one a directory of its own with --state.",
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
