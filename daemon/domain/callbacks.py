"""What the broker and the feed tell us, in our own words and exactly as often as they say it.

An adapter translates each message of its wire into one of these and hands it to its sink at once; it keeps none and
judges none. Duplicates, reorderings and contradictions are the receiver's business.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from daemon.domain.bar import Bar
from daemon.domain.cheap import cheaply_made
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import Side
from daemon.domain.standing import Standing


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteReported:
    """Both sides of the touch after a change; sizes in units. Not checked."""

    instrument: InstrumentId
    bid: float
    ask: float
    bid_size: float
    ask_size: float


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class BarReported:
    """A five-second bar of the stream."""

    instrument: InstrumentId
    bar: Bar


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReported:
    """The broker describes an order it knows (open or completed)."""

    order_ref: str
    order_id: int  # 0 where the broker no longer knows it
    client_id: int
    perm_id: int
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    status: str  # the broker's word
    completed: bool = False
    filled: Decimal | None = None  # known for completed orders


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatusReported:
    """A status line on the wire (never one made up by the client library)."""

    order_id: int
    client_id: int
    perm_id: int
    status: str
    filled: Decimal
    remaining: Decimal


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionReported:
    """One execution."""

    exec_id: str
    order_ref: str
    order_id: int
    client_id: int
    perm_id: int
    account: str
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    price: Decimal
    executed_at: datetime  # UTC


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReported:
    """What an execution cost."""

    exec_id: str
    amount: Decimal  # >= 0 = paid
    currency: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerErrorReported:
    """An error or notice; `request_id` is an order id, a request id, or -1."""

    request_id: int
    code: int
    text: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReported:
    """What the account holds, by the broker's books."""

    account: str
    instrument: InstrumentId
    quantity: Decimal
    average_cost: Decimal


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanged:
    """The connection to the broker came up or went down."""

    up: bool
    detail: str


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class StandingChanged:
    """The state of the connection is another; told at each change, before a ConnectionChanged that goes with it."""

    standing: Standing


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class InstantReached:
    """Lockstep only: everything the market did up to `at` has been reported; acknowledge to let time move on."""

    at: datetime


FeedCallback = QuoteReported | BarReported
BrokerCallback = (
    OrderReported
    | OrderStatusReported
    | ExecutionReported
    | CommissionReported
    | BrokerErrorReported
    | PositionReported
)
Callback = FeedCallback | BrokerCallback | ConnectionChanged | StandingChanged | InstantReached
