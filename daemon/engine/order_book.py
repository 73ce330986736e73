"""The engine's own view of its orders: whose they are, what is left of them, which were made a short while ago."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from daemon.domain.decision import StrategyId
from daemon.domain.fill import Fill
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderIntent, OrderRef, OrderState, Side
from daemon.risk.view import RecentOrder, WorkingOrder

_RECENT: Final = timedelta(minutes=1)
KEPT: Final = timedelta(days=5)  # late fills and corrections come within days, if ever


@dataclass(slots=True)
class OwnOrder:
    """An order as the engine knows it."""

    order_ref: OrderRef
    strategy: StrategyId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    reduces: bool
    decided_at: datetime
    filled: Decimal = Decimal(0)
    ended: bool = False
    lost: bool = False  # the broker denies it time and again


class OrderBook:
    """Orders by reference."""

    def __init__(self) -> None:
        self._orders: dict[OrderRef, OwnOrder] = {}
        self._working: dict[OrderRef, OwnOrder] = {}
        self._ended_at: dict[InstrumentId, datetime] = {}
        self._recent: deque[RecentOrder] = deque()

    def add(self, order: OwnOrder) -> None:
        """Take an order that was approved."""
        self._orders[order.order_ref] = order
        self._working[order.order_ref] = order

    def take_back(self, intent: OrderIntent) -> None:
        """Forget the order that was approved last, as if it had never been asked for."""
        del self._orders[intent.order_ref], self._working[intent.order_ref]
        self._recent.pop()

    def note(self, intent: OrderIntent) -> None:
        """Count an approved intent for the message and duplicate controls."""
        self._recent.append(
            RecentOrder(
                at=intent.decided_at,
                strategy=intent.strategy,
                instrument=intent.instrument.id,
                side=intent.side,
                quantity=intent.quantity,
                limit_price=intent.limit_price,
            )
        )

    def get(self, order_ref: OrderRef) -> OwnOrder | None:
        """Return the order, None when it is not ours."""
        return self._orders.get(order_ref)

    def on_state(self, order_ref: OrderRef, state: OrderState, at: datetime) -> None:
        """Note that an order ended, or came back, at market time `at`."""
        order = self._orders.get(order_ref)
        if order is None:
            return
        order.ended = state.is_terminal
        order.lost = state is OrderState.LOST
        if order.ended:
            self._working.pop(order_ref, None)
            self._ended_at[order.instrument] = at
        else:
            self._working[order_ref] = order

    def on_fill(self, fill: Fill, replaces: Fill | None) -> None:
        """Note what an execution, or a correction, leaves of its order."""
        order = self._orders.get(fill.order_ref)
        if order is not None:
            order.filled += fill.quantity - (replaces.quantity if replaces is not None else 0)

    @property
    def any_working(self) -> bool:
        """Return whether any order may still fill."""
        return bool(self._working)

    @property
    def working_instruments(self) -> tuple[InstrumentId, ...]:
        """Return the instruments of orders that may still fill, each once."""
        return tuple(dict.fromkeys([order.instrument for order in self._open()]))

    def working(self) -> list[WorkingOrder]:
        """Return the orders that may still fill."""
        return [
            WorkingOrder(
                order_ref=order.order_ref,
                strategy=order.strategy,
                instrument=order.instrument,
                side=order.side,
                remaining=max(order.quantity - order.filled, Decimal(0)),
                reduces=order.reduces,
                lost=order.lost,
            )
            for order in self._open()
        ]

    def has_working(self, strategy: StrategyId, instrument: InstrumentId) -> bool:
        """Return whether an order of this strategy is at work in this instrument; one given up for lost is not."""
        return any(
            order.strategy == strategy and order.instrument == instrument and not order.lost
            for order in self._working.values()
        )

    def worked(self, instrument: InstrumentId, at: datetime) -> bool:
        """Return whether any order in `instrument` may still fill, or has ended at this very instant."""
        if any(order.instrument == instrument for order in self._working.values()):
            return True
        return self._ended_at.get(instrument) == at

    def _open(self) -> list[OwnOrder]:
        """Return the orders that have not ended, in the order of their references."""
        return [self._working[ref] for ref in sorted(self._working)]

    def recent(self, at: datetime) -> list[RecentOrder]:
        """Return the orders approved within the last minute, oldest first."""
        while self._recent and at - self._recent[0].at >= _RECENT:
            self._recent.popleft()
        return list(self._recent)

    def forget_old(self, at: datetime) -> None:
        """Drop orders that ended days ago."""
        for order_ref in [ref for ref, order in self._orders.items() if order.ended and at - order.decided_at > KEPT]:
            del self._orders[order_ref]
