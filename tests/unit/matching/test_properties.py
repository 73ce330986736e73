"""Whatever orders of any kind meet whatever quotes: the promises of the exchange hold."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.order import OrderType, Side
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.matching.order_fields import PRICE_FIELDS
from daemon.matching.orders import (
    Cancelled,
    ExchangeOrder,
    Filled,
    FillModel,
    OcaType,
    Outcome,
    Rejected,
    Replaced,
    TimeInForce,
    Trailed,
    TriggerMethod,
)
from tests.unit.matching.stage import CLOSE, OPEN, SECOND, order

_PRICE = st.integers(9_900, 10_100).map(lambda cents: Decimal(cents) / 100)
_DISTANCE = st.integers(1, 100).map(lambda cents: Decimal(cents) / 100)
_VALUES = {"limit_price": _PRICE, "stop_price": _PRICE}


@st.composite
def any_order(draw: Callable[..., Any], key: str) -> ExchangeOrder:
    """Return an order of any type with every field it can have."""
    kind = draw(st.sampled_from(OrderType))
    prices = {name: draw(_VALUES.get(name, _DISTANCE)) for name in PRICE_FIELDS[kind]}
    if "trail_amount" in prices:
        del prices[draw(st.sampled_from(["trail_amount", "trail_percent"]))]
    tif = draw(st.sampled_from(TimeInForce))
    if kind in {OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE}:
        tif = TimeInForce.DAY
    elif tif is TimeInForce.OPG and kind not in {OrderType.MARKET, OrderType.LIMIT}:
        tif = TimeInForce.GTC
    quantity = draw(st.integers(1, 300))
    group = draw(st.sampled_from(["", "", "G", "H"]))
    types = {"": OcaType.NONE, "G": OcaType.CANCEL_WITH_BLOCK, "H": OcaType.REDUCE_WITH_BLOCK}
    return order(
        key,
        kind,
        side=draw(st.sampled_from(Side)),
        quantity=quantity,
        tif=tif,
        good_till_us=OPEN + draw(st.integers(1, 60)) * SECOND if tif is TimeInForce.GTD else None,
        good_after_us=draw(st.none() | st.integers(0, 30).map(lambda after: OPEN + after * SECOND)),
        all_or_none=draw(st.booleans()),
        min_quantity=draw(st.none() | st.integers(1, quantity)),
        trigger_method=draw(st.sampled_from(TriggerMethod)),
        fill_model=draw(st.sampled_from(FillModel)),
        oca_group=group,
        oca_type=types[group],
        parent_key=draw(st.sampled_from(["", "", "0"])) if key != "0" else "",
        **prices,
    )


_ORDERS = st.integers(1, 8).flatmap(lambda count: st.tuples(*(any_order(str(number)) for number in range(count))))
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["quote", "quote", "quote", "trade", "halt", "resume", "cancel", "shrink"]),
        st.integers(9_900, 10_100),
        st.integers(0, 20),
        st.integers(0, 400),
        st.integers(0, 400),
    ),
    max_size=40,
)
Step = tuple[str, int, int, int, int]


def step(exchange: SimulatedExchange, what: Step, orders: tuple[ExchangeOrder, ...], now: int) -> list[Outcome]:
    name, price, spread, size, other = what
    chosen = orders[price % len(orders)]
    match name:
        case "quote":
            return exchange.on_quote("AAA", price / 100, (price + spread) / 100, size, other, at_us=now)
        case "trade":
            return exchange.on_trade("AAA", price / 100, size, at_us=now)
        case "halt":
            return exchange.halt("AAA", now)
        case "resume":
            return exchange.resume("AAA", now)
        case "cancel":
            exchange.cancel(chosen.key, now)
        case _:
            for each in [
                rest.order for rest in exchange.resting() if rest.order.key == chosen.key and not chosen.oca_group
            ]:
                exchange.replace(replace(each, quantity=max(each.quantity - size, Decimal(1)), min_quantity=None), now)
    return []


def story(
    orders: tuple[ExchangeOrder, ...], steps: list[Step]
) -> tuple[list[tuple[Step | None, list[Outcome]]], SimulatedExchange]:
    """Return what happened at each step, each with what has come in until the next one."""
    exchange = SimulatedExchange(LatencyModel(seed=1))
    exchange.open_session(OPEN, CLOSE)
    told: list[tuple[Step | None, list[Outcome]]] = []
    for number, what in enumerate(steps):
        now = OPEN + number * SECOND
        outcomes = step(exchange, what, orders, now)
        if number < len(orders):
            outcomes += exchange.submit(orders[number], now)
        told.append((what, outcomes + exchange.advance(now + SECOND - 1)))
    told.append((None, exchange.advance(CLOSE)))
    return told, exchange


@settings(max_examples=300, deadline=None)
@given(_ORDERS, _STEPS)
def test_any_story_of_any_orders_keeps_the_promises(orders: tuple[ExchangeOrder, ...], steps: list[Step]) -> None:
    told, exchange = story(orders, steps)
    assert (told, exchange.resting()) == (story(orders, steps)[0], exchange.resting())  # the same again
    known = {each.key: each for each in orders}
    filled = dict.fromkeys(known, Decimal(0))
    over: set[str] = set()
    halted, last_us = False, 0
    shown = {Side.BUY: Decimal(0), Side.SELL: Decimal(0)}
    for what, outcomes in told:
        if what is not None and what[0] in {"halt", "resume"}:
            halted = what[0] == "halt"
        if what is not None and what[0] == "quote":
            shown = {Side.BUY: Decimal(what[4]), Side.SELL: Decimal(what[3])}
        for outcome in outcomes:
            assert outcome.at_us >= last_us
            last_us = outcome.at_us
            assert outcome.key not in over or isinstance(outcome, Rejected)
            if isinstance(outcome, Cancelled | Rejected):
                over.add(outcome.key)
            if isinstance(outcome, Replaced):
                known[outcome.key] = outcome.order
            if not isinstance(outcome, Filled):
                continue
            made = known[outcome.key]
            assert not halted
            filled[outcome.key] += outcome.quantity
            assert outcome.remaining >= 0
            assert filled[outcome.key] <= orders[int(outcome.key)].quantity
            if outcome.remaining == 0:
                over.add(outcome.key)
            if made.limit_price is not None:
                assert (made.limit_price - outcome.price) * made.side.sign >= 0
            if made.all_or_none:
                assert outcome.remaining == 0
            auction = made.tif is TimeInForce.OPG or made.order_type.value in {"MOC", "LOC"}
            traded = what is not None and what[0] == "trade" and made.fill_model is FillModel.QUEUE_CONSERVATIVE
            if made.fill_model is not FillModel.OPTIMISTIC and not auction and not traded:
                shown[made.side] -= outcome.quantity
        assert min(shown.values()) >= 0
    lasting = {TimeInForce.GTC, TimeInForce.GTD, TimeInForce.OPG}
    assert all(rest.order.tif in lasting for rest in exchange.resting())


@settings(max_examples=150, deadline=None)
@given(_ORDERS, _STEPS)
def test_groups_are_never_filled_beyond_one_quantity(orders: tuple[ExchangeOrder, ...], steps: list[Step]) -> None:
    told, _ = story(orders, steps)
    shares = {"G": 0, "H": 0}
    before_first_fill: dict[str, set[str]] = {"G": set(), "H": set()}
    joined = {"G": set[str](), "H": set[str]()}
    scale = 1
    for each in orders:
        scale *= int(each.quantity)
    for number, (_, outcomes) in enumerate(told):
        if number < len(orders) and orders[number].oca_group:
            joined[orders[number].oca_group].add(orders[number].key)
        for outcome in outcomes:
            group = orders[int(outcome.key)].oca_group
            if not isinstance(outcome, Filled) or not group:
                continue
            members = before_first_fill[group] or set(joined[group])
            before_first_fill[group] = members
            if outcome.key in members:  # one that joins a group after its first fill brings a quantity of its own
                shares[group] += scale // int(orders[int(outcome.key)].quantity) * int(outcome.quantity)
    assert shares["H"] <= scale
    assert shares["G"] <= scale


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(Side), _DISTANCE, st.lists(st.tuples(_PRICE, st.integers(0, 20)), max_size=30))
def test_a_trailing_stop_moves_one_way_and_keeps_its_distance(
    side: Side, distance: Decimal, quotes: list[tuple[Decimal, int]]
) -> None:
    exchange = SimulatedExchange(LatencyModel(seed=1))
    exchange.open_session(OPEN, CLOSE)
    exchange.submit(order(kind=OrderType.TRAIL, side=side, trail_amount=distance), OPEN)
    exchange.advance(OPEN + SECOND)
    stops: list[Decimal] = []
    for number, (bid, spread) in enumerate(quotes):
        ask = bid + Decimal(spread) / 100
        told = exchange.on_quote("AAA", float(bid), float(ask), 0, 0, at_us=OPEN + (number + 2) * SECOND)
        for outcome in told:
            if isinstance(outcome, Trailed):
                reference = ask if side is Side.BUY else bid
                assert abs(outcome.stop_price - reference) == distance
                stops.append(outcome.stop_price)
    assert stops == sorted(set(stops), reverse=side is Side.BUY)
