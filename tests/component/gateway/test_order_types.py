"""Every order type and time in force through the real client, checked against the tape."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap, arg-type, unreachable"

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from ib_insync import LimitOrder, MarketOrder, Order, StopLimitOrder, Trade

from daemon.gateway.ledger import Ledger
from tests.fakes.gateway_stage import SECOND, SESSION, SteppedIB, client, serving, stock
from tests.fakes.tiny_market import SHOWN, calendar

OPEN_US, CLOSE_US = SESSION.open_s * SECOND, SESSION.close_s * SECOND
BID, ASK = 100.05, 100.07  # at the open; a cent more every ten seconds of a minute, then a cent less
PEAK_BID = 100.11  # after 60 seconds


def codes(ib: SteppedIB) -> list[int]:
    return [code for _, code, _ in ib.errors if code not in {2104, 2106, 2158}]


def order(order_type: str, side: str = "BUY", quantity: float = 10, **changes: object) -> Order:
    return Order(orderType=order_type, action=side, totalQuantity=quantity, **changes)


def price_of(trade: Trade) -> float:
    return float(trade.fills[0].execution.price)


async def test_trailing_stop_follows_the_market_and_sells_a_fall() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), order("TRAIL", "SELL", auxPrice=0.03))
        await ib.advance_to(OPEN_US + 55 * SECOND)
        assert trade.orderStatus.status == "PreSubmitted"
        stops = gateway.server.broker.orders
        assert stops[trade.order.permId].trail_stop == Decimal("100.07")  # the bid came to 100.10
        assert trade.order.auxPrice == 0.03
        await ib.advance_to(OPEN_US + 120 * SECOND)
        assert trade.orderStatus.status == "Filled"
        assert price_of(trade) == pytest.approx(PEAK_BID - 0.03)
        assert gateway.server.broker.orders[trade.order.permId].trail_stop == Decimal("100.08")


async def test_trailing_percent_and_first_stop_are_echoed() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), order("TRAIL", "SELL", trailingPercent=5.0, trailStopPrice=90.0))
        await ib.advance(2)
        assert trade.orderStatus.status == "PreSubmitted"
        row = gateway.server.broker.orders[trade.order.permId]
        assert (row.stop_price, row.trail_percent) == (90, 5)
        assert float(row.trail_stop or 0) == pytest.approx(95.05, abs=0.011)


async def test_trailing_stop_keeps_its_stop_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        ib.placeOrder(stock(), order("TRAIL LIMIT", "SELL", auxPrice=0.03, lmtPriceOffset=0.05, tif="GTC"))
        await ib.advance_to(OPEN_US + 61 * SECOND)
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        (trade,) = ib.openTrades()
        assert (trade.order.trailStopPrice, trade.order.lmtPriceOffset) == (100.08, 0.05)
        assert trade.order.lmtPrice == pytest.approx(100.03)
        await ib.advance_to(OPEN_US + 120 * SECOND)
        assert trade.orderStatus.status == "Filled"
        assert price_of(trade) == pytest.approx(100.08)


async def test_stop_limit_does_not_sell_below_its_limit() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        patient = ib.placeOrder(stock(), StopLimitOrder("BUY", 10, 100.05, 100.09))
        willing = ib.placeOrder(stock(), StopLimitOrder("BUY", 10, 100.12, 100.09))
        await ib.advance_to(OPEN_US + 59 * SECOND)
        assert (patient.orderStatus.status, willing.orderStatus.status) == ("Submitted", "Filled")
        assert price_of(willing) == 100.09
        assert (willing.order.lmtPrice, willing.order.auxPrice) == (100.12, 100.09)


@pytest.mark.parametrize(
    ("kind", "fields", "price"),
    [
        ("MIT", {"side": "SELL", "auxPrice": 100.09}, 100.09),
        ("LIT", {"side": "SELL", "auxPrice": 100.08, "lmtPrice": 100.09}, 100.09),
        ("REL", {"auxPrice": 0.0, "lmtPrice": 100.20}, None),
        ("MIDPRICE", {"lmtPrice": 101.0}, None),
    ],
)
async def test_touched_and_pegged_orders_fill_inside_the_market(
    kind: str, fields: dict[str, object], price: float | None
) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), order(kind, **fields))
        await ib.advance_to(OPEN_US + 115 * SECOND)
        assert trade.order.orderType == kind
        if price is not None:
            assert trade.orderStatus.status == "Filled"
            assert price_of(trade) == price
        else:
            assert trade.orderStatus.status in {"Submitted", "Filled"}
            assert all(BID <= fill.execution.price <= PEAK_BID + 0.02 for fill in trade.fills)


async def test_auctions_have_the_first_and_the_last_print() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        at_close = ib.placeOrder(stock(), order("MOC", quantity=500))
        too_dear = ib.placeOrder(stock(), order("LOC", lmtPrice=50.0))
        await ib.advance_to(CLOSE_US - SECOND)
        assert at_close.fills == []
        await ib.advance_to(CLOSE_US)
        day = gateway.source.tape("AAA", SESSION)
        assert (at_close.orderStatus.status, at_close.orderStatus.filled) == ("Filled", 500)
        assert price_of(at_close) == round(float(day.close[np.flatnonzero(day.volume)[-1]]), 2)
        assert too_dear.orderStatus.status == "Cancelled"
        at_open = ib.placeOrder(stock(), MarketOrder("BUY", 500, tif="OPG"))
        limited = ib.placeOrder(stock(), LimitOrder("BUY", 10, 50.0, tif="OPG"))
        await ib.advance(60)
        assert at_open.orderStatus.status == "PreSubmitted"
        following = calendar().session_after(SESSION)
        await ib.advance_to((following.open_s + 2) * SECOND)
        morning = gateway.source.tape("AAA", following)
        assert (at_open.orderStatus.status, at_open.orderStatus.filled) == ("Filled", 500)
        assert price_of(at_open) == round(float(morning.open[np.flatnonzero(morning.volume)[0]]), 2)
        assert limited.orderStatus.status == "Cancelled"
        assert codes(ib) == [202, 399, 399, 202]


async def test_good_till_date_ends_in_market_time_and_survives_the_close() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        following = calendar().session_after(SESSION)
        soon = ib.placeOrder(
            stock(), LimitOrder("BUY", 10, 1.0, tif="GTD", goodTillDate="20240305 09:31:00 US/Eastern")
        )
        late = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0, tif="GTD", goodTillDate="20240306-15:00:00"))
        await ib.advance_to(OPEN_US + 59 * SECOND)
        assert soon.orderStatus.status == "Submitted"
        await ib.advance(2)
        assert (soon.orderStatus.status, late.orderStatus.status) == ("Cancelled", "Submitted")
        assert late.order.goodTillDate == "20240306-15:00:00"
        await ib.advance_to((following.open_s + 60) * SECOND)
        assert late.orderStatus.status == "Submitted"


async def test_good_after_time_is_not_sent_before() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10, goodAfterTime="20240305 09:30:30 US/Eastern"))
        await ib.advance(29)
        assert trade.orderStatus.status == "PreSubmitted"
        await ib.advance(2)
        assert trade.orderStatus.status == "Filled"
        assert trade.fills[0].time.timestamp() >= SESSION.open_s + 30


async def test_fill_or_kill_and_immediate_or_cancel() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        all_or_nothing = ib.placeOrder(stock(), LimitOrder("BUY", SHOWN + 40, 101.0, tif="FOK"))
        what_there_is = ib.placeOrder(stock(), LimitOrder("BUY", SHOWN + 40, 101.0, tif="IOC"))
        await ib.advance(2)
        assert (all_or_nothing.orderStatus.status, all_or_nothing.orderStatus.filled) == ("Cancelled", 0)
        assert (what_there_is.orderStatus.status, what_there_is.orderStatus.filled) == ("Cancelled", SHOWN)


async def test_all_or_none_waits_for_enough() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        too_big = ib.placeOrder(stock(), LimitOrder("BUY", 500, 101.0, allOrNone=True))
        fits = ib.placeOrder(stock(), LimitOrder("BUY", SHOWN, 101.0, allOrNone=True))
        await ib.advance(5)
        assert (too_big.orderStatus.filled, fits.orderStatus.status) == (0, "Filled")
        assert too_big.order.allOrNone


@pytest.mark.parametrize(("model", "filled", "parts"), [("optimistic", 300, 1), ("quote", 121, 2), ("queue", 121, 2)])
async def test_the_fill_model_decides_how_much_a_touch_gives(model: str, filled: int, parts: int) -> None:
    async with serving(fill_model=model) as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 300))
        await ib.advance(1)
        assert (trade.orderStatus.filled, len(trade.fills)) == (filled, parts)


@pytest.mark.parametrize(
    ("schedule", "cost"),
    [("percent:0.001", 10.01), ("ib-fixed", 1.0), ("alpaca", 0.0), ("percent", 20.01)],
)
async def test_the_commission_schedule_of_the_account(schedule: str, cost: float) -> None:
    async with serving(commission_schedule=schedule, fill_model="optimistic") as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 100))
        await ib.advance(1)
        assert trade.fills[0].commissionReport.commission == cost


async def test_short_sale_waits_until_shares_are_found(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        gateway.server.broker.lend("AAA", Decimal(15))
        first = ib.placeOrder(stock(), MarketOrder("SELL", 10))
        second = ib.placeOrder(stock(), MarketOrder("SELL", 10, tif="GTC", orderRef="waits"))
        await ib.advance(3)
        assert (first.orderStatus.status, second.orderStatus.status) == ("Filled", "PreSubmitted")
        assert second.orderStatus.whyHeld == "locate"
        assert codes(ib) == [404]
        gateway.server.broker.lend("AAA", Decimal(20))
        await ib.advance(2)
        assert (second.orderStatus.status, second.orderStatus.whyHeld) == ("Filled", "")
        gateway.server.broker.lend("AAA", Decimal(0))
        third = ib.placeOrder(stock(), MarketOrder("SELL", 10, tif="GTC", orderRef="still"))
        await ib.advance(1)
        assert third.orderStatus.whyHeld == "locate"
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        await ib.advance(2)  # the market of a new process lends everything
        books = Ledger.open_readonly(path)
        assert {row.order_ref: row.status for row in books.orders()}["still"] == "Filled"
        assert books.positions()["AAA"].quantity == -30
        books.close()


async def test_a_held_short_sale_can_be_changed_and_cancelled() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.broker.lend("AAA", Decimal(0))
        trade = ib.placeOrder(stock(), LimitOrder("SELL", 10, 100.0))
        await ib.advance(1)
        trade.order.lmtPrice = 99.0
        ib.placeOrder(trade.contract, trade.order)
        await ib.advance(1)
        assert gateway.server.broker.working()[0].limit_price == 99
        ib.cancelOrder(trade.order)
        await ib.advance(1)
        assert trade.orderStatus.status == "Cancelled"


@pytest.mark.parametrize(
    "wanted",
    [
        order("MKT", quantity=100),
        order("LMT", quantity=100, lmtPrice=100.0),
        order("STP", quantity=100, auxPrice=100.5),
        order("STP LMT", quantity=100, auxPrice=100.5, lmtPrice=100.6),
        order("TRAIL", quantity=100, auxPrice=0.5),
        order("TRAIL LIMIT", quantity=100, auxPrice=0.5, lmtPriceOffset=0.1),
        order("MOC", quantity=100),
        order("LOC", quantity=100, lmtPrice=100.0),
        order("REL", quantity=100),
        order("MIDPRICE", quantity=100),
        order("MKT", quantity=100, tif="OPG"),
    ],
    ids=lambda wanted: f"{wanted.orderType} {wanted.tif}",
)
async def test_what_if_of_every_type_answers_and_places_nothing(wanted: Order) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        (aaa,) = await ib.qualifyContractsAsync(stock())
        state = await ib.whatIfOrderAsync(aaa, wanted)
        assert float(state.initMarginChange) == pytest.approx(2500, rel=0.01)
        assert float(state.maintMarginAfter) == pytest.approx(2500, rel=0.01)
        assert state.commission == pytest.approx(20, rel=0.01)
        assert float(state.equityWithLoanAfter) == pytest.approx(1_000_000 - state.commission)
        assert gateway.server.broker.orders == {}


async def test_a_partly_filled_order_can_be_changed_but_not_below_what_it_has() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), LimitOrder("BUY", 300, 101.0))
        await ib.advance(1)
        assert trade.orderStatus.filled == 2 * SHOWN + 1
        smaller = LimitOrder("BUY", 100, 101.0, orderId=trade.order.orderId)
        ib.client.placeOrder(trade.order.orderId, stock(), smaller)
        await ib.advance(0.01)
        assert codes(ib) == [201]
        trade.order.lmtPrice, trade.order.totalQuantity = 50.0, 250
        ib.client.placeOrder(trade.order.orderId, stock(), trade.order)
        await ib.advance(3)
        row = gateway.server.broker.orders[trade.order.permId]
        assert (row.status, row.quantity, row.limit_price) == ("Submitted", 250, 50)
        assert row.filled < 250
