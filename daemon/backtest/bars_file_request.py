"""Files of bars as a command names them: `FILE` or `SYMBOL=FILE`, and how they are to be read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from daemon.adapters.files.bars_file import BarFile, FileForm
from daemon.domain.errors import ConfigError
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe

_NAMED: Final = re.compile(r"([A-Za-z][A-Za-z0-9.\-]{0,11})=(.+)")
_TICKER: Final = re.compile(r"[A-Z][A-Z0-9\-]{0,9}")


def file_form(*, bar: str | None, timezone: str | None, stamps: str, batch_rows: int = 16_384) -> FileForm:
    """Return how the options say that files are to be read; raise ConfigError for each that is not understood."""
    if stamps not in {"start", "end"}:
        raise ConfigError(f"--stamps: {stamps!r} is not understood; times mark the start or the end of a bar")
    try:
        length = Timeframe.parse(bar) if bar is not None else None
    except ValueError as error:
        raise ConfigError(f"--bar: {error}") from error
    try:
        zone = ZoneInfo(timezone) if timezone is not None else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"--timezone: {timezone!r} is unknown; use an IANA name such as America/New_York or UTC"
        ) from error
    return FileForm(bar=length, timezone=zone, stamps="end" if stamps == "end" else "start", batch_rows=batch_rows)


def files_by_symbol(option: str, named: Sequence[str], symbols: Sequence[str] | None) -> dict[InstrumentId, Path]:
    """Return the file of each symbol.

    A file without a symbol is of the only symbol asked for, else of the one that its name begins with.

    Raises:
        ConfigError: it is not clear which symbol a file is of, or one has two files.
    """
    found: dict[InstrumentId, Path] = {}
    for text in named:
        match = _NAMED.fullmatch(text)
        path = Path(match[2] if match and not Path(text).exists() else text)
        symbol = (
            match[1].upper() if match and not Path(text).exists() else _symbol_of(option, path, symbols, len(named))
        )
        if symbol in found:
            raise ConfigError(
                f"{option}: {symbol} has two files, {found[InstrumentId(symbol)]} and {path}; join them into one"
            )
        found[InstrumentId(symbol)] = path
    return found


def chosen_files(files: Mapping[InstrumentId, Path], symbols: Sequence[str] | None) -> dict[InstrumentId, Path]:
    """Return the files of `symbols`, all when none is named; raise ConfigError for a symbol without a file."""
    wanted = [InstrumentId(symbol.upper()) for symbol in symbols] if symbols else list(files)
    for symbol in wanted:
        if symbol not in files:
            raise ConfigError(
                f"--symbol: there is no file of {symbol}; the files are of {', '.join(files)}. Give it as {symbol}=FILE"
            )
    return {symbol: files[symbol] for symbol in wanted}


def opened_files(files: Mapping[InstrumentId, Path], form: FileForm) -> dict[InstrumentId, BarFile]:
    """Return the files, each with its first rows looked at; raise BadMarketData for one that cannot be used."""
    return {symbol: BarFile(path, form) for symbol, path in files.items()}


def _symbol_of(option: str, path: Path, symbols: Sequence[str] | None, files: int) -> str:
    if symbols and len(symbols) == 1 and files == 1:
        return symbols[0].upper()
    symbol = path.name.split(".")[0].upper()
    if _TICKER.fullmatch(symbol) is None:
        raise ConfigError(
            f"{option}: {path.name} does not begin with a symbol; say which it is, as in {option} SPY={path}"
        )
    return symbol
