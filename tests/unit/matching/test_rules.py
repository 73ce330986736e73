"""What orders may look like: fields of each type, the grid of prices, lots."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.order import OrderType, Side
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.matching.order_fields import PRICE_FIELDS
from daemon.matching.orders import ComboLeg, OcaType, Rejected, RejectReason, TimeInForce
from daemon.matching.rules import TradingRules
from tests.unit.matching.stage import CLOSE, LATER, OPEN, SECOND, limit, order

PENNY = TradingRules(
    price_increments=((Decimal(0), Decimal("0.0001")), (Decimal(1), Decimal("0.01"))), lot_size=Decimal(1)
)
LEGS = (ComboLeg(symbol="A", side=Side.BUY, ratio=1), ComboLeg(symbol="B", side=Side.SELL, ratio=1))


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        (OrderType.LIMIT, {}, "limit_price None"),
        (OrderType.MARKET, {"limit_price": "1"}, "takes none"),
        (OrderType.STOP_LIMIT, {"stop_price": "1"}, "limit_price None"),
        (OrderType.STOP, {"stop_price": "0"}, "stop_price was 0"),
        (OrderType.STOP, {"stop_price": "-1"}, "prices must be"),
        (OrderType.LIMIT, {"limit_price": "Infinity"}, "must be finite"),
        (OrderType.TRAIL, {}, "only one of them"),
        (OrderType.TRAIL, {"trail_amount": "1", "trail_percent": "1"}, "only one of them"),
        (OrderType.TRAIL, {"trail_percent": "100"}, "trail_percent must be < 100"),
        (OrderType.TRAIL, {"trail_amount": "0"}, "trail_amount was 0"),
        (OrderType.TRAIL_LIMIT, {"trail_amount": "1"}, "limit_offset None"),
        (OrderType.MARKET_ON_CLOSE, {"tif": TimeInForce.GTC}, "closing auction takes DAY"),
        (OrderType.STOP, {"stop_price": "1", "tif": TimeInForce.OPG}, "only MKT and LMT"),
        (OrderType.MARKET, {"tif": TimeInForce.GTD}, "good_till_us None"),
        (OrderType.MARKET, {"good_till_us": 5}, "goes with GTD"),
        (OrderType.MARKET, {"quantity": "0"}, "quantity must be > 0"),
        (OrderType.MARKET, {"min_quantity": "101"}, "min_quantity must be"),
        (OrderType.MARKET, {"oca_group": "g"}, "oca_type 0"),
        (OrderType.MARKET, {"oca_type": OcaType.CANCEL_WITH_BLOCK}, "oca_group ''"),
        (OrderType.MARKET, {"parent_key": "1"}, "is the order itself"),
        (OrderType.STOP, {"stop_price": "1", "legs": LEGS}, "a combo as STP"),
        (OrderType.MARKET, {"legs": (LEGS[0], LEGS[0])}, "different symbols"),
        (OrderType.MARKET, {"legs": (ComboLeg(symbol="A", side=Side.BUY, ratio=0), LEGS[1])}, "ratio must be > 0"),
        (
            OrderType.MARKET,
            {"legs": tuple(ComboLeg(symbol=leg.symbol, side=leg.side, ratio=2) for leg in LEGS)},
            "share a factor",
        ),
    ],
)
def test_meaningless_orders_cannot_be_made(kind: OrderType, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        order(kind=kind, **changes)


def test_every_order_type_has_its_fields() -> None:
    assert set(PRICE_FIELDS) == set(OrderType)


def test_a_combo_may_have_a_credit_for_a_limit() -> None:
    assert order(kind=OrderType.LIMIT, limit_price=Decimal("-1.25"), legs=LEGS).limit_price == Decimal("-1.25")


@pytest.mark.parametrize(("price", "accepted"), [("0.9999", True), ("1.00", True), ("1.0001", False), ("57.31", True)])
def test_the_increment_depends_on_the_height_of_the_price(price: str, accepted: bool) -> None:
    assert PENNY.on_grid(Decimal(price)) is accepted


@given(st.decimals("0.0001", "500", places=5), st.booleans())
def test_passive_prices_are_on_the_grid_and_no_more_aggressive(price: Decimal, buying: bool) -> None:
    rounded = TradingRules().passive(price, buying=buying)
    assert TradingRules().on_grid(rounded)
    assert (price - rounded) * (1 if buying else -1) >= 0
    assert abs(price - rounded) < Decimal("0.01")


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_increments": ()},
        {"price_increments": ((Decimal(1), Decimal("0.01")),)},
        {"price_increments": ((Decimal(0), Decimal(0)),)},
        {"lot_size": Decimal(-1)},
    ],
)
def test_rules_that_leave_a_price_without_an_increment_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must (start|be > 0)"):
        TradingRules(**wrong)  # type: ignore[arg-type]


def test_orders_off_the_grid_or_the_lot_are_refused_and_a_change_leaves_the_old_order() -> None:
    exchange = SimulatedExchange(LatencyModel(seed=3), {"AAA": TradingRules(lot_size=Decimal(7))})
    exchange.set_rules("AAA", TradingRules(lot_size=Decimal(10)))  # later rules count
    exchange.open_session(OPEN, CLOSE)
    (grid,) = exchange.submit(limit("10.005"), OPEN)
    (lot,) = exchange.submit(limit("10.01", quantity=15), OPEN)
    assert grid == Rejected(
        key="1", at_us=OPEN, reason=RejectReason.PRICE_GRID, detail="limit_price 10.005, increment 0.01"
    )
    assert isinstance(lot, Rejected)
    assert lot.reason is RejectReason.LOT_SIZE
    assert exchange.submit(limit("10.01"), OPEN) == []
    exchange.advance(OPEN + SECOND)
    (refused,) = exchange.replace(limit("10.005"), LATER)
    assert isinstance(refused, Rejected)
    exchange.advance(LATER + SECOND)
    assert [rest.order.limit_price for rest in exchange.resting()] == [Decimal("10.01")]


def test_without_rules_every_price_is_taken() -> None:
    exchange = SimulatedExchange(LatencyModel(seed=3))
    assert exchange.submit(limit("10.00503"), OPEN) == []
