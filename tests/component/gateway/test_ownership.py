"""Whose order it is: several clients, a master, orders entered by hand, and what each is told."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap, arg-type, unreachable"

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from ib_insync import IB, ExecutionFilter, LimitOrder, MarketOrder

from daemon.gateway.ledger import OrderRow
from daemon.gateway.tickets import RawTicket, Ticket
from tests.fakes.gateway_stage import PATIENCE_S, Running, SteppedIB, client, serving, stock

NOTICES = {2104, 2106, 2158}
MASTER = 9


class Onlooker(IB):
    """A client that does not keep the market in step."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[tuple[int, int, str]] = []
        self.bound: list[list[int]] = []
        self.client.decoder.handlers[100] = lambda fields: self.bound.append([int(text) for text in fields[1:4]])
        self.errorEvent += lambda req_id, code, text, _contract: self.errors.append((req_id, code, text))

    async def settle(self) -> None:
        """Wait until the gateway has answered everything asked before."""
        await asyncio.wait_for(self.reqAllOpenOrdersAsync(), PATIENCE_S)


def codes(ib: SteppedIB | Onlooker) -> list[int]:
    return [code for _, code, _ in ib.errors if code not in NOTICES]


@asynccontextmanager
async def onlooker(port: int, client_id: int) -> AsyncIterator[Onlooker]:
    ib = Onlooker()
    try:
        await ib.connectAsync("127.0.0.1", port, clientId=client_id, timeout=PATIENCE_S)
        yield ib
    finally:
        ib.disconnect()


def enter_by_hand(gateway: Running, limit: float, quantity: int = 10) -> OrderRow:
    """Enter an order at the gateway itself."""
    raw = RawTicket(
        action="BUY", quantity=Decimal(quantity), order_type="LMT", limit_price=limit, stop_price=None, tif="DAY",
        order_ref="", account="", exchange="SMART", outside_rth=False, unsupported=(),
    )  # fmt: skip
    desk = gateway.server._orders
    listing = gateway.source.listings["AAA"]
    ticket = desk.ticket(gateway.server._contracts.of_symbol(listing.symbol), raw)
    assert isinstance(ticket, Ticket)
    row = gateway.server.broker.place_manual(ticket)
    assert isinstance(row, OrderRow)
    return row


async def test_two_clients_use_the_same_order_id_for_two_orders() -> None:
    async with serving() as gateway, client(gateway.port, 1) as first, onlooker(gateway.port, 2) as second:
        for ib, limit in ((first, 1.0), (second, 2.0)):
            ib.client.placeOrder(50, stock(), LimitOrder("BUY", 10, limit, orderId=50))
        await second.settle()
        await first.advance(1)
        rows = gateway.server.broker.working()
        assert sorted((row.client_id, row.order_id, row.limit_price) for row in rows) == [(1, 50, 1), (2, 50, 2)]
        assert len({row.perm_id for row in rows}) == 2
        first.client.cancelOrder(50)
        await first.advance(1)
        assert [row.client_id for row in gateway.server.broker.working()] == [2]


async def test_an_order_id_below_the_last_is_103_for_its_client_alone() -> None:
    async with serving() as gateway, client(gateway.port, 1) as first, onlooker(gateway.port, 2) as second:
        first.client.placeOrder(50, stock(), LimitOrder("BUY", 10, 1.0, orderId=50))
        await first.advance(1)
        first.client.placeOrder(49, stock(), LimitOrder("BUY", 10, 1.0, orderId=49))
        second.client.placeOrder(49, stock(), LimitOrder("BUY", 10, 1.0, orderId=49))
        await second.settle()
        await first.advance(1)
        assert (codes(first), codes(second)) == ([103], [])


async def test_a_client_cannot_cancel_or_change_what_another_has_placed() -> None:
    async with serving() as gateway, client(gateway.port, 1) as first, onlooker(gateway.port, 2) as second:
        order = first.placeOrder(stock(), LimitOrder("BUY", 10, 1.0)).order
        await first.advance(1)
        second.client.cancelOrder(order.orderId)
        second.client.placeOrder(order.orderId, stock(), LimitOrder("BUY", 99, 2.0, orderId=order.orderId))
        await second.settle()
        await first.advance(1)
        assert codes(second) == [10147]
        rows = {row.client_id: row for row in gateway.server.broker.working()}
        assert (rows[1].quantity, rows[1].limit_price) == (10, 1)
        assert (rows[2].quantity, rows[2].limit_price) == (99, 2)


async def test_news_go_to_the_owner_and_the_master_and_nobody_else() -> None:
    async with (
        serving(master_client_id=MASTER) as gateway,
        client(gateway.port, 1) as owner,
        onlooker(gateway.port, 2) as other,
        onlooker(gateway.port, MASTER) as master,
    ):
        trade = owner.placeOrder(stock(), MarketOrder("BUY", 10))
        await owner.advance(2)
        assert trade.orderStatus.status == "Filled"
        await other.settle()
        await master.settle()
        assert other.trades() == other.fills() == []
        (seen,) = master.trades()
        assert (seen.order.clientId, seen.orderStatus.status) == (1, "Filled")
        (fill,) = master.fills()
        assert (fill.execution.execId, fill.execution.clientId) == (trade.fills[0].execution.execId, 1)
        master.client.cancelOrder(trade.order.orderId)
        await master.settle()
        assert codes(master) == [10147]


async def test_client_0_takes_over_manual_orders_under_negative_ids() -> None:
    async with serving() as gateway, client(gateway.port, 1) as clock:
        waiting = enter_by_hand(gateway, 1.0)
        assert (waiting.client_id, waiting.order_id) == (0, 0)
        everything = await clock.reqAllOpenOrdersAsync()
        assert [(trade.order.clientId, trade.order.orderId) for trade in everything] == [(0, 0)]
        async with onlooker(gateway.port, 0) as zero:  # asks for its orders, and for manual ones from then on
            assert zero.bound == [[waiting.perm_id, 0, -1]]
            later = enter_by_hand(gateway, 2.0)
            assert later.order_id == -2
            await clock.advance(1)
            zero.client.reqAutoOpenOrders(0)
            await zero.settle()
            assert [perm_id for perm_id, *_ in zero.bound] == [waiting.perm_id, later.perm_id]
            unbound = enter_by_hand(gateway, 3.0)
            assert unbound.order_id == 0
            zero.client.cancelOrder(-1)
            zero.client.cancelOrder(-2)
            await zero.settle()
            await clock.advance(1)
            assert [row.perm_id for row in gateway.server.broker.working()] == [unbound.perm_id]


async def test_auto_open_orders_is_for_client_0_alone() -> None:
    async with serving() as gateway, client(gateway.port, 1) as ib:
        ib.reqAutoOpenOrders(True)
        await ib.advance(1)
        assert codes(ib) == [321]


async def test_global_cancel_ends_everybodys_orders_and_drafts() -> None:
    async with serving() as gateway, client(gateway.port, 1) as first, onlooker(gateway.port, 2) as second:
        first.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        first.placeOrder(stock(), LimitOrder("BUY", 10, 1.0, transmit=False))
        enter_by_hand(gateway, 1.0)
        await first.advance(1)
        second.reqGlobalCancel()
        await second.settle()
        await first.advance(1)
        assert gateway.server.broker.working() == []
        assert codes(first) == [202, 202]


async def test_completed_orders_of_clients_alone_or_of_all() -> None:
    async with serving() as gateway, client(gateway.port, 1) as ib:
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        enter_by_hand(gateway, 101.0)
        await ib.advance(2)
        assert len(await ib.reqCompletedOrdersAsync(True)) == 1
        assert len(await ib.reqCompletedOrdersAsync(False)) == 2


@pytest.mark.parametrize(
    ("wanted", "refs"),
    [
        ({}, ["a", "b", "c"]),
        ({"clientId": 2}, ["c"]),
        ({"symbol": "BBB"}, ["b"]),
        ({"side": "SELL"}, ["b"]),
        ({"secType": "STK"}, ["a", "b", "c"]),
        ({"secType": "OPT"}, []),
        ({"exchange": "NYSE"}, ["a", "b", "c"]),
        ({"exchange": "ARCA"}, []),
        ({"acctCode": "DU1234567", "symbol": "AAA", "clientId": 1}, ["a"]),
        ({"time": "20240305-14:30:10"}, ["c"]),
        ({"time": "20240305 09:30:10"}, ["c"]),
    ],
)
async def test_every_field_of_the_execution_filter_counts(wanted: dict[str, object], refs: list[str]) -> None:
    async with serving() as gateway, client(gateway.port, 1) as first, onlooker(gateway.port, 2) as second:
        first.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="a"))
        first.placeOrder(stock("BBB"), MarketOrder("SELL", 10, orderRef="b"))
        await first.advance(20)
        second.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="c"))
        await second.settle()
        await first.advance(2)
        found = await first.reqExecutionsAsync(ExecutionFilter(**wanted))
        assert sorted(fill.execution.orderRef for fill in found) == refs


async def test_an_account_that_is_not_written_exactly_is_refused() -> None:
    async with serving() as gateway, client(gateway.port, 1) as ib:
        ib.client.reqExecutions(77, ExecutionFilter(acctCode="DU123456"))
        ib.client.reqExecutions(78, ExecutionFilter(side="UP"))
        await ib.advance(1)
        assert [(req_id, code) for req_id, code, _ in ib.errors if code not in NOTICES] == [(77, 321), (78, 321)]


async def test_order_ids_and_owners_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway, client(gateway.port, 1) as ib:
        ib.client.placeOrder(50, stock(), LimitOrder("BUY", 10, 1.0, orderId=50, tif="GTC"))
        by_hand = enter_by_hand(gateway, 1.0)
        await ib.advance(1)
    async with serving(state_path=path) as gateway, client(gateway.port, 1) as ib, onlooker(gateway.port, 2) as other:
        assert gateway.server.broker.next_order_id(1) == 51
        other.client.cancelOrder(50)
        await other.settle()
        assert codes(other) == [10147]
        assert gateway.server.broker.orders[by_hand.perm_id].is_manual
        ib.client.cancelOrder(50)
        await ib.advance(1)
        assert [row.perm_id for row in gateway.server.broker.working()] == [by_hand.perm_id]
