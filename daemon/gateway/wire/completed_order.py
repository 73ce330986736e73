"""The completedOrder response: 92 fields at 157 for a plain order; it has no order id."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.gateway.wire.contract import CONTRACT_11, DELTA_NEUTRAL_CONTRACT, ORDER_LEGS, Contract
from daemon.gateway.wire.kinds import (
    BOOL,
    DECIMAL,
    FLOAT,
    IDENTIFIER,
    INT,
    OPTIONAL_FLOAT,
    OPTIONAL_INT,
    ORDER_TYPE,
    SENTINEL_FLOAT,
    TEXT,
)
from daemon.gateway.wire.messages import Response, message
from daemon.gateway.wire.open_order import PEGGED_AND_MINIMUM
from daemon.gateway.wire.order import (
    ALGO,
    COMBO_PRICES_AND_ROUTING,
    CONDITIONS,
    HEDGE,
    PEG_BENCH,
    SCALE,
    STOCK_REFERENCE,
    Order,
)
from daemon.gateway.wire.tables import Field, Table, When, each, is_set


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedOrder(Response):
    """An order that has ended."""

    perm_id: int
    contract: Contract
    order: Order
    status: str = ""
    auto_cancel_date: str = ""
    filled_quantity: Decimal = Decimal(0)
    ref_futures_con_id: int = 0
    auto_cancel_parent: bool = False
    shareholder: str = ""
    imbalance_only: bool = False
    route_marketable_to_bbo: bool = False
    parent_perm_id: int = 0
    completed_time: str = ""
    completed_status: str = ""  # "Filled Size: 100", "Cancelled by Trader"


_BASICS: Table = (
    *CONTRACT_11,
    *each(TEXT, "order.action"),
    *each(DECIMAL, "order.total_quantity"),
    *each(ORDER_TYPE, "order.order_type"),
    *each(OPTIONAL_FLOAT, "order.lmt_price", "order.aux_price"),
    *each(TEXT, "order.tif", "order.oca_group", "order.account", "order.open_close"),
    *each(INT, "order.origin"),
    *each(TEXT, "order.order_ref"),
    *each(IDENTIFIER, "perm_id"),
    *each(BOOL, "order.outside_rth", "order.hidden"),
    *each(FLOAT, "order.discretionary_amt"),
    *each(TEXT, "order.good_after_time"),
    *each(TEXT, "order.fa_group", "order.fa_method", "order.fa_percentage"),
    Field("order.fa_profile", TEXT, until=176),
    *each(TEXT, "order.model_code", "order.good_till_date", "order.rule_80a"),
    *each(OPTIONAL_FLOAT, "order.percent_offset"),
    *each(TEXT, "order.settling_firm"),
    *each(INT, "order.short_sale_slot"),
    *each(TEXT, "order.designated_location"),
    *each(INT, "order.exempt_code"),
)

_DELTA_NEUTRAL: Table = (
    *each(TEXT, "order.delta_neutral_order_type"),
    *each(OPTIONAL_FLOAT, "order.delta_neutral_aux_price"),
    When(
        "order.delta_neutral_order_type",
        is_set,
        (
            *each(INT, "order.delta_neutral_con_id"),
            *each(BOOL, "order.delta_neutral_short_sale"),
            *each(INT, "order.delta_neutral_short_sale_slot"),
            *each(TEXT, "order.delta_neutral_designated_location"),
        ),
    ),
)

_PRICING: Table = (
    *STOCK_REFERENCE,
    *each(INT, "order.display_size"),
    *each(BOOL, "order.sweep_to_fill", "order.all_or_none"),
    *each(OPTIONAL_INT, "order.min_qty"),
    *each(INT, "order.oca_type", "order.trigger_method"),
    *each(OPTIONAL_FLOAT, "order.volatility"),
    *each(OPTIONAL_INT, "order.volatility_type"),
    *_DELTA_NEUTRAL,
    *each(BOOL, "order.continuous_update"),
    *each(OPTIONAL_INT, "order.reference_price_type"),
    *each(OPTIONAL_FLOAT, "order.trail_stop_price", "order.trailing_percent"),
)

_ROUTING: Table = (
    *each(TEXT, "contract.combo_legs_description"),
    *ORDER_LEGS,
    *COMBO_PRICES_AND_ROUTING,
    *SCALE,
    *HEDGE,
    *each(TEXT, "order.clearing_account", "order.clearing_intent"),
    *each(BOOL, "order.not_held"),
    *DELTA_NEUTRAL_CONTRACT,
    *ALGO,
    *each(BOOL, "order.solicited"),
    *each(TEXT, "status"),
    *each(BOOL, "order.randomize_size", "order.randomize_price"),
    *PEG_BENCH,
    *CONDITIONS,
)

_ENDING: Table = (
    *each(SENTINEL_FLOAT, "order.trail_stop_price", "order.lmt_price_offset", "order.cash_qty"),
    *each(BOOL, "order.dont_use_auto_price_for_hedge", "order.is_oms_container"),
    *each(TEXT, "auto_cancel_date"),
    *each(DECIMAL, "filled_quantity"),
    *each(INT, "ref_futures_con_id"),
    *each(BOOL, "auto_cancel_parent"),
    *each(TEXT, "shareholder"),
    *each(BOOL, "imbalance_only", "route_marketable_to_bbo"),
    *each(IDENTIFIER, "parent_perm_id"),
    *each(TEXT, "completed_time", "completed_status"),
    *PEGGED_AND_MINIMUM,
)

COMPLETED_ORDER = message(101, CompletedOrder, _BASICS, _PRICING, _ROUTING, _ENDING)
