"""Log lines for a person who follows the day: `09:31:05  INFO   decision.made   pulse SPY 1m BUY 1.00 → ORDER`."""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

_EXCHANGE: Final = ZoneInfo("America/New_York")
_LEADING: Final = ("strategy", "symbol", "instrument", "timeframe", "signal", "side", "confidence", "quantity")
_HIDDEN: Final = frozenset({"event", "level", "at", "ts", "exception", "trading", "outcome", *_LEADING})
_EVENT_WIDTH: Final = 22
_INDENT: Final = 17  # columns before the event; continued lines begin there too
_NARROWEST: Final = 60
_LONGEST_ID: Final = 12  # of a longer id only the end is shown; the JSON lines have it whole
_PLAIN_WORD: Final = re.compile(r"[^\s\"\x00-\x1f\x7f-\x9f]+")

_RESET: Final = "\x1b[0m"
_DIM: Final = "\x1b[2m"
_BOLD: Final = "\x1b[1m"
_LEVELS: Final = {
    "debug": ("DEBUG", _DIM),
    "info": ("INFO", "\x1b[32m"),
    "warning": ("WARN", "\x1b[33m"),
    "error": ("ERROR", "\x1b[31m"),
    "critical": ("CRIT", "\x1b[1;37;41m"),
}
_SIDES: Final = {"BUY": "\x1b[32m", "SELL": "\x1b[31m", "HOLD": _DIM}


class ConsoleLines:
    """Turns events into lines; a line of its own says when the exchange's day changes."""

    def __init__(self, *, colour: bool, width: int | None = None) -> None:
        """Colour, and wrap at `width` columns; None = never wrap."""
        self._colour = colour
        self._width = None if width is None else max(width, _NARROWEST)
        self._day: date | None = None

    def render(self, event: Mapping[str, object]) -> str:
        """Return the text of one event, ending in a newline."""
        at = event.get("at")
        local = at.astimezone(_EXCHANGE) if isinstance(at, datetime) else None
        level, level_style = _LEVELS.get(str(event.get("level")), ("", ""))
        name = f"{_word(event.get('event', '')):<{_EVENT_WIDTH}}"
        time = self._painted(f"{local:%H:%M:%S}" if local else " " * 8, _DIM)
        head = f"{time}  {self._painted(f'{level:<5}', level_style)}  {self._painted(name, _BOLD)}"
        body = self._flowed(event, _INDENT + len(name))
        return f"{self._day_line(local)}{head}{body}\n{_trace(event)}"

    def _day_line(self, local: datetime | None) -> str:
        if local is None or local.date() == self._day:
            return ""
        self._day = local.date()
        return self._painted(f"── {local:%A %Y-%m-%d}, New York time ──", _DIM) + "\n"

    def _flowed(self, event: Mapping[str, object], column: int) -> str:
        """Return the facts of an event, continued on further lines where the terminal ends."""
        flowed = ""
        for text, styled in self._facts(event):
            if self._width is not None and column + 1 + len(text) > self._width and column > _INDENT:
                flowed += f"\n{' ' * _INDENT}"
                column = _INDENT
            flowed += f" {styled}"
            column += 1 + len(text)
        return flowed

    def _facts(self, event: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        """Yield each fact plain, to be measured, and as it is shown."""
        for name in _LEADING:
            if event.get(name) is not None:
                text = _shown(name, event[name])
                yield text, self._painted(text, _SIDES.get(text, ""))
        for name, value in event.items():
            if name not in _HIDDEN and value is not None and value != "":
                text = _shown(name, value)
                yield f"{name}={text}", f"{self._painted(f'{name}=', _DIM)}{text}"
        if event.get("outcome") is not None:
            text = f"→ {_shown('outcome', event['outcome'])}"
            yield text, text
        if "trading" in event:
            text = f"[{event['trading']}]"
            yield text, self._painted(text, _DIM)

    def _painted(self, text: str, style: str) -> str:
        return f"{style}{text}{_RESET}" if self._colour and style else text


def _trace(event: Mapping[str, object]) -> str:
    """Return the traceback below its line, without control characters."""
    trace = event.get("exception")
    if not isinstance(trace, str):
        return ""
    return "".join(
        f"{' ' * _INDENT} {''.join(c if c.isprintable() else '·' for c in line)}\n" for line in trace.split("\n")
    )


def _shown(name: str, value: object) -> str:
    if isinstance(value, str) and name.endswith(("_ref", "_id")) and len(value) > _LONGEST_ID:
        return f"…{_word(value)[-8:]}"
    if isinstance(value, float):
        return f"{value:.2f}" if name == "confidence" else _number(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_word(key)}: {_shown('', item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown("", item) for item in value) + "]"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"{value.astimezone(_EXCHANGE):%H:%M:%S}"
    return _word(value)


def _number(value: float) -> str:
    if not math.isfinite(value) or (value and abs(value) < 1e-4):
        return f"{value:.3g}"
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _word(value: object) -> str:
    """Return text as it is where it is one printable word, else quoted: it never breaks a line or moves the cursor."""
    text = str(value)
    return text if _PLAIN_WORD.fullmatch(text) and text.isprintable() else repr(text)
