"""Orders, fills and commissions as the server reports them."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.gateway.wire.completed_order import COMPLETED_ORDER
from daemon.gateway.wire.contract import CONTRACT_11, Contract
from daemon.gateway.wire.kinds import BOOL, DECIMAL, FLOAT, IDENTIFIER, INT, OPTIONAL_INT, SENTINEL_FLOAT, TEXT
from daemon.gateway.wire.messages import Message, Response, message
from daemon.gateway.wire.open_order import OPEN_ORDER
from daemon.gateway.wire.tables import REQ_ID, Field, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderEnd(Response):
    """All working orders have been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrdersEnd(Response):
    """All ended orders have been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus(Response):
    """Where an order stands."""

    order_id: int
    status: str  # PreSubmitted, Submitted, Filled, Cancelled, Inactive, ...
    filled: Decimal
    remaining: Decimal
    avg_fill_price: float = 0.0
    perm_id: int = 0
    parent_id: int = 0
    last_fill_price: float = 0.0
    client_id: int = 0  # the owner
    why_held: str = ""  # "" or "locate"
    mkt_cap_price: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill."""

    exec_id: str
    time: str  # "yyyymmdd HH:MM:SS Area/City" with single blanks
    account: str
    exchange: str
    side: str  # BOT or SLD
    shares: Decimal
    price: float
    perm_id: int
    client_id: int
    liquidation: int = 0
    cum_qty: Decimal = Decimal(0)
    avg_price: float = 0.0
    order_ref: str = ""
    ev_rule: str = ""
    ev_multiplier: float = 0.0
    model_code: str = ""
    last_liquidity: int = 0  # 1 added, 2 removed, 3 routed
    pending_price_revision: bool = False  # from 178


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetails(Response):
    """A fill, pushed live or in answer to a request."""

    req_id: int = -1  # -1 = live
    order_id: int
    contract: Contract
    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecDetailsEnd(Response):
    """All fills of a request have been sent."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionReport(Response):
    """What one fill cost."""

    exec_id: str
    commission: float
    currency: str
    realized_pnl: float | None = None  # None when opening
    yield_: float | None = None
    yield_redemption_date: int | None = None  # yyyymmdd


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBound(Response):
    """A manual order now belongs to a client."""

    perm_id: int
    client_id: int
    order_id: int


_STATUS: Table = (
    *each(IDENTIFIER, "order_id"),
    *each(TEXT, "status"),
    *each(DECIMAL, "filled", "remaining"),
    *each(FLOAT, "avg_fill_price"),
    *each(IDENTIFIER, "perm_id", "parent_id"),
    *each(FLOAT, "last_fill_price"),
    *each(IDENTIFIER, "client_id"),
    *each(TEXT, "why_held"),
    *each(FLOAT, "mkt_cap_price"),
)

_EXECUTION: Table = (
    *each(TEXT, "execution.exec_id", "execution.time", "execution.account", "execution.exchange", "execution.side"),
    *each(DECIMAL, "execution.shares"),
    *each(FLOAT, "execution.price"),
    *each(IDENTIFIER, "execution.perm_id", "execution.client_id"),
    *each(INT, "execution.liquidation"),
    *each(DECIMAL, "execution.cum_qty"),
    *each(FLOAT, "execution.avg_price"),
    *each(TEXT, "execution.order_ref", "execution.ev_rule"),
    *each(FLOAT, "execution.ev_multiplier"),
    *each(TEXT, "execution.model_code"),
    *each(INT, "execution.last_liquidity"),
    Field("execution.pending_price_revision", BOOL, since=178),
)

_COMMISSION: Table = (
    *each(TEXT, "exec_id"),
    *each(FLOAT, "commission"),
    *each(TEXT, "currency"),
    *each(SENTINEL_FLOAT, "realized_pnl", "yield_"),
    *each(OPTIONAL_INT, "yield_redemption_date"),
)

ORDER_RESPONSES: tuple[Message[Response], ...] = (
    OPEN_ORDER,
    COMPLETED_ORDER,
    message(53, OpenOrderEnd, v=1),
    message(102, CompletedOrdersEnd),
    message(3, OrderStatus, _STATUS),
    message(11, ExecDetails, each(IDENTIFIER, "req_id", "order_id"), CONTRACT_11, _EXECUTION),
    message(55, ExecDetailsEnd, REQ_ID, v=1),
    message(59, CommissionReport, _COMMISSION, v=1),
    message(100, OrderBound, each(IDENTIFIER, "perm_id", "client_id", "order_id")),
)
