"""Past prices, ticks, sessions and headlines."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.gateway.wire.kinds import BOOL, FLOAT, INT, SIZE, TEXT
from daemon.gateway.wire.messages import Message, Response, message
from daemon.gateway.wire.tables import REQ_ID, Constant, Layout, Many, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalBar:
    """One past bar."""

    date: str  # yyyymmdd, yyyymmdd hh:mm:ss zone, or epoch seconds
    open: float
    high: float
    low: float
    close: float
    volume: Decimal
    wap: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalData(Response):
    """All bars of a request; also its end marker."""

    req_id: int
    start: str
    end: str
    bars: tuple[HistoricalBar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalDataUpdate(Response):
    """The newest bar of a request kept up to date; on the wire in another order than in 17."""

    req_id: int
    bar: HistoricalBar


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTimestamp(Response):
    """How far back data goes."""

    req_id: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramEntry:
    """How often one price traded."""

    price: float
    count: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramData(Response):
    """How often each price traded."""

    req_id: int
    entries: tuple[HistogramEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MidPointTick:
    """One past mid price."""

    time: int  # epoch seconds
    price: float
    size: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTicks(Response):
    """Past mid prices."""

    req_id: int
    ticks: tuple[MidPointTick, ...]
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BidAskTick:
    """One past quote."""

    time: int  # epoch seconds
    mask: int = 0  # 1 ask past high, 2 bid past low: the reverse of tick by tick
    bid: float
    ask: float
    bid_size: Decimal
    ask_size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTicksBidAsk(Response):
    """Past quotes."""

    req_id: int
    ticks: tuple[BidAskTick, ...]
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeTick:
    """One past trade."""

    time: int  # epoch seconds
    mask: int = 0  # 1 past limit, 2 unreported
    price: float
    size: Decimal
    exchange: str = ""
    conditions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalTicksLast(Response):
    """Past trades."""

    req_id: int
    ticks: tuple[TradeTick, ...]
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSession:
    """One trading session."""

    start: str
    end: str
    ref_date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalSchedule(Response):
    """Trading sessions, for whatToShow SCHEDULE."""

    req_id: int
    start: str
    end: str
    time_zone: str
    sessions: tuple[TradingSession, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsProvider:
    """A news subscription."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsProviders(Response):
    """The news subscriptions."""

    providers: tuple[NewsProvider, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsArticle(Response):
    """One article."""

    req_id: int
    article_type: int  # 0 text or html, 1 binary
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalNews(Response):
    """One past headline."""

    req_id: int
    time: str  # "yyyy-mm-dd hh:mm:ss.0"
    provider: str
    article_id: str
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalNewsEnd(Response):
    """All headlines have been sent."""

    req_id: int
    has_more: bool


_BAR: Table = (
    *each(TEXT, "date"),
    *each(FLOAT, "open", "high", "low", "close"),
    *each(SIZE, "volume"),
    *each(FLOAT, "wap"),
    *each(INT, "count"),
)
_UPDATE: Table = (
    *each(INT, "bar.count"),
    *each(TEXT, "bar.date"),
    *each(FLOAT, "bar.open", "bar.close", "bar.high", "bar.low", "bar.wap"),
    *each(SIZE, "bar.volume"),
)
_MID: Table = (*each(INT, "time"), Constant("unused", "0"), *each(FLOAT, "price"), *each(SIZE, "size"))
_BID_ASK: Table = (*each(INT, "time", "mask"), *each(FLOAT, "bid", "ask"), *each(SIZE, "bid_size", "ask_size"))
_TRADE: Table = (
    *each(INT, "time", "mask"),
    *each(FLOAT, "price"),
    *each(SIZE, "size"),
    *each(TEXT, "exchange", "conditions"),
)

HISTORY_RESPONSES: tuple[Message[Response], ...] = (
    message(17, HistoricalData, REQ_ID, each(TEXT, "start", "end"), (Many("bars", Layout(HistoricalBar, _BAR)),)),
    message(90, HistoricalDataUpdate, REQ_ID, _UPDATE),
    message(88, HeadTimestamp, REQ_ID, each(TEXT, "text")),
    message(
        89,
        HistogramData,
        REQ_ID,
        (Many("entries", Layout(HistogramEntry, (*each(FLOAT, "price"), *each(SIZE, "count")))),),
    ),
    message(96, HistoricalTicks, REQ_ID, (Many("ticks", Layout(MidPointTick, _MID)),), each(BOOL, "done")),
    message(97, HistoricalTicksBidAsk, REQ_ID, (Many("ticks", Layout(BidAskTick, _BID_ASK)),), each(BOOL, "done")),
    message(98, HistoricalTicksLast, REQ_ID, (Many("ticks", Layout(TradeTick, _TRADE)),), each(BOOL, "done")),
    message(
        106,
        HistoricalSchedule,
        REQ_ID,
        each(TEXT, "start", "end", "time_zone"),
        (Many("sessions", Layout(TradingSession, each(TEXT, "start", "end", "ref_date"))),),
        since=165,
    ),
    message(85, NewsProviders, (Many("providers", Layout(NewsProvider, each(TEXT, "code", "name"))),)),
    message(83, NewsArticle, REQ_ID, each(INT, "article_type"), each(TEXT, "text")),
    message(86, HistoricalNews, REQ_ID, each(TEXT, "time", "provider", "article_id", "headline")),
    message(87, HistoricalNewsEnd, REQ_ID, each(BOOL, "has_more")),
)
