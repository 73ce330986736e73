"""Requests for live market data and option calculations."""

from dataclasses import dataclass

from daemon.gateway.wire.contract import (
    CONTRACT_11,
    CONTRACT_12,
    DELTA_NEUTRAL_CONTRACT,
    MARKET_DATA_LEGS,
    Contract,
)
from daemon.gateway.wire.kinds import BOOL, FLOAT, INT, TEXT
from daemon.gateway.wire.messages import Message, Request, message
from daemon.gateway.wire.tables import REQ_ID, OptionsTail, each


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMktData(Request):
    """Subscribe to quotes, or take one snapshot."""

    req_id: int
    contract: Contract
    generic_ticks: str = ""  # comma list of numbers
    snapshot: bool = False
    regulatory_snapshot: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelMktData(Request):
    """End a quote subscription."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketDataType(Request):
    """Choose live, frozen or delayed data."""

    data_type: int  # 1 live, 2 frozen, 3 delayed, 4 delayed frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMktDepth(Request):
    """Subscribe to the order book."""

    req_id: int
    contract: Contract
    rows: int = 0
    is_smart_depth: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelMktDepth(Request):
    """End a book subscription."""

    req_id: int
    is_smart_depth: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMktDepthExchanges(Request):
    """Ask which exchanges offer a book."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqSmartComponents(Request):
    """Ask for the letters of an exchange map."""

    req_id: int
    bbo_exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqRealTimeBars(Request):
    """Subscribe to five second bars."""

    req_id: int
    contract: Contract
    bar_size: int = 5  # seconds
    what_to_show: str = ""
    use_rth: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRealTimeBars(Request):
    """End a bar subscription."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqTickByTick(Request):
    """Subscribe to every tick."""

    req_id: int
    contract: Contract
    tick_type: str = ""  # Last, AllLast, BidAsk, MidPoint
    number_of_ticks: int = 0
    ignore_size: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTickByTick(Request):
    """End a tick subscription."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalculateImpliedVolatility(Request):
    """Ask for the volatility an option price implies."""

    req_id: int
    contract: Contract
    option_price: float = 0.0
    under_price: float = 0.0
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalculateOptionPrice(Request):
    """Ask for the option price a volatility implies."""

    req_id: int
    contract: Contract
    volatility: float = 0.0
    under_price: float = 0.0
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelCalculateImpliedVolatility(Request):
    """Take a volatility calculation back."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelCalculateOptionPrice(Request):
    """Take a price calculation back."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseOptions(Request):
    """Exercise an option, or let it lapse."""

    req_id: int
    contract: Contract
    action: int = 0  # 1 exercise, 2 lapse
    quantity: int = 0
    account: str = ""
    override: int = 0


MARKET_REQUESTS: tuple[Message[Request], ...] = (
    message(
        1,
        ReqMktData,
        REQ_ID,
        CONTRACT_12,
        MARKET_DATA_LEGS,
        DELTA_NEUTRAL_CONTRACT,
        each(TEXT, "generic_ticks"),
        each(BOOL, "snapshot", "regulatory_snapshot"),
        each(TEXT, "options"),
        v=11,
    ),
    message(2, CancelMktData, REQ_ID, v=2),
    message(59, ReqMarketDataType, each(INT, "data_type"), v=1),
    message(
        10,
        ReqMktDepth,
        REQ_ID,
        CONTRACT_12,
        each(INT, "rows"),
        each(BOOL, "is_smart_depth"),
        each(TEXT, "options"),
        v=5,
    ),
    message(11, CancelMktDepth, REQ_ID, each(BOOL, "is_smart_depth"), v=1),
    message(82, ReqMktDepthExchanges),
    message(83, ReqSmartComponents, REQ_ID, each(TEXT, "bbo_exchange")),
    message(
        50,
        ReqRealTimeBars,
        REQ_ID,
        CONTRACT_12,
        each(INT, "bar_size"),
        each(TEXT, "what_to_show"),
        each(BOOL, "use_rth"),
        each(TEXT, "options"),
        v=3,
    ),
    message(51, CancelRealTimeBars, REQ_ID, v=1),
    message(
        97,
        ReqTickByTick,
        REQ_ID,
        CONTRACT_12,
        each(TEXT, "tick_type"),
        each(INT, "number_of_ticks"),
        each(BOOL, "ignore_size"),
    ),
    message(98, CancelTickByTick, REQ_ID),
    message(
        54,
        CalculateImpliedVolatility,
        REQ_ID,
        CONTRACT_12,
        each(FLOAT, "option_price", "under_price"),
        (OptionsTail("options"),),
        v=3,
    ),
    message(
        55,
        CalculateOptionPrice,
        REQ_ID,
        CONTRACT_12,
        each(FLOAT, "volatility", "under_price"),
        (OptionsTail("options"),),
        v=3,
    ),
    message(56, CancelCalculateImpliedVolatility, REQ_ID, v=1),
    message(57, CancelCalculateOptionPrice, REQ_ID, v=1),
    message(
        21,
        ExerciseOptions,
        REQ_ID,
        CONTRACT_11,
        each(INT, "action", "quantity"),
        each(TEXT, "account"),
        each(INT, "override"),
        v=2,
    ),
)
