"""Round trips out of executions, and what they tell: hit rate, profit factor, expectancy, exposure, turnover."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.domain.decision import StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Side
from daemon.statistics.returns import known

_NONE: Final = Decimal(0)


class Matching(StrEnum):
    """Which of the units held a closing execution closes."""

    FIFO = "fifo"  # the oldest ones: a trade for each opening and each closing order
    AVERAGE = "average"  # a share of all, at average cost as the ledger books it: a trade for each closing order


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill with what it cost."""

    strategy: StrategyId
    instrument: InstrumentId
    at: datetime  # UTC
    side: Side
    quantity: Decimal  # units, > 0
    price: Decimal  # quote currency per unit
    commission: Decimal = _NONE  # account currency; negative = a rebate
    multiplier: Decimal = Decimal(1)  # units of the underlying per unit
    order: str = ""  # fills of one order make one trade; empty = each stands alone
    reason: str = ""  # why it was made

    def __post_init__(self) -> None:
        """Refuse an execution of nothing."""
        if self.quantity <= 0:
            raise ValueError(f"quantity must be > 0, was {self.quantity}")

    @property
    def value(self) -> Decimal:
        """Return what changed hands, > 0 for a positive price."""
        return self.quantity * self.price * self.multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """Units that were taken on and given up again."""

    strategy: StrategyId
    instrument: InstrumentId
    side: Side  # that opened it: BUY = long
    quantity: Decimal  # units, > 0
    entered_at: datetime
    exited_at: datetime
    entry_price: Decimal  # mean per unit
    exit_price: Decimal
    entry_value: Decimal  # quantity x price x multiplier
    pnl: Decimal  # after the commission of both ends
    commission: Decimal  # of both ends
    reason: str  # of the last closing execution

    @property
    def duration_s(self) -> float:
        """Return the seconds from first entry to last exit."""
        return (self.exited_at - self.entered_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTrade:
    """Units that are still held."""

    strategy: StrategyId
    instrument: InstrumentId
    side: Side  # BUY = long
    quantity: Decimal
    entered_at: datetime
    entry_price: Decimal
    commission: Decimal  # of the entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """What executions come to."""

    closed: tuple[RoundTrip, ...]  # by exit
    open: tuple[OpenTrade, ...]  # by entry


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStatistics:
    """Round trips summed up. Money is in the account's currency, after commission."""

    count: int
    wins: int  # pnl > 0
    losses: int  # pnl < 0
    pnl: Decimal
    gross_profit: Decimal  # of the winning ones, >= 0
    gross_loss: Decimal  # of the losing ones, <= 0
    best: Decimal | None
    worst: Decimal | None
    commission: Decimal
    hit_rate: float | None  # wins / count, 0.5 = 50 %
    profit_factor: float | None  # gross profit / -gross loss; None without a loss
    expectancy: float | None  # mean pnl per trade
    average_win: float | None
    average_loss: float | None  # < 0
    average_duration_s: float | None
    reasons: Mapping[str, int]  # why trades were closed -> how many, the most frequent first


def round_trips(executions: Iterable[Execution], *, matching: Matching = Matching.FIFO) -> Trades:
    """Match closing with opening executions, for each strategy and instrument on its own.

    An execution beyond what is held closes it and opens the other side. Values and commissions are split by quantity,
    and the last part takes the rest, so that no cent is lost: the pnl of all trades, with the commission of the open
    ones, is the cash that came in, when nothing is held at the end.

    Args:
        executions: in any order; of equal times, the earlier in the sequence comes first.
        matching: see `Matching`.
    """
    books: dict[tuple[StrategyId, InstrumentId], _Book] = {}
    for number, execution in enumerate(sorted(executions, key=lambda execution: execution.at)):
        key = (execution.strategy, execution.instrument)
        book = books.get(key)
        if book is None:
            book = books[key] = _Book(*key, pools=matching is Matching.AVERAGE)
        book.take(execution, execution.order or str(number))
    closed = [trip for book in books.values() for trip in book.closed()]
    still_open = [trade for book in books.values() for trade in book.open()]
    return Trades(
        closed=tuple(sorted(closed, key=lambda trip: (trip.exited_at, trip.entered_at))),
        open=tuple(sorted(still_open, key=lambda trade: trade.entered_at)),
    )


def trade_statistics(trips: Sequence[RoundTrip]) -> TradeStatistics:
    """Return the figures of closed trades; what nothing tells about is None.

    Source:
        Pardo (2008), The Evaluation and Optimization of Trading Strategies, 2nd ed.; hit rate and profit factor there
        are of net results, too. Expectancy: Tharp (1998), Trade Your Way to Financial Freedom, in currency per trade.
    """
    amounts = [trip.pnl for trip in trips]
    rows = trade_rows(np.array([amounts], dtype=np.float64))
    durations = [trip.duration_s for trip in trips]
    return TradeStatistics(
        count=len(trips),
        wins=sum(1 for amount in amounts if amount > 0),
        losses=sum(1 for amount in amounts if amount < 0),
        pnl=sum(amounts, _NONE),
        gross_profit=sum((amount for amount in amounts if amount > 0), _NONE),
        gross_loss=sum((amount for amount in amounts if amount < 0), _NONE),
        best=max(amounts, default=None),
        worst=min(amounts, default=None),
        commission=sum((trip.commission for trip in trips), _NONE),
        hit_rate=known(rows["hit_rate"][0]),
        profit_factor=known(rows["profit_factor"][0]),
        expectancy=known(rows["expectancy"][0]),
        average_win=known(rows["average_win"][0]),
        average_loss=known(rows["average_loss"][0]),
        average_duration_s=sum(durations) / len(durations) if durations else None,
        reasons=dict(Counter(trip.reason for trip in trips).most_common()),
    )


def trade_rows(pnl: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return hit rate, profit factor, expectancy, average win and average loss of each row.

    Args:
        pnl: net results of trades, account currency, shape (m, n).

    Returns:
        Name -> shape (m,), NaN where undefined.
    """
    won, lost = pnl > 0, pnl < 0
    wins, losses = won.sum(axis=1), lost.sum(axis=1)
    profit = np.where(won, pnl, 0.0).sum(axis=1)
    loss = np.where(lost, pnl, 0.0).sum(axis=1)
    trades = np.full(len(pnl), pnl.shape[1])
    return {
        "hit_rate": _over(wins, trades),
        "profit_factor": _over(profit, -loss),
        "expectancy": _over(profit + loss, trades),
        "average_win": _over(profit, wins),
        "average_loss": _over(loss, losses),
    }


def in_market(
    times: NDArray[np.float64], *, entered: NDArray[np.float64], exited: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return at which times something was held: exposure is the mean of it.

    Args:
        times: marks, seconds since the epoch, shape (n,).
        entered: when each trade began, shape (m,).
        exited: when it ended, infinity for one that is open, shape (m,); at that moment nothing is held any more.
    """
    begun = np.searchsorted(np.sort(entered), times, side="right")
    ended = np.searchsorted(np.sort(exited), times, side="right")
    return np.asarray(begun > ended)


def turnover(*, traded_value: float, mean_equity: float, years: float) -> float | None:
    """Return how often a year the equity was turned over; 1.0 = bought and sold once.

    Args:
        traded_value: of all purchases and sales, >= 0.
        mean_equity: over the same time and in the same currency.
        years: that it took.

    Returns:
        Half of what was traded over the mean equity, per year; None without time or equity.

    Source:
        SEC Form N-1A, item 13 instruction 4(d), with the mean of purchases and sales in the place of the lesser one, as
        an account need not be invested at both ends.
    """
    return known(turnover_rows(np.array([traded_value]), mean_equity=mean_equity, years=years)[0])


def turnover_rows(traded: NDArray[np.float64], *, mean_equity: float, years: float) -> NDArray[np.float64]:
    """Return `turnover` of each of several traded values, shape (m,), NaN where undefined."""
    if years <= 0 or mean_equity <= 0:
        return np.full(traded.shape, np.nan)
    return traded / (2.0 * mean_equity * years)


class _Lot:
    """Units of one side that are not matched yet, with their value and commission."""

    __slots__ = ("at", "commission", "key", "multiplier", "quantity", "reason", "side", "value")

    def __init__(self, execution: Execution, key: str) -> None:
        self.at = execution.at
        self.key = key
        self.side = execution.side
        self.quantity = execution.quantity
        self.value = execution.value
        self.commission = execution.commission
        self.multiplier = execution.multiplier
        self.reason = execution.reason

    def add(self, other: "_Lot") -> None:
        self.quantity += other.quantity
        self.value += other.value
        self.commission += other.commission

    def give(self, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """Take `quantity` units out and return their value and commission; the last part is all that is left."""
        if quantity == self.quantity:
            value, commission = self.value, self.commission
        else:
            value = self.value * quantity / self.quantity
            commission = self.commission * quantity / self.quantity
        self.quantity -= quantity
        self.value -= value
        self.commission -= commission
        return value, commission


class _Match:
    """What is known of one round trip while its orders are still being filled."""

    __slots__ = (
        "commission",
        "entered_at",
        "entry_value",
        "exit_value",
        "exited_at",
        "multiplier",
        "quantity",
        "reason",
        "side",
    )

    def __init__(self, entry: _Lot) -> None:
        self.side = entry.side
        self.multiplier = entry.multiplier
        self.entered_at = entry.at
        self.quantity = self.entry_value = self.exit_value = self.commission = _NONE

    def extend(self, entry: _Lot, leaving: _Lot, quantity: Decimal) -> None:
        entry_value, entry_commission = entry.give(quantity)
        exit_value, exit_commission = leaving.give(quantity)
        self.quantity += quantity
        self.entry_value += entry_value
        self.exit_value += exit_value
        self.commission += entry_commission + exit_commission
        self.exited_at = leaving.at
        self.reason = leaving.reason


class _Book:
    """The lots and round trips of one instrument in the hands of one strategy."""

    def __init__(self, strategy: StrategyId, instrument: InstrumentId, *, pools: bool) -> None:
        self._strategy = strategy
        self._instrument = instrument
        self._pools = pools
        self._lots: deque[_Lot] = deque()
        self._matches: dict[tuple[str, str], _Match] = {}

    def take(self, execution: Execution, key: str) -> None:
        lots = self._lots
        coming = _Lot(execution, key)
        while coming.quantity and lots and lots[0].side is not coming.side:
            self._match(lots[0], coming)
            if not lots[0].quantity:
                lots.popleft()
        if not coming.quantity:
            return
        if self._pools and lots:
            lots[0].add(coming)
        else:
            lots.append(coming)

    def _match(self, entry: _Lot, leaving: _Lot) -> None:
        pair = (entry.key, leaving.key)
        match = self._matches.get(pair)
        if match is None:
            match = self._matches[pair] = _Match(entry)
        match.extend(entry, leaving, min(entry.quantity, leaving.quantity))

    def closed(self) -> Iterable[RoundTrip]:
        for match in self._matches.values():
            units = match.quantity * match.multiplier
            gross = (match.exit_value - match.entry_value) * match.side.sign
            yield RoundTrip(
                strategy=self._strategy,
                instrument=self._instrument,
                side=match.side,
                quantity=match.quantity,
                entered_at=match.entered_at,
                exited_at=match.exited_at,
                entry_price=match.entry_value / units,
                exit_price=match.exit_value / units,
                entry_value=match.entry_value,
                pnl=gross - match.commission,
                commission=match.commission,
                reason=match.reason,
            )

    def open(self) -> Iterable[OpenTrade]:
        for lot in self._lots:
            yield OpenTrade(
                strategy=self._strategy,
                instrument=self._instrument,
                side=lot.side,
                quantity=lot.quantity,
                entered_at=lot.at,
                entry_price=lot.value / (lot.quantity * lot.multiplier),
                commission=lot.commission,
            )


def _over(above: NDArray[np.number], below: NDArray[np.number]) -> NDArray[np.float64]:
    quotient = np.full(above.shape, np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
