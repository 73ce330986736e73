"""Combos: all legs together, sizes and ages of the legs' quotes, and money that adds up."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.order import OrderType, Side
from daemon.matching.combos import MAX_AGE_US
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.matching.orders import (
    Acknowledged,
    Cancelled,
    CancelReason,
    ComboLeg,
    ExchangeOrder,
    Filled,
    FillModel,
    LegFill,
    OcaType,
    Outcome,
    TimeInForce,
    Working,
)
from tests.unit.matching.stage import CLOSE, LATER, OPEN, SECOND, decimals, fills, kinds, limit, one_fill, order

NEAR = ComboLeg(symbol="NEAR", side=Side.BUY, ratio=1)
FAR = ComboLeg(symbol="FAR", side=Side.SELL, ratio=2)


def combo(net: str | None = None, key: str = "1", **changes: Any) -> ExchangeOrder:
    values: dict[str, Any] = {"symbol": "SPREAD", "legs": (NEAR, FAR), "quantity": 10} | changes
    if net is None:
        return order(key, **values)
    return order(key, OrderType.LIMIT, limit_price=net, **values)


def stage(made: ExchangeOrder, *, near: float = 5.0, far: float = 2.0, size: float = 100) -> SimulatedExchange:
    exchange = SimulatedExchange(LatencyModel(seed=3))
    exchange.open_session(OPEN, CLOSE)
    quotes(exchange, near, far, at_us=OPEN, size=size)
    exchange.submit(made, OPEN)
    return exchange


def quotes(exchange: SimulatedExchange, near: float, far: float, *, at_us: int, size: float = 100) -> list[Outcome]:
    """Put both legs' quotes in force, 0.05 to either side."""
    return [
        *exchange.on_quote("NEAR", near - 0.05, near + 0.05, size, size, at_us=at_us),
        *exchange.on_quote("FAR", far - 0.05, far + 0.05, size, size, at_us=at_us),
    ]


def test_a_combo_fills_all_legs_at_their_touches_for_the_net() -> None:
    exchange = stage(combo("1.15"))
    outcomes = exchange.advance(OPEN + SECOND)
    assert kinds(outcomes) == [Acknowledged, Working, Filled]
    filled = outcomes[-1]
    assert isinstance(filled, Filled)
    assert (filled.price, filled.quantity) == decimals("1.15", 10)  # 5.05 - 2 x 1.95
    assert filled.legs == (
        LegFill(symbol="NEAR", side=Side.BUY, quantity=Decimal(10), price=Decimal("5.05")),
        LegFill(symbol="FAR", side=Side.SELL, quantity=Decimal(20), price=Decimal("1.95")),
    )
    assert exchange.resting() == ()


def test_a_combo_waits_until_the_net_is_good_enough() -> None:
    exchange = stage(combo("1.00"))
    assert fills(exchange.advance(OPEN + SECOND)) == []
    done = quotes(exchange, 5.0, 2.10, at_us=LATER)
    assert fills(done) == one_fill("1", 10, "0.95")
    assert isinstance(done[0], Filled)
    assert done[0].added_liquidity


def test_a_sold_combo_is_the_mirror_of_a_bought_one() -> None:
    exchange = stage(combo("0.85", side=Side.SELL))
    (filled,) = [each for each in exchange.advance(OPEN + SECOND) if isinstance(each, Filled)]
    assert filled.price == Decimal("0.85")  # 4.95 - 2 x 2.05
    assert [leg.side for leg in filled.legs] == [Side.SELL, Side.BUY]


def test_a_credit_is_a_negative_net() -> None:
    exchange = stage(combo("-1.00"), near=2.0, far=2.0)
    assert fills(exchange.advance(OPEN + SECOND)) == [("1", Decimal(10), Decimal("-1.85"))]


def test_the_leg_with_least_size_bounds_the_combo() -> None:
    exchange = stage(combo("2.00"), size=7)
    assert fills(exchange.advance(OPEN + SECOND)) == one_fill("1", 3, "1.15")  # 7 // 2
    assert fills(quotes(exchange, 5.0, 2.0, at_us=LATER, size=7)) == one_fill("1", 3, "1.15")


def test_an_optimistic_combo_does_not_look_at_sizes() -> None:
    exchange = stage(combo(fill_model=FillModel.OPTIMISTIC), size=1)
    assert fills(exchange.advance(OPEN + SECOND)) == one_fill("1", 10, "1.15")


def test_an_all_or_none_combo_waits_for_the_whole() -> None:
    exchange = stage(combo("2.00", all_or_none=True), size=19)
    assert fills(exchange.advance(OPEN + SECOND)) == []
    assert fills(quotes(exchange, 5.0, 2.0, at_us=LATER, size=20)) == one_fill("1", 10, "1.15")


def test_combos_and_single_orders_share_what_is_shown() -> None:
    exchange = stage(combo(), size=20)
    exchange.submit(order("2", symbol="NEAR", quantity=50), OPEN + SECOND)
    assert fills(exchange.advance(LATER)) == [
        ("1", Decimal(10), Decimal("1.15")),
        ("2", Decimal(10), Decimal("5.05")),
    ]


def test_a_stale_or_halted_leg_stops_the_combo() -> None:
    exchange = stage(combo("1.00"))
    exchange.advance(OPEN + SECOND)
    late = OPEN + MAX_AGE_US + 1
    assert exchange.on_quote("FAR", 2.10, 2.20, 100, 100, at_us=late) == []  # NEAR was seen too long ago
    exchange.halt("NEAR", late)
    assert quotes(exchange, 5.0, 2.2, at_us=late + 1) == []
    exchange.resume("NEAR", late + 2)
    assert len(fills(quotes(exchange, 5.0, 2.2, at_us=late + 3))) == 1


def test_a_combo_can_be_immediate_in_a_group_and_cancelled() -> None:
    exchange = stage(combo("0.10", tif=TimeInForce.IOC))
    assert kinds(exchange.advance(OPEN + SECOND)) == [Acknowledged, Working, Cancelled]
    grouped = {"oca_group": "G", "oca_type": OcaType.CANCEL_WITH_BLOCK}
    exchange.submit(limit("1", "2", symbol="NEAR", **grouped), OPEN + SECOND)
    exchange.submit(combo("1.00", "3", **grouped), OPEN + SECOND)
    exchange.submit(combo("0.01", "4"), OPEN + SECOND)
    exchange.advance(LATER)
    done = quotes(exchange, 5.0, 2.2, at_us=LATER)
    assert [each.key for each in done if isinstance(each, Cancelled)] == ["2"]
    gone = exchange.corporate_action("FAR", LATER)
    assert [each.reason for each in gone if isinstance(each, Cancelled)] == [CancelReason.CORPORATE_ACTION]


prices = st.integers(100, 100_000).map(lambda units: Decimal(units) / 10_000)


@given(
    st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 5), prices, st.integers(0, 60)), min_size=1, max_size=4),
    st.sampled_from(Side),
    st.integers(1, 30),
    st.decimals(-20, 20, places=2) | st.none(),
)
def test_legs_add_up_to_the_net_and_never_fill_alone(
    legs: list[tuple[Side, int, Decimal, int]], side: Side, quantity: int, net: Decimal | None
) -> None:
    ratios = [ratio for _, ratio, *_ in legs]
    ratios[0] = 1 if len(set(ratios)) == 1 or ratios[0] == 4 else ratios[0]
    made = tuple(
        ComboLeg(symbol=f"L{number}", side=leg_side, ratio=ratio)
        for number, ((leg_side, *_), ratio) in enumerate(zip(legs, ratios, strict=True))
    )
    try:
        asked = combo(None if net is None else str(net), legs=made, side=side, quantity=Decimal(quantity))
    except ValueError:  # ratios that share a factor
        return
    exchange = SimulatedExchange(LatencyModel(seed=1))
    exchange.open_session(OPEN, CLOSE)
    exchange.submit(asked, OPEN)
    exchange.advance(OPEN + SECOND)
    outcomes: list[Outcome] = []
    for number, (_, _, price, size) in enumerate(legs):
        outcomes += exchange.on_quote(f"L{number}", float(price), float(price), size, size, at_us=LATER)
    for filled in [each for each in outcomes if isinstance(each, Filled)]:
        cash = sum(leg.side.sign * leg.quantity * leg.price for leg in filled.legs)
        assert cash == side.sign * filled.quantity * filled.price
        assert filled.price == filled.price.quantize(Decimal("0.01"))
        assert net is None or (net - filled.price) * side.sign >= 0
        assert [leg.symbol for leg in filled.legs] == [leg.symbol for leg in made]
        for leg, (*_, size), ratio in zip(filled.legs, legs, ratios, strict=True):
            assert leg.quantity == filled.quantity * ratio <= size
