"""Faults of orders and executions through the real ib_insync client; the gateway's books stay true in each."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap"

from decimal import Decimal
from pathlib import Path

import pytest
from ib_insync import LimitOrder, MarketOrder, Trade

from daemon.gateway.faults.executions import ExecutionCorrected, ExecutionTimeText, TimeForm
from daemon.gateway.faults.halts import PartialFills
from daemon.gateway.faults.order_ends import CancelLate, CancelRefused, FillAfterCancel, FillOrder, OrderCancelled
from daemon.gateway.faults.orders import OrderHeld, OrderInactive, OrderRefused, OrderUnanswered, OrderWarned, ReadOnly
from daemon.gateway.faults.when import When
from daemon.gateway.ledger import Ledger
from tests.fakes.gateway_stage import SECOND, SESSION, Running, SteppedIB, client, serving, stock


def codes(ib: SteppedIB) -> list[int]:
    return [code for _, code, _ in ib.errors][3:]


def statuses(trade: Trade) -> list[str]:
    """Return the statuses in order, repetitions left out."""
    found: list[str] = []
    for entry in trade.log:
        if not found or found[-1] != entry.status:
            found.append(entry.status)
    return found


def story(ib: SteppedIB) -> list[str]:
    """Return a list that fills with what the client is told about orders, as it comes."""
    told: list[str] = []
    for number in (3, 5, 11, 59):
        handler = ib.client.decoder.handlers[number]

        def tap(fields: list[str], handler: object = handler, number: int = number) -> None:
            told.append({3: fields[2], 5: "openOrder", 11: "execution", 59: "commission"}[number])
            handler(fields)  # type: ignore[operator]

        ib.client.decoder.handlers[number] = tap
    return told


def books_agree(gateway: Running) -> None:
    """Check that positions and cash are what the executions make."""
    broker = gateway.server.broker
    cash, held = Decimal(1_000_000), dict.fromkeys(("AAA", "BBB"), Decimal(0))
    for row in broker.executions:
        signed = row.quantity if row.side == "BUY" else -row.quantity
        cash -= signed * row.price + row.commission
        held[row.symbol] += signed
    assert broker.account.cash == cash
    for symbol, position in broker.account.positions.items():
        assert position.quantity == held[symbol]
    for order in broker.orders.values():
        assert order.filled == sum(row.quantity for row in broker.executions if row.perm_id == order.perm_id)


@pytest.mark.parametrize("code", [201, 203, 110, 321, 200, 383, 460, 463, 10311])
async def test_orders_are_refused_and_leave_nothing_in_the_books(code: int) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        fault = OrderRefused.model_validate({"name": "order_refused", "code": code})
        gateway.server.faults.start(fault, when=When(symbol="AAA"))
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        kept = ib.placeOrder(stock("BBB"), MarketOrder("BUY", 10))
        await ib.advance(3)
        assert codes(ib) == [code]
        assert kept.orderStatus.status == "Filled"
        assert [row.symbol for row in gateway.server.broker.orders.values()] == ["BBB"]
        books_agree(gateway)


async def test_a_refused_change_leaves_the_order_alive() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        trade = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(1)
        gateway.server.faults.start(OrderRefused(code=110, hits="changes"))
        trade.order.lmtPrice = 2.0
        ib.placeOrder(stock(), trade.order)
        await ib.advance(1)
        assert codes(ib) == [110]
        (row,) = gateway.server.broker.working()
        assert (row.status, row.limit_price) == ("Submitted", 1)


async def test_every_third_order_is_refused() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        when = When(order=3, times=2)
        gateway.server.faults.start(OrderRefused(code=201, count=1), when=when)
        trades = [ib.placeOrder(stock(), MarketOrder("BUY", 1)) for _ in range(9)]
        await ib.advance(3)
        refused = [number for number, trade in enumerate(trades, 1) if trade.orderStatus.status == "Cancelled"]
        assert refused == [3, 6]
        assert gateway.server.faults.active() == []


async def test_read_only_refuses_orders_and_cancels() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        old = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(1)
        gateway.server.faults.start(ReadOnly())
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        ib.client.cancelOrder(old.order.orderId)
        await ib.advance(1)
        assert codes(ib) == [321, 321]
        assert [row.status for row in gateway.server.broker.orders.values()] == ["Submitted"]


async def test_an_order_nobody_tells_of_is_found_by_asking() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(OrderUnanswered(), when=When(symbol="AAA"))
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="silent"))
        other = ib.placeOrder(stock("BBB"), MarketOrder("BUY", 10))
        await ib.advance(3)
        assert statuses(trade) == ["PendingSubmit"]
        assert other.orderStatus.status == "Filled"
        assert {fill.execution.orderRef for fill in await ib.reqExecutionsAsync()} == {"silent", ""}
        books_agree(gateway)


async def test_held_order_gets_399_and_reaches_the_exchange_later() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(OrderHeld(by=60))
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(59)
        assert codes(ib) == [399]
        assert statuses(trade) == ["PendingSubmit", "PreSubmitted"]
        assert [row.status for row in gateway.server.broker.working()] == ["PreSubmitted"]
        await ib.advance(3)
        assert trade.orderStatus.status == "Filled"
        assert gateway.server.broker.executions[0].at_us >= (SESSION.open_s + 60) * SECOND
        books_agree(gateway)


async def test_a_later_order_of_the_same_reference_is_not_held() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(OrderHeld(by=5, count=1))
        ib.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="same"))
        await ib.advance(10)
        later = ib.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="same"))
        await ib.advance(2)
        assert later.orderStatus.status == "Filled"


async def test_inactive_order_becomes_submitted() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(OrderInactive(by=10, count=1))
        trade = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(5)
        assert trade.orderStatus.status == "Inactive"
        await ib.advance(10)
        assert statuses(trade)[1:] == ["PreSubmitted", "Inactive", "Submitted"]
        assert gateway.server.faults.active() == []


@pytest.mark.parametrize("code", [10349, 2109, 399])
async def test_a_warning_about_an_order_that_lives(code: int) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(OrderWarned.model_validate({"name": "order_warned", "code": code}))
        ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(1)
        assert codes(ib) == [code]
        assert [row.status for row in gateway.server.broker.working()] == ["Submitted"]


async def test_the_exchange_cancels_an_order_by_itself() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(OrderCancelled(count=1))
        gone = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(2)
        kept = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(2)
        assert (gone.orderStatus.status, kept.orderStatus.status) == ("Cancelled", "Submitted")
        assert codes(ib) == [202]


async def test_late_cancel_lets_the_order_fill_meanwhile() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        tape = gateway.source.tape("AAA", SESSION)
        gateway.server.faults.start(CancelLate(by=30))
        trade = ib.placeOrder(stock(), LimitOrder("SELL", 10, round(tape.bid[0] + 0.03, 2)))
        far = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(1)
        ib.cancelOrder(trade.order)
        ib.cancelOrder(far.order)
        await ib.advance(25)
        assert far.orderStatus.status == "PendingCancel"
        await ib.advance(60)
        assert (trade.filled(), far.orderStatus.status) == (
            0 if tape.bid[:31].max() < tape.bid[0] + 0.03 else 10,
            "Cancelled",
        )
        books_agree(gateway)


@pytest.mark.parametrize("code", [10147, 10148, 161])
async def test_refused_cancel_leaves_the_order_working(code: int) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        fault = CancelRefused.model_validate({"name": "cancel_refused", "code": code, "count": 1})
        gateway.server.faults.start(fault)
        trade = ib.placeOrder(stock(), LimitOrder("BUY", 10, 1.0))
        await ib.advance(1)
        ib.client.cancelOrder(trade.order.orderId)
        await ib.advance(1)
        assert codes(ib) == [code]
        assert len(gateway.server.broker.working()) == 1
        ib.client.cancelOrder(trade.order.orderId)
        await ib.advance(1)
        assert gateway.server.broker.working() == []


@pytest.mark.parametrize(("part", "filled", "status"), [("1", 10, "Filled"), ("0.3", 3, "Cancelled")])
async def test_fill_after_cancelled_counts(tmp_path: Path, part: str, filled: int, status: str) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(FillAfterCancel(by=30, part=Decimal(part)))
        trade = ib.placeOrder(stock(), LimitOrder("BUY", 10, 99.0))
        await ib.advance(1)
        ib.cancelOrder(trade.order)
        await ib.advance(2)
        assert trade.orderStatus.status == "Cancelled"
        assert trade.fills == []
        await ib.advance(30)
        assert [fill.execution.shares for fill in trade.fills] == [filled]
        assert trade.fills[0].commissionReport.commission > 0
        assert next(iter(gateway.server.broker.orders.values())).status == status
        assert {item.contract.symbol: item.position for item in ib.positions()} == {"AAA": filled}
        books_agree(gateway)
        books = Ledger.open_readonly(path)
        assert books.executions() == gateway.server.broker.executions
        assert books.cash() == gateway.server.broker.account.cash
        books.close()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("after_status", ["openOrder", "Filled", "execution", "commission"]),
        ("after_commission", ["openOrder", "Filled", "commission", "execution"]),
        ("without_status", ["execution", "openOrder", "commission"]),
    ],
)
async def test_fills_come_in_another_order(place: str, told: list[str]) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        seen = story(ib)
        gateway.server.faults.start(FillOrder.model_validate({"name": "fill_order", "place": place}))
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(3)
        assert seen[-len(told) :] == told
        assert trade.filled() == 10
        assert next(iter(gateway.server.broker.orders.values())).status == "Filled"


async def test_fill_comes_before_the_acknowledgement() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        seen = story(ib)
        gateway.server.faults.start(FillOrder(place="before_acknowledgement"))
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(3)
        assert seen.index("execution") < seen.index("PreSubmitted") < seen.index("Submitted") < seen.index("Filled")


async def test_correction_replaces_the_execution_in_the_books(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        gateway.server.faults.start(ExecutionCorrected(by=5, change=Decimal("0.50")))
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(3)
        first = trade.fills[0].execution
        ib.placeOrder(stock(), MarketOrder("SELL", 4))
        await ib.advance(10)
        second = trade.fills[1].execution
        assert (first.execId[-3:], second.execId) == (".01", first.execId[:-3] + ".02")
        assert round(second.price - first.price, 2) == 0.5
        assert trade.filled() == 20, "the library counts a correction twice; the books must not"
        broker = gateway.server.broker
        assert broker.executions[0].exec_id == second.execId
        assert broker.account.positions["AAA"].quantity == 6
        books_agree(gateway)
        held = broker.account.positions["AAA"]
        bought = broker.executions[0]
        paid = bought.quantity * bought.price + bought.commission
        assert held.cost == paid * 6 / 10
        books = Ledger.open_readonly(path)
        assert books.executions() == broker.executions
        assert books.positions() == broker.account.positions
        assert books.cash() == broker.account.cash
        books.close()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("zone", "20240305 09:30:0"),
        ("alias", "20240305 09:30:0"),
        ("no_zone", "20240305 09:30:0"),
        ("two_blanks", "20240305  09:30:0"),
        ("utc_dash", "20240305-14:30:0"),
    ],
)
async def test_execution_times_come_in_each_form(form: TimeForm, text: str) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        times: list[str] = []
        handler = ib.client.decoder.handlers[11]

        def tap(fields: list[str]) -> None:
            times.append(fields[15])
            handler([*fields[:15], "20240305 09:30:00 US/Eastern", *fields[16:]])

        ib.client.decoder.handlers[11] = tap
        gateway.server.faults.start(ExecutionTimeText(form=form))
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(3)
        (time,) = times
        assert time.startswith(text)
        zones = {"zone": " America/New_York", "alias": " US/Eastern"}
        assert time.endswith(zones.get(form, time[-1]))


async def test_partial_fills_are_random_and_the_same_for_a_seed() -> None:
    async def fills(seed: int) -> list[tuple[int, Decimal]]:
        async with serving() as gateway, client(gateway.port) as ib:
            gateway.server.faults.start(PartialFills(smallest=1, largest=9), seed=seed)
            await ib.advance(1)
            trade = ib.placeOrder(stock(), MarketOrder("BUY", 40, orderRef="r"))
            await ib.advance(60)
            assert trade.orderStatus.status == "Filled"
            books_agree(gateway)
            return [(row.at_us, row.quantity) for row in gateway.server.broker.executions]

    first, again, other = await fills(1), await fills(1), await fills(2)
    assert first == again != other
    assert len(first) > 4
    assert all(1 <= quantity <= 9 for _, quantity in first)
    assert sum(quantity for _, quantity in first) == 40
