"""The session, accounts, positions and profit."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.gateway.wire.contract import CONTRACT_11, CONTRACT_PORTFOLIO, Contract
from daemon.gateway.wire.kinds import DECIMAL, ESCAPED, FLOAT, IDENTIFIER, INT, SENTINEL_FLOAT, SIZE, TEXT
from daemon.gateway.wire.messages import Message, Response, message
from daemon.gateway.wire.tables import REQ_ID, Field, Layout, Many, each


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage(Response):
    """An error or a notice."""

    subject_id: int  # request id, order id, or -1
    code: int
    text: str
    advanced_order_reject_json: str = ""  # from 166


@dataclass(frozen=True, slots=True, kw_only=True)
class NextValidId(Response):
    """The first order id this client may use."""

    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedAccounts(Response):
    """The accounts of this session."""

    accounts: str  # comma list


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentTime(Response):
    """The server's clock."""

    time: int  # epoch seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue(Response):
    """One value of the account stream."""

    key: str
    value: str
    currency: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioValue(Response):
    """One position of the account stream."""

    contract: Contract
    position: Decimal
    market_price: float
    market_value: float
    average_cost: float
    unrealized_pnl: float
    realized_pnl: float
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateTime(Response):
    """When the account stream was last refreshed."""

    time: str  # "HH:MM"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDownloadEnd(Response):
    """The first pass of the account stream is complete."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Response):
    """One position."""

    account: str
    contract: Contract
    position: Decimal
    avg_cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEnd(Response):
    """All positions have been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMulti(Response):
    """One position of an account or model."""

    req_id: int
    account: str
    contract: Contract
    position: Decimal
    avg_cost: float
    model_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMultiEnd(Response):
    """All positions of this request have been sent."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary(Response):
    """One value of an account summary."""

    req_id: int
    account: str
    tag: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummaryEnd(Response):
    """The account summary is complete."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMulti(Response):
    """One value of an account or model."""

    req_id: int
    account: str
    model_code: str
    key: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdateMultiEnd(Response):
    """All values of this request have been sent."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PnL(Response):
    """An account's profit; None = not known."""

    req_id: int
    daily: float | None = None
    unrealized: float | None = None
    realized: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PnLSingle(Response):
    """One position's profit; None = not known."""

    req_id: int
    position: Decimal
    daily: float | None = None
    unrealized: float | None = None
    realized: float | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsBulletin(Response):
    """A bulletin."""

    bulletin_id: int
    bulletin_type: int
    text: str
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveFA(Response):
    """An advisor configuration."""

    fa_type: int
    xml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceFAEnd(Response):
    """An advisor configuration has been written."""

    req_id: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftDollarTier:
    """A tier an order can name."""

    name: str
    value: str
    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftDollarTiers(Response):
    """The soft dollar tiers."""

    req_id: int
    tiers: tuple[SoftDollarTier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCode:
    """The family of an account."""

    account: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCodes(Response):
    """The families of the accounts."""

    codes: tuple[FamilyCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WshMetaData(Response):
    """The Wall Street Horizon catalogue."""

    req_id: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WshEventData(Response):
    """Wall Street Horizon events."""

    req_id: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfo(Response):
    """The white branding id."""

    req_id: int
    white_branding_id: str


ACCOUNT_RESPONSES: tuple[Message[Response], ...] = (
    message(
        4,
        ErrorMessage,
        each(IDENTIFIER, "subject_id"),
        each(INT, "code"),
        each(ESCAPED, "text"),
        (Field("advanced_order_reject_json", TEXT, since=166),),
        v=2,
    ),
    message(9, NextValidId, each(IDENTIFIER, "order_id"), v=1),
    message(15, ManagedAccounts, each(TEXT, "accounts"), v=1),
    message(49, CurrentTime, each(INT, "time"), v=1),
    message(6, AccountValue, each(TEXT, "key", "value", "currency", "account"), v=2),
    message(
        7,
        PortfolioValue,
        CONTRACT_PORTFOLIO,
        each(DECIMAL, "position"),
        each(FLOAT, "market_price", "market_value", "average_cost", "unrealized_pnl", "realized_pnl"),
        each(TEXT, "account"),
        v=8,
    ),
    message(8, AccountUpdateTime, each(TEXT, "time"), v=1),
    message(54, AccountDownloadEnd, each(TEXT, "account"), v=1),
    message(
        61,
        Position,
        each(TEXT, "account"),
        CONTRACT_11,
        each(DECIMAL, "position"),
        each(FLOAT, "avg_cost"),
        v=3,
    ),
    message(62, PositionEnd, v=1),
    message(
        71,
        PositionMulti,
        REQ_ID,
        each(TEXT, "account"),
        CONTRACT_11,
        each(DECIMAL, "position"),
        each(FLOAT, "avg_cost"),
        each(TEXT, "model_code"),
        v=1,
    ),
    message(72, PositionMultiEnd, REQ_ID, v=1),
    message(63, AccountSummary, REQ_ID, each(TEXT, "account", "tag", "value", "currency"), v=1),
    message(64, AccountSummaryEnd, REQ_ID, v=1),
    message(73, AccountUpdateMulti, REQ_ID, each(TEXT, "account", "model_code", "key", "value", "currency"), v=1),
    message(74, AccountUpdateMultiEnd, REQ_ID, v=1),
    message(94, PnL, REQ_ID, each(SENTINEL_FLOAT, "daily", "unrealized", "realized")),
    message(
        95,
        PnLSingle,
        REQ_ID,
        each(SIZE, "position"),
        each(SENTINEL_FLOAT, "daily", "unrealized", "realized", "value"),
    ),
    message(
        14,
        NewsBulletin,
        each(INT, "bulletin_id", "bulletin_type"),
        each(ESCAPED, "text"),
        each(TEXT, "exchange"),
        v=1,
    ),
    message(16, ReceiveFA, each(INT, "fa_type"), each(TEXT, "xml"), v=1),
    message(103, ReplaceFAEnd, REQ_ID, each(TEXT, "text")),
    message(
        77,
        SoftDollarTiers,
        REQ_ID,
        (Many("tiers", Layout(SoftDollarTier, each(TEXT, "name", "value", "display_name"))),),
    ),
    message(78, FamilyCodes, (Many("codes", Layout(FamilyCode, each(TEXT, "account", "code"))),)),
    message(104, WshMetaData, REQ_ID, each(TEXT, "data"), since=161),
    message(105, WshEventData, REQ_ID, each(TEXT, "data"), since=161),
    message(107, UserInfo, REQ_ID, each(TEXT, "white_branding_id"), since=167),
)
