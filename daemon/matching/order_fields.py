"""Which fields go with which order type, as a table, and the check of an order against it."""

from collections.abc import Callable
from decimal import Decimal
from math import gcd
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from daemon.domain.order import OrderType

if TYPE_CHECKING:
    from daemon.matching.orders import ExchangeOrder

REQUIRED: Final = "required"
OPTIONAL: Final = "optional"

# What is not named must be absent.
PRICE_FIELDS: Final[dict[OrderType, dict[str, str]]] = {
    OrderType.MARKET: {},
    OrderType.LIMIT: {"limit_price": REQUIRED},
    OrderType.STOP: {"stop_price": REQUIRED},
    OrderType.STOP_LIMIT: {"limit_price": REQUIRED, "stop_price": REQUIRED},
    OrderType.TRAIL: {"stop_price": OPTIONAL, "trail_amount": OPTIONAL, "trail_percent": OPTIONAL},
    OrderType.TRAIL_LIMIT: {
        "stop_price": OPTIONAL,
        "trail_amount": OPTIONAL,
        "trail_percent": OPTIONAL,
        "limit_offset": REQUIRED,
    },
    OrderType.MARKET_ON_CLOSE: {},
    OrderType.LIMIT_ON_CLOSE: {"limit_price": REQUIRED},
    OrderType.RELATIVE: {"limit_price": OPTIONAL, "peg_offset": OPTIONAL},
    OrderType.MIDPRICE: {"limit_price": OPTIONAL},
    OrderType.MARKET_IF_TOUCHED: {"stop_price": REQUIRED},
    OrderType.LIMIT_IF_TOUCHED: {"limit_price": REQUIRED, "stop_price": REQUIRED},
}
_PRICES: Final = ("limit_price", "stop_price", "trail_amount", "trail_percent", "limit_offset", "peg_offset")
_EXTRAS: Final = attrgetter(
    *_PRICES, "good_till_us", "min_quantity", "oca_group", "oca_type", "parent_key", "legs", "tif"
)
_NO_EXTRAS: Final = (None, None, None, None, None, None, None, None, "", 0, "", (), "DAY")
_MAY_BE_ZERO: Final = frozenset({"limit_offset", "peg_offset"})
_TRAILING: Final = frozenset({OrderType.TRAIL, OrderType.TRAIL_LIMIT})
_CLOSING: Final = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})
_PLAIN: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})
_ZERO: Final = Decimal(0)


def fault(order: "ExchangeOrder") -> str | None:
    """Return what makes an order meaningless (field, value, cure), or None."""
    if not order.quantity.is_finite() or order.quantity <= 0:
        return f"quantity must be > 0, was {order.quantity}"
    if order.order_type is OrderType.MARKET and _EXTRAS(order) == _NO_EXTRAS:
        return None  # most orders of a backtest
    rules = PRICE_FIELDS[order.order_type]
    for name in _PRICES:
        value: Decimal | None = getattr(order, name)
        if value is not None:
            found = _price_fault(order, name, value)
        else:
            found = f"{order.order_type} with {name} None: it needs one" if rules.get(name) is REQUIRED else None
        if found is not None:
            return found
    for check in _CHECKS:
        found = check(order)
        if found is not None:
            return found
    return None


def _price_fault(order: "ExchangeOrder", name: str, value: Decimal) -> str | None:
    if name not in PRICE_FIELDS[order.order_type]:
        return f"{order.order_type} with {name} {value}: it takes none"
    if not value.is_finite():
        return f"{name} must be finite, was {value}"
    if order.legs and name == "limit_price":
        return None
    if value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
        return f"prices must be > 0, {name} was {value}"
    return None


def _trail_fault(order: "ExchangeOrder") -> str | None:
    if order.order_type not in _TRAILING:
        return None
    if (order.trail_amount is None) is (order.trail_percent is None):
        return f"{order.order_type} needs trail_amount or trail_percent, and only one of them"
    if order.trail_percent is not None and order.trail_percent >= 100:
        return f"trail_percent must be < 100, was {order.trail_percent}"
    return None


def _time_fault(order: "ExchangeOrder") -> str | None:
    if (order.good_till_us is not None) is not (order.tif == "GTD"):
        return f"tif {order.tif} with good_till_us {order.good_till_us}: it goes with GTD and only there"
    if order.tif == "OPG" and order.order_type not in _PLAIN:
        return f"tif OPG with {order.order_type}: only MKT and LMT take part in the opening"
    if order.order_type in _CLOSING and order.tif != "DAY":
        return f"{order.order_type} with tif {order.tif}: the closing auction takes DAY orders"
    return None


def _size_fault(order: "ExchangeOrder") -> str | None:
    if order.min_quantity is not None and not _ZERO < order.min_quantity <= order.quantity:
        return f"min_quantity must be > 0 and <= {order.quantity}, was {order.min_quantity}"
    return None


def _group_fault(order: "ExchangeOrder") -> str | None:
    if bool(order.oca_group) is not bool(order.oca_type):
        return f"oca_group {order.oca_group!r} with oca_type {int(order.oca_type)}: name the group and type 1, 2 or 3"
    if order.parent_key == order.key:
        return f"parent_key {order.parent_key!r} is the order itself"
    return None


def _combo_fault(order: "ExchangeOrder") -> str | None:
    if not order.legs:
        return None
    if order.order_type not in _PLAIN or order.tif == "OPG":
        return f"a combo as {order.order_type} {order.tif}: only MKT and LMT outside the auctions"
    if len({leg.symbol for leg in order.legs}) != len(order.legs):
        return "legs must be of different symbols"
    if any(leg.ratio <= 0 for leg in order.legs):
        return "a leg's ratio must be > 0"
    if gcd(*(leg.ratio for leg in order.legs)) != 1:
        return "the legs' ratios share a factor: divide them by it and raise the quantity"
    return None


_CHECKS: Final[tuple[Callable[["ExchangeOrder"], str | None], ...]] = (
    _trail_fault,
    _time_fault,
    _size_fault,
    _group_fault,
    _combo_fault,
)
