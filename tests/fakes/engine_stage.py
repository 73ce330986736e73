"""An engine on a stage of its own: two instruments, one real calendar, events told in a line each."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from daemon.domain.bar import Bar
from daemon.domain.decision import StrategyId
from daemon.domain.events import (
    BarsClosed,
    CommissionReceived,
    Event,
    FillReceived,
    HistoryLoaded,
    InstantClosed,
    MarkDue,
    OrderChanged,
    QuoteChanged,
    SessionClosed,
    SessionOpened,
    TradingStateSet,
)
from daemon.domain.fill import Fill
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.order import Approved, OrderRef, OrderState
from daemon.domain.records import Record
from daemon.domain.timeframe import Timeframe
from daemon.domain.trading_state import TradingState
from daemon.engine.combine import CombinationRule
from daemon.engine.engine import Engine
from daemon.engine.setup import EngineSetup
from daemon.engine.sizing import SizingRule
from daemon.engine.strategy_slot import StrategySetup
from daemon.market.windows import BarSchedule
from daemon.risk.limits import AccountGuard, AccountLimits, StrategyLimits
from daemon.strategies.protocol import Strategy
from tests.fakes.tiny_market import calendar

AAA, BBB = InstrumentId("AAA"), InstrumentId("BBB")
M1, M5, M15, H1, H4 = (Timeframe.parse(label) for label in ("1m", "5m", "15m", "1h", "4h"))
SESSION = next(s for s in calendar().sessions_between(date(2024, 3, 5), date(2024, 3, 5)))
NEXT_SESSION = calendar().session_after(SESSION)
SCHEDULE = BarSchedule(calendar=calendar())
HISTORY = 4

WIDE = StrategyLimits(
    daily_trades=1000, position_shares=Decimal(10**6), position_value=Decimal(10**8), position_fraction=Decimal(1)
)
WIDE_ACCOUNT = AccountLimits(
    daily_trades=1000,
    position_shares=Decimal(10**6),
    position_value=Decimal(10**8),
    position_fraction=Decimal(1),
    messages_per_minute=1000,
)
Kind = TypeVar("Kind", bound=Record)


def strategy_setup(
    name: str,
    strategy: Strategy,
    *,
    instruments: Sequence[InstrumentId] = (AAA,),
    capital: int = 100_000,
    fraction: str = "0.5",
    allow_short: bool = False,
    limits: StrategyLimits = WIDE,
    time_budget_ms: float | None = None,
) -> StrategySetup:
    """Return a strategy as configured, with the weights of REQUIREMENTS 3.3."""
    return StrategySetup(
        id=StrategyId(name),
        strategy=strategy,
        instruments=tuple(instruments),
        capital=Decimal(capital),
        combination=CombinationRule(weights={M5: 0.1, M15: 0.2, H1: 0.3, H4: 0.4}),
        sizing=SizingRule(position_fraction=Decimal(fraction), allow_short=allow_short),
        limits=limits,
        time_budget_ms=time_budget_ms,
    )


def make_bar(end: int, seconds: int, close: float = 100.0, *, trades: int = 10) -> Bar:
    """Return a plausible bar."""
    return Bar(
        start=end - seconds,
        end=end,
        open=close,
        high=close + 0.5,
        low=close - 0.5,
        close=close,
        volume=100.0 * bool(trades),
        wap=close,
        trades=trades,
    )


class EngineStage:
    """Tells an engine what happens and keeps all it says."""

    def __init__(
        self,
        *setups: StrategySetup,
        account_limits: AccountLimits = WIDE_ACCOUNT,
        guard: AccountGuard | None = None,
        dry_run: bool = False,
        host_ns: Callable[[], int] | None = None,
    ) -> None:
        self.setup = EngineSetup(
            instance="t",
            schedule=SCHEDULE,
            instruments={name: Instrument(symbol=name) for name in (AAA, BBB)},
            strategies=setups,
            account_limits=account_limits,
            guard=guard if guard is not None else AccountGuard(account="DU1", port=4002),
            limits_hash="limits",
            history=HISTORY,
            dry_run=dry_run,
        )
        self.engine = Engine(self.setup, host_ns=host_ns)
        self.at = SESSION.open
        self.records: list[Record] = []
        self.orders: list[Approved] = []
        self.last: tuple[Record, ...] = ()
        self._executions = 0

    def tell(self, *events: Event) -> tuple[Record, ...]:
        """Put events through the engine; return what it said to them."""
        said: list[Record] = []
        for event in events:
            output = self.engine.process(event)
            said += output.records
            self.orders += output.orders
        self.records += said
        self.last = tuple(said)
        return self.last

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return what was said last, of one kind."""
        return [record for record in self.last if type(record) is kind]

    def history(
        self,
        timeframe: Timeframe,
        closes: Sequence[float],
        instrument: InstrumentId = AAA,
        *,
        until: datetime | None = None,
    ) -> None:
        """Load the scheduled bars that ended last before `until`."""
        moment = until if until is not None else self.at
        ends: list[int] = []
        for _ in closes:
            ends.insert(0, SCHEDULE.last_end(moment, timeframe))
            moment = datetime.fromtimestamp(ends[0] - 1, UTC)
        bars = tuple(make_bar(end, timeframe.seconds, close) for end, close in zip(ends, closes, strict=True))
        self.tell(HistoryLoaded(at=self.at, instrument=instrument, timeframe=timeframe, bars=bars))

    def open(self, session: object = SESSION) -> tuple[Record, ...]:
        """Open the session (or join it again)."""
        self.at = max(self.at, session.open)  # type: ignore[attr-defined]
        return self.tell(SessionOpened(at=self.at, open_s=session.open_s, close_s=session.close_s))  # type: ignore[attr-defined]

    def close(self) -> tuple[Record, ...]:
        return self.tell(SessionClosed(at=self.at))

    def quote(self, bid: float = 99.99, ask: float = 100.01, instrument: InstrumentId = AAA) -> None:
        self.tell(QuoteChanged(at=self.at, instrument=instrument, bid=bid, ask=ask, bid_size=100, ask_size=200))

    def bars(
        self,
        timeframe: Timeframe,
        close: float = 100.0,
        *,
        end: int | None = None,
        instruments: Sequence[InstrumentId] = (AAA,),
        missing: Sequence[InstrumentId] = (),
        trades: int = 10,
    ) -> tuple[Record, ...]:
        """Close the bar of one timeframe that ends now."""
        ends = end if end is not None else int(self.at.timestamp())
        bars = tuple((name, make_bar(ends, timeframe.seconds, close, trades=trades)) for name in instruments)
        return self.tell(
            BarsClosed(at=self.at, timeframe=timeframe, end=ends, bars=bars, missing=tuple(missing), received_host_ns=1)
        )

    def instant(self) -> tuple[Record, ...]:
        return self.tell(InstantClosed(at=self.at))

    def step(self, timeframe: Timeframe = M5, close: float = 100.0, *, quote: bool = True) -> tuple[Record, ...]:
        """Let the next scheduled bar pass, freshly quoted, and decide on it."""
        _, end = SCHEDULE.next_end(self.at, timeframe)
        self.at = datetime.fromtimestamp(end, UTC)
        if quote:
            self.quote(round(close - 0.01, 2), round(close + 0.01, 2))
        self.bars(timeframe, close)
        return self.instant()

    def fill(self, order: Approved, quantity: int | None = None, price: str = "100.01", *, exec_id: str = "") -> Fill:
        """Tell of an execution and, when it fills the order, of the order's end."""
        self._executions += 1
        fill = Fill(
            exec_id=exec_id or f"x{self._executions:04d}.01",
            order_ref=order.intent.order_ref,
            instrument=order.intent.instrument.id,
            side=order.intent.side,
            quantity=Decimal(quantity) if quantity is not None else order.intent.quantity,
            price=Decimal(price),
            at=self.at,
            executed_at=self.at,
        )
        self.tell(FillReceived(at=self.at, fill=fill))
        return fill

    def correct(self, wrong: Fill, *, quantity: int, price: str) -> Fill:
        """Tell of a correction."""
        right = replace(
            wrong,
            exec_id=f"{wrong.exec_id[:-1]}{int(wrong.exec_id[-1]) + 1}",
            quantity=Decimal(quantity),
            price=Decimal(price),
        )
        self.tell(FillReceived(at=self.at, fill=right, replaces=wrong))
        return right

    def commission(self, fill: Fill, amount: str) -> None:
        self.tell(
            CommissionReceived(
                at=self.at, exec_id=fill.exec_id, order_ref=fill.order_ref, amount=Decimal(amount), currency="USD"
            )
        )

    def order_state(self, order_ref: OrderRef, state: OrderState) -> None:
        self.tell(OrderChanged(at=self.at, order_ref=order_ref, state=state))

    def fill_all(self, order: Approved, price: str = "100.01") -> None:
        """Fill an order at once and end it."""
        self.fill(order, price=price)
        self.order_state(order.intent.order_ref, OrderState.FILLED)

    def set_state(self, state: TradingState, strategy: str | None = None) -> tuple[Record, ...]:
        named = StrategyId(strategy) if strategy is not None else None
        return self.tell(TradingStateSet(at=self.at, state=state, strategy=named, who="ann", why="asked"))

    def mark(self, *, equity: bool = True) -> tuple[Record, ...]:
        return self.tell(MarkDue(at=self.at, equity=equity))

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
