"""Instruments as they travel in requests and responses, and the blocks that spell them."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.gateway.wire.kinds import FLOAT, INT, TEXT
from daemon.gateway.wire.tables import Layout, Many, Maybe, Table, When, each, is_one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TagValue:
    """One tag=value pair."""

    tag: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg:
    """One leg of a BAG contract; market data requests carry only the first four fields."""

    con_id: int = 0
    ratio: int = 0
    action: str = ""
    exchange: str = ""
    open_close: int = 0  # 0 same as combo, 1 open, 2 close, 3 unknown
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNeutralContract:
    """The underlying that hedges a delta-neutral combination."""

    con_id: int = 0
    delta: float = 0.0
    price: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """An instrument; every message fills the part of it that its layout has."""

    con_id: int = 0  # 0 = unknown
    symbol: str = ""
    sec_type: str = ""  # STK, OPT, FUT, CASH, BAG, ...
    last_trade_date: str = ""  # YYYYMM or YYYYMMDD; contract details may add a time and zone
    strike: float = 0.0
    right: str = ""  # C, P, CALL, PUT, "" or "?"
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    sec_id_type: str = ""  # ISIN, CUSIP, SEDOL, RIC, FIGI
    sec_id: str = ""
    issuer_id: str = ""
    combo_legs_description: str = ""
    combo_legs: tuple[ComboLeg, ...] = ()
    delta_neutral: DeltaNeutralContract | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDetails:
    """What the exchange and IB say about an instrument."""

    market_name: str = ""
    min_tick: float = 0.0
    md_size_multiplier: int = 1  # up to 163 only
    order_types: str = ""  # comma list
    valid_exchanges: str = ""  # comma list
    price_magnifier: int = 1
    under_con_id: int = 0
    long_name: str = ""
    contract_month: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    time_zone_id: str = ""
    trading_hours: str = ""  # "20261120:0930-20261120:1600;20261121:CLOSED" in time_zone_id
    liquid_hours: str = ""
    ev_rule: str = ""
    ev_multiplier: int = 0
    sec_ids: tuple[TagValue, ...] = ()
    agg_group: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    market_rule_ids: str = ""  # comma list, one for every valid exchange
    real_expiration_date: str = ""
    stock_type: str = ""
    min_size: Decimal = Decimal(0)  # from 164
    size_increment: Decimal = Decimal(0)  # from 164
    suggested_size_increment: Decimal = Decimal(0)  # from 163


_IDENTITY: Table = (
    *each(INT, "contract.con_id"),
    *each(TEXT, "contract.symbol", "contract.sec_type", "contract.last_trade_date"),
    *each(FLOAT, "contract.strike"),
    *each(TEXT, "contract.right", "contract.multiplier"),
)
_NAMES: Table = each(TEXT, "contract.currency", "contract.local_symbol", "contract.trading_class")
_EXCHANGE: Table = each(TEXT, "contract.exchange")
_PRIMARY: Table = each(TEXT, "contract.primary_exchange")

CONTRACT_12: Table = _IDENTITY + _EXCHANGE + _PRIMARY + _NAMES  # requests
CONTRACT_11: Table = _IDENTITY + _EXCHANGE + _NAMES  # orders, executions, positions
CONTRACT_PORTFOLIO: Table = _IDENTITY + _PRIMARY + _NAMES

TAG_VALUE = Layout(TagValue, each(TEXT, "tag", "value"))
_LEG_4: Table = (*each(INT, "con_id", "ratio"), *each(TEXT, "action", "exchange"))
COMBO_LEG_4 = Layout(ComboLeg, _LEG_4)
COMBO_LEG_8 = Layout(
    ComboLeg,
    (
        *_LEG_4,
        *each(INT, "open_close", "short_sale_slot"),
        *each(TEXT, "designated_location"),
        *each(INT, "exempt_code"),
    ),
)
_DELTA_NEUTRAL_LAYOUT = Layout(DeltaNeutralContract, (*each(INT, "con_id"), *each(FLOAT, "delta", "price")))

DELTA_NEUTRAL_CONTRACT: Table = (Maybe("contract.delta_neutral", _DELTA_NEUTRAL_LAYOUT),)
MARKET_DATA_LEGS: Table = (When("contract.sec_type", is_one_of("BAG"), (Many("contract.combo_legs", COMBO_LEG_4),)),)
ORDER_LEGS: Table = (Many("contract.combo_legs", COMBO_LEG_8),)
