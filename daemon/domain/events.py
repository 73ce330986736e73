"""What the heart is told. Each event carries its market time; the heart knows no other."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from daemon.domain.bar import Bar
from daemon.domain.cheap import cheaply_made
from daemon.domain.decision import StrategyId
from daemon.domain.fill import Fill
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderRef, OrderState
from daemon.domain.timeframe import Timeframe
from daemon.domain.trading_state import TradingState


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """A session begins (or the daemon joins one); daily counters start again."""

    at: datetime
    open_s: int  # epoch seconds
    close_s: int  # epoch seconds


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed:
    """The session is over and its last bars are final."""

    at: datetime


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLoaded:
    """Completed bars, oldest first, that replace the window of one series."""

    at: datetime
    instrument: InstrumentId
    timeframe: Timeframe
    bars: tuple[Bar, ...]


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteChanged:
    """A new touch. Unusable quotes are counted and withdraw the last one."""

    at: datetime
    instrument: InstrumentId
    bid: float
    ask: float
    bid_size: float
    ask_size: float


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class BarsClosed:
    """The bars of one timeframe that ended together; instruments whose bar never came are named."""

    at: datetime
    timeframe: Timeframe
    end: int  # epoch seconds
    bars: tuple[tuple[InstrumentId, Bar], ...]
    missing: tuple[InstrumentId, ...] = ()
    received_host_ns: int = 0  # host time at which the last part arrived


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class BarRevised:
    """A completed bar turned out different."""

    at: datetime
    instrument: InstrumentId
    timeframe: Timeframe
    bar: Bar


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class InstantClosed:
    """Everything of this instant has been told: now decide."""

    at: datetime


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged:
    """An order reached another state by our own evidence."""

    at: datetime
    order_ref: OrderRef
    state: OrderState
    text: str = ""


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class FillReceived:
    """A new execution; `replaces` names the execution that a correction takes the place of."""

    at: datetime
    fill: Fill
    replaces: Fill | None = None


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReceived:
    """What an execution cost."""

    at: datetime
    exec_id: str
    order_ref: OrderRef
    amount: Decimal
    currency: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateSet:
    """A person or a control changed what may be sent; `strategy` None is the whole daemon."""

    at: datetime
    state: TradingState
    strategy: StrategyId | None
    who: str
    why: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class DisputesFound:
    """In which instruments the broker's position is not explained, all of them: there nothing opens until it is."""

    at: datetime
    disputes: tuple[tuple[InstrumentId, str], ...]  # with the difference in words


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class MarkDue:
    """Positions (and, with `equity`, equity) are to be valued and recorded."""

    at: datetime
    equity: bool


Event = (
    SessionOpened
    | SessionClosed
    | HistoryLoaded
    | QuoteChanged
    | BarsClosed
    | BarRevised
    | InstantClosed
    | OrderChanged
    | FillReceived
    | CommissionReceived
    | TradingStateSet
    | DisputesFound
    | MarkDue
)
