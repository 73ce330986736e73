"""The one place where an error becomes words for a person and an exit code for a machine (sysexits)."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from daemon.domain.errors import (
    BadMarketData,
    ConfigError,
    ForbiddenError,
    JournalBusy,
    JournalFailed,
    PaperdError,
    Transient,
)

USAGE: Final = 64
UNAVAILABLE: Final = 69
SOFTWARE: Final = 70
IO_FAILED: Final = 74
TRY_AGAIN: Final = 75
REFUSED: Final = 77
CONFIGURATION: Final = 78

_Lines = tuple[tuple[str, str], ...]  # (label, text)


class PaperdGroup(TyperGroup):
    """The root command: whatever its commands raise ends here."""

    def main(self, args: Sequence[str] | None = None, *positional: Any, **extra: Any) -> NoReturn:
        """Run a command and exit with its code; what nobody foresaw keeps its traceback."""
        arguments = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            returned = super().main(arguments, *positional, **extra)
        except typer.Abort:
            sys.exit(130)  # as a shell says it of Ctrl-C
        except typer.TyperException as error:
            sys.exit(_tell((error,), USAGE, as_json="--json" in arguments))
        except (PaperdError, OSError) as error:
            sys.exit(_tell((error,), exit_code(error), as_json="--json" in arguments))
        except ExceptionGroup as group:
            errors = tuple(_leaves(group))
            if not all(isinstance(error, PaperdError | OSError) for error in errors):
                raise
            sys.exit(_tell(errors, max(map(exit_code, errors)), as_json="--json" in arguments))
        sys.exit(returned if isinstance(returned, int) else 0)


def exit_code(error: BaseException) -> int:
    """Return the exit code that says what the caller has to do about `error`."""
    return next((code for kinds, code in _table() if isinstance(error, kinds)), SOFTWARE)


def _table() -> Iterator[tuple[tuple[type[BaseException], ...], int]]:
    """Yield kinds of errors and their codes, the more telling ones first."""
    from daemon.client import DaemonNotRunning
    from daemon.reports.errors import DayNotThere, NothingToReport

    yield (ForbiddenError,), REFUSED
    yield (ConfigError, BadMarketData), CONFIGURATION  # a person must correct the file, the command or the data
    yield (JournalBusy,), TRY_AGAIN
    yield (JournalFailed, OSError), IO_FAILED
    yield (DayNotThere,), USAGE
    yield (DaemonNotRunning, NothingToReport), UNAVAILABLE
    yield (Transient,), TRY_AGAIN


def _tell(errors: Sequence[BaseException], code: int, *, as_json: bool) -> int:
    """Print every error with its cure; return `code`."""
    from daemon.cli.output import print_json

    said = [line for error in errors for line in _lines(error)]
    for label, text in said:
        typer.echo(f"{label}: {text}", err=True)
    if as_json:
        faults = [text for label, text in said if label == "error"]
        cures = [text for label, text in said if label == "cure"]
        summary = faults[0] if len(faults) == 1 else f"{len(faults)} faults"
        print_json({"error": summary, "faults": faults, "cures": cures, "exit_code": code})
    return code


def _lines(error: BaseException) -> _Lines:
    if isinstance(error, ConfigError):
        return tuple(("error", fault) for fault in error.faults)
    if isinstance(error, typer.TyperException):
        message = error.format_message().strip()
        return (("error", message), ("cure", "--help says what a command takes")) if message else ()
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return (("error", f"{where}{error.strerror or error}"), ("cure", "make it a place this user may use"))
    cause, cure = getattr(error, "cause", ""), getattr(error, "cure", "")
    if cause:
        return (("error", str(cause)), ("cure", str(cure))) if cure else (("error", str(cause)),)
    return (("error", str(error) or type(error).__name__),)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
