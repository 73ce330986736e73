"""Orders through the real ib_insync client: fills, cancels, refusals, what-ifs, and the books behind them."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap"

from decimal import Decimal
from pathlib import Path

from ib_insync import ExecutionFilter, LimitOrder, MarketOrder, StopOrder, Trade

from daemon.gateway.ledger import Ledger
from tests.fakes.gateway_stage import SECOND, SESSION, SteppedIB, client, serving, stock
from tests.fakes.tiny_market import DEAD, SHOWN, TinyMarket, calendar

OPEN_US, CLOSE_US = SESSION.open_s * SECOND, SESSION.close_s * SECOND


def states(trade: Trade) -> list[str]:
    return [entry.status for entry in trade.log]


def codes(ib: SteppedIB) -> list[int]:
    return [code for _, code, _ in ib.errors if code not in {2104, 2106, 2158}]


async def test_market_order_fills_in_parts_at_the_touch_with_commission() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        (aaa,) = await ib.qualifyContractsAsync(stock())
        trade = ib.placeOrder(aaa, MarketOrder("BUY", 150, orderRef="ref-1"))
        await ib.advance(5)
        tape = gateway.source.tape("AAA", SESSION)
        assert trade.orderStatus.status == "Filled"
        assert [fill.execution.shares for fill in trade.fills] == [SHOWN, SHOWN + 1, 150 - 2 * SHOWN - 1]
        assert [fill.execution.price for fill in trade.fills] == [tape.ask[0]] * 3
        assert {fill.execution.orderRef for fill in trade.fills} == {"ref-1"}
        assert len({fill.execution.execId for fill in trade.fills}) == 3
        costs = [round(fill.execution.shares * fill.execution.price * 0.002, 2) for fill in trade.fills]
        assert [fill.commissionReport.commission for fill in trade.fills] == costs
        (position,) = ib.positions()
        assert (position.position, position.contract.conId) == (150, aaa.conId)
        assert abs(position.avgCost * 150 - (150 * tape.ask[0] + sum(costs))) < 0.01


async def test_status_story_of_an_order() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(1)
        assert states(trade) == [
            "PendingSubmit",
            "PreSubmitted",
            "Submitted",
            "Submitted",
            "Filled",
            "Filled",
        ] or states(trade)[:3] == ["PendingSubmit", "PreSubmitted", "Submitted"]
        assert trade.orderStatus.status == "Filled"
        assert trade.order.permId > 0
        assert trade.fills[0].time.timestamp() * SECOND >= OPEN_US


async def test_limit_rests_is_modified_and_fills() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        tape = gateway.source.tape("AAA", SESSION)
        trade = ib.placeOrder(stock(), LimitOrder("BUY", 20, round(tape.bid[0] - 1, 2)))
        await ib.advance(2)
        assert trade.orderStatus.status == "Submitted"
        trade.order.lmtPrice = round(tape.ask[0] + 1, 2)
        ib.placeOrder(trade.contract, trade.order)
        await ib.advance(2)
        assert trade.orderStatus.status == "Filled"
        assert trade.fills[0].execution.price == tape.ask[2]


async def test_stop_waits_then_sells_at_the_bid() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        tape = gateway.source.tape("AAA", SESSION)
        trade = ib.placeOrder(stock(), StopOrder("SELL", 5, round(tape.bid[0] + 0.04, 2)))
        await ib.advance(0.5)
        assert trade.orderStatus.status in {"PreSubmitted", "Filled"}
        await ib.advance(2)
        assert trade.orderStatus.status == "Filled"
        assert trade.fills[0].execution.side == "SLD"
        assert ib.positions()[0].position == -5


async def test_cancel_gives_202_and_a_second_one_10148() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), LimitOrder("BUY", 20, 1.0))
        await ib.advance(1)
        ib.cancelOrder(trade.order)
        await ib.advance(1)
        assert trade.orderStatus.status == "Cancelled"
        assert codes(ib) == [202]
        ib.client.cancelOrder(trade.order.orderId)
        ib.client.cancelOrder(99_999)
        await ib.advance(1)
        assert codes(ib) == [202, 10148, 10147]


async def test_refusals_name_ibs_codes_and_leave_nothing_behind() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        wrong = [
            (LimitOrder("BUY", 10, 100.001), 110),
            (MarketOrder("BUY", 0), 434),
            (MarketOrder("BUY", 1.5), 10243),
            (MarketOrder("BUY", 10_000_000), 201),
            (MarketOrder("HOLD", 10), 321),
            (MarketOrder("BUY", 10, account="DU9"), 321),
            (MarketOrder("BUY", 10, tif="SOON"), 10052),
            (MarketOrder("BUY", 10, algoStrategy="Vwap"), 201),
            (LimitOrder("BUY", 10, 1.0, tif="GTD"), 334),
            (LimitOrder("BUY", 10, 1.0, tif="GTD", goodTillDate="tomorrow"), 337),
            (MarketOrder("BUY", 10, parentId=77), 10006),
            (StopOrder("BUY", 10, 0.0), 110),
        ]
        for order, _ in wrong:
            ib.placeOrder(stock(), order)
        ib.placeOrder(stock("NONE"), MarketOrder("BUY", 10))
        order = MarketOrder("BUY", 10)
        order.orderType = "PEG MKT"
        ib.placeOrder(stock(), order)
        await ib.advance(1)
        assert codes(ib) == [code for _, code in wrong] + [200, 387]
        assert gateway.server.broker.orders == {}
        assert await ib.reqAllOpenOrdersAsync() == []


async def test_finished_order_id_cannot_be_used_again() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(2)
        ib.client.placeOrder(trade.order.orderId, stock(), MarketOrder("BUY", 10, orderId=trade.order.orderId))
        await ib.advance(1)
        assert codes(ib) == [103]
        assert len(gateway.server.broker.executions) == 1


async def test_what_if_answers_margins_and_places_nothing() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        (aaa,) = await ib.qualifyContractsAsync(stock())
        state = await ib.whatIfOrderAsync(aaa, LimitOrder("BUY", 100, 100.0))
        assert float(state.initMarginChange) == 2500.0
        assert state.commission == 20.0
        assert float(state.equityWithLoanBefore) == 1_000_000
        await ib.advance(1)
        assert gateway.server.broker.orders == {}


async def test_order_without_a_usable_quote_waits_for_one() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        await ib.advance_to(OPEN_US + (DEAD.start + 5) * SECOND)
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance_to(OPEN_US + (DEAD.stop - 1) * SECOND)
        assert trade.orderStatus.status == "Submitted"
        await ib.advance(1)
        assert trade.orderStatus.status == "Filled"
        assert gateway.server.broker.executions[0].at_us == OPEN_US + DEAD.stop * SECOND


async def test_day_order_expires_and_an_evening_order_is_held_for_the_open() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        day = ib.placeOrder(stock(), LimitOrder("BUY", 20, 1.0))
        kept = ib.placeOrder(stock(), LimitOrder("BUY", 20, 1.0, tif="GTC"))
        await ib.advance_to(CLOSE_US)
        assert (day.orderStatus.status, kept.orderStatus.status) == ("Cancelled", "Submitted")
        assert codes(ib) == [202]
        late = ib.placeOrder(stock(), MarketOrder("SELL", 20))
        await ib.advance(60)
        assert late.orderStatus.status == "PreSubmitted"
        assert codes(ib)[-1] == 399
        following = calendar().session_after(SESSION)
        await ib.advance_to((following.open_s + 1) * SECOND)
        assert late.orderStatus.status == "Filled"
        assert gateway.server.broker.executions[0].at_us == following.open_s * SECOND


async def test_profit_adds_up_to_the_change_of_net_liquidation() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        (aaa,) = await ib.qualifyContractsAsync(stock())
        pnl, single = ib.reqPnL("DU1234567"), ib.reqPnLSingle("DU1234567", "", aaa.conId)
        ib.placeOrder(aaa, MarketOrder("BUY", 100))
        await ib.advance(10)
        ib.placeOrder(aaa, MarketOrder("SELL", 40))
        await ib.advance(30)
        value = gateway.server.broker.valuation()
        change = float(value.net_liquidation) - 1_000_000
        assert abs(pnl.dailyPnL - change) < 1e-6
        assert abs(pnl.realizedPnL + pnl.unrealizedPnL - change) < 1e-6
        assert (single.position, round(single.dailyPnL, 6)) == (60, round(change, 6))
        reported = [fill.commissionReport.realizedPNL for fill in ib.fills() if fill.execution.side == "SLD"]
        assert abs(sum(reported) - pnl.realizedPnL) < 1e-6
        portfolio = {item.contract.symbol: item for item in ib.portfolio()}
        assert portfolio["AAA"].position == 60


async def test_executions_and_completed_orders_after_reconnect_equal_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway:
        async with client(gateway.port) as ib:
            ib.placeOrder(stock(), MarketOrder("BUY", 130, orderRef="a"))
            ib.placeOrder(stock("BBB"), MarketOrder("SELL", 30, orderRef="b"))
            gone = ib.placeOrder(stock(), LimitOrder("BUY", 20, 1.0, orderRef="c"))
            ib.placeOrder(stock(), LimitOrder("BUY", 20, 1.5, orderRef="d"))
            await ib.advance(5)
            ib.cancelOrder(gone.order)
            await ib.advance(1)
            seen = {fill.execution.execId: fill for fill in ib.fills()}
        async with client(gateway.port) as ib:
            assert {fill.execution.execId for fill in ib.fills()} == set(seen)
            assert [trade.order.orderRef for trade in ib.openTrades()] == ["d"]
            done = {trade.order.orderRef: trade.orderStatus.status for trade in await ib.reqCompletedOrdersAsync(True)}
            assert done == {"a": "Filled", "b": "Filled", "c": "Cancelled"}
            only = await ib.reqExecutionsAsync(ExecutionFilter(symbol="BBB", side="SELL"))
            assert [fill.execution.orderRef for fill in only] == ["b"]
            books = Ledger.open_readonly(path)
            rows = books.executions()
            assert [(row.exec_id, row.price, row.quantity, row.order_ref) for row in rows] == [
                (
                    exec_id,
                    Decimal(str(fill.execution.price)).quantize(row.price),
                    fill.execution.shares,
                    fill.execution.orderRef,
                )
                for (exec_id, fill), row in zip(seen.items(), rows, strict=True)
            ]
            assert {row.exec_id: float(row.commission) for row in rows} == {
                fill.commissionReport.execId: fill.commissionReport.commission for fill in seen.values()
            }
            positions = {item.contract.symbol: Decimal(item.position) for item in ib.positions()}
            assert {symbol: held.quantity for symbol, held in books.positions().items()} == positions
            cash = Decimal(1_000_000) - sum(
                (row.quantity * row.price * (1 if row.side == "BUY" else -1) + row.commission for row in rows),
                Decimal(0),
            )
            assert books.cash() == cash
            books.close()


async def test_other_clients_orders_are_seen_but_not_cancelled() -> None:
    async with serving() as gateway, client(gateway.port, 1) as first:
        order = first.placeOrder(stock(), LimitOrder("BUY", 20, 1.0)).order
        await first.advance(1)
        second = SteppedIB()
        second.client.optCapab = ""
        await second.connectAsync("127.0.0.1", gateway.port, clientId=2, timeout=5)
        (seen,) = await second.reqAllOpenOrdersAsync()
        assert (seen.order.clientId, seen.order.orderId) == (1, order.orderId)
        second.client.cancelOrder(order.orderId)
        second.reqGlobalCancel()
        await second.reqAllOpenOrdersAsync()
        assert codes(second) == [10147]
        await first.advance(1)
        assert codes(first) == [202]
        second.disconnect()


async def test_tiny_market_is_what_these_tests_think() -> None:
    tape = TinyMarket().tape("AAA", SESSION)
    assert tape.ask_size[0] == SHOWN
    assert tape.ask[0] == tape.ask[1] == tape.ask[2]
