"""Orders on their way from a strategy's wish to the broker: intent, verdict of risk, ticket, states."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, NewType

from daemon.domain.cheap import cheaply_made
from daemon.domain.decision import StrategyId
from daemon.domain.instrument import Instrument

OrderRef = NewType("OrderRef", str)  # pd-<instance>-<ULID>, unique for ever


class Side(StrEnum):
    """Direction of an order."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return +1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """How an order is priced."""

    MARKET = "MKT"
    LIMIT = "LMT"
    STOP = "STP"
    STOP_LIMIT = "STP LMT"
    TRAIL = "TRAIL"
    TRAIL_LIMIT = "TRAIL LIMIT"
    MARKET_ON_CLOSE = "MOC"
    LIMIT_ON_CLOSE = "LOC"
    RELATIVE = "REL"  # pegged to the near touch, with an offset and a cap
    MIDPRICE = "MIDPRICE"  # pegged to the middle of the quote, with a cap
    MARKET_IF_TOUCHED = "MIT"
    LIMIT_IF_TOUCHED = "LIT"


class OrderState(StrEnum):
    """Where an order stands by our own evidence, whatever the broker's library says."""

    SENDING = "SENDING"  # durable here; the bytes may or may not have left
    SUBMITTED = "SUBMITTED"  # the broker knows it
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"  # cancel sent; fills are still possible
    UNKNOWN = "UNKNOWN"  # no evidence either way: reconcile
    LOST = "LOST"  # the broker denies it time and again; never sent again, and still ours should it turn up
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def is_terminal(self) -> bool:
        """Return whether nothing more is expected; a late fill still reopens it."""
        return self in _TERMINAL


_TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED})


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent:
    """What a strategy wants done, before risk has looked at it."""

    order_ref: OrderRef  # the same for every retry
    strategy: StrategyId
    instrument: Instrument
    side: Side
    quantity: Decimal  # shares or contracts, > 0; fractions exist
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None  # quote currency per unit; None = market
    decision_id: str  # the decision it came from
    decision_price: Decimal  # the price the decision expected
    bar_end: datetime  # market time of the bar that triggered it, UTC
    decided_at: datetime  # market time, UTC
    reduces: bool  # whether it only reduces its strategy's position
    received_host_ns: int = 0  # host time at which the trigger reached the daemon

    def __post_init__(self) -> None:
        """Refuse an order no broker could take."""
        if self.quantity <= 0:
            raise ValueError(f"quantity must be > 0, was {self.quantity}")
        if (self.limit_price is None) is not (self.order_type is OrderType.MARKET):
            raise ValueError(
                f"{self.order_type} with limit_price {self.limit_price}: a price goes with every type but MKT"
            )


class CheckResult(NamedTuple):
    """One pre-trade control applied to one intent; a tuple, because every order makes two dozen."""

    control: str  # name of the control, e.g. "order_value"
    scope: str  # "account" or the strategy's id
    offered: str  # the value the intent would bring about
    allowed: str  # the limit
    passed: bool


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An intent that passed every control. Only `risk.gate` builds one; only it can be executed."""

    intent: OrderIntent
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An intent that failed a control, with all the checks that were made."""

    intent: OrderIntent
    checks: tuple[CheckResult, ...]

    @property
    def failed(self) -> CheckResult:
        """Return the check that failed."""
        return next(check for check in self.checks if not check.passed)


Verdict = Approved | Refused  # a refusal is a result, never an exception
