"""The openOrder response: 120 fields at 157 for a plain order, and its optional blocks."""

from dataclasses import dataclass

from daemon.gateway.wire.contract import CONTRACT_11, DELTA_NEUTRAL_CONTRACT, ORDER_LEGS, Contract
from daemon.gateway.wire.kinds import (
    BOOL,
    DECIMAL,
    FLOAT,
    IDENTIFIER,
    INT,
    OPTIONAL_BOOL,
    OPTIONAL_FLOAT,
    OPTIONAL_INT,
    ORDER_TYPE,
    SENTINEL_FLOAT,
    TEXT,
)
from daemon.gateway.wire.messages import Response, message
from daemon.gateway.wire.order import (
    ALGO,
    COMBO_PRICES_AND_ROUTING,
    CONDITIONS,
    DELTA_NEUTRAL_ORDER,
    HEDGE,
    PEG_BENCH,
    SCALE,
    STOCK_REFERENCE,
    Order,
)
from daemon.gateway.wire.tables import Constant, Field, Table, each


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """Status, and for a what-if the margins; ib_async needs init_margin_change numeric there."""

    status: str = ""
    init_margin_before: str = ""
    maint_margin_before: str = ""
    equity_with_loan_before: str = ""
    init_margin_change: str = ""
    maint_margin_change: str = ""
    equity_with_loan_change: str = ""
    init_margin_after: str = ""
    maint_margin_after: str = ""
    equity_with_loan_after: str = ""
    commission: float | None = None
    min_commission: float | None = None
    max_commission: float | None = None
    commission_currency: str = ""
    warning_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder(Response):
    """A working order, or the answer to a what-if."""

    order_id: int  # 0 or negative for orders entered by hand
    client_id: int  # the owner
    perm_id: int  # 0 for a what-if
    contract: Contract
    order: Order
    state: OrderState


_BASICS: Table = (
    *each(IDENTIFIER, "order_id"),
    *CONTRACT_11,
    *each(TEXT, "order.action"),
    *each(DECIMAL, "order.total_quantity"),
    *each(ORDER_TYPE, "order.order_type"),
    *each(OPTIONAL_FLOAT, "order.lmt_price", "order.aux_price"),
    *each(TEXT, "order.tif", "order.oca_group", "order.account", "order.open_close"),
    *each(INT, "order.origin"),
    *each(TEXT, "order.order_ref"),
    *each(IDENTIFIER, "client_id", "perm_id"),
    *each(BOOL, "order.outside_rth", "order.hidden"),
    *each(FLOAT, "order.discretionary_amt"),
    *each(TEXT, "order.good_after_time"),
    Constant("shares_allocation", ""),
    *each(TEXT, "order.fa_group", "order.fa_method", "order.fa_percentage"),
    Field("order.fa_profile", TEXT, until=176),
    *each(TEXT, "order.model_code", "order.good_till_date", "order.rule_80a"),
    *each(OPTIONAL_FLOAT, "order.percent_offset"),
    *each(TEXT, "order.settling_firm"),
    *each(INT, "order.short_sale_slot"),
    *each(TEXT, "order.designated_location"),
    *each(INT, "order.exempt_code", "order.auction_strategy"),
)

_PRICING: Table = (
    *STOCK_REFERENCE,
    *each(INT, "order.display_size"),
    *each(BOOL, "order.block_order", "order.sweep_to_fill", "order.all_or_none"),
    *each(OPTIONAL_INT, "order.min_qty"),
    *each(INT, "order.oca_type"),
    *each(BOOL, "order.e_trade_only", "order.firm_quote_only"),
    *each(OPTIONAL_FLOAT, "order.nbbo_price_cap"),
    *each(IDENTIFIER, "order.parent_id"),
    *each(INT, "order.trigger_method"),
    *each(OPTIONAL_FLOAT, "order.volatility"),
    *each(OPTIONAL_INT, "order.volatility_type"),
    *each(TEXT, "order.delta_neutral_order_type"),
    *each(OPTIONAL_FLOAT, "order.delta_neutral_aux_price"),
    *DELTA_NEUTRAL_ORDER,
    *each(BOOL, "order.continuous_update"),
    *each(OPTIONAL_INT, "order.reference_price_type"),
    *each(OPTIONAL_FLOAT, "order.trail_stop_price", "order.trailing_percent", "order.basis_points"),
    *each(OPTIONAL_INT, "order.basis_points_type"),
)

_ROUTING: Table = (
    *each(TEXT, "contract.combo_legs_description"),
    *ORDER_LEGS,
    *COMBO_PRICES_AND_ROUTING,
    *SCALE,
    *HEDGE,
    *each(BOOL, "order.opt_out_smart_routing"),
    *each(TEXT, "order.clearing_account", "order.clearing_intent"),
    *each(BOOL, "order.not_held"),
    *DELTA_NEUTRAL_CONTRACT,
    *ALGO,
    *each(BOOL, "order.solicited", "order.what_if"),
)

_STATE: Table = (
    *each(TEXT, "state.status"),
    *each(TEXT, "state.init_margin_before", "state.maint_margin_before", "state.equity_with_loan_before"),
    *each(TEXT, "state.init_margin_change", "state.maint_margin_change", "state.equity_with_loan_change"),
    *each(TEXT, "state.init_margin_after", "state.maint_margin_after", "state.equity_with_loan_after"),
    *each(OPTIONAL_FLOAT, "state.commission", "state.min_commission", "state.max_commission"),
    *each(TEXT, "state.commission_currency", "state.warning_text"),
)

# ibapi reads these numbers without an unset rule, "" would be 0 to it, so unset is sent as DBL_MAX.
_ADJUSTMENTS: Table = (
    *each(BOOL, "order.randomize_size", "order.randomize_price"),
    *PEG_BENCH,
    *CONDITIONS,
    *each(TEXT, "order.adjusted_order_type"),
    *each(SENTINEL_FLOAT, "order.trigger_price", "order.trail_stop_price", "order.lmt_price_offset"),
    *each(SENTINEL_FLOAT, "order.adjusted_stop_price", "order.adjusted_stop_limit_price"),
    *each(SENTINEL_FLOAT, "order.adjusted_trailing_amount"),
    *each(INT, "order.adjustable_trailing_unit"),
    *each(TEXT, "order.soft_dollar_name", "order.soft_dollar_value", "order.soft_dollar_display_name"),
    *each(SENTINEL_FLOAT, "order.cash_qty"),
    *each(BOOL, "order.dont_use_auto_price_for_hedge", "order.is_oms_container"),
    *each(BOOL, "order.discretionary_up_to_limit_price"),
    *each(OPTIONAL_BOOL, "order.use_price_mgmt_algo"),
)

PEGGED_AND_MINIMUM: Table = (
    Field("order.min_trade_qty", OPTIONAL_INT, since=170),
    Field("order.min_compete_size", OPTIONAL_INT, since=170),
    Field("order.compete_against_best_offset", OPTIONAL_FLOAT, since=170),
    Field("order.mid_offset_at_whole", OPTIONAL_FLOAT, since=170),
    Field("order.mid_offset_at_half", OPTIONAL_FLOAT, since=170),
)

_LATER: Table = (
    Field("order.duration", OPTIONAL_INT, since=158),
    Field("order.post_to_ats", OPTIONAL_INT, since=160),
    Field("order.auto_cancel_parent", BOOL, since=162),
    *PEGGED_AND_MINIMUM,
)

OPEN_ORDER = message(5, OpenOrder, _BASICS, _PRICING, _ROUTING, _STATE, _ADJUSTMENTS, _LATER)
