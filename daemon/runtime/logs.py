"""Logging: one event a line, as JSON for machines or readable for people, and trades in a file of their own too.

Modules say `log = structlog.get_logger()` and then `log.info("order.sent", strategy=…, quantity=…)`: a literal
`noun.past_verb` and facts as fields with their units in the name. Here every line gets its level, its market time `at`
and its host time `ts`; lines about trades say `trading=PAPER`; secrets are masked. No line ever raises or blocks: what
cannot be written is counted in `logs_dropped`.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final, Literal

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from daemon.runtime.clock import MarketClock
from daemon.runtime.console import ConsoleLines
from daemon.runtime.log_output import DescriptorOutput, FileOutput, StreamOutput, output_to
from daemon.runtime.redaction import MASK, Redactor, is_secret_name

LogFormat = Literal["auto", "json", "console"]
TRADE_EVENTS: Final = ("order.", "fill.", "decision.", "position.", "commission.", "intent.")

# What these say arrives a second time through our own adapters; ib_insync's wrapper also writes every order at length.
_SILENCED: Final = (
    "ib_insync.client",
    "ib_insync.wrapper",
    "ib_async.client",
    "ib_async.wrapper",
    "aiohttp.access",
)
_OPTIONS: Final = (
    orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_APPEND_NEWLINE
)
_NEVER: Final = logging.CRITICAL + 1


class _Pipeline:
    """The one set of outputs of this process; `configure_logs` fills it, the processors use it."""

    def __init__(self) -> None:
        self.redactor = Redactor()
        self.market_clock: Callable[[], datetime] | None = None
        self.console: ConsoleLines | None = None
        self.stream: DescriptorOutput | StreamOutput | None = None
        self.paper: FileOutput | None = None
        self.dropped_before = 0  # by outputs that are closed
        self._host = MarketClock().now  # never stepped: the wall

    def use(
        self, console: ConsoleLines | None, stream: DescriptorOutput | StreamOutput, paper: FileOutput | None
    ) -> None:
        self.close()
        self.console, self.stream, self.paper = console, stream, paper

    def close(self) -> None:
        for output in (self.stream, self.paper):
            if output is not None:
                output.close()
                self.dropped_before += output.dropped
        self.stream = self.paper = None

    def dropped(self) -> int:
        return self.dropped_before + sum(output.dropped for output in (self.stream, self.paper) if output is not None)

    def stamp(self, _: object, level: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        """Put the common fields in front, mask secrets, and turn an exception into text."""
        name = event.pop("event")
        host = self._host()
        at = event.pop("at", None)
        if at is None:
            at = host if self.market_clock is None else self.market_clock()
        stamped: dict[str, Any] = {"at": at, "level": level, "event": name}
        if isinstance(name, str) and name.startswith(TRADE_EVENTS):
            stamped["trading"] = "PAPER"
        harmless = self.redactor.harmless
        exc_info = event.pop("exc_info", None)
        for key, value in event.items():
            if is_secret_name(key):
                stamped[key] = MASK
            else:
                stamped[key] = value if type(value) in harmless else self.redactor.value(value)
        stamped["ts"] = host
        if exc_info:
            stamped["exception"] = self.redactor.foreign_text(_traceback(exc_info))
        return stamped

    def emit(self, _: object, __: str, event: MutableMapping[str, Any]) -> str:
        """Write the line, and where it is about a trade also to the paper log."""
        is_paper = self.paper is not None and "trading" in event
        line = b"" if self.console is not None and not is_paper else self.json(event)
        if self.paper is not None and is_paper:
            self.paper.write(line)
        if self.stream is not None:
            self.stream.write(line if self.console is None else self.console.render(event).encode("utf-8", "replace"))
        return ""  # it is written: the logger behind has nothing left to do

    def json(self, event: MutableMapping[str, Any]) -> bytes:
        """Return an event as one line of JSON, whatever it holds."""
        try:
            return orjson.dumps(event, default=self._as_text, option=_OPTIONS)
        except TypeError:  # lone surrogates, integers beyond 64 bits, keys of odd types
            return json.dumps({key: str(value) for key, value in event.items()}).encode() + b"\n"

    def _as_text(self, value: object) -> str | float:
        return format(value, "f") if isinstance(value, Decimal) else self.redactor.foreign_text(str(value))


log: FilteringBoundLogger = structlog.get_logger()
_PIPELINE: Final = _Pipeline()
# One list for good: loggers keep the list that they were first used with.
_PROCESSORS: Final[list[Any]] = [_PIPELINE.stamp, _PIPELINE.emit]


def configure_logs(
    *,
    format: LogFormat = "auto",  # noqa: A002 - the name of the setting
    level: str = "info",
    paper_log: Path | None = None,
    market_clock: Callable[[], datetime] | None = None,
    stream: IO[str] | None = None,
) -> None:
    """Set up logging for the whole process.

    Args:
        format: `auto` is `console` on a terminal and `json` elsewhere.
        level: the least that is written: debug, info, warning, error or critical.
        paper_log: file for the lines about trades, always JSON; None = no such file.
        market_clock: what time it is on the market; None = the host's time, until `use_market_clock`.
        stream: where lines go; None = standard error.
    """
    target = sys.stderr if stream is None else stream
    console = _console_for(target) if format == "console" or (format == "auto" and _is_terminal(target)) else None
    paper = FileOutput(paper_log) if paper_log else None
    failure = paper.open() if paper else ""
    _PIPELINE.use(console, output_to(target), paper)
    _PIPELINE.market_clock = market_clock
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_NoLogger,
        cache_logger_on_first_use=True,
    )
    _route_stdlib()
    _report_failure(failure, paper_log)


def use_market_clock(now: Callable[[], datetime]) -> None:
    """Take the market time of lines from `now`, from here on."""
    _PIPELINE.market_clock = now


def redact(value: str) -> None:
    """Mask `value` in every line from here on, wherever it turns up; values under six characters are left alone."""
    _PIPELINE.redactor.register(value)


def reopen() -> None:
    """Open the paper log anew under its name, after it was moved away (SIGHUP)."""
    if _PIPELINE.paper is not None:
        _report_failure(_PIPELINE.paper.open(), _PIPELINE.paper.path)


def logs_dropped() -> int:
    """Return how many lines could not be written since the process began."""
    return _PIPELINE.dropped()


def close_logs() -> None:
    """Write out what still waits, for at most a second per reader, and close; lines after that go nowhere."""
    _PIPELINE.close()


class _NoLogger:
    """What structlog calls at the end of its chain, where nothing is left to do."""

    def __init__(self, *_: object) -> None:
        """Take no notice of the logger's name."""

    def debug(self, _: str) -> None:
        """Do nothing."""

    info = warning = error = critical = debug


class _StdlibRoute(logging.Handler):
    """Brings what libraries log through the standard library into the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit their message
            text = str(record.msg)
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        text = _PIPELINE.redactor.foreign_text(text)
        log.log(level, "library.reported", library=record.name, text=text, exc_info=record.exc_info)


def _route_stdlib() -> None:
    root = logging.getLogger()
    root.handlers[:] = [_StdlibRoute()]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    for name in _SILENCED:
        logging.getLogger(name).setLevel(_NEVER)


def _report_failure(problem: str, path: Path | None) -> None:
    if problem:
        log.warning("logfile.failed", path=str(path), problem=problem)


def _is_terminal(stream: IO[str]) -> bool:
    return not stream.closed and stream.isatty()


def _console_for(stream: IO[str]) -> ConsoleLines:
    if not _is_terminal(stream):
        return ConsoleLines(colour=False)
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return ConsoleLines(colour=colour, width=os.get_terminal_size(stream.fileno()).columns or None)


def _traceback(exc_info: object) -> str:
    """Return the text of an `exc_info`: an exception, a tuple with one, or True for the one at hand."""
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if not isinstance(error, BaseException):
        error = sys.exception()
    return "" if error is None else "".join(traceback.format_exception(error)).rstrip()
