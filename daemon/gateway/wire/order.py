"""Orders as they travel in requests and responses, and the blocks that all order messages share."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.gateway.wire.contract import TAG_VALUE, TagValue
from daemon.gateway.wire.kinds import BOOL, FLOAT, INT, OPTIONAL_FLOAT, OPTIONAL_INT, TEXT
from daemon.gateway.wire.tables import (
    Field,
    Layout,
    Many,
    ManyOf,
    Table,
    Variants,
    When,
    each,
    is_one_of,
    is_positive,
    is_set,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCondition:
    """The price of an instrument passes a level."""

    conjunction: str = "a"  # "a" and, "o" or, with the next condition
    is_more: bool = True
    price: float = 0.0
    con_id: int = 0
    exchange: str = ""
    trigger_method: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCondition:
    """A time has come."""

    conjunction: str = "a"
    is_more: bool = True
    time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCondition:
    """The margin cushion passes a level."""

    conjunction: str = "a"
    is_more: bool = True
    percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCondition:
    """An instrument has traded in this account."""

    conjunction: str = "a"
    sec_type: str = ""
    exchange: str = ""
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeCondition:
    """The day's volume of an instrument passes a level."""

    conjunction: str = "a"
    is_more: bool = True
    volume: int = 0
    con_id: int = 0
    exchange: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentChangeCondition:
    """The day's price change of an instrument passes a level."""

    conjunction: str = "a"
    is_more: bool = True
    change_percent: float = 0.0
    con_id: int = 0
    exchange: str = ""


Condition = (
    PriceCondition | TimeCondition | MarginCondition | ExecutionCondition | VolumeCondition | PercentChangeCondition
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a client asks for; None is "unset". Fields a layout does not carry keep their default."""

    action: str = ""  # BUY, SELL, SSHORT
    total_quantity: Decimal = Decimal(0)
    order_type: str = ""  # LMT, MKT, STP, "STP LMT", TRAIL, ...
    lmt_price: float | None = None
    aux_price: float | None = None  # stop price or trailing amount
    tif: str = ""  # "" = DAY
    oca_group: str = ""
    account: str = ""  # "" = the only account
    open_close: str = ""
    origin: int = 0  # 0 customer, 1 firm
    order_ref: str = ""  # must be echoed
    transmit: bool = True  # False holds it until a relative has True; requests only
    parent_id: int = 0  # order id, 0 none
    block_order: bool = False
    sweep_to_fill: bool = False
    display_size: int = 0
    trigger_method: int = 0
    outside_rth: bool = False
    hidden: bool = False
    order_combo_leg_prices: tuple[float | None, ...] = ()
    smart_combo_routing_params: tuple[TagValue, ...] = ()
    discretionary_amt: float = 0.0
    good_after_time: str = ""
    good_till_date: str = ""
    fa_group: str = ""
    fa_method: str = ""
    fa_percentage: str = ""
    fa_profile: str = ""  # up to 176
    model_code: str = ""
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1
    oca_type: int = 0  # 1 cancel with block, 2 reduce with block, 3 reduce
    rule_80a: str = ""
    settling_firm: str = ""
    all_or_none: bool = False
    min_qty: int | None = None
    percent_offset: float | None = None
    e_trade_only: bool = False
    firm_quote_only: bool = False
    nbbo_price_cap: float | None = None
    auction_strategy: int = 0
    starting_price: float | None = None
    stock_ref_price: float | None = None
    delta: float | None = None
    stock_range_lower: float | None = None
    stock_range_upper: float | None = None
    override_percentage_constraints: bool = False
    volatility: float | None = None
    volatility_type: int | None = None
    delta_neutral_order_type: str = ""  # any text switches the delta_neutral_* block on
    delta_neutral_aux_price: float | None = None
    delta_neutral_con_id: int = 0
    delta_neutral_settling_firm: str = ""
    delta_neutral_clearing_account: str = ""
    delta_neutral_clearing_intent: str = ""
    delta_neutral_open_close: str = ""
    delta_neutral_short_sale: bool = False
    delta_neutral_short_sale_slot: int = 0
    delta_neutral_designated_location: str = ""
    continuous_update: bool = False
    reference_price_type: int | None = None
    trail_stop_price: float | None = None  # first stop of a TRAIL
    trailing_percent: float | None = None
    basis_points: float | None = None  # openOrder only
    basis_points_type: int | None = None  # openOrder only
    scale_init_level_size: int | None = None
    scale_subs_level_size: int | None = None
    scale_price_increment: float | None = None  # > 0 switches the scale block on
    scale_price_adjust_value: float | None = None
    scale_price_adjust_interval: int | None = None
    scale_profit_offset: float | None = None
    scale_auto_reset: bool = False
    scale_init_position: int | None = None
    scale_init_fill_qty: int | None = None
    scale_random_percent: bool = False
    scale_table: str = ""
    active_start_time: str = ""
    active_stop_time: str = ""
    hedge_type: str = ""
    hedge_param: str = ""
    opt_out_smart_routing: bool = False
    clearing_account: str = ""
    clearing_intent: str = ""
    not_held: bool = False
    algo_strategy: str = ""
    algo_params: tuple[TagValue, ...] = ()
    algo_id: str = ""
    what_if: bool = False
    order_misc_options: str = ""  # "tag=value;tag=value;"
    solicited: bool = False
    randomize_size: bool = False
    randomize_price: bool = False
    reference_contract_id: int = 0  # this and the next four: PEG BENCH
    is_pegged_change_amount_decrease: bool = False
    pegged_change_amount: float = 0.0
    reference_change_amount: float = 0.0
    reference_exchange_id: str = ""
    conditions: tuple[Condition, ...] = ()
    conditions_ignore_rth: bool = False
    conditions_cancel_order: bool = False  # False = the conditions transmit it
    adjusted_order_type: str = ""
    trigger_price: float | None = None
    lmt_price_offset: float | None = None
    adjusted_stop_price: float | None = None
    adjusted_stop_limit_price: float | None = None
    adjusted_trailing_amount: float | None = None
    adjustable_trailing_unit: int = 0
    ext_operator: str = ""
    soft_dollar_name: str = ""
    soft_dollar_value: str = ""
    soft_dollar_display_name: str = ""  # openOrder only
    cash_qty: float | None = None
    mifid2_decision_maker: str = ""
    mifid2_decision_algo: str = ""
    mifid2_execution_trader: str = ""
    mifid2_execution_algo: str = ""
    dont_use_auto_price_for_hedge: bool = False
    is_oms_container: bool = False
    discretionary_up_to_limit_price: bool = False
    use_price_mgmt_algo: bool | None = None
    duration: int | None = None  # seconds; from 158
    post_to_ats: int | None = None  # from 160
    auto_cancel_parent: bool = False  # from 162
    advanced_error_override: str = ""  # from 166
    manual_order_time: str = ""  # from 169
    min_trade_qty: int | None = None  # this and the next four: from 170
    min_compete_size: int | None = None
    compete_against_best_offset: float | None = None  # +inf = up to mid
    mid_offset_at_whole: float | None = None
    mid_offset_at_half: float | None = None


_CONJUNCTION: Table = each(TEXT, "conjunction")
_IS_MORE: Table = (*_CONJUNCTION, *each(BOOL, "is_more"))
_ON_CONTRACT: Table = (*each(INT, "con_id"), *each(TEXT, "exchange"))

CONDITIONS: Table = (
    Variants(
        "order.conditions",
        {
            1: Layout(
                PriceCondition,
                (*_IS_MORE, Field("price", FLOAT), *_ON_CONTRACT, Field("trigger_method", INT)),
            ),
            3: Layout(TimeCondition, (*_IS_MORE, Field("time", TEXT))),
            4: Layout(MarginCondition, (*_IS_MORE, Field("percent", INT))),
            5: Layout(ExecutionCondition, (*_CONJUNCTION, *each(TEXT, "sec_type", "exchange", "symbol"))),
            6: Layout(VolumeCondition, (*_IS_MORE, Field("volume", INT), *_ON_CONTRACT)),
            7: Layout(PercentChangeCondition, (*_IS_MORE, Field("change_percent", FLOAT), *_ON_CONTRACT)),
        },
    ),
    When("order.conditions", is_set, each(BOOL, "order.conditions_ignore_rth", "order.conditions_cancel_order")),
)

COMBO_PRICES_AND_ROUTING: Table = (
    ManyOf("order.order_combo_leg_prices", OPTIONAL_FLOAT),
    Many("order.smart_combo_routing_params", TAG_VALUE),
)

DELTA_NEUTRAL_ORDER: Table = (
    When(
        "order.delta_neutral_order_type",
        is_set,
        (
            *each(INT, "order.delta_neutral_con_id"),
            *each(
                TEXT,
                "order.delta_neutral_settling_firm",
                "order.delta_neutral_clearing_account",
                "order.delta_neutral_clearing_intent",
                "order.delta_neutral_open_close",
            ),
            *each(BOOL, "order.delta_neutral_short_sale"),
            *each(INT, "order.delta_neutral_short_sale_slot"),
            *each(TEXT, "order.delta_neutral_designated_location"),
        ),
    ),
)

STOCK_REFERENCE: Table = each(
    OPTIONAL_FLOAT,
    "order.starting_price",
    "order.stock_ref_price",
    "order.delta",
    "order.stock_range_lower",
    "order.stock_range_upper",
)

SCALE: Table = (
    *each(OPTIONAL_INT, "order.scale_init_level_size", "order.scale_subs_level_size"),
    *each(OPTIONAL_FLOAT, "order.scale_price_increment"),
    When(
        "order.scale_price_increment",
        is_positive,
        (
            *each(OPTIONAL_FLOAT, "order.scale_price_adjust_value"),
            *each(OPTIONAL_INT, "order.scale_price_adjust_interval"),
            *each(OPTIONAL_FLOAT, "order.scale_profit_offset"),
            *each(BOOL, "order.scale_auto_reset"),
            *each(OPTIONAL_INT, "order.scale_init_position", "order.scale_init_fill_qty"),
            *each(BOOL, "order.scale_random_percent"),
        ),
    ),
)

HEDGE: Table = (
    *each(TEXT, "order.hedge_type"),
    When("order.hedge_type", is_set, each(TEXT, "order.hedge_param")),
)

ALGO: Table = (
    *each(TEXT, "order.algo_strategy"),
    When("order.algo_strategy", is_set, (Many("order.algo_params", TAG_VALUE),)),
)

PEG_BENCH: Table = (
    When(
        "order.order_type",
        is_one_of("PEG BENCH"),
        (
            *each(INT, "order.reference_contract_id"),
            *each(BOOL, "order.is_pegged_change_amount_decrease"),
            *each(FLOAT, "order.pegged_change_amount", "order.reference_change_amount"),
            *each(TEXT, "order.reference_exchange_id"),
        ),
    ),
)
