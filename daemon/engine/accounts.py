"""All ledgers together: per-strategy books, their sum, daily counters, and the loss limits that act by themselves."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from daemon.domain.decision import StrategyId
from daemon.domain.fill import Fill
from daemon.domain.instrument import InstrumentId
from daemon.domain.records import EquityMarked, PositionMarked, Record
from daemon.domain.trading_state import TradingState
from daemon.engine.marks import Marks
from daemon.engine.strategy_slot import StrategySetup, StrategySlot
from daemon.risk.limits import AccountLimits, SharedLimits
from daemon.risk.view import Book, WorkingOrder

ALL = StrategyId("*")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trip:
    """A loss limit that was reached."""

    state: TradingState
    strategy: StrategyId | None
    why: str


class Accounts:
    """The slots of all strategies and what they add up to."""

    def __init__(self, setups: Sequence[StrategySetup]) -> None:
        self._slots = {setup.id: StrategySlot.of(setup) for setup in setups}
        self.slots = tuple(self._slots.values())  # in the order of the configuration
        self.day = ""  # exchange date of the session that was begun last, ISO
        self.left_behind: dict[InstrumentId, Decimal] = {}  # held for strategies that are no longer configured

    def slot(self, strategy: StrategyId) -> StrategySlot:
        """Return one strategy's slot."""
        return self._slots[strategy]

    def find(self, strategy: StrategyId) -> StrategySlot | None:
        """Return one strategy's slot, None when it is no longer configured."""
        return self._slots.get(strategy)

    def leave_behind(self, fill: Fill, replaces: Fill | None) -> None:
        """Count a fill of a strategy that is no longer configured: the account holds it, no ledger here does."""
        change = fill.signed_quantity - (replaces.signed_quantity if replaces is not None else _ZERO)
        self.left_behind[fill.instrument] = self.left_behind.get(fill.instrument, _ZERO) + change

    def total_positions(self) -> dict[InstrumentId, Decimal]:
        """Return what the account holds by our fills, over all strategies and those that were."""
        total = dict(self.left_behind)
        for slot in self.slots:
            for instrument, position in slot.ledger.positions.items():
                total[instrument] = total.get(instrument, _ZERO) + position.quantity
        return total

    def held(self) -> tuple[InstrumentId, ...]:
        """Return the instruments in which some strategy holds a position."""
        return tuple(
            dict.fromkeys(
                instrument
                for slot in self.slots
                for instrument, position in slot.ledger.positions.items()
                if position.quantity
            )
        )

    def begin_day(self, day: str, marks: Marks) -> None:
        """Start the daily counters again."""
        self.day = day
        for slot in self.slots:
            slot.day_start_equity = slot.equity(marks)
            slot.orders_today = 0

    def books(self, slot: StrategySlot, instrument: InstrumentId, marks: Marks) -> tuple[Book, Book]:
        """Return one strategy's book and the sum of all, for the controls."""
        own = _book((slot,), instrument, marks)
        return own, (own if len(self.slots) == 1 else _book(self.slots, instrument, marks))

    def position_record(
        self, slot: StrategySlot, instrument: InstrumentId, at: datetime, marks: Marks
    ) -> PositionMarked:
        """Return one position, valued; at cost where there is no mark."""
        position = slot.ledger.position(instrument)
        price = marks.price(instrument) or position.average_cost
        return PositionMarked(
            at=at,
            strategy=slot.id,
            instrument=instrument,
            quantity=position.quantity,
            total_cost=position.total_cost,
            realized_pnl=position.realized_pnl,
            unrealized_pnl=position.unrealized_pnl(price),
            price=price,
        )

    def marked(self, at: datetime, marks: Marks, *, equity: bool) -> tuple[Record, ...]:
        """Return the open positions, and with `equity` every ledger and their sum, valued now."""
        records: list[Record] = [
            self.position_record(slot, instrument, at, marks)
            for slot in self.slots
            for instrument, position in slot.ledger.positions.items()
            if position.quantity
        ]
        if equity:
            each = [self._equity_record(slot, at, marks) for slot in self.slots]
            records += [*each, _sum_record(each, at)]
        return tuple(records)

    def trips(self, marks: Marks, limits: AccountLimits) -> list[Trip]:
        """Return the loss limits that are reached now, of the account first."""
        losses = [slot.day_start_equity - slot.equity(marks) for slot in self.slots]
        base = sum([slot.day_start_equity for slot in self.slots], _ZERO)
        found = _trips(None, sum(losses, _ZERO), base, limits)
        for slot, loss in zip(self.slots, losses, strict=True):
            found += _trips(slot.id, loss, slot.day_start_equity, slot.setup.limits)
        return found

    def digest(self, working: Sequence[WorkingOrder], state: TradingState) -> str:
        """Return a digest of ledgers, counters, states and working orders."""
        parts: list[str] = [state.value, self.day]
        for slot in self.slots:
            ledger = slot.ledger
            parts += [
                slot.id,
                slot.state,
                str(ledger.cash.normalize()),
                str(slot.orders_today),
                str(slot.day_start_equity.normalize()),
            ]
            parts += [
                f"{p.instrument} {p.quantity.normalize()} {p.total_cost.normalize()} {p.realized_pnl.normalize()}"
                for _, p in sorted(ledger.positions.items())
            ]
            parts += [f"{instrument} {sorted(memory.items())}" for instrument, memory in sorted(slot.memory.items())]
        parts += sorted(f"{o.order_ref} {o.side} {o.remaining.normalize()}" for o in working)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _equity_record(self, slot: StrategySlot, at: datetime, marks: Marks) -> EquityMarked:
        ledger, prices = slot.ledger, marks.prices()
        value = ledger.market_value(prices)
        cost = sum((position.total_cost for position in ledger.positions.values()), _ZERO)
        return EquityMarked(
            at=at,
            strategy=slot.id,
            cash=ledger.cash,
            market_value=value,
            equity=ledger.cash + value,
            realized_pnl=ledger.realized_pnl,
            unrealized_pnl=value - cost,
            commission=ledger.commission,
            day_start_equity=slot.day_start_equity,
        )


def _trips(strategy: StrategyId | None, loss: Decimal, day_start_equity: Decimal, limits: SharedLimits) -> list[Trip]:
    """Return what one book's loss of the day brings about."""
    found: list[Trip] = []
    name = strategy or "account"
    if limits.emergency_stop and loss >= limits.emergency_loss:
        why = f"{name}: the day's loss of {loss:.2f} reached the emergency limit of {limits.emergency_loss}"
        found.append(Trip(TradingState.HALTED, strategy, why))
    bound = limits.daily_loss_bound(day_start_equity)
    if limits.auto_stop_on_daily_limit and loss >= bound > 0:
        found.append(
            Trip(TradingState.REDUCE_ONLY, strategy, f"{name}: the day's loss of {loss:.2f} reached {bound:.2f}")
        )
    return found


def _sum_record(each: Sequence[EquityMarked], at: datetime) -> EquityMarked:
    def total(field: str) -> Decimal:
        return sum((getattr(record, field) for record in each), _ZERO)

    return EquityMarked(
        at=at,
        strategy=ALL,
        cash=total("cash"),
        market_value=total("market_value"),
        equity=total("equity"),
        realized_pnl=total("realized_pnl"),
        unrealized_pnl=total("unrealized_pnl"),
        commission=total("commission"),
        day_start_equity=total("day_start_equity"),
    )


def _book(slots: Sequence[StrategySlot], instrument: InstrumentId, marks: Marks) -> Book:
    held = [slot.ledger.position(instrument) for slot in slots]
    price = marks.prices().get(instrument, _ZERO)
    return Book(
        equity=sum([slot.equity(marks) for slot in slots], _ZERO),
        day_start_equity=sum([slot.day_start_equity for slot in slots], _ZERO),
        position=sum([position.quantity for position in held], _ZERO),
        unrealized_pnl=sum([position.unrealized_pnl(price) for position in held if position.quantity], _ZERO),
        orders_today=sum([slot.orders_today for slot in slots]),
    )
