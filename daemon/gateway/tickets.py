"""Orders as clients write them, judged before anything is done: a ticket that can be traded, or IB's refusal."""

import math
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from daemon.domain.order import OrderType, Side
from daemon.gateway.combos import Leg
from daemon.gateway.history import BadRequest, moment
from daemon.market.listing import MARKET_RULES, ONE_CENT, Increments, Listing
from daemon.matching.order_fields import OPTIONAL, PRICE_FIELDS, REQUIRED
from daemon.matching.orders import OcaType, TimeInForce, TriggerMethod

_LARGEST = Decimal(10) ** 9
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL, "SSHORT": Side.SELL}
_TIFS = ", ".join(tif.value for tif in TimeInForce)
_ZERO = Decimal(0)
_SECOND_US = 1_000_000
_OPENING = frozenset({OrderType.MARKET, OrderType.LIMIT})
_CLOSING = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})
_TRAILING = frozenset({OrderType.TRAIL, OrderType.TRAIL_LIMIT})
_COMBO_TYPES = _OPENING


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of error code and text to one request."""

    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTicket:
    """What a client asked for, as it came off the wire; nothing is checked."""

    action: str
    quantity: Decimal
    order_type: str
    limit_price: float | None  # None = unset
    stop_price: float | None  # IB's auxPrice: a trigger, a trailing amount or an offset
    tif: str  # "" = DAY
    order_ref: str
    account: str  # "" = the only one
    exchange: str
    outside_rth: bool
    unsupported: tuple[str, ...]  # attributes in use that this gateway has no meaning for
    trail_stop: float | None = None
    trail_percent: float | None = None
    limit_offset: float | None = None
    good_till: str = ""
    good_after: str = ""
    oca_group: str = ""
    oca_type: int = 0
    parent_id: int = 0
    all_or_none: bool = False
    min_quantity: int | None = None
    trigger_method: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What an order is about: a listing, or legs."""

    symbol: str  # the market's own name; of a combination what the client called it
    currency: str
    multiplier: int = 1
    increments: Increments = MARKET_RULES[ONE_CENT]
    legs: tuple[Leg, ...] = ()

    @classmethod
    def of(cls, listing: Listing) -> "Traded":
        """Return a single contract."""
        return cls(
            symbol=listing.symbol,
            currency=listing.currency,
            multiplier=listing.multiplier,
            increments=listing.increments,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order that can be traded. Prices as in `matching.orders.ExchangeOrder`."""

    traded: Traded
    side: Side
    quantity: Decimal
    order_type: OrderType
    tif: TimeInForce
    order_ref: str
    exchange: str
    outside_rth: bool
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    peg_offset: Decimal | None = None
    good_till_us: int | None = None
    good_till_text: str = ""
    good_after_us: int | None = None
    good_after_text: str = ""
    oca_group: str = ""
    oca_type: OcaType = OcaType.NONE
    parent_id: int = 0  # order id of the same client
    all_or_none: bool = False
    min_quantity: Decimal | None = None
    trigger_method: TriggerMethod = TriggerMethod.DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a ticket is judged against besides itself."""

    account: str
    zone: ZoneInfo  # of times without one
    now_us: int


class _Refused(Exception):
    """The first thing that is wrong with a ticket."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.refusal = Refusal(code=code, text=text)


@dataclass(slots=True)
class _Prices:
    """The prices a ticket gives, each taken once; what is left over does not matter, as at IB."""

    raw: RawTicket
    order_type: OrderType
    increments: Increments
    may_be_negative: bool
    taken: dict[str, Decimal | None] = field(default_factory=dict)

    def of(self, name: str, value: float | None, *, on_grid: bool = True) -> None:
        """Take a price if the type has one of that name."""
        rule = PRICE_FIELDS[self.order_type].get(name)
        if rule is None or (rule == OPTIONAL and not value):
            return
        if (
            value is None
            or not math.isfinite(value)
            or abs(value) >= 1e7
            or (rule == REQUIRED and not self._fits(value))
        ):
            raise _bad_increment()
        price = Decimal(repr(float(value)))
        if not self.may_be_negative and price < 0:
            raise _bad_increment()
        if on_grid and not is_on_grid(price, self.increments):
            raise _bad_increment()
        self.taken[name] = price

    def _fits(self, value: float) -> bool:
        return self.may_be_negative or value > 0


def judge(raw: RawTicket, traded: Traded, desk: Desk) -> Ticket | Refusal:
    """Return the ticket, or the first thing that is wrong with it in IB's words."""
    try:
        return _ticket(raw, traded, desk)
    except _Refused as error:
        return error.refusal


def is_on_grid(price: Decimal, increments: Increments) -> bool:
    """Return whether a price is a multiple of the step that holds where it lies."""
    step = max((edge, step) for edge, step in increments if edge <= abs(float(price)))[1]
    return price % Decimal(repr(step)) == 0


def _ticket(raw: RawTicket, traded: Traded, desk: Desk) -> Ticket:
    if raw.account not in {"", desk.account}:
        raise _invalid("account", f"Invalid account code '{raw.account}'.")
    side = _SIDES.get(raw.action)
    if side is None:
        raise _invalid("action", f"Invalid order action '{raw.action}'.")
    order_type = _order_type(raw, traded)
    if raw.unsupported:
        raise _Refused(201, f"Order rejected - reason:not supported by this gateway: {', '.join(raw.unsupported)}")
    tif = _tif(raw, order_type)
    _check_quantity(raw.quantity)
    prices = _prices(raw, order_type, traded)
    return Ticket(
        traded=traded,
        side=side,
        quantity=raw.quantity,
        order_type=order_type,
        tif=tif,
        order_ref=raw.order_ref,
        exchange=raw.exchange or "SMART",
        outside_rth=raw.outside_rth,
        good_till_us=_good_till(raw, tif, desk),
        good_till_text=raw.good_till if tif is TimeInForce.GTD else "",
        good_after_us=_good_after(raw, desk),
        good_after_text=raw.good_after,
        oca_group=raw.oca_group,
        oca_type=_oca_type(raw),
        parent_id=raw.parent_id,
        all_or_none=raw.all_or_none,
        min_quantity=_min_quantity(raw),
        trigger_method=_trigger_method(raw),
        **prices,
    )


def _order_type(raw: RawTicket, traded: Traded) -> OrderType:
    try:
        order_type = OrderType(raw.order_type)
    except ValueError:
        order_type = None
    if order_type is None or (traded.legs and order_type not in _COMBO_TYPES):
        raise _Refused(387, "Unsupported order type for this exchange and security type.")
    return order_type


def _tif(raw: RawTicket, order_type: OrderType) -> TimeInForce:
    try:
        tif = TimeInForce(raw.tif or "DAY")
    except ValueError:
        tif = None
    wrong = tif is None or (
        (tif is TimeInForce.OPG and order_type not in _OPENING)
        or (order_type in _CLOSING and tif is not TimeInForce.DAY)
    )
    if tif is None or wrong:
        raise _Refused(10052, f"Invalid time in force:{raw.tif}.[{_TIFS}]")
    return tif


def _check_quantity(quantity: Decimal) -> None:
    if not quantity.is_finite() or quantity < 0 or quantity > _LARGEST:
        raise _invalid("totalQuantity", "Invalid order size.")
    if quantity == 0:
        raise _Refused(434, "The order size cannot be zero.")
    if quantity != quantity.to_integral_value():
        text = "Fractional-sized order cannot be placed via API. Please round it to a whole size."
        raise _Refused(10243, text)


def _prices(raw: RawTicket, order_type: OrderType, traded: Traded) -> dict[str, Decimal | None]:
    prices = _Prices(raw, order_type, traded.increments, may_be_negative=bool(traded.legs))
    prices.of("limit_price", raw.limit_price)
    if order_type in _TRAILING:
        _take_trail(prices, raw)
    else:
        prices.of("stop_price", raw.stop_price)
        prices.of("peg_offset", raw.stop_price)
    return prices.taken


def _take_trail(prices: _Prices, raw: RawTicket) -> None:
    """Take amount or percent, and the limit as an offset or, as at IB, as a price beside the first stop."""
    if bool(raw.stop_price) is bool(raw.trail_percent):
        raise _invalid("trailingPercent", "Give either the trailing amount (auxPrice) or the trailing percent.")
    if raw.trail_percent is not None and not 0 <= raw.trail_percent < 100:
        raise _invalid("trailingPercent", f"Invalid trailing percent '{raw.trail_percent}'.")
    prices.of("trail_amount", raw.stop_price, on_grid=False)
    prices.of("trail_percent", raw.trail_percent, on_grid=False)
    prices.of("stop_price", raw.trail_stop)
    if prices.order_type is not OrderType.TRAIL_LIMIT:
        return
    offset = raw.limit_offset
    if offset is None and raw.limit_price and raw.trail_stop:
        offset = round(abs(raw.trail_stop - raw.limit_price), 6)
    if offset is None or not 0 <= offset < 1e7:
        raise _invalid("lmtPriceOffset", "A TRAIL LIMIT order needs a limit price offset, or limit and stop price.")
    prices.taken["limit_offset"] = Decimal(repr(float(offset)))


def _good_till(raw: RawTicket, tif: TimeInForce, desk: Desk) -> int | None:
    if tif is not TimeInForce.GTD:
        return None
    if not raw.good_till:
        raise _Refused(334, "Invalid Good Till Date order: no date was given.")
    until = _moment_us(raw.good_till, desk, default_time="23:59:59")
    if until <= desk.now_us:
        raise _Refused(334, f"Invalid Good Till Date order: {raw.good_till} has passed.")
    return until


def _good_after(raw: RawTicket, desk: Desk) -> int | None:
    return _moment_us(raw.good_after, desk, default_time="00:00:00") if raw.good_after else None


def _moment_us(text: str, desk: Desk, *, default_time: str) -> int:
    """Return a moment in any of IB's forms; a bare date gets the time given."""
    full = f"{text} {default_time}" if text.strip().isdecimal() else text
    try:
        return int(moment(full, desk.zone).timestamp()) * _SECOND_US
    except BadRequest as error:
        raise _Refused(337, str(error)) from error


def _oca_type(raw: RawTicket) -> OcaType:
    """Return the type of the group; IB takes 3 when a group is named without one."""
    if not raw.oca_group:
        return OcaType.NONE
    try:
        return OcaType(raw.oca_type or OcaType.REDUCE_NO_BLOCK)
    except ValueError:
        raise _invalid("ocaType", f"Invalid OCA handling method '{raw.oca_type}'.") from None


def _min_quantity(raw: RawTicket) -> Decimal | None:
    if not raw.min_quantity:
        return None
    if not _ZERO < raw.min_quantity <= raw.quantity:
        raise _invalid("minQty", f"Invalid minimum quantity '{raw.min_quantity}'.")
    return Decimal(raw.min_quantity)


def _trigger_method(raw: RawTicket) -> TriggerMethod:
    try:
        return TriggerMethod(raw.trigger_method)
    except ValueError:
        raise _invalid("triggerMethod", f"Invalid trigger method '{raw.trigger_method}'.") from None


def _invalid(name: str, cause: str) -> _Refused:
    return _Refused(321, f"Error validating request.-'{name}' : cause - {cause}")


def _bad_increment() -> _Refused:
    return _Refused(110, "The price does not conform to the minimum price variation for this contract.")
