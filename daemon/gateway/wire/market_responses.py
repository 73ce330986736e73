"""Live market data: ticks, quotes state, order book and real-time bars."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.gateway.wire.kinds import BOOL, ESCAPED, FLOAT, INT, SIZE, TEXT
from daemon.gateway.wire.messages import Message, Response, message
from daemon.gateway.wire.tables import REQ_ID, Constant, Layout, Many, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPrice(Response):
    """A price and the size on the same side."""

    req_id: int
    tick_type: int
    price: float  # -1 = no quote
    size: Decimal
    attrib_mask: int = 0  # 1 can auto execute, 2 past limit, 4 pre-open


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSize(Response):
    """A size alone."""

    req_id: int
    tick_type: int
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TickGeneric(Response):
    """A number."""

    req_id: int
    tick_type: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TickString(Response):
    """A text, for example the time of the last trade."""

    req_id: int
    tick_type: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TickOptionComputation(Response):
    """Greeks; -1 and -2 stand for not computed."""

    req_id: int
    tick_type: int
    tick_attrib: int = 0  # 0 return based, 1 price based
    implied_vol: float = -1.0
    delta: float = -2.0
    opt_price: float = -1.0
    pv_dividend: float = -1.0
    gamma: float = -2.0
    vega: float = -2.0
    theta: float = -2.0
    und_price: float = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSnapshotEnd(Response):
    """Every field of a snapshot has been sent."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataType(Response):
    """The kind of data that follows."""

    req_id: int
    data_type: int  # 1 live, 2 frozen, 3 delayed, 4 delayed frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReqParams(Response):
    """Tick size and exchange map of a subscription."""

    req_id: int
    min_tick: float
    bbo_exchange: str
    snapshot_permissions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTimeBar(Response):
    """Five seconds of trading."""

    req_id: int
    time: int  # epoch seconds of the start
    open: float
    high: float
    low: float
    close: float
    volume: Decimal
    wap: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickLast(Response):
    """One trade."""

    req_id: int
    tick_type: int  # 1 Last, 2 AllLast
    time: int  # epoch seconds
    price: float
    size: Decimal
    mask: int = 0  # 1 past limit, 2 unreported
    exchange: str = ""
    conditions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickBidAsk(Response):
    """One change of the quote."""

    req_id: int
    time: int  # epoch seconds
    bid: float
    ask: float
    bid_size: Decimal
    ask_size: Decimal
    mask: int = 0  # 1 bid past low, 2 ask past high


@dataclass(frozen=True, slots=True, kw_only=True)
class TickByTickMidPoint(Response):
    """One change of the mid price."""

    req_id: int
    time: int  # epoch seconds
    mid: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MktDepth(Response):
    """One change of the book."""

    req_id: int
    position: int
    operation: int  # 0 insert, 1 update, 2 delete
    side: int  # 0 ask, 1 bid
    price: float
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MktDepthL2(Response):
    """One change of the book, with its market maker."""

    req_id: int
    position: int
    market_maker: str
    operation: int
    side: int
    price: float
    size: Decimal
    is_smart_depth: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TickNews(Response):
    """A headline."""

    req_id: int
    time: int  # epoch milliseconds
    provider: str
    article_id: str
    headline: str
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerouteMktData(Response):
    """Ask for a CFD's data under this instrument instead."""

    req_id: int
    con_id: int
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RerouteMktDepth(Response):
    """Ask for a CFD's book under this instrument instead."""

    req_id: int
    con_id: int
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartComponent:
    """One letter of an exchange map."""

    bit_number: int
    exchange: str
    letter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartComponents(Response):
    """The letters of an exchange map."""

    req_id: int
    components: tuple[SmartComponent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthExchange:
    """An exchange that offers a book."""

    exchange: str
    sec_type: str
    listing_exchange: str = ""
    service_data_type: str = ""
    agg_group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MktDepthExchanges(Response):
    """The exchanges that offer a book."""

    exchanges: tuple[DepthExchange, ...]


TICK: Table = (*REQ_ID, *each(INT, "tick_type"))
_COMPONENT: Table = (*each(INT, "bit_number"), *each(TEXT, "exchange", "letter"))
_DEPTH_EXCHANGE: Table = (
    *each(TEXT, "exchange", "sec_type", "listing_exchange", "service_data_type"),
    *each(INT, "agg_group"),
)

MARKET_RESPONSES: tuple[Message[Response], ...] = (
    message(1, TickPrice, TICK, each(FLOAT, "price"), each(SIZE, "size"), each(INT, "attrib_mask"), v=6),
    message(2, TickSize, TICK, each(SIZE, "size"), v=6),
    message(45, TickGeneric, TICK, each(FLOAT, "value"), v=6),
    message(46, TickString, TICK, each(ESCAPED, "value"), v=6),
    message(
        21,
        TickOptionComputation,
        TICK,
        each(INT, "tick_attrib"),
        each(FLOAT, "implied_vol", "delta", "opt_price", "pv_dividend"),
        each(FLOAT, "gamma", "vega", "theta", "und_price"),
    ),
    message(57, TickSnapshotEnd, REQ_ID, v=1),
    message(58, MarketDataType, REQ_ID, each(INT, "data_type"), v=1),
    message(
        81,
        TickReqParams,
        REQ_ID,
        each(FLOAT, "min_tick"),
        each(TEXT, "bbo_exchange"),
        each(INT, "snapshot_permissions"),
    ),
    message(
        50,
        RealTimeBar,
        REQ_ID,
        each(INT, "time"),
        each(FLOAT, "open", "high", "low", "close"),
        each(SIZE, "volume"),
        each(FLOAT, "wap"),
        each(INT, "count"),
        v=3,
    ),
    message(
        99,
        TickByTickLast,
        TICK,
        each(INT, "time"),
        each(FLOAT, "price"),
        each(SIZE, "size"),
        each(INT, "mask"),
        each(TEXT, "exchange", "conditions"),
        selector=(2, frozenset({"1", "2"})),
    ),
    message(
        99,
        TickByTickBidAsk,
        REQ_ID,
        (Constant("tick_type", "3"),),
        each(INT, "time"),
        each(FLOAT, "bid", "ask"),
        each(SIZE, "bid_size", "ask_size"),
        each(INT, "mask"),
        selector=(2, frozenset({"3"})),
    ),
    message(
        99,
        TickByTickMidPoint,
        REQ_ID,
        (Constant("tick_type", "4"),),
        each(INT, "time"),
        each(FLOAT, "mid"),
        selector=(2, frozenset({"4"})),
    ),
    message(
        12,
        MktDepth,
        REQ_ID,
        each(INT, "position", "operation", "side"),
        each(FLOAT, "price"),
        each(SIZE, "size"),
        v=1,
    ),
    message(
        13,
        MktDepthL2,
        REQ_ID,
        each(INT, "position"),
        each(TEXT, "market_maker"),
        each(INT, "operation", "side"),
        each(FLOAT, "price"),
        each(SIZE, "size"),
        each(BOOL, "is_smart_depth"),
        v=1,
    ),
    message(84, TickNews, REQ_ID, each(INT, "time"), each(TEXT, "provider", "article_id", "headline", "extra")),
    message(91, RerouteMktData, REQ_ID, each(INT, "con_id"), each(TEXT, "exchange")),
    message(92, RerouteMktDepth, REQ_ID, each(INT, "con_id"), each(TEXT, "exchange")),
    message(82, SmartComponents, REQ_ID, (Many("components", Layout(SmartComponent, _COMPONENT)),)),
    message(80, MktDepthExchanges, (Many("exchanges", Layout(DepthExchange, _DEPTH_EXCHANGE)),)),
)
