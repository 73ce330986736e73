"""The gateway that other projects' tests use, used as they do."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from ib_insync import IB, LimitOrder, MarketOrder, Stock, Trade

from daemon.domain.errors import ConfigError
from daemon.gateway.faults.scenario import BadScenario
from daemon.market.listing import UnknownSymbol
from daemon.testing.gateway import IbGateway, running_gateway

PATIENCE_S = 20.0
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "position_keeper"


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not look():  # noqa: ASYNC110 - what is waited for is anything that can be seen
            await asyncio.sleep(0.01)


@pytest.fixture
async def ib(ib_gateway: IbGateway) -> AsyncIterator[IB]:
    client = IB()
    await client.connectAsync(ib_gateway.host, ib_gateway.port, clientId=1)
    yield client
    client.disconnect()


async def placed(ib: IB, order: MarketOrder | LimitOrder, done: Callable[[Trade], bool]) -> Trade:
    (spy,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
    trade = ib.placeOrder(spy, order)
    await until(lambda: done(trade))
    return trade


@pytest.mark.ib_gateway(symbols=("SPY",), held=True)
async def test_market_time_stands_still_until_it_is_moved(ib: IB, ib_gateway: IbGateway) -> None:
    began = ib_gateway.market.now
    assert began == datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
    trade = await placed(ib, MarketOrder("BUY", 100), lambda trade: trade.orderStatus.status == "PendingSubmit")
    assert ib_gateway.market.now == began
    assert ib_gateway.ledger.positions == {}
    assert ib_gateway.market.advance(2) == began + timedelta(seconds=2)
    await until(trade.isDone)
    assert ib_gateway.ledger.positions == {"SPY": Decimal(100)}
    assert ib_gateway.market.advance_to(began + timedelta(minutes=10)) == began + timedelta(minutes=10)


@pytest.mark.ib_gateway(symbols=("SPY",), held=True)
async def test_released_market_time_runs_by_itself(ib: IB, ib_gateway: IbGateway) -> None:
    held = ib_gateway.market.advance(1)
    ib_gateway.market.release()
    await until(lambda: ib_gateway.market.now > held)


@pytest.mark.ib_gateway(symbols=("SPY",), held=True)
async def test_quotes_can_be_set_and_freed(ib: IB, ib_gateway: IbGateway) -> None:
    ib_gateway.market.quote("SPY", 499.0, 501.0, size=40)
    ib_gateway.market.advance(1)
    order = LimitOrder("BUY", 100, 501.0)
    trade = await placed(ib, order, lambda trade: trade.orderStatus.status == "PendingSubmit")
    ib_gateway.market.advance(2)
    await until(lambda: trade.orderStatus.filled == 40)
    assert [(row["quantity"], row["price"]) for row in ib_gateway.ledger.executions] == [("40", "501.00")]
    ib_gateway.market.quote("SPY", 500.0, 500.5, size=60)
    ib_gateway.market.advance(2)
    await until(trade.isDone)
    assert [row["price"] for row in ib_gateway.ledger.executions] == ["501.00", "500.50"]
    paid = 40 * Decimal("501.00") + 60 * Decimal("500.50")
    commission = sum(Decimal(row["commission"]) for row in ib_gateway.ledger.executions)
    assert ib_gateway.ledger.cash == 1_000_000 - paid - commission


@pytest.mark.ib_gateway(symbols=("SPY",), held=True)
async def test_a_halt_keeps_orders_waiting(ib: IB, ib_gateway: IbGateway) -> None:
    ib_gateway.market.halt("SPY")
    ib_gateway.market.advance(1)
    trade = await placed(ib, MarketOrder("BUY", 10), lambda trade: trade.orderStatus.status == "PendingSubmit")
    ib_gateway.market.advance(30)
    assert ib_gateway.ledger.positions == {}
    ib_gateway.market.free("SPY")
    ib_gateway.market.advance(5)
    await until(trade.isDone)
    assert ib_gateway.ledger.positions == {"SPY": Decimal(10)}


@pytest.mark.ib_gateway(symbols=("SPY",))
async def test_faults_begin_and_end(ib: IB, ib_gateway: IbGateway) -> None:
    number = ib_gateway.faults.start("order_refused", code=201)
    assert [fault["id"] for fault in ib_gateway.faults.active()] == [number]
    refused = await placed(ib, MarketOrder("BUY", 1), lambda trade: trade.isDone())
    assert refused.orderStatus.status == "Cancelled"
    ib_gateway.faults.stop(number)
    assert ib_gateway.faults.active() == []
    await placed(ib, MarketOrder("BUY", 1), lambda trade: trade.orderStatus.status == "Filled")


@pytest.mark.ib_gateway(symbols=("SPY",))
def test_mistakes_are_named(ib_gateway: IbGateway) -> None:
    with pytest.raises(BadScenario, match="order_refusd"):
        ib_gateway.faults.start("order_refusd")
    with pytest.raises(BadScenario, match="cod"):
        ib_gateway.faults.start("order_refused", cod=201)
    with pytest.raises(UnknownSymbol):
        ib_gateway.market.halt("NOPE")
    with pytest.raises(ValueError, match="back"):
        ib_gateway.market.advance(-1)
    with pytest.raises(ValueError, match="time zone"):
        ib_gateway.market.advance_to(datetime(2026, 3, 2, 15))  # noqa: DTZ001 - the mistake
    assert "order_refused" in [fault["name"] for fault in ib_gateway.faults.catalogue()]


def test_a_scenario_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text("faults:\n  - when: {order: 3}\n    fault: {name: order_refused, code: 201}\n")
    with running_gateway(symbols=("SPY",), scenario=file) as gateway:
        assert [(fault["state"], fault["when"]) for fault in gateway.faults.active()] == [("armed", {"order": 3})]


def test_a_gateway_that_cannot_run_says_why() -> None:
    with pytest.raises(ConfigError, match="paper account"), running_gateway(account="U1"):
        pytest.fail("a live account must be refused")


def test_a_stopped_gateway_refuses_calls_and_connections() -> None:
    with running_gateway(symbols=("SPY",)) as gateway:
        port = gateway.port
    with pytest.raises(RuntimeError, match="does not run"):
        gateway.faults.active()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_the_example_of_the_guide_runs_as_written() -> None:
    """Another project's suite, in a process of its own, with nothing but its own configuration."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=EXAMPLE, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "6 passed" in done.stdout
