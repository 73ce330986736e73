"""What could no longer be written to the journal, left in a file beside it for the person who looks after it."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Final

import orjson
import structlog

from daemon.domain.records import Record

log = structlog.get_logger()

FILE: Final = "last-words.jsonl"


def leave_last_words(folder: Path, failure: Exception, unkept: Sequence[Record]) -> None:
    """Write why the journal failed, and each record that was not known to be kept, to `FILE` in `folder`, if it can be.

    Each line is a JSON object: the first has `failure`, the others `table` and the record's fields. What an earlier
    failure left there is replaced. A restart does not read it: it asks the journal, and the broker.
    """
    lines: list[dict[str, object]] = [{"failure": str(failure), "unkept": len(unkept)}]
    lines += [{"table": record.TABLE, **asdict(record)} for record in unkept]
    data = b"".join(orjson.dumps(line, default=_plain, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    path = folder / FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        log.warning("lastwords.failed", path=str(path), problem=error.strerror or type(error).__name__)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    return repr(value)
