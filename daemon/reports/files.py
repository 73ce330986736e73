"""Puts reports in their place: whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from daemon.reports.render import to_html, to_json
from daemon.reports.values import DayReport

Format = Literal["html", "json"]
FORMATS: Final[tuple[Format, ...]] = ("html", "json")
_WRITERS: Final[Mapping[Format, Callable[[DayReport], bytes]]] = {"html": to_html, "json": to_json}


def write_report(report: DayReport, directory: Path, formats: Sequence[Format] = FORMATS) -> dict[Format, Path]:
    """Write `<day>.html` and `<day>.json` (of one strategy: `<day>-<strategy>.…`) and return where they are.

    Raises:
        OSError: a file could not be written; an earlier one of that name is as it was.
    """
    stem = f"{report.day}-{report.only}" if report.only else f"{report.day}"
    directory.mkdir(parents=True, exist_ok=True)
    written: dict[Format, Path] = {}
    for form in formats:
        written[form] = directory / f"{stem}.{form}"
        write_whole(written[form], _WRITERS[form](report))
    return written


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content` in one step."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
