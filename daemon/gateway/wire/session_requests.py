"""Requests about the connection itself, advisor settings and news."""

from dataclasses import dataclass

from daemon.gateway.wire.kinds import BOOL, IDENTIFIER, INT, OPTIONAL_INT, TEXT
from daemon.gateway.wire.messages import Message, Request, message
from daemon.gateway.wire.tables import REQ_ID, Field, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class StartApi(Request):
    """The client is ready to talk."""

    client_id: int
    optional_capabilities: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqIds(Request):
    """Ask for the next valid order id."""

    count: int = 1  # ignored by servers


@dataclass(frozen=True, slots=True, kw_only=True)
class SetServerLogLevel(Request):
    """Change the server's log detail."""

    level: int  # 1 system .. 5 detail


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqManagedAccts(Request):
    """Ask for the account list again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqCurrentTime(Request):
    """Ask for the server's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqNewsBulletins(Request):
    """Subscribe to bulletins."""

    all_messages: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelNewsBulletins(Request):
    """End the bulletin subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFA(Request):
    """Read an advisor configuration."""

    fa_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceFA(Request):
    """Write an advisor configuration."""

    fa_type: int
    xml: str
    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqSoftDollarTiers(Request):
    """Ask for soft dollar tiers."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqFamilyCodes(Request):
    """Ask for the family codes of the accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqNewsArticle(Request):
    """Ask for one article."""

    req_id: int
    provider_code: str
    article_id: str
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqNewsProviders(Request):
    """Ask for the news subscriptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqHistoricalNews(Request):
    """Ask for headlines of an instrument."""

    req_id: int
    con_id: int
    provider_codes: str  # joined by +
    start: str
    end: str
    total_results: int
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqWshMetaData(Request):
    """Ask for the Wall Street Horizon catalogue."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelWshMetaData(Request):
    """Take the catalogue request back."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqWshEventData(Request):
    """Ask for Wall Street Horizon events."""

    req_id: int
    con_id: int | None = None
    filter: str = ""
    fill_watchlist: bool = False
    fill_portfolio: bool = False
    fill_competitors: bool = False
    start_date: str = ""
    end_date: str = ""
    total_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelWshEventData(Request):
    """Take the event request back."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqUserInfo(Request):
    """Ask for the white branding id."""

    req_id: int


_WSH_EVENT: Table = (
    Field("con_id", OPTIONAL_INT),
    Field("filter", TEXT, since=171),
    Field("fill_watchlist", BOOL, since=171),
    Field("fill_portfolio", BOOL, since=171),
    Field("fill_competitors", BOOL, since=171),
    Field("start_date", TEXT, since=173),
    Field("end_date", TEXT, since=173),
    Field("total_limit", OPTIONAL_INT, since=173),
)

SESSION_REQUESTS: tuple[Message[Request], ...] = (
    message(71, StartApi, each(IDENTIFIER, "client_id"), each(TEXT, "optional_capabilities"), v=2),
    message(8, ReqIds, each(INT, "count"), v=1),
    message(14, SetServerLogLevel, each(INT, "level"), v=1),
    message(17, ReqManagedAccts, v=1),
    message(49, ReqCurrentTime, v=1),
    message(12, ReqNewsBulletins, each(BOOL, "all_messages"), v=1),
    message(13, CancelNewsBulletins, v=1),
    message(18, RequestFA, each(INT, "fa_type"), v=1),
    message(19, ReplaceFA, each(INT, "fa_type"), each(TEXT, "xml"), REQ_ID, v=1),
    message(79, ReqSoftDollarTiers, REQ_ID),
    message(80, ReqFamilyCodes),
    message(84, ReqNewsArticle, REQ_ID, each(TEXT, "provider_code", "article_id", "options")),
    message(85, ReqNewsProviders),
    message(
        86,
        ReqHistoricalNews,
        REQ_ID,
        each(INT, "con_id"),
        each(TEXT, "provider_codes", "start", "end"),
        each(INT, "total_results"),
        each(TEXT, "options"),
    ),
    message(100, ReqWshMetaData, REQ_ID, since=161),
    message(101, CancelWshMetaData, REQ_ID, since=161),
    message(102, ReqWshEventData, REQ_ID, _WSH_EVENT, since=161),
    message(103, CancelWshEventData, REQ_ID, since=161),
    message(104, ReqUserInfo, REQ_ID, since=167),
)
