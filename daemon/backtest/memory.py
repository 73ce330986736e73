"""How a budget of memory is shared out: files in batches, one session of every symbol, and what the page measures."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from daemon.domain.errors import ConfigError
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarSchedule

DEFAULT_MB: Final = 512
PROGRAM_MB: Final = 200  # the interpreter, the libraries and the journal's writer, before any bar
_MB: Final = 1 << 20
_ROW_BYTES: Final = 320  # of a batch while it is checked: columns, a copy of each, the text of its time
_FEWEST_ROWS: Final = 1_024  # of a file
_MOST_ROWS: Final = 16_384  # of all files: larger batches are no faster to read
_BAR_BYTES: Final = 4_500  # of a session: bar, quote and step, then the records about it and their rows
_TAPE_BYTES: Final = 2_100_000  # of a session second by second
_MARK_BYTES: Final = 120  # an account's valuation with everything that is measured from it
_ORDINARY_DAY: Final = datetime(2024, 6, 10, tzinfo=UTC)  # a full session wherever there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBudget:
    """What a backtest may take in all, about."""

    megabytes: int = DEFAULT_MB

    @property
    def free(self) -> int:
        """Return the bytes that are left for data."""
        return max(self.megabytes - PROGRAM_MB, 0) * _MB

    def batch_rows(self, files: int) -> int:
        """Return how many rows to read from a file at a time: at most a third of the budget goes to batches."""
        return max(min(self.free // 3 // _ROW_BYTES, _MOST_ROWS) // max(files, 1), _FEWEST_ROWS)

    @property
    def marks(self) -> int:
        """Return how many valuations the page may measure at once; the run is over by then."""
        return max(self.free // 2 // _MARK_BYTES, 10_000)

    def refuse_too_small(
        self, schedule: BarSchedule, timeframes: Collection[Timeframe], *, symbols: int, tapes: bool
    ) -> None:
        """Raise ConfigError when one session of all symbols has no room.

        Args:
            schedule: of the exchange, for how many bars a session has.
            timeframes: of the bars that are told or read.
            symbols: how many.
            tapes: whether sessions come second by second.
        """
        session = schedule.calendar.next_session(_ORDINARY_DAY)
        bars = sum(len(schedule.ends(session, timeframe)) for timeframe in set(timeframes))
        read = _TAPE_BYTES if tapes else _FEWEST_ROWS * _ROW_BYTES
        needed = -(-symbols * (bars * _BAR_BYTES + read) // _MB)
        if needed * _MB > self.free:
            raise ConfigError(
                f"--memory: {self.megabytes} MB are too few: one session of {symbols} symbols, {bars:,} bars each, "
                f"takes about {needed} MB and the program itself {PROGRAM_MB}; "
                f"give --memory {needed + PROGRAM_MB} or more, or fewer symbols"
            )
