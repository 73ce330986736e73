"""The placeOrder request: 110 fields at 157 for a plain order, and its optional blocks."""

from dataclasses import dataclass

from daemon.gateway.wire.contract import CONTRACT_12, DELTA_NEUTRAL_CONTRACT, ORDER_LEGS, Contract
from daemon.gateway.wire.kinds import (
    BOOL,
    CLIENT_FLOAT,
    DECIMAL,
    FLOAT,
    IDENTIFIER,
    INT,
    OPTIONAL_BOOL,
    OPTIONAL_FLOAT,
    OPTIONAL_INT,
    ORDER_TYPE,
    TEXT,
)
from daemon.gateway.wire.messages import Request, message
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
from daemon.gateway.wire.tables import Constant, Field, Table, When, each, is_infinite, is_one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(Request):
    """A new order, or with an order id already in use by this client a changed one."""

    order_id: int
    contract: Contract
    order: Order


_BASICS: Table = (
    *CONTRACT_12,
    *each(TEXT, "contract.sec_id_type", "contract.sec_id", "order.action"),
    *each(DECIMAL, "order.total_quantity"),
    *each(ORDER_TYPE, "order.order_type"),
    *each(OPTIONAL_FLOAT, "order.lmt_price", "order.aux_price"),
    *each(TEXT, "order.tif", "order.oca_group", "order.account", "order.open_close"),
    *each(INT, "order.origin"),
    *each(TEXT, "order.order_ref"),
    *each(BOOL, "order.transmit"),
    *each(IDENTIFIER, "order.parent_id"),
    *each(BOOL, "order.block_order", "order.sweep_to_fill"),
    *each(INT, "order.display_size", "order.trigger_method"),
    *each(BOOL, "order.outside_rth", "order.hidden"),
    When("contract.sec_type", is_one_of("BAG"), ORDER_LEGS + COMBO_PRICES_AND_ROUTING),
)

_ALLOCATION: Table = (
    Constant("shares_allocation", ""),
    *each(FLOAT, "order.discretionary_amt"),
    *each(TEXT, "order.good_after_time", "order.good_till_date"),
    *each(TEXT, "order.fa_group", "order.fa_method", "order.fa_percentage"),
    Field("order.fa_profile", TEXT, until=176),
    *each(TEXT, "order.model_code"),
    *each(INT, "order.short_sale_slot"),
    *each(TEXT, "order.designated_location"),
    *each(INT, "order.exempt_code", "order.oca_type"),
    *each(TEXT, "order.rule_80a", "order.settling_firm"),
)

_PRICING: Table = (
    *each(BOOL, "order.all_or_none"),
    *each(OPTIONAL_INT, "order.min_qty"),
    *each(OPTIONAL_FLOAT, "order.percent_offset"),
    *each(BOOL, "order.e_trade_only", "order.firm_quote_only"),
    *each(OPTIONAL_FLOAT, "order.nbbo_price_cap"),
    *each(INT, "order.auction_strategy"),
    *STOCK_REFERENCE,
    *each(BOOL, "order.override_percentage_constraints"),
    *each(OPTIONAL_FLOAT, "order.volatility"),
    *each(OPTIONAL_INT, "order.volatility_type"),
    *each(TEXT, "order.delta_neutral_order_type"),
    *each(OPTIONAL_FLOAT, "order.delta_neutral_aux_price"),
    *DELTA_NEUTRAL_ORDER,
    *each(BOOL, "order.continuous_update"),
    *each(OPTIONAL_INT, "order.reference_price_type"),
    *each(OPTIONAL_FLOAT, "order.trail_stop_price", "order.trailing_percent"),
)

_ROUTING: Table = (
    *SCALE,
    *each(TEXT, "order.scale_table", "order.active_start_time", "order.active_stop_time"),
    *HEDGE,
    *each(BOOL, "order.opt_out_smart_routing"),
    *each(TEXT, "order.clearing_account", "order.clearing_intent"),
    *each(BOOL, "order.not_held"),
    *DELTA_NEUTRAL_CONTRACT,
    *ALGO,
    *each(TEXT, "order.algo_id"),
    *each(BOOL, "order.what_if"),
    *each(TEXT, "order.order_misc_options"),
    *each(BOOL, "order.solicited", "order.randomize_size", "order.randomize_price"),
    *PEG_BENCH,
    *CONDITIONS,
)

_ADJUSTMENTS: Table = (
    *each(TEXT, "order.adjusted_order_type"),
    *each(OPTIONAL_FLOAT, "order.trigger_price", "order.lmt_price_offset"),
    *each(OPTIONAL_FLOAT, "order.adjusted_stop_price", "order.adjusted_stop_limit_price"),
    *each(OPTIONAL_FLOAT, "order.adjusted_trailing_amount"),
    *each(INT, "order.adjustable_trailing_unit"),
    *each(TEXT, "order.ext_operator", "order.soft_dollar_name", "order.soft_dollar_value"),
    *each(OPTIONAL_FLOAT, "order.cash_qty"),
    *each(TEXT, "order.mifid2_decision_maker", "order.mifid2_decision_algo"),
    *each(TEXT, "order.mifid2_execution_trader", "order.mifid2_execution_algo"),
    *each(BOOL, "order.dont_use_auto_price_for_hedge", "order.is_oms_container"),
    *each(BOOL, "order.discretionary_up_to_limit_price"),
    *each(OPTIONAL_BOOL, "order.use_price_mgmt_algo"),
)

_MID_OFFSETS: Table = each(OPTIONAL_FLOAT, "order.mid_offset_at_whole", "order.mid_offset_at_half")

_LATER: Table = (
    Field("order.duration", OPTIONAL_INT, since=158),
    Field("order.post_to_ats", OPTIONAL_INT, since=160),
    Field("order.auto_cancel_parent", BOOL, since=162),
    Field("order.advanced_error_override", TEXT, since=166),
    Field("order.manual_order_time", TEXT, since=169),
    When("contract.exchange", is_one_of("IBKRATS"), each(OPTIONAL_INT, "order.min_trade_qty"), since=170),
    When(
        "order.order_type",
        is_one_of("PEG BEST"),
        (
            *each(OPTIONAL_INT, "order.min_compete_size"),
            *each(CLIENT_FLOAT, "order.compete_against_best_offset"),
            When("order.compete_against_best_offset", is_infinite, _MID_OFFSETS),
        ),
        since=170,
    ),
    When("order.order_type", is_one_of("PEG MID"), _MID_OFFSETS, since=170),
)

PLACE_ORDER = message(
    3,
    PlaceOrder,
    each(IDENTIFIER, "order_id"),
    _BASICS,
    _ALLOCATION,
    _PRICING,
    _ROUTING,
    _ADJUSTMENTS,
    _LATER,
)
