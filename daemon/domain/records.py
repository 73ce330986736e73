"""What is kept for ever: one record a row, one class a table, one field a column.

`at` is market time; `host_ns` and every `…_host_ns` or `…_ms` field named `host_` are host time and take no part in
comparisons between runs. A record names its table in `TABLE`; the journal needs to know nothing else about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Self

from daemon.domain.adjustment import AdjustmentState
from daemon.domain.bar import Bar
from daemon.domain.cheap import cheaply_made
from daemon.domain.decision import Outcome, Reason, Signal, StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import CheckResult, OrderRef, OrderState, OrderType, Side
from daemon.domain.timeframe import Timeframe


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The common part of all records."""

    TABLE: ClassVar[str] = ""

    at: datetime


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Record):
    """A daemon process began."""

    TABLE: ClassVar[str] = "run"

    run_id: str
    instance: str  # part of every order reference
    mode: str
    version: str
    account: str
    seed: int | None
    config_hash: str
    limits_hash: str
    config: Mapping[str, object]  # as validated, secrets redacted


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class BarRecord(Record):
    """The common part of the records that keep a bar."""

    instrument: InstrumentId
    timeframe: str
    start: int
    end: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    wap: float
    trades: int

    @classmethod
    def of(cls, bar: Bar, *, at: datetime, instrument: InstrumentId, timeframe: Timeframe) -> Self:
        """Return the record of `bar`."""
        return cls(
            at=at,
            instrument=instrument,
            timeframe=str(timeframe),
            start=bar.start,
            end=bar.end,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            wap=bar.wap,
            trades=bar.trades,
        )


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeen(BarRecord):
    """A completed bar as it was when decisions were made on it."""

    TABLE: ClassVar[str] = "bar"


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySeen(BarRecord):
    """A bar that was had from history, before the bars that were seen as they closed."""

    TABLE: ClassVar[str] = "history_bar"


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class BarRevisionSeen(BarRecord):
    """A completed bar that turned out different afterwards: the new values."""

    TABLE: ClassVar[str] = "bar_revision"


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class GapSeen(Record):
    """A bar that never came while it was expected."""

    TABLE: ClassVar[str] = "gap"

    instrument: InstrumentId
    timeframe: str
    end: int
    cause: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteSeen(Record):
    """The quote in force where it mattered: at decisions, at valuations of what is held, and while an order worked.

    With these and the bars as seen, a day can be run again and meets the same market.
    """

    TABLE: ClassVar[str] = "quote"

    instrument: InstrumentId
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    confirmed_at: datetime  # when the stream last proved that it held


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade(Record):
    """One bar of one strategy: what it saw, what it said, what followed."""

    TABLE: ClassVar[str] = "decision"

    decision_id: str
    strategy: StrategyId
    instrument: InstrumentId
    timeframe: str
    bar_end: int
    signal: Signal
    confidence: float
    reason: Reason
    note: str
    reasoning: Mapping[str, float]
    buy_score: float  # weighted over the fresh timeframes
    sell_score: float
    combined: Signal
    outcome: Outcome
    expected_price: float | None
    position: Decimal  # the strategy's, before anything followed
    order_ref: OrderRef | None
    memory: Mapping[str, object] | None


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class RiskChecked(Record):
    """The controls applied to one intent, in their order; of a refusal, the last is the one that failed."""

    TABLE: ClassVar[str] = "risk_check"

    decision_id: str
    order_ref: OrderRef
    passed: bool
    checks: tuple[CheckResult, ...]  # at least one
    limits_hash: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecorded(Record):
    """An approved intent, durable before anything is sent, with what it may use up at worst."""

    TABLE: ClassVar[str] = "intent"

    order_ref: OrderRef
    decision_id: str
    strategy: StrategyId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    decision_price: Decimal
    bar_end: int
    reduces: bool
    reserved_value: Decimal  # notional held back until the order ends


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalQuoteTaken(Record):
    """The touch at the moment an order was about to be sent."""

    TABLE: ClassVar[str] = "arrival_quote"

    order_ref: OrderRef
    bid: Decimal
    ask: Decimal
    mid: Decimal
    bid_size: Decimal
    ask_size: Decimal
    quote_at: datetime


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefAssigned(Record):
    """Which broker ids belong to an order reference."""

    TABLE: ClassVar[str] = "order_ref"

    order_ref: OrderRef
    order_id: int
    client_id: int
    perm_id: int  # 0 until the broker has told it


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEventSeen(Record):
    """A step in an order's life and the evidence for it."""

    TABLE: ClassVar[str] = "order_event"

    order_ref: OrderRef
    state: OrderState  # after this event
    source: str  # what told us: "journal", "wire", "orderStatus", "error", "timeout", …
    code: int
    text: str
    filled: Decimal
    host_ns: int


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class FillRecorded(Record):
    """An execution; one that corrects another names it."""

    TABLE: ClassVar[str] = "fill"

    exec_id: str
    order_ref: OrderRef
    strategy: StrategyId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    price: Decimal
    executed_at: datetime
    replaces: str | None


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionRecorded(Record):
    """What an execution cost."""

    TABLE: ClassVar[str] = "commission"

    exec_id: str
    order_ref: OrderRef
    strategy: StrategyId
    amount: Decimal
    currency: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionChecked(Record):
    """A finished order against its decision: lag, price, size, slippage in basis points (positive = cost)."""

    TABLE: ClassVar[str] = "execution_check"

    order_ref: OrderRef
    strategy: StrategyId
    instrument: InstrumentId
    state: OrderState
    expected_price: Decimal
    filled_price: Decimal | None  # volume-weighted; None when nothing filled
    expected_quantity: Decimal
    filled_quantity: Decimal
    decision_bps: float | None  # against the decision's price
    arrival_bps: float | None  # against the arrival mid
    touch_bps: float | None  # against the touch it had to cross
    delay_bps: float | None  # decision price -> arrival mid
    spread_bps: float | None  # arrival mid -> touch
    impact_bps: float | None  # touch -> fill
    bar_to_received_ms: float | None  # market time
    sent_to_acknowledged_ms: float | None
    sent_to_first_fill_ms: float | None
    sent_to_last_fill_ms: float | None
    host_received_to_decided_ms: float | None
    host_decided_to_journaled_ms: float | None
    host_journaled_to_sent_ms: float | None
    host_received_to_sent_ms: float | None
    host_sent_to_acknowledged_ms: float | None
    host_sent_to_filled_ms: float | None
    warning: str  # empty, or which bound was passed


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMarked(Record):
    """A strategy's position, valued."""

    TABLE: ClassVar[str] = "position"

    strategy: StrategyId
    instrument: InstrumentId
    quantity: Decimal
    total_cost: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    price: Decimal


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMarked(Record):
    """A strategy's ledger, valued; strategy "*" is their sum."""

    TABLE: ClassVar[str] = "equity"

    strategy: StrategyId
    cash: Decimal
    market_value: Decimal
    equity: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    commission: Decimal
    day_start_equity: Decimal


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateChanged(Record):
    """What may be sent changed; strategy None is the whole daemon."""

    TABLE: ClassVar[str] = "control_action"

    state: str
    strategy: StrategyId | None
    who: str
    why: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Record):
    """Something a person should know."""

    TABLE: ClassVar[str] = "alert"

    level: str  # INFO, WARNING, CRITICAL
    name: str  # the log event of the same fact
    text: str
    strategy: StrategyId | None


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentRecorded(Record):
    """A step in the life of an adjustment: what the broker holds and our ledgers do not, and whose it is."""

    TABLE: ClassVar[str] = "adjustment"

    adjustment_id: str  # the same whenever the same difference is found
    instrument: InstrumentId
    quantity: Decimal  # signed units: the broker's position less ours
    order_ref: OrderRef | None  # the order that has probably brought it about
    strategy: StrategyId | None
    state: AdjustmentState
    price: Decimal | None  # per unit, once confirmed
    who: str
    why: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMarked(Record):
    """A session began or ended for this daemon."""

    TABLE: ClassVar[str] = "session"

    day: str  # exchange date, ISO
    phase: str  # OPENED, CLOSED


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class RowsSealed(Record):
    """The rows of one append that tell of orders, bound by a hash to all such rows before them."""

    TABLE: ClassVar[str] = "seal"

    first_seq: int  # of the append, whatever it holds
    last_seq: int
    rows: int  # those of them that the hash covers
    digest: str  # SHA-256 in hex, as `daemon.journal.seals` says


RECORD_TYPES: tuple[type[Record], ...] = (
    RunStarted,
    SessionMarked,
    BarSeen,
    HistorySeen,
    BarRevisionSeen,
    GapSeen,
    QuoteSeen,
    DecisionMade,
    RiskChecked,
    IntentRecorded,
    ArrivalQuoteTaken,
    OrderRefAssigned,
    OrderEventSeen,
    FillRecorded,
    CommissionRecorded,
    ExecutionChecked,
    PositionMarked,
    EquityMarked,
    TradingStateChanged,
    AlertRaised,
    RowsSealed,
    AdjustmentRecorded,
)
