"""Drives a session that is known beforehand: over the instants without consequences, and through the others as ever."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Self

from daemon.backtest.day_steps import DaySteps, ListedSteps
from daemon.backtest.order_lane import OrderLane
from daemon.domain.events import InstantClosed
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.engine.quiet import QuietDay
from daemon.market.windows import BarColumns

if TYPE_CHECKING:
    from daemon.backtest.driver import BacktestDriver
    from daemon.backtest.market_history import MarketHistory, Step


class QuietSession:
    """One session of a driver."""

    def __init__(self, driver: BacktestDriver, steps: DaySteps, quiet: QuietDay, history: MarketHistory) -> None:
        self._driver, self._steps, self._quiet, self._history = driver, steps, quiet, history
        self._day = steps.columns
        self._at: list[int] = self._day.at.tolist()
        self._orders = OrderLane(driver, steps, history)
        self._known: dict[InstrumentId, int] = {}  # the last instant of which the marks know
        self._quotes = {name: quotes.rows.tolist() for name, quotes in self._day.quotes.items()}
        self._frames: dict[InstrumentId, list[tuple[Timeframe, list[int], list[int], BarColumns]]] = {}
        for (name, frame), series in sorted(self._day.series.items()):
            traded = series.rows[series.bars.trades != 0].tolist()
            self._frames.setdefault(name, []).append((frame, series.rows.tolist(), traded, series.bars))

    @classmethod
    def of(cls, driver: BacktestDriver, steps: Sequence[Step], history: MarketHistory) -> Self | None:
        """Return the session, None where its steps must be told one by one."""
        known = steps if isinstance(steps, DaySteps) else ListedSteps.of(steps)
        if known is None:
            return None
        quiet = QuietDay.of(driver.engine, known.columns, vectorised=driver.quietly == "decide_all")
        return cls(driver, known, quiet, history) if quiet is not None else None

    def run(self) -> None:
        """Go through the day."""
        driver, quiet, end = self._driver, self._quiet, len(self._at)
        row = 0
        while row < end:
            self._wait(row)
            if not self._all_must_be_told():
                loud = quiet.next_loud(row)
                if loud != row and loud < end:
                    self._wait(loud)
                concerned = quiet.concerned(loud) if loud < end else None
                row = loud
            else:
                concerned = None
            if row < end:
                self._tell(row, concerned)
                row += 1
        quiet.catch_up(end, None)
        for instrument in driver.engine.setup.instruments:
            self._learn(instrument, end - 1, told=False)
        for decisions in quiet.decisions():
            driver.decided(decisions)
        driver.bars += sum(len(series.rows) for series in self._day.series.values())

    def _all_must_be_told(self) -> bool:
        engine = self._driver.engine
        return (
            self._driver.broker.is_working
            or engine.orders.any_working
            or any(slot.failure for slot in engine.accounts.slots)
        )

    def _wait(self, row: int) -> None:
        """Let the exchange and the executor act before an instant; quotes told meanwhile are newer than the last."""
        driver = self._driver
        if driver.broker.is_working or driver.engine.orders.any_working or driver.executor.next_deadline is not None:
            driver.until(self._moment(row), self._history)
        if driver.heard:
            self._known |= dict.fromkeys(driver.heard, row - 1)
            driver.heard.clear()

    def _tell(self, row: int, concerned: frozenset[InstrumentId] | None) -> None:
        """Tell an instant's bars of the instruments concerned, once the engine knows what was passed over before."""
        driver, at = self._driver, self._moment(row)
        held = driver.engine.accounts.held()
        hears = frozenset(driver.engine.setup.instruments) if concerned is None else concerned.union(held)
        for instrument in hears:
            self._learn(instrument, row, told=concerned is None or instrument in concerned)
        if not concerned or not self._orders.carry(row, at, self._quiet.stopped(row), self._before(row)):
            self._quiet.catch_up(row, concerned)
            step = self._steps.part(row, concerned, concerned)
            driver.instant(at, step.quotes, [*step.bars, InstantClosed(at=at)])
        driver.heard.clear()
        self._quiet.told(row, concerned)

    def _learn(self, instrument: InstrumentId, row: int, *, told: bool) -> None:
        """Bring the marks up to an instant, whose own bars and quotes are left out where they are told anyway."""
        since, last = self._known.get(instrument, -1), row - 1 if told else row
        self._known[instrument] = row
        quoted = self._quotes.get(instrument, [])
        place = bisect_right(quoted, row) - 1
        if told and place >= 0 and quoted[place] == row:
            return  # supersedes whatever was before
        happened: list[tuple[int, int, int, BarColumns | None]] = []  # instant, rank within it, place in its series
        if place >= 0 and since < quoted[place]:
            happened.append((quoted[place], 0, place, None))
        for frame, rows, traded, bars in self._frames.get(instrument, []):
            found = bisect_right(rows, last) - 1
            active = bisect_right(traded, last) - 1
            places = {found} if found >= 0 else set()
            if active >= 0:
                places.add(bisect_left(rows, traded[active]))
            happened += [(rows[each], frame.seconds, each, bars) for each in places if rows[each] > since]
        marks = self._driver.engine.marks
        for happens, _, each, closed in sorted(happened, key=itemgetter(0, 1, 2)):
            if closed is None:
                self._driver.quote(self._steps.quote(instrument, each))
            else:
                close, end, at = float(closed.close[each]), int(closed.end[each]), self._moment(happens)
                marks.on_close(instrument, close, end, at, traded=bool(closed.trades[each]))

    def _before(self, row: int) -> datetime:
        """Return the instant after one, the session's close behind the last."""
        session = self._driver.engine.session
        if row + 1 < len(self._at) or session is None:
            return self._moment(row + 1)
        return session.close

    def _moment(self, row: int) -> datetime:
        return datetime.fromtimestamp(self._at[row], UTC)
