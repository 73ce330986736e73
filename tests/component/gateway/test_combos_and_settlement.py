"""Combinations, options and futures in the books: legs, multipliers, margins, exercise, expiry, corporate actions."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap, arg-type, unreachable"

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from ib_insync import ComboLeg, Contract, LimitOrder, MarketOrder, Trade

from daemon.gateway.corporate import CashDividend, StockSplit
from daemon.gateway.ledger import Ledger
from daemon.matching.corporate_actions import Split
from tests.fakes.gateway_stage import SECOND, SESSION, SteppedIB, client, stock
from tests.fakes.tiny_derivatives import (
    CALL_100,
    CALL_102,
    CALL_LATER,
    FUTURE,
    INDEX,
    INDEX_CALL,
    PUT_105,
    TinyDerivatives,
    serving_derivatives,
)
from tests.fakes.tiny_market import calendar

CLOSE_US = SESSION.close_s * SECOND
MARKET = TinyDerivatives()


def codes(ib: SteppedIB) -> list[int]:
    return [code for _, code, _ in ib.errors if code not in {2104, 2106, 2158}]


def spread() -> Contract:
    """Return a bull spread: the lower call bought, the higher one sold."""
    legs = [
        ComboLeg(conId=MARKET.listings[symbol].con_id, ratio=1, action=action, exchange="SMART")
        for symbol, action in ((CALL_100, "BUY"), (CALL_102, "SELL"))
    ]
    return Contract(symbol="AAA", secType="BAG", currency="USD", exchange="SMART", comboLegs=legs)


async def bought(ib: SteppedIB, contract: Contract, quantity: int, side: str = "BUY") -> Trade:
    trade = ib.placeOrder(contract, MarketOrder(side, quantity))
    await ib.advance(2)
    assert trade.orderStatus.status == "Filled"
    return trade


async def test_combination_fills_at_its_net_with_an_execution_for_each_leg(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving_derivatives(state_path=path) as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(spread(), LimitOrder("BUY", 3, 0.70))
        await ib.advance(3)
        assert trade.orderStatus.status == "Filled"
        assert (trade.orderStatus.filled, trade.orderStatus.avgFillPrice) == (3, 0.65)
        assert [(leg.conId, leg.ratio, leg.action) for leg in trade.contract.comboLegs] == [
            (2000, 1, "BUY"),
            (2001, 1, "SELL"),
        ]
        whole, first, second = (fill for fill in trade.fills)
        assert (whole.contract.secType, whole.execution.price, whole.execution.shares) == ("BAG", 0.65, 3)
        assert (first.contract.conId, first.execution.side, first.execution.price) == (2000, "BOT", 1.05)
        assert (second.contract.conId, second.execution.side, second.execution.price) == (2001, "SLD", 0.40)
        assert len({fill.execution.execId for fill in trade.fills}) == 3
        held = {position.contract.conId: (position.position, position.avgCost) for position in ib.positions()}
        assert set(held) == {2000, 2001}
        assert held[2000] == (3, pytest.approx(105 * 1.002))
        assert held[2001] == (-3, pytest.approx(40 * 0.998))
        books = Ledger.open_readonly(path)
        assert {symbol: row.quantity for symbol, row in books.positions().items()} == {CALL_100: 3, CALL_102: -3}
        assert [row.role for row in books.executions()] == ["COMBO", "LEG", "LEG"]
        paid = sum((row.commission for row in books.executions()), Decimal(0))
        assert books.cash() == 1_000_000 - 3 * 65 - paid
        books.close()
        found = await ib.reqExecutionsAsync()
        assert [fill.contract.secType for fill in found] == ["BAG", "OPT", "OPT"]


async def test_combination_rests_below_its_net_over_a_restart_and_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving_derivatives(state_path=path) as gateway, client(gateway.port) as ib:
        ib.placeOrder(spread(), LimitOrder("BUY", 2, 0.50, tif="GTC"))
        await ib.advance(20)
        assert gateway.server.broker.executions == []
    async with serving_derivatives(state_path=path) as gateway, client(gateway.port) as ib:
        (trade,) = ib.openTrades()
        assert [leg.conId for leg in trade.contract.comboLegs] == [2000, 2001]
        trade.order.lmtPrice = 0.65
        ib.placeOrder(trade.contract, trade.order)
        await ib.advance(3)
        assert trade.orderStatus.status == "Filled"
        assert gateway.server.broker.account.positions[CALL_102].quantity == -2


async def test_combinations_that_cannot_be_are_refused() -> None:
    async with serving_derivatives() as gateway, client(gateway.port) as ib:
        lonely, unknown, double = spread(), spread(), spread()
        del lonely.comboLegs[1:]
        unknown.comboLegs[1].conId = 99
        double.comboLegs[0].ratio = double.comboLegs[1].ratio = 2
        for contract in (lonely, unknown, double):
            ib.placeOrder(contract, LimitOrder("BUY", 1, 1.0))
        stop = LimitOrder("BUY", 1, 1.0)
        stop.orderType, stop.auxPrice = "STP", 1.0
        ib.placeOrder(spread(), stop)
        await ib.advance(1)
        assert codes(ib) == [321, 321, 321, 387]
        assert gateway.server.broker.orders == {}


async def test_what_if_of_a_spread_needs_its_width_and_of_a_naked_call_much_more() -> None:
    async with serving_derivatives() as gateway, client(gateway.port) as ib:
        state = await ib.whatIfOrderAsync(spread(), LimitOrder("SELL", 1, 0.55))
        assert float(state.initMarginChange) == 200
        naked = await ib.whatIfOrderAsync(MARKET.contract(CALL_100), MarketOrder("SELL", 1))
        assert float(naked.initMarginChange) == pytest.approx(100 * (1.025 + 0.2 * 100.06), abs=2)
        paid = await ib.whatIfOrderAsync(MARKET.contract(CALL_100), LimitOrder("BUY", 1, 1.05))
        assert float(paid.initMarginChange) == 0
        assert float(paid.equityWithLoanChange) == pytest.approx(-105 - 0.21, abs=0.01)
        assert gateway.server.broker.orders == {}


async def test_options_and_futures_are_valued_with_their_multiplier() -> None:
    async with serving_derivatives() as gateway, client(gateway.port) as ib:
        await bought(ib, MARKET.contract(CALL_LATER), 2)
        await bought(ib, MARKET.contract(FUTURE), 1)
        values = {(item.tag, item.currency): float(item.value) for item in ib.accountValues() if _is_number(item.value)}
        assert values["OptionMarketValue", "USD"] == pytest.approx(2 * 100 * 2.05)
        fees = float(sum((row.commission for row in gateway.server.broker.executions), Decimal(0)))
        assert values["TotalCashBalance", "USD"] == pytest.approx(1_000_000 - 420 - fees, abs=0.01)
        assert values["FuturesPNL", "BASE"] == pytest.approx(50 * (5001.125 - 5001.25), abs=0.01)
        assert values["InitMarginReq", "USD"] == pytest.approx(0.1 * 50 * 5001.125, abs=0.01)
        shown = {item.contract.conId: item for item in ib.portfolio()}
        assert shown[2003].marketValue == pytest.approx(410)
        assert shown[2003].averageCost == pytest.approx(210 * 1.002)
        assert shown[2011].marketValue == pytest.approx(50 * 5001.125)
        single = ib.reqPnLSingle("DU1234567", "", 2003)
        await ib.advance(2)
        assert single.unrealizedPnL == pytest.approx(410 - 420 * 1.002)
        assert single.value == pytest.approx(410)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


async def test_at_expiry_what_is_worth_something_is_exercised_and_the_rest_lapses() -> None:
    async with serving_derivatives(seconds_before_close=60) as gateway, client(gateway.port) as ib:
        for symbol, side in ((CALL_100, "BUY"), (CALL_102, "SELL"), (PUT_105, "SELL"), (INDEX_CALL, "BUY")):
            await bought(ib, MARKET.contract(symbol), 2, side)
        await bought(ib, MARKET.contract(FUTURE), 1)
        before = gateway.server.broker.account.cash
        await ib.advance_to(CLOSE_US + 5 * SECOND)
        day = gateway.source.tape("AAA", SESSION)
        last = round(float(day.close[day.volume > 0][-1]), 2)
        assert 100.01 <= last < 102
        held = {symbol: row.quantity for symbol, row in gateway.server.broker.account.positions.items() if row.quantity}
        assert held == {"AAA": 400}  # 200 by the calls, 200 put to us
        change = gateway.server.broker.account.cash - before
        future = 50 * (Decimal(5000) - Decimal("5001.25"))  # it settles at its index
        assert change == -200 * 100 - 200 * 105 + 2 * 100 * 10 + future
        texts = {row.completed_text for row in gateway.server.broker.orders.values() if row.is_manual}
        assert texts == {"Option exercised", "Option assigned", "Option expired", "Future settled"}
        positions = {item.contract.conId: item.position for item in ib.positions()}
        assert positions == {1000: 400}
        found = await ib.reqExecutionsAsync()
        shares = [(fill.execution.side, fill.execution.price) for fill in found if fill.contract.conId == 1000]
        assert sorted(shares) == [("BOT", 100.0), ("BOT", 105.0)]


async def test_a_holder_may_exercise_early_or_let_lapse() -> None:
    async with serving_derivatives(seconds_before_close=60) as gateway, client(gateway.port) as ib:
        await bought(ib, MARKET.contract(CALL_LATER), 3)
        await bought(ib, MARKET.contract(CALL_100), 1)
        ib.exerciseOptions(MARKET.contract(CALL_LATER), 1, 2, "DU1234567", 0)
        ib.exerciseOptions(MARKET.contract(CALL_LATER), 1, 9, "DU1234567", 0)
        ib.exerciseOptions(MARKET.contract(CALL_100), 2, 1, "DU1234567", 0)
        await ib.advance(1)
        account = gateway.server.broker.account
        assert (account.positions["AAA"].quantity, account.positions[CALL_LATER].quantity) == (200, 1)
        assert account.positions["AAA"].average_cost == 100
        assert codes(ib) == [322]
        await ib.advance_to(CLOSE_US + 5 * SECOND)
        assert account.positions["AAA"].quantity == 200
        assert account.positions[CALL_100].quantity == 0


async def test_expiry_is_booked_once_though_the_gateway_restarts_in_the_evening(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with (
        serving_derivatives(state_path=path, seconds_before_close=30) as gateway,
        client(gateway.port) as ib,
    ):
        await bought(ib, MARKET.contract(CALL_100), 1)
        await ib.advance_to(CLOSE_US + 10 * SECOND)
        cash = gateway.server.broker.account.cash
    async with serving_derivatives(state_path=path) as gateway, client(gateway.port) as ib:
        await ib.advance(20)
        assert gateway.server.broker.account.cash == cash
        assert gateway.server.broker.account.positions["AAA"].quantity == 100
        pnl = ib.reqPnL("DU1234567")
        await ib.advance(2)
        value = gateway.server.broker.valuation()
        assert pnl.dailyPnL == pytest.approx(float(value.net_liquidation) - 1_000_000, abs=1e-6)


async def test_split_and_dividend_before_the_open_change_holdings_and_end_orders(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    tomorrow = calendar().session_after(SESSION)
    market = TinyDerivatives(
        [
            StockSplit(symbol="AAA", ex_day=tomorrow.day, split=Split(new=3, old=2)),
            CashDividend(symbol="BBB", ex_day=tomorrow.day, per_share=Decimal("0.25")),
        ]
    )
    async with (
        serving_derivatives(market, state_path=path, seconds_before_close=30) as gateway,
        client(gateway.port) as ib,
    ):
        await bought(ib, stock(), 5)
        await bought(ib, stock("BBB"), 10, "SELL")
        resting = ib.placeOrder(stock(), LimitOrder("BUY", 5, 1.0, tif="GTC"))
        await ib.advance(1)
        cost = gateway.server.broker.account.positions["AAA"].cost
        gateway.server.broker.announce(CashDividend(symbol="AAA", ex_day=tomorrow.day, per_share=Decimal("1.00")))
        await ib.advance_to((tomorrow.open_s + 1) * SECOND)
        assert resting.orderStatus.status == "Cancelled"
        account = gateway.server.broker.account
        assert account.positions["AAA"].quantity == 7  # 7.5, the half paid out
        assert account.positions["AAA"].cost == cost * 7 / Decimal("7.5")
        books = Ledger.open_readonly(path)
        entries = [(row.symbol, row.reason, row.amount) for row in books.cash_entries()]
        books.close()
        assert entries[0][:2] == ("AAA", "SPLIT")
        assert entries[1:] == [("BBB", "PAYMENT_IN_LIEU", Decimal("-2.50")), ("AAA", "DIVIDEND", Decimal("7.00"))]


async def test_index_cannot_be_traded() -> None:
    async with serving_derivatives() as gateway, client(gateway.port) as ib:
        ib.placeOrder(MARKET.contract(INDEX), MarketOrder("BUY", 1))
        await ib.advance(1)
        assert codes(ib) == [201]


async def test_what_the_market_lends_bounds_a_short_sale() -> None:
    async with (
        serving_derivatives(TinyDerivatives(lendable=Decimal(5))) as gateway,
        client(gateway.port) as ib,
    ):
        trade = ib.placeOrder(stock(), MarketOrder("SELL", 6))
        await ib.advance(1)
        assert (trade.orderStatus.status, trade.orderStatus.whyHeld) == ("PreSubmitted", "locate")
        assert gateway.server.broker.executions == []


def test_the_days_of_these_tests_are_what_they_think() -> None:
    assert SESSION.day == date(2024, 3, 5)
