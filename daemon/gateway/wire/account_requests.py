"""Requests about orders already placed, accounts, positions and profit; placeOrder has its own module."""

from dataclasses import dataclass

from daemon.gateway.wire.kinds import BOOL, IDENTIFIER, INT, TEXT
from daemon.gateway.wire.messages import Message, Request, message
from daemon.gateway.wire.tables import REQ_ID, Field, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(Request):
    """Withdraw one order."""

    order_id: int
    manual_cancel_order_time: str = ""  # from 169


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqOpenOrders(Request):
    """Ask for this client's working orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAllOpenOrders(Request):
    """Ask for every client's working orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAutoOpenOrders(Request):
    """Bind future manual orders to client 0."""

    auto_bind: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqGlobalCancel(Request):
    """Withdraw every order of every client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCompletedOrders(Request):
    """Ask for orders that have ended."""

    api_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqExecutions(Request):
    """Ask for today's fills; the filter fields are ANDed and empty ones do not count."""

    req_id: int
    client_id: int = 0  # 0 = any
    account: str = ""
    time: str = ""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    side: str = ""  # BUY or SELL


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdates(Request):
    """Start or stop the account stream."""

    subscribe: bool
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositions(Request):
    """Subscribe to all positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositions(Request):
    """End the position subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountSummary(Request):
    """Subscribe to account values."""

    req_id: int
    group: str
    tags: str  # comma list, may contain "$LEDGER:ALL"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountSummary(Request):
    """End the account summary."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPositionsMulti(Request):
    """Subscribe to positions of one account or model."""

    req_id: int
    account: str
    model_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPositionsMulti(Request):
    """End one position subscription."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqAccountUpdatesMulti(Request):
    """Subscribe to values of one account or model."""

    req_id: int
    account: str
    model_code: str = ""
    ledger_and_nlv: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAccountUpdatesMulti(Request):
    """End one value subscription."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnL(Request):
    """Subscribe to an account's profit."""

    req_id: int
    account: str
    model_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnL(Request):
    """End an account's profit stream."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqPnLSingle(Request):
    """Subscribe to one position's profit."""

    req_id: int
    account: str
    model_code: str = ""
    con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPnLSingle(Request):
    """End one position's profit stream."""

    req_id: int


ACCOUNT_AND_MODEL: Table = each(TEXT, "account", "model_code")
_CANCEL_ORDER: Table = (Field("order_id", IDENTIFIER), Field("manual_cancel_order_time", TEXT, since=169))

ACCOUNT_REQUESTS: tuple[Message[Request], ...] = (
    message(4, CancelOrder, _CANCEL_ORDER, v=1),
    message(5, ReqOpenOrders, v=1),
    message(16, ReqAllOpenOrders, v=1),
    message(15, ReqAutoOpenOrders, each(BOOL, "auto_bind"), v=1),
    message(58, ReqGlobalCancel, v=1),
    message(99, ReqCompletedOrders, each(BOOL, "api_only")),
    message(
        7,
        ReqExecutions,
        REQ_ID,
        each(IDENTIFIER, "client_id"),
        each(TEXT, "account", "time", "symbol", "sec_type", "exchange", "side"),
        v=3,
    ),
    message(6, ReqAccountUpdates, each(BOOL, "subscribe"), each(TEXT, "account"), v=2),
    message(61, ReqPositions, v=1),
    message(64, CancelPositions, v=1),
    message(62, ReqAccountSummary, REQ_ID, each(TEXT, "group", "tags"), v=1),
    message(63, CancelAccountSummary, REQ_ID, v=1),
    message(74, ReqPositionsMulti, REQ_ID, ACCOUNT_AND_MODEL, v=1),
    message(75, CancelPositionsMulti, REQ_ID, v=1),
    message(76, ReqAccountUpdatesMulti, REQ_ID, ACCOUNT_AND_MODEL, each(BOOL, "ledger_and_nlv"), v=1),
    message(77, CancelAccountUpdatesMulti, REQ_ID, v=1),
    message(92, ReqPnL, REQ_ID, ACCOUNT_AND_MODEL),
    message(93, CancelPnL, REQ_ID),
    message(94, ReqPnLSingle, REQ_ID, ACCOUNT_AND_MODEL, each(INT, "con_id")),
    message(95, CancelPnLSingle, REQ_ID),
)
