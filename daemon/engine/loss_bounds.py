"""How much could be lost over the rest of a session that is known beforehand, while no position changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from daemon.domain.instrument import InstrumentId
from daemon.engine.day_columns import DayColumns
from daemon.engine.strategy_slot import StrategySlot
from daemon.risk.limits import SharedLimits

if TYPE_CHECKING:
    from daemon.engine.engine import Engine

_MARGIN: Final = 1e-9  # of the amounts involved: far above what float64 rounds away, far below a cent
Prices = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Marks:
    """An instrument's mark at each instant, and its extremes from there to the end of the day."""

    price: Prices
    lowest: Sequence[float]
    highest: Sequence[float]


class LossBounds:
    """Finds the first instant at which a loss limit could act. Errs on the side of an instant too early."""

    def __init__(self, engine: Engine, day: DayColumns) -> None:
        self._engine, self._day = engine, day
        self._marks: dict[InstrumentId, _Marks] = {}
        self._quoted = {
            instrument: engine.marks.quote(instrument) is not None for instrument in engine.setup.instruments
        }
        self._start = {
            instrument: float(engine.marks.price(instrument) or 0) for instrument in engine.setup.instruments
        }
        slots = engine.accounts.slots
        self._bases = [float(slot.day_start_equity) for slot in slots]
        self._bounds = [_bound(slot.setup.limits, slot) for slot in slots]
        self._whole_base = sum(self._bases)
        self._whole_bound = _bound(engine.setup.account_limits, *slots)
        self._scale = sum(map(abs, self._bases)) + 1.0

    def lowest_equities(self, row: int) -> list[float]:
        """Return for each strategy what its equity cannot fall below from `row` on."""
        return [self.lowest_equity(slot, row) for slot in self._engine.accounts.slots]

    def lowest_equity(self, slot: StrategySlot, row: int) -> float:
        """Return what the strategy's equity cannot fall below from `row` on."""
        worst = float(slot.ledger.cash)
        for instrument, position in slot.ledger.positions.items():
            if position.quantity:
                quantity, marks = float(position.quantity), self._of(instrument)
                worst += quantity * (marks.lowest[row] if quantity > 0 else marks.highest[row])
        return worst

    def first_row(self, row: int, worst: Sequence[float]) -> int:
        """Return the first instant from `row` on at which a limit may be reached, else the day's length.

        Args:
            row: an instant of the day.
            worst: what `lowest_equities` returns for it.
        """
        scale = _MARGIN * (self._scale + sum(map(abs, worst)))
        is_safe = self._whole_base - sum(worst) < self._whole_bound - scale and all(
            base - low < bound - scale for base, low, bound in zip(self._bases, worst, self._bounds, strict=True)
        )
        if is_safe:
            return len(self._day)
        slots = self._engine.accounts.slots
        losses = [base - self._equity(slot, row) for slot, base in zip(slots, self._bases, strict=True)]
        reached = sum(losses) >= self._whole_bound - scale
        for loss, bound in zip(losses, self._bounds, strict=True):
            reached = reached | (loss >= bound - scale)
        found = np.flatnonzero(reached)
        return row + int(found[0]) if found.size else len(self._day)

    def _equity(self, slot: StrategySlot, row: int) -> Prices:
        equity = np.full(len(self._day) - row, float(slot.ledger.cash))
        for instrument, position in slot.ledger.positions.items():
            if position.quantity:
                equity += float(position.quantity) * self._of(instrument).price[row:]
        return equity

    def _of(self, instrument: InstrumentId) -> _Marks:
        known = self._marks.get(instrument)
        if known is None:
            price = self._prices(instrument)
            lowest = np.minimum.accumulate(price[::-1])[::-1].tolist()
            highest = np.maximum.accumulate(price[::-1])[::-1].tolist()
            known = self._marks[instrument] = _Marks(price, lowest, highest)
        return known

    def _prices(self, instrument: InstrumentId) -> Prices:
        """Return the middle of the quote in force at each instant, the last close while there has been no quote."""
        count = len(self._day)
        told = np.full(count, np.nan)
        quotes = self._day.quotes.get(instrument)
        first_quote = int(quotes.rows[0]) if quotes is not None and len(quotes.rows) else count
        if not self._quoted[instrument]:
            for (name, _), series in sorted(self._day.series.items(), key=lambda item: item[0][1]):
                if name == instrument:
                    told[series.rows] = series.bars.close
            told[first_quote:] = np.nan
        if quotes is not None:
            told[quotes.rows] = quotes.mid
        rows = np.where(np.isnan(told), -1, np.arange(count))
        last = np.maximum.accumulate(rows)
        return np.where(last >= 0, told[np.maximum(last, 0)], self._start[instrument])


def _bound(limits: SharedLimits, *slots: StrategySlot) -> float:
    """Return the smallest loss of the day at which one of these limits acts."""
    bounds = [float("inf")]
    if limits.emergency_stop:
        bounds.append(float(limits.emergency_loss))
    if limits.auto_stop_on_daily_limit:
        bound = float(
            limits.daily_loss_bound(
                sum((slot.day_start_equity for slot in slots), start=type(slots[0].day_start_equity)(0))
            )
        )
        if bound > 0:
            bounds.append(bound)
    return min(bounds)
