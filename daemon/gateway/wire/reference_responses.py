"""Instruments: details, option chains, symbol search, price rules, scanners."""

from dataclasses import dataclass

from daemon.gateway.wire.contract import TAG_VALUE, Contract, ContractDetails
from daemon.gateway.wire.kinds import DECIMAL, ESCAPED, FLOAT, INT, TEXT
from daemon.gateway.wire.messages import Message, Response, message
from daemon.gateway.wire.tables import REQ_ID, Constant, Field, Layout, Many, ManyOf, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractData(Response):
    """One instrument that matches."""

    req_id: int
    contract: Contract
    details: ContractDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDataEnd(Response):
    """All matching instruments have been sent."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecDefOptParam(Response):
    """Expirations and strikes of one trading class on one exchange."""

    req_id: int
    exchange: str
    underlying_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[str, ...]  # yyyymmdd
    strikes: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecDefOptParamEnd(Response):
    """All option chains have been sent."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSample:
    """An instrument that a search found."""

    con_id: int
    symbol: str
    sec_type: str
    primary_exchange: str
    currency: str
    derivative_sec_types: tuple[str, ...] = ()
    description: str = ""  # from 176
    issuer_id: str = ""  # from 176


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSamples(Response):
    """What a search found."""

    req_id: int
    samples: tuple[SymbolSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceIncrement:
    """The tick size from one price upwards."""

    low_edge: float
    increment: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRule(Response):
    """The tick sizes of a rule."""

    rule_id: int
    increments: tuple[PriceIncrement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerParameters(Response):
    """The scanner catalogue."""

    xml: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerRow:
    """One instrument of a scanner."""

    rank: int
    contract: Contract
    market_name: str = ""
    distance: str = ""
    benchmark: str = ""
    projection: str = ""
    legs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerData(Response):
    """The ranking of a scanner."""

    req_id: int
    rows: tuple[ScannerRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FundamentalData(Response):
    """A fundamentals report."""

    req_id: int
    data: str


_CONTRACT_DATA: Table = (
    Constant("version", "8", until=163),
    *REQ_ID,
    *each(TEXT, "contract.symbol", "contract.sec_type", "contract.last_trade_date"),
    *each(FLOAT, "contract.strike"),
    *each(TEXT, "contract.right", "contract.exchange", "contract.currency", "contract.local_symbol"),
    *each(TEXT, "details.market_name", "contract.trading_class"),
    *each(INT, "contract.con_id"),
    *each(FLOAT, "details.min_tick"),
    Field("details.md_size_multiplier", INT, until=163),
    *each(TEXT, "contract.multiplier", "details.order_types", "details.valid_exchanges"),
    *each(INT, "details.price_magnifier", "details.under_con_id"),
    *each(ESCAPED, "details.long_name"),
    *each(TEXT, "contract.primary_exchange", "details.contract_month"),
    *each(TEXT, "details.industry", "details.category", "details.subcategory"),
    *each(TEXT, "details.time_zone_id", "details.trading_hours", "details.liquid_hours", "details.ev_rule"),
    *each(INT, "details.ev_multiplier"),
    Many("details.sec_ids", TAG_VALUE),
    *each(INT, "details.agg_group"),
    *each(TEXT, "details.under_symbol", "details.under_sec_type", "details.market_rule_ids"),
    *each(TEXT, "details.real_expiration_date", "details.stock_type"),
    Field("details.min_size", DECIMAL, since=164),
    Field("details.size_increment", DECIMAL, since=164),
    Field("details.suggested_size_increment", DECIMAL, since=163),
)
_SAMPLE: Table = (
    *each(INT, "con_id"),
    *each(TEXT, "symbol", "sec_type", "primary_exchange", "currency"),
    ManyOf("derivative_sec_types", TEXT),
    Field("description", TEXT, since=176),
    Field("issuer_id", TEXT, since=176),
)
_SCANNER_ROW: Table = (
    *each(INT, "rank", "contract.con_id"),
    *each(TEXT, "contract.symbol", "contract.sec_type", "contract.last_trade_date"),
    *each(FLOAT, "contract.strike"),
    *each(TEXT, "contract.right", "contract.exchange", "contract.currency", "contract.local_symbol"),
    *each(TEXT, "market_name", "contract.trading_class"),
    *each(TEXT, "distance", "benchmark", "projection", "legs"),
)

REFERENCE_RESPONSES: tuple[Message[Response], ...] = (
    message(10, ContractData, _CONTRACT_DATA),
    message(52, ContractDataEnd, REQ_ID, v=1),
    message(
        75,
        SecDefOptParam,
        REQ_ID,
        each(TEXT, "exchange"),
        each(INT, "underlying_con_id"),
        each(TEXT, "trading_class", "multiplier"),
        (ManyOf("expirations", TEXT), ManyOf("strikes", FLOAT)),
    ),
    message(76, SecDefOptParamEnd, REQ_ID),
    message(79, SymbolSamples, REQ_ID, (Many("samples", Layout(SymbolSample, _SAMPLE)),)),
    message(
        93,
        MarketRule,
        each(INT, "rule_id"),
        (Many("increments", Layout(PriceIncrement, each(FLOAT, "low_edge", "increment"))),),
    ),
    message(19, ScannerParameters, each(TEXT, "xml"), v=1),
    message(20, ScannerData, REQ_ID, (Many("rows", Layout(ScannerRow, _SCANNER_ROW)),), v=3),
    message(51, FundamentalData, REQ_ID, each(TEXT, "data"), v=1),
)
