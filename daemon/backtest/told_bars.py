"""Which bars a backtest was told, by series, whether they became records or not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from daemon.domain.instrument import InstrumentId
from daemon.domain.records import BarSeen
from daemon.engine.quiet import QuietDecisions
from daemon.journal.bulk import Recorded

Series = tuple[InstrumentId, str]  # the timeframe as it is written


@dataclass(slots=True)
class ToldBars:
    """Bars of each series, and the span of all."""

    counts: dict[Series, int] = field(default_factory=dict)
    ends: tuple[int, int] | None = None  # of the first and the last bar, epoch seconds
    _foreseen: dict[Series, int] = field(default_factory=dict)  # bars of the present session known beforehand

    def foreseen(self, decisions: QuietDecisions) -> None:
        """Take what was decided over a whole session of one series, by any of the strategies."""
        ends = decisions.bar_end
        if ends.size:
            self._foreseen[decisions.instrument, str(decisions.timeframe)] = ends.size
            self._span(int(ends[0]), int(ends[-1]))

    def session_done(self, records: Iterable[Recorded]) -> None:
        """Take the session's records: of a series known beforehand they tell a part of its bars, else all."""
        for series, count in self._foreseen.items():
            self.counts[series] = self.counts.get(series, 0) + count
        for record in records:
            if type(record) is not BarSeen:
                continue
            series = (record.instrument, record.timeframe)
            if series not in self._foreseen:
                self.counts[series] = self.counts.get(series, 0) + 1
                self._span(record.end, record.end)
        self._foreseen.clear()

    def by_timeframe(self) -> dict[str, int]:
        """Return the bars of all instruments by timeframe."""
        found: dict[str, int] = {}
        for (_, timeframe), count in sorted(self.counts.items()):
            found[timeframe] = found.get(timeframe, 0) + count
        return found

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Return when the first and the last bar ended, UTC; None without any."""
        return self.ends and (datetime.fromtimestamp(self.ends[0], UTC), datetime.fromtimestamp(self.ends[1], UTC))

    def _span(self, first: int, last: int) -> None:
        self.ends = (first, last) if self.ends is None else (min(self.ends[0], first), max(self.ends[1], last))
