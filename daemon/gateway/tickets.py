"""Orders as clients write them, judged before anything is done: a ticket that can be traded, or IB's refusal."""

import math
from dataclasses import dataclass
from decimal import Decimal

from daemon.domain.order import OrderType, Side
from daemon.market.listing import Listing
from daemon.matching.orders import TimeInForce

_LARGEST = Decimal(10) ** 9
_TYPES = {"MKT": OrderType.MARKET, "LMT": OrderType.LIMIT, "STP": OrderType.STOP}
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL, "SSHORT": Side.SELL}


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
    stop_price: float | None
    tif: str  # "" = DAY
    order_ref: str
    account: str  # "" = the only one
    exchange: str
    outside_rth: bool
    unsupported: tuple[str, ...]  # attributes in use that this gateway has no meaning for


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order that can be traded."""

    listing: Listing
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None
    stop_price: Decimal | None
    tif: TimeInForce
    order_ref: str
    exchange: str
    outside_rth: bool


def judge(raw: RawTicket, listing: Listing, account: str) -> Ticket | Refusal:
    """Return the ticket, or the first thing that is wrong with it in IB's words."""
    order_type, side = _TYPES.get(raw.order_type), _SIDES.get(raw.action)
    if raw.account not in {"", account}:
        return Refusal(
            code=321, text=f"Error validating request.-'account' : cause - Invalid account code '{raw.account}'."
        )
    if side is None:
        return Refusal(
            code=321, text=f"Error validating request.-'action' : cause - Invalid order action '{raw.action}'."
        )
    if order_type is None:
        return Refusal(code=387, text="Unsupported order type for this exchange and security type.")
    if raw.unsupported:
        return Refusal(
            code=201, text=f"Order rejected - reason:not supported by this gateway: {', '.join(raw.unsupported)}"
        )
    try:
        tif = TimeInForce(raw.tif or "DAY")
    except ValueError:
        return Refusal(code=201, text=f"Order rejected - reason:Invalid time in force {raw.tif}")
    refusal = _bad_quantity(raw.quantity)
    if refusal is not None:
        return refusal
    limit = _price(raw.limit_price, listing) if order_type is OrderType.LIMIT else None
    stop = _price(raw.stop_price, listing) if order_type is OrderType.STOP else None
    for price in (limit, stop):
        if isinstance(price, Refusal):
            return price
    return Ticket(
        listing=listing,
        side=side,
        quantity=raw.quantity,
        order_type=order_type,
        limit_price=limit if isinstance(limit, Decimal) else None,
        stop_price=stop if isinstance(stop, Decimal) else None,
        tif=tif,
        order_ref=raw.order_ref,
        exchange=raw.exchange or "SMART",
        outside_rth=raw.outside_rth,
    )


def _bad_quantity(quantity: Decimal) -> Refusal | None:
    if not quantity.is_finite() or quantity < 0 or quantity > _LARGEST:
        return Refusal(code=321, text="Error validating request.-'totalQuantity' : cause - Invalid order size.")
    if quantity == 0:
        return Refusal(code=434, text="The order size cannot be zero.")
    if quantity != quantity.to_integral_value():
        return Refusal(
            code=10243, text="Fractional-sized order cannot be placed via API. Please round it to a whole size."
        )
    return None


def _price(value: float | None, listing: Listing) -> Decimal | Refusal:
    refusal = Refusal(code=110, text="The price does not conform to the minimum price variation for this contract.")
    if value is None or not math.isfinite(value) or not 0 < value < 1e7:
        return refusal
    price = Decimal(repr(float(value)))
    return price if price % Decimal(repr(listing.tick_size)) == 0 else refusal
