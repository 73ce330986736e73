"""Responses about what this gateway does not list: bonds, exchanges for physical, delta-neutral contracts."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.gateway.wire.contract import TAG_VALUE, Contract, DeltaNeutralContract, TagValue
from daemon.gateway.wire.kinds import BOOL, DECIMAL, ESCAPED, FLOAT, INT, TEXT
from daemon.gateway.wire.messages import Message, Response, message
from daemon.gateway.wire.tables import REQ_ID, Constant, Field, Many, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class BondDetails:
    """What an exchange and IB say about a bond."""

    cusip: str = ""
    coupon: Decimal = Decimal(0)  # percent a year; ib_insync reads whole ones only
    maturity: str = ""  # yyyymmdd, perhaps with a time and zone
    issue_date: str = ""
    ratings: str = ""
    bond_type: str = ""
    coupon_type: str = ""
    convertible: bool = False
    callable: bool = False
    putable: bool = False
    description: str = ""
    market_name: str = ""
    min_tick: float = 0.0
    md_size_multiplier: int = 1  # up to 163 only
    order_types: str = ""  # comma list
    valid_exchanges: str = ""  # comma list
    next_option_date: str = ""
    next_option_type: str = ""
    next_option_partial: bool = False
    notes: str = ""
    long_name: str = ""
    ev_rule: str = ""
    ev_multiplier: int = 0
    sec_ids: tuple[TagValue, ...] = ()
    agg_group: int = 0
    market_rule_ids: str = ""  # comma list
    min_size: Decimal = Decimal(0)  # from 164, like the next two
    size_increment: Decimal = Decimal(0)
    suggested_size_increment: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BondContractData(Response):
    """One matching bond."""

    req_id: int
    contract: Contract
    details: BondDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class TickEfp(Response):
    """A quote of an exchange for physical."""

    req_id: int
    tick_type: int
    basis_points: float
    formatted_basis_points: str
    implied_future: float
    hold_days: int
    last_trade_date: str  # of the future
    dividend_impact: float
    dividends_to_last_trade_date: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNeutralValidation(Response):
    """The hedge that was accepted for a delta-neutral combination."""

    req_id: int
    contract: DeltaNeutralContract


_BOND: Table = (
    Constant("version", "6", until=163),
    *REQ_ID,
    *each(TEXT, "contract.symbol", "contract.sec_type", "details.cusip"),
    *each(DECIMAL, "details.coupon"),
    *each(TEXT, "details.maturity", "details.issue_date", "details.ratings"),
    *each(TEXT, "details.bond_type", "details.coupon_type"),
    *each(BOOL, "details.convertible", "details.callable", "details.putable"),
    *each(TEXT, "details.description", "contract.exchange", "contract.currency"),
    *each(TEXT, "details.market_name", "contract.trading_class"),
    *each(INT, "contract.con_id"),
    *each(FLOAT, "details.min_tick"),
    Field("details.md_size_multiplier", INT, until=163),
    *each(TEXT, "details.order_types", "details.valid_exchanges"),
    *each(TEXT, "details.next_option_date", "details.next_option_type"),
    *each(BOOL, "details.next_option_partial"),
    *each(TEXT, "details.notes"),
    *each(ESCAPED, "details.long_name"),
    *each(TEXT, "details.ev_rule"),
    *each(INT, "details.ev_multiplier"),
    Many("details.sec_ids", TAG_VALUE),
    *each(INT, "details.agg_group"),
    *each(TEXT, "details.market_rule_ids"),
    Field("details.min_size", DECIMAL, since=164),
    Field("details.size_increment", DECIMAL, since=164),
    Field("details.suggested_size_increment", DECIMAL, since=164),
)

RARE_RESPONSES: tuple[Message[Response], ...] = (
    message(18, BondContractData, _BOND),
    message(
        47,
        TickEfp,
        REQ_ID,
        each(INT, "tick_type"),
        each(FLOAT, "basis_points"),
        each(TEXT, "formatted_basis_points"),
        each(FLOAT, "implied_future"),
        each(INT, "hold_days"),
        each(TEXT, "last_trade_date"),
        each(FLOAT, "dividend_impact", "dividends_to_last_trade_date"),
        v=6,
    ),
    message(
        56,
        DeltaNeutralValidation,
        REQ_ID,
        each(INT, "contract.con_id"),
        each(FLOAT, "contract.delta", "contract.price"),
        v=1,
    ),
)
