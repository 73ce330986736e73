"""What the wire says reaches the sink as it was said, and nothing else does."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from daemon.adapters.ib.broker import IbBroker
from daemon.domain.callbacks import (
    BrokerErrorReported,
    CommissionReported,
    ExecutionReported,
    OrderReported,
    OrderStatusReported,
    PositionReported,
)
from daemon.domain.errors import BrokerUnavailable
from daemon.domain.instrument import Instrument
from daemon.domain.order import Side
from daemon.ports import OrderTicket
from tests.component.adapters.conftest import Running
from tests.fakes.callback_log import CallbackLog
from tests.fakes.scripted_gateway import (
    Answer,
    ScriptedGateway,
    Session,
    completed_order,
    execution,
    open_order,
    position,
)

SPY = Instrument(symbol="SPY")


def ticket(order_id: int, **changes: object) -> OrderTicket:
    values: dict[str, object] = {
        "order_id": order_id, "order_ref": "pd-1", "instrument": SPY, "side": Side.BUY, "quantity": Decimal(100),
        "order_type": "MKT", "limit_price": None, "time_in_force": "DAY",
    }  # fmt: skip
    return OrderTicket(**(values | changes))  # type: ignore[arg-type]


def status(order_id: int, word: str, filled: int = 0, remaining: int = 100) -> list[object]:
    return [3, order_id, word, filled, remaining, 0.0, 900, 0, 0.0, 7, "", 0.0]


def saying(*messages: list[object]) -> Answer:
    """Answer with these messages, whatever was asked."""

    def answer(session: Session, _message: list[str]) -> None:
        for message in messages:
            session.send(*message)

    return answer


async def test_order_goes_out_whole_and_at_once(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(version=157) as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        broker = IbBroker(connection)
        order_id = broker.reserve_order_id()
        broker.submit(ticket(order_id, order_type="LMT", limit_price=Decimal("450.25")))
        (message,) = await session.wait_for(3)
        assert len(message) == 110
        assert (message[1], message[3], message[16], message[17], message[18]) == ("101", "SPY", "BUY", "100", "LMT")
        assert (message[19], message[20], message[21], message[23]) == ("450.25", "", "DAY", "DU1234567")
        assert (message[26], message[33]) == ("pd-1", "0")
        broker.submit(ticket(102, order_type="STP", limit_price=Decimal(440), quantity=Decimal("0.5")))
        stop = (await session.wait_for(3, 2))[1]
        assert (stop[17], stop[19], stop[20]) == ("0.5", "", "440.0")
        broker.cancel(102)
        assert (await session.wait_for(4))[0][:3] == ["4", "1", "102"]
        assert broker.reserve_order_id() == 103


async def test_nothing_is_sent_while_down(running: Running, sink: CallbackLog) -> None:
    gateway = ScriptedGateway()
    await gateway.listen()
    await gateway.stop()
    async with running(gateway.port) as connection:
        broker = IbBroker(connection)
        assert not broker.is_connected
        with pytest.raises(BrokerUnavailable):
            broker.submit(ticket(1))
        with pytest.raises(BrokerUnavailable):
            broker.cancel(1)
        with pytest.raises(BrokerUnavailable):
            await broker.snapshot()
        broker.acknowledge_instant()  # does nothing


@pytest.mark.parametrize("code", [10349, 399, 2109, 104, 105, 161, 321, 10147, 10148, 201, 110, 463])
async def test_no_status_is_ever_made_up_from_an_error(code: int, running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(version=157) as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        IbBroker(connection).submit(ticket(101))
        await session.wait_for(3)
        session.send(*open_order(order_id=101, ref="pd-1"))
        session.send(*status(101, "Submitted"))
        session.send(4, 2, 101, code, "Order TIF was set to DAY based on order preset.")
        session.send(*status(101, "Filled", 100, 0))
        await sink.wait_for(OrderStatusReported, 2)
        assert [one.status for one in sink.of(OrderStatusReported)] == ["Submitted", "Filled"]
        (error,) = [one for one in sink.of(BrokerErrorReported) if one.request_id == 101]
        assert error.code == code


async def test_duplicates_corrections_and_late_fills_arrive_as_they_are(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(version=157) as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        session.send(*status(101, "Cancelled"))
        session.send(*status(101, "Cancelled"))
        session.send(*execution(exec_id="0000e0d5.01.01"))
        session.send(*execution(exec_id="0000e0d5.01.02", price="450.26", shares="41"))
        session.send(59, 1, "0000e0d5.01.01", "1.0", "USD", "1.7976931348623157E308", "1.7976931348623157E308", "")
        await sink.wait_for(CommissionReported)
        assert len(sink.of(OrderStatusReported)) == 2
        first, second = sink.of(ExecutionReported)
        assert (first.quantity, first.price, first.side) == (Decimal(40), Decimal("450.25"), Side.BUY)
        assert first.executed_at == datetime(2026, 11, 20, 20, 30, 1, tzinfo=UTC)
        assert (second.exec_id, second.price) == ("0000e0d5.01.02", Decimal("450.26"))
        assert sink.of(CommissionReported) == [
            CommissionReported(exec_id="0000e0d5.01.01", amount=Decimal(1), currency="USD")
        ]


async def test_library_keeps_nothing_of_orders_and_fills(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(version=157) as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        session.send(*open_order(order_id=101, ref="pd-1"))
        session.send(*execution(exec_id="a.01"))
        session.send(*position(quantity="40"))
        await sink.wait_for(PositionReported)
        wrapper = connection.current().wrapper
        kept = (
            wrapper.trades,
            wrapper.fills,
            wrapper.permId2Trade,
            wrapper.positions,
            wrapper._futures,
            wrapper._results,
        )
        assert not any(kept)


async def test_snapshot_holds_what_belongs_to_each_end_marker(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(version=157) as gateway, running(gateway.port) as connection:
        await connection.until_up()

        def executions(session: Session, message: list[str]) -> None:
            session.send(*execution(exec_id="a.01", request_id=int(message[2]), side="SLD"))
            session.send(59, 1, "a.01", "0.5", "USD", "", "", "")
            session.send(55, 1, message[2])

        gateway.answers[16] = saying(open_order(order_id=101, ref="pd-1", status="PreSubmitted"), [53, 1])
        completed = completed_order(ref="pd-0", perm_id=800, status="Cancelled", filled="25.5")
        gateway.answers[99] = saying(completed, [102])
        gateway.answers[7] = executions
        pushed = position(quantity="-30")  # IB goes on pushing what was asked for once
        others = position(quantity="7", account="DU9")
        gateway.answers[61] = saying(pushed, position(quantity="-40"), others, [62, 1])
        snapshot = await IbBroker(connection).snapshot()
        (order,), (done,), (fill,), (held,) = (
            snapshot.orders, snapshot.completed, snapshot.executions, snapshot.positions,
        )  # fmt: skip
        assert (order.order_ref, order.order_id, order.client_id, order.status) == ("pd-1", 101, 7, "PreSubmitted")
        assert (done.order_ref, done.order_id, done.perm_id, done.completed, done.filled) == (
            "pd-0", 0, 800, True, Decimal("25.5"),
        )  # fmt: skip
        assert (fill.side, fill.account) == (Side.SELL, "DU1234567")
        assert held.quantity == Decimal(-40)
        # and the sink heard it all as well
        assert sink.of(OrderReported) == [order, done]
        assert sink.of(CommissionReported)[0].amount == Decimal("0.5")


async def test_what_if_answer_is_no_order(running: Running, sink: CallbackLog) -> None:
    async with ScriptedGateway(version=157) as gateway, running(gateway.port) as connection:
        await connection.until_up()
        session = await gateway.session()
        session.send(*open_order(order_id=101, ref="pd-1", what_if=True, margin="100.0"))
        session.send(*status(102, "Submitted"))
        await sink.wait_for(OrderStatusReported)
        assert sink.of(OrderReported) == []


async def test_account_values_are_those_of_the_account(running: Running, sink: CallbackLog) -> None:
    def summary(session: Session, message: list[str]) -> None:
        session.send(63, 1, message[2], "DU1234567", "NetLiquidation", "1000000.50", "USD")
        session.send(63, 1, message[2], "DU9", "NetLiquidation", "5", "USD")
        session.send(64, 1, message[2])

    async with ScriptedGateway() as gateway, running(gateway.port) as connection:
        gateway.answers[62] = summary
        await connection.until_up()
        session = await gateway.session()
        assert await IbBroker(connection).account_values() == {"NetLiquidation": "1000000.50"}
        await session.wait_for(63)  # the summary was cancelled
