"""Requests for past prices."""

from dataclasses import dataclass

from daemon.gateway.wire.contract import CONTRACT_12, MARKET_DATA_LEGS, Contract
from daemon.gateway.wire.kinds import BOOL, INT, TEXT
from daemon.gateway.wire.messages import Message, Request, message
from daemon.gateway.wire.tables import REQ_ID, each


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistoricalData(Request):
    """Ask for bars; on the wire the bar size comes before the duration."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    end: str = ""  # "" = now
    bar_size: str = ""  # "5 mins"
    duration: str = ""  # "2 D"
    use_rth: bool = False
    what_to_show: str = ""
    format_date: int = 1  # 1 text, 2 epoch seconds
    keep_up_to_date: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHistoricalData(Request):
    """End a bar request that is kept up to date, or take it back."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHeadTimestamp(Request):
    """Ask how far back data goes."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    use_rth: bool = False
    what_to_show: str = ""
    format_date: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHeadTimestamp(Request):
    """Take a head timestamp request back."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistogramData(Request):
    """Ask how often each price traded."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    use_rth: bool = False
    period: str = ""  # "3 days"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelHistogramData(Request):
    """Take a histogram request back."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistoricalTicks(Request):
    """Ask for past ticks; exactly one of start and end is given."""

    req_id: int
    contract: Contract
    include_expired: bool = False
    start: str = ""
    end: str = ""
    number_of_ticks: int = 0
    what_to_show: str = ""  # TRADES, BID_ASK, MIDPOINT
    use_rth: bool = False
    ignore_size: bool = False
    options: str = ""


HISTORY_REQUESTS: tuple[Message[Request], ...] = (
    message(
        20,
        ReqHistoricalData,
        REQ_ID,
        CONTRACT_12,
        each(BOOL, "include_expired"),
        each(TEXT, "end", "bar_size", "duration"),
        each(BOOL, "use_rth"),
        each(TEXT, "what_to_show"),
        each(INT, "format_date"),
        MARKET_DATA_LEGS,
        each(BOOL, "keep_up_to_date"),
        each(TEXT, "options"),
    ),
    message(25, CancelHistoricalData, REQ_ID, v=1),
    message(
        87,
        ReqHeadTimestamp,
        REQ_ID,
        CONTRACT_12,
        each(BOOL, "include_expired", "use_rth"),
        each(TEXT, "what_to_show"),
        each(INT, "format_date"),
    ),
    message(90, CancelHeadTimestamp, REQ_ID),
    message(
        88,
        ReqHistogramData,
        REQ_ID,
        CONTRACT_12,
        each(BOOL, "include_expired", "use_rth"),
        each(TEXT, "period"),
    ),
    message(89, CancelHistogramData, REQ_ID),
    message(
        96,
        ReqHistoricalTicks,
        REQ_ID,
        CONTRACT_12,
        each(BOOL, "include_expired"),
        each(TEXT, "start", "end"),
        each(INT, "number_of_ticks"),
        each(TEXT, "what_to_show"),
        each(BOOL, "use_rth", "ignore_size"),
        each(TEXT, "options"),
    ),
)
