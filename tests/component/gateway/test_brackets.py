"""Brackets and OCA groups through the real client: who waits for whom, who cancels whom, what a restart keeps."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap"

from decimal import Decimal
from pathlib import Path

from ib_insync import LimitOrder, MarketOrder, Order, Trade

from daemon.gateway.ledger import Ledger
from tests.fakes.gateway_stage import SECOND, SESSION, SteppedIB, client, serving, stock
from tests.fakes.tiny_market import SHOWN

OPEN_US = SESSION.open_s * SECOND
ASK = 100.07  # of AAA at the open; a cent more every ten seconds of the first minute


def codes(ib: SteppedIB) -> list[int]:
    return [code for _, code, _ in ib.errors if code not in {2104, 2106, 2158}]


def bracket(ib: SteppedIB, quantity: float, limit: float, profit: float, loss: float) -> list[Trade]:
    return [ib.placeOrder(stock(), order) for order in ib.bracketOrder("BUY", quantity, limit, profit, loss)]


def statuses(*trades: Trade) -> list[str]:
    return [trade.orderStatus.status for trade in trades]


async def test_children_are_held_until_the_parent_is_filled_completely() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        parent, profit, loss = bracket(ib, 150, ASK, 101.0, 99.0)
        await ib.advance(1)
        assert parent.orderStatus.filled == SHOWN + SHOWN + 1  # what two seconds show
        assert statuses(parent, profit, loss) == ["Submitted", "PreSubmitted", "PreSubmitted"]
        assert {profit.orderStatus.whyHeld, loss.orderStatus.whyHeld} == {"child"}
        assert {profit.orderStatus.parentId, loss.orderStatus.parentId} == {parent.order.orderId}
        assert {profit.order.parentId, loss.order.parentId} == {parent.order.orderId}
        await ib.advance(2)
        assert statuses(parent, profit, loss) == ["Filled", "Submitted", "PreSubmitted"]
        assert profit.orderStatus.whyHeld == ""
        rows = {row.perm_id: row for row in gateway.server.broker.orders.values()}
        assert rows[profit.order.permId].parent_perm_id == parent.order.permId


async def test_nothing_is_sent_before_the_last_leg_transmits() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        orders = ib.bracketOrder("BUY", 20, 101.0, 102.0, 99.0)
        parent, profit = (ib.placeOrder(stock(), order) for order in orders[:2])
        await ib.advance(3)
        assert statuses(parent, profit) == ["PendingSubmit", "PendingSubmit"]
        assert gateway.server.broker.executions == []
        loss = ib.placeOrder(stock(), orders[2])
        await ib.advance(2)
        assert statuses(parent, profit, loss) == ["Filled", "Submitted", "PreSubmitted"]


async def test_cancelling_the_parent_cancels_its_children() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trades = bracket(ib, 20, 50.0, 102.0, 49.0)
        await ib.advance(1)
        ib.cancelOrder(trades[0].order)
        await ib.advance(1)
        assert statuses(*trades) == ["Cancelled"] * 3
        assert codes(ib) == [202, 202, 202]
        texts = {row.completed_text for row in gateway.server.broker.orders.values()}
        assert texts == {"Cancelled by Trader", "Cancelled: parent"}


async def test_a_draft_bracket_is_cancelled_without_ever_having_been_sent() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        orders = ib.bracketOrder("BUY", 20, 50.0, 102.0, 49.0)
        parent, profit = (ib.placeOrder(stock(), order) for order in orders[:2])
        await ib.advance(1)
        ib.cancelOrder(parent.order)
        await ib.advance(1)
        assert statuses(parent, profit) == ["Cancelled", "Cancelled"]
        assert gateway.server.broker.working() == []


async def test_a_child_can_be_changed_while_it_waits_and_keeps_its_parent() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        parent, profit, loss = bracket(ib, 20, 50.0, 102.0, 49.0)
        await ib.advance(1)
        profit.order.lmtPrice = 103.0
        ib.placeOrder(profit.contract, profit.order)
        await ib.advance(1)
        row = gateway.server.broker.orders[profit.order.permId]
        assert (row.limit_price, row.parent_perm_id, row.why_held) == (Decimal("103.0"), parent.order.permId, "child")
        profit.order.parentId = loss.order.orderId
        ib.client.placeOrder(profit.order.orderId, profit.contract, profit.order)
        await ib.advance(1)
        assert codes(ib) == [105]


async def test_a_child_of_nobody_is_refused() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        parent = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(2)
        assert parent.orderStatus.status == "Filled"
        ib.placeOrder(stock(), LimitOrder("SELL", 10, 102.0, parentId=parent.order.orderId))
        ib.placeOrder(stock(), LimitOrder("SELL", 10, 102.0, parentId=999))
        await ib.advance(1)
        assert codes(ib) == [10006, 10006]
        assert len(gateway.server.broker.orders) == 1


async def test_a_filled_child_cancels_the_other_when_they_share_a_group() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        orders = ib.bracketOrder("BUY", 20, 101.0, 100.06, 99.0)
        for order in orders[1:]:
            order.ocaGroup, order.ocaType = "exit", 1
        parent, profit, loss = (ib.placeOrder(stock(), order) for order in orders)
        await ib.advance(15)
        assert statuses(parent, profit, loss) == ["Filled", "Filled", "Cancelled"]
        books = gateway.server.broker
        assert books.account.positions["AAA"].quantity == 0
        assert books.orders[loss.order.permId].completed_text == "Cancelled: OCA group"
        assert (loss.order.ocaGroup, loss.order.ocaType) == ("exit", 1)


async def test_a_partial_fill_reduces_the_rest_of_a_group_of_type_3() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        takes = ib.placeOrder(stock(), LimitOrder("BUY", 240, 101.0, ocaGroup="g", ocaType=3))
        rests = ib.placeOrder(stock("BBB"), LimitOrder("BUY", 40, 1.0, ocaGroup="g", ocaType=3))
        await ib.advance(1)
        assert takes.orderStatus.filled == SHOWN + SHOWN + 1
        assert rests.orderStatus.remaining == 19  # 40 * 180/240 = 30, then 30 * 119/180, in whole shares
        assert rests.order.totalQuantity == 19
        await ib.advance(3)
        assert statuses(takes, rests) == ["Filled", "Cancelled"]
        assert {row.symbol for row in gateway.server.broker.executions} == {"AAA"}


async def test_the_group_of_an_order_cannot_be_changed_nor_its_type() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0, ocaGroup="g", ocaType=1))
        await ib.advance(1)
        other = Order(**{name: getattr(trade.order, name) for name in ("orderId", "action", "totalQuantity", "tif")})
        other.orderType, other.lmtPrice, other.ocaGroup = "LMT", 1.5, "h"
        ib.client.placeOrder(other.orderId, stock(), other)
        other.ocaGroup, other.ocaType, other.orderType, other.auxPrice = "g", 1, "STP", 120.0
        ib.client.placeOrder(other.orderId, stock(), other)
        await ib.advance(1)
        assert codes(ib) == [10326, 329]
        assert gateway.server.broker.working()[0].limit_price == Decimal("1.0")


async def test_a_restart_keeps_bracket_group_and_draft(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        orders = ib.bracketOrder("BUY", 20, 100.0, 101.0, 99.0)
        for order in orders:
            order.tif = "GTC"
        for order in orders[1:]:
            order.ocaGroup, order.ocaType = "exit", 1
        for order in orders:
            ib.placeOrder(stock(), order)
        ib.placeOrder(stock("BBB"), LimitOrder("BUY", 5, 1.0, orderRef="draft", transmit=False))
        await ib.advance(1)
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        assert [trade.order.orderRef for trade in ib.openTrades()].count("draft") == 1
        assert sorted(trade.orderStatus.whyHeld for trade in ib.openTrades()) == ["", "", "child", "child"]
        parent = next(
            trade for trade in ib.openTrades() if trade.order.parentId == 0 and trade.order.totalQuantity == 20
        )
        parent.order.lmtPrice = 101.0
        ib.placeOrder(parent.contract, parent.order)
        await ib.advance(2)
        assert parent.orderStatus.status == "Filled"
        children = [trade for trade in ib.openTrades() if trade.order.parentId == parent.order.orderId]
        assert sorted(statuses(*children)) == ["PreSubmitted", "Submitted"]
        profit = next(trade for trade in children if trade.order.orderType == "LMT")
        profit.order.lmtPrice = 99.5
        ib.placeOrder(profit.contract, profit.order)
        await ib.advance(2)
        assert sorted(statuses(*children)) == ["Cancelled", "Filled"]
        books = Ledger.open_readonly(path)
        assert books.positions()["AAA"].quantity == 0
        assert {row.status for row in books.orders() if row.order_ref != "draft"} == {"Filled", "Cancelled"}
        books.close()


async def test_a_stop_of_a_bracket_sells_when_the_market_falls() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        orders = ib.bracketOrder("BUY", 20, 101.0, 105.0, 100.05)
        trades = [ib.placeOrder(stock(), order) for order in orders]
        await ib.advance_to(OPEN_US + 121 * SECOND)
        assert statuses(*trades)[0] == "Filled"
        assert trades[2].orderStatus.status == "Filled"
        assert trades[2].fills[0].execution.side == "SLD"
