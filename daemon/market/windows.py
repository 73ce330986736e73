"""Windows of completed bars as numpy columns, anchored so that a row's features never change as the window grows."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from daemon.domain.bar import Bar
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Anchor, Session, TradingCalendar, bar_ends, bar_starts

if TYPE_CHECKING:
    import pandas as pd

_FIRST_CAPACITY: Final = 1024


@dataclass(frozen=True, slots=True)
class BarColumns:
    """Bars as columns of shape (n,), oldest first; views that must not be written to."""

    start: NDArray[np.int64]  # epoch seconds
    end: NDArray[np.int64]  # epoch seconds
    open: NDArray[np.float64]  # quote currency per unit, as high, low, close and wap
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]  # units
    wap: NDArray[np.float64]
    trades: NDArray[np.int64]  # 0 = nothing traded

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.end)

    def head(self, count: int) -> "BarColumns":
        """Return the oldest `count` bars."""
        return BarColumns(
            self.start[:count],
            self.end[:count],
            self.open[:count],
            self.high[:count],
            self.low[:count],
            self.close[:count],
            self.volume[:count],
            self.wap[:count],
            self.trades[:count],
        )

    def to_pandas(self) -> "pd.DataFrame":
        """Return a DataFrame indexed by the aware UTC end of each bar; for people and reports, not for the bar path."""
        import pandas as pd  # noqa: PLC0415 - the bar path must not pay for it

        columns = {column.name: getattr(self, column.name) for column in fields(self) if column.name != "end"}
        return pd.DataFrame(columns, index=pd.to_datetime(self.end, unit="s", utc=True).rename("end"))


class BarWindow:
    """A growing, preallocated window of the completed bars of one instrument and timeframe."""

    def __init__(self) -> None:
        self._rows = _allocated(_FIRST_CAPACITY)
        self._count = 0

    def __len__(self) -> int:
        """Return the number of bars."""
        return self._count

    @property
    def last_end(self) -> int:
        """Return the end of the newest bar in epoch seconds, 0 when empty."""
        return int(self._rows.end[self._count - 1]) if self._count else 0

    def append(self, bar: Bar) -> bool:
        """Add a bar at the end; return False, and change nothing, when it is not newer than the last."""
        if bar.end <= self.last_end:
            return False
        if self._count == len(self._rows):
            kept, self._rows = self._rows, _allocated(2 * self._count)
            for old, new in zip(_arrays(kept), _arrays(self._rows), strict=True):
                new[: self._count] = old
        self._write(self._count, bar)
        self._count += 1
        return True

    def replace(self, bar: Bar) -> bool:
        """Overwrite the bar with the same end; return False when there is none."""
        ends = self._rows.end[: self._count]
        row = int(np.searchsorted(ends, bar.end))
        if row == self._count or ends[row] != bar.end:
            return False
        self._write(row, bar)
        return True

    def drop_before(self, end: int) -> None:
        """Forget the bars that ended before `end` (epoch seconds)."""
        first = int(np.searchsorted(self._rows.end[: self._count], end))
        if first:
            for array in _arrays(self._rows):
                array[: self._count - first] = array[first : self._count].copy()
            self._count -= first

    def columns(self) -> BarColumns:
        """Return views of all bars; they are valid until the next change of the window."""
        return self._rows.head(self._count)

    def _write(self, row: int, bar: Bar) -> None:
        rows = self._rows
        rows.start[row], rows.end[row] = bar.start, bar.end
        rows.open[row], rows.high[row], rows.low[row], rows.close[row] = bar.open, bar.high, bar.low, bar.close
        rows.volume[row], rows.wap[row], rows.trades[row] = bar.volume, bar.wap, bar.trades


def _allocated(capacity: int) -> BarColumns:
    def whole() -> NDArray[np.int64]:
        return np.empty(capacity, np.int64)

    def real() -> NDArray[np.float64]:
        return np.empty(capacity, np.float64)

    return BarColumns(
        start=whole(),
        end=whole(),
        open=real(),
        high=real(),
        low=real(),
        close=real(),
        volume=real(),
        wap=real(),
        trades=whole(),
    )


def _arrays(rows: BarColumns) -> tuple[NDArray[np.int64] | NDArray[np.float64], ...]:
    return rows.start, rows.end, rows.open, rows.high, rows.low, rows.close, rows.volume, rows.wap, rows.trades


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSchedule:
    """Where the bars of one exchange begin and end, by its calendar."""

    calendar: TradingCalendar
    anchor: Anchor = "clock"

    def ends(self, session: Session, timeframe: Timeframe) -> NDArray[np.int64]:
        """Return the ends of the session's bars, epoch seconds."""
        return bar_ends(session, timeframe, self.anchor, self.calendar.timezone)

    def starts(self, session: Session, timeframe: Timeframe) -> NDArray[np.int64]:
        """Return the starts of the session's bars, epoch seconds."""
        return bar_starts(session, timeframe, self.anchor, self.calendar.timezone)

    def anchor_end(self, session: Session, timeframe: Timeframe, history: int) -> tuple[int, int]:
        """Return start and end (epoch seconds) of the bar `history` bars before the session's first one."""
        missing, earlier = history, session
        while True:
            earlier = self.calendar.session_before(earlier)
            ends = self.ends(earlier, timeframe)
            if missing <= len(ends):
                row = len(ends) - missing
                return int(self.starts(earlier, timeframe)[row]), int(ends[row])
            missing -= len(ends)

    def last_end(self, moment: datetime, timeframe: Timeframe) -> int:
        """Return the last scheduled bar end at or before `moment` (aware), epoch seconds."""
        session = self.calendar.last_open_before(moment)
        seconds = int(moment.timestamp())
        while session is not None:
            ends = self.ends(session, timeframe)
            row = int(np.searchsorted(ends, seconds, side="right"))
            if row:
                return int(ends[row - 1])
            session = self.calendar.session_before(session)
        return 0

    def bar_end(self, start: int, timeframe: Timeframe, session: Session) -> int:
        """Return the end of the session's bar that contains epoch second `start`."""
        ends = self.ends(session, timeframe)
        return int(ends[min(int(np.searchsorted(ends, start, side="right")), len(ends) - 1)])

    def next_end(self, after: datetime, timeframe: Timeframe) -> tuple[Session, int]:
        """Return the first scheduled bar end later than `after` (aware), epoch seconds, with its session."""
        seconds = int(after.timestamp())
        session = self.calendar.last_open_before(after)
        if session is None or session.close_s <= seconds:
            session = self.calendar.next_session(after)
        ends = self.ends(session, timeframe)
        return session, int(ends[int(np.searchsorted(ends, seconds, side="right"))])
