"""What the simulated exchange is given and what it answers: orders in, outcomes out, both plain values."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum

from daemon.domain.order import OrderType, Side
from daemon.matching.order_fields import fault


class TimeInForce(StrEnum):
    """How long an order lives."""

    DAY = "DAY"  # until the close of the session it belongs to
    GTC = "GTC"  # until filled or cancelled
    IOC = "IOC"  # what can be had on arrival, the rest is cancelled
    GTD = "GTD"  # until `good_till_us`
    FOK = "FOK"  # all of it on arrival or nothing
    OPG = "OPG"  # in the next opening auction only


class FillModel(StrEnum):
    """How generous the simulated market is to an order."""

    OPTIMISTIC = "optimistic"  # the whole order at the touch, whatever size is shown
    QUOTE_BOUNDED = "quote-bounded"  # at most the size shown and not yet taken
    QUEUE_CONSERVATIVE = "queue-conservative"  # resting limits also wait for the queue ahead of them


class TriggerMethod(IntEnum):
    """Which price triggers a stop; the numbers are IB's."""

    DEFAULT = 0  # the touch an execution would get: the ask for buys, the bid for sells
    DOUBLE_BID_ASK = 1  # like BID_ASK, in two quotes in a row
    LAST = 2  # the last trade
    DOUBLE_LAST = 3  # two trades in a row
    BID_ASK = 4  # the near touch: the bid for buys, the ask for sells
    LAST_OR_BID_ASK = 7  # whichever comes first
    MIDPOINT = 8  # the middle of the quote


class OcaType(IntEnum):
    """What a fill of one member does to the others of its group; the numbers are IB's."""

    NONE = 0  # not in a group
    CANCEL_WITH_BLOCK = 1  # the others are cancelled
    REDUCE_WITH_BLOCK = 2  # the others shrink in proportion
    REDUCE_NO_BLOCK = 3  # the same; overfill between venues is not simulated


class CancelReason(StrEnum):
    """Why an order ended without being complete."""

    REQUESTED = "REQUESTED"  # the owner asked
    EXPIRED = "EXPIRED"  # DAY order at the close, GTD order at its time
    REMAINDER = "REMAINDER"  # what an IOC, FOK or auction order could not get
    OCA = "OCA"  # another member of its group filled
    PARENT = "PARENT"  # its parent ended without being filled
    CORPORATE_ACTION = "CORPORATE_ACTION"  # a split changed what it was about


class RejectReason(StrEnum):
    """Why an order or a change was never accepted."""

    DUPLICATE_KEY = "duplicate key"
    UNKNOWN_ORDER = "unknown order"  # a change or a cancel of an order that is not (or no longer) there
    PRICE_GRID = "price is not on the grid of minimum variations"
    LOT_SIZE = "quantity is not a multiple of the lot size"
    UNKNOWN_PARENT = "parent order is unknown or finished"
    OCA_GROUP_FILLED = "its OCA group has been filled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg:
    """One leg of a combo, as the buyer of the combo gets it."""

    symbol: str
    side: Side  # BUY: buying the combo buys the leg
    ratio: int  # units of the leg for one of the combo, > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeOrder:
    """One order as the exchange sees it. Which prices go with which type: `order_fields.PRICE_FIELDS`."""

    key: str  # unique for the life of the exchange
    latency_key: str  # what the latency is drawn from; the order's reference, so that runs agree
    symbol: str  # of a combo: any name of its own
    side: Side
    quantity: Decimal  # units, > 0
    order_type: OrderType
    limit_price: Decimal | None = None  # per unit; LMT, STP LMT, LIT, LOC; optional cap of REL and MIDPRICE
    stop_price: Decimal | None = None  # per unit; trigger of STP, STP LMT, MIT, LIT; optional first stop of TRAIL*
    tif: TimeInForce = TimeInForce.DAY
    trail_amount: Decimal | None = None  # TRAIL*: distance in currency, or
    trail_percent: Decimal | None = None  # in per cent of the reference price: 1 is 1 %
    limit_offset: Decimal | None = None  # TRAIL LIMIT: how far beyond the stop the limit lies, >= 0
    peg_offset: Decimal | None = None  # REL: how much better than the near touch, >= 0
    good_till_us: int | None = None  # GTD only
    good_after_us: int | None = None  # not sent to the exchange before
    all_or_none: bool = False
    min_quantity: Decimal | None = None  # least size of the first fill
    trigger_method: TriggerMethod = TriggerMethod.DEFAULT
    fill_model: FillModel = FillModel.QUOTE_BOUNDED
    oca_group: str = ""
    oca_type: OcaType = OcaType.NONE
    parent_key: str = ""  # held until that order is filled
    legs: tuple[ComboLeg, ...] = ()  # a combo; its limit price is the net per combo and may be <= 0

    def __post_init__(self) -> None:
        """Refuse an order that has no meaning; judging accounts is the broker's work, the grid `TradingRules`'."""
        found = fault(self)
        if found is not None:
            raise ValueError(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """An order the exchange holds, for saving and for `SimulatedExchange.restore`."""

    order: ExchangeOrder
    submitted_us: int
    remaining: Decimal  # units
    acknowledged: bool
    arrived: bool
    triggered: bool
    stop_price: Decimal | None = None  # where a trailing stop has come to
    queue_ahead: Decimal | None = None  # units ahead at its price (queue-conservative), None = not known yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The broker has the order; it is not at the exchange yet."""

    key: str
    at_us: int
    held: bool  # whether it waits for the next session's open


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The order has reached the exchange."""

    key: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """A stop's or touch order's price was met; it is a market or limit order from now on."""

    key: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailed:
    """A trailing stop has moved."""

    key: str
    at_us: int
    stop_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFill:
    """One leg's part of a combo's execution."""

    symbol: str
    side: Side  # what the account did in this leg
    quantity: Decimal  # units of the leg, > 0
    price: Decimal  # quote currency per unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """One execution."""

    key: str
    at_us: int
    quantity: Decimal  # units of this execution, > 0
    price: Decimal  # quote currency per unit; of a combo the net, which may be <= 0
    remaining: Decimal  # units still open afterwards
    added_liquidity: bool  # whether the order was resting when it met the touch
    legs: tuple[LegFill, ...] = ()  # of a combo


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A change of quantity or price is in force: asked for, or made by an OCA group."""

    key: str
    at_us: int
    order: ExchangeOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The rest of the order is gone."""

    key: str
    at_us: int
    remaining: Decimal  # units that will never fill
    reason: CancelReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The order, or the change of it, was never accepted."""

    key: str
    at_us: int
    reason: RejectReason
    detail: str = ""  # field and value


Outcome = Acknowledged | Working | Triggered | Trailed | Filled | Replaced | Cancelled | Rejected
