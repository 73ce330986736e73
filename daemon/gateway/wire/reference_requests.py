"""Requests about instruments: details, option chains, symbol search, scanners, fundamentals."""

from dataclasses import dataclass

from daemon.gateway.wire.contract import CONTRACT_12, Contract
from daemon.gateway.wire.kinds import BOOL, INT, OPTIONAL_FLOAT, OPTIONAL_INT, TEXT
from daemon.gateway.wire.messages import Message, Request, message
from daemon.gateway.wire.tables import REQ_ID, Field, OptionsTail, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqContractDetails(Request):
    """Ask which instruments a description matches."""

    req_id: int
    contract: Contract
    include_expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqSecDefOptParams(Request):
    """Ask for the expirations and strikes on an underlying."""

    req_id: int
    underlying_symbol: str
    fut_fop_exchange: str = ""  # "" for stocks
    underlying_sec_type: str
    underlying_con_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMatchingSymbols(Request):
    """Search symbols and names."""

    req_id: int
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqMarketRule(Request):
    """Ask for the price increments of a rule."""

    rule_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqScannerSubscription(Request):
    """Subscribe to a market scanner; None is no limit."""

    req_id: int
    number_of_rows: int | None = None
    instrument: str = ""
    location_code: str = ""
    scan_code: str = ""
    above_price: float | None = None
    below_price: float | None = None
    above_volume: int | None = None
    market_cap_above: float | None = None
    market_cap_below: float | None = None
    moody_rating_above: str = ""
    moody_rating_below: str = ""
    sp_rating_above: str = ""
    sp_rating_below: str = ""
    maturity_date_above: str = ""
    maturity_date_below: str = ""
    coupon_rate_above: float | None = None
    coupon_rate_below: float | None = None
    exclude_convertible: bool = False
    average_option_volume_above: int | None = None
    scanner_setting_pairs: str = ""
    stock_type_filter: str = ""
    filter_options: str = ""
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelScannerSubscription(Request):
    """End a scanner subscription."""

    req_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqScannerParameters(Request):
    """Ask for the scanner catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReqFundamentalData(Request):
    """Ask for a fundamentals report; the contract carries seven fields only."""

    req_id: int
    contract: Contract
    report_type: str = ""
    options: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelFundamentalData(Request):
    """Take a report request back."""

    req_id: int


_SECURITY_IDS: Table = (
    *each(TEXT, "contract.sec_id_type", "contract.sec_id"),
    Field("contract.issuer_id", TEXT, since=176),
)
_FUNDAMENTAL_CONTRACT: Table = (
    *each(INT, "contract.con_id"),
    *each(TEXT, "contract.symbol", "contract.sec_type", "contract.exchange", "contract.primary_exchange"),
    *each(TEXT, "contract.currency", "contract.local_symbol"),
)
_SCANNER: Table = (
    *each(OPTIONAL_INT, "number_of_rows"),
    *each(TEXT, "instrument", "location_code", "scan_code"),
    *each(OPTIONAL_FLOAT, "above_price", "below_price"),
    *each(OPTIONAL_INT, "above_volume"),
    *each(OPTIONAL_FLOAT, "market_cap_above", "market_cap_below"),
    *each(TEXT, "moody_rating_above", "moody_rating_below", "sp_rating_above", "sp_rating_below"),
    *each(TEXT, "maturity_date_above", "maturity_date_below"),
    *each(OPTIONAL_FLOAT, "coupon_rate_above", "coupon_rate_below"),
    *each(BOOL, "exclude_convertible"),
    *each(OPTIONAL_INT, "average_option_volume_above"),
    *each(TEXT, "scanner_setting_pairs", "stock_type_filter", "filter_options", "options"),
)

REFERENCE_REQUESTS: tuple[Message[Request], ...] = (
    message(9, ReqContractDetails, REQ_ID, CONTRACT_12, each(BOOL, "include_expired"), _SECURITY_IDS, v=8),
    message(
        78,
        ReqSecDefOptParams,
        REQ_ID,
        each(TEXT, "underlying_symbol", "fut_fop_exchange", "underlying_sec_type"),
        each(INT, "underlying_con_id"),
    ),
    message(81, ReqMatchingSymbols, REQ_ID, each(TEXT, "pattern")),
    message(91, ReqMarketRule, each(INT, "rule_id")),
    message(22, ReqScannerSubscription, REQ_ID, _SCANNER),
    message(23, CancelScannerSubscription, REQ_ID, v=1),
    message(24, ReqScannerParameters, v=1),
    message(
        52,
        ReqFundamentalData,
        REQ_ID,
        _FUNDAMENTAL_CONTRACT,
        each(TEXT, "report_type"),
        (OptionsTail("options"),),
        v=2,
    ),
    message(53, CancelFundamentalData, REQ_ID, v=1),
)
