"""How somebody else tests a trading program with paperd's gateway: no broker, no account, no market hours."""

import pytest
from ib_insync import IB
from position_keeper import Refused, held, reach


@pytest.fixture
async def ib(ib_gateway):
    """Return a connected client."""
    client = IB()
    await client.connectAsync(ib_gateway.host, ib_gateway.port, clientId=1)
    yield client
    client.disconnect()


async def test_reaches_its_target(ib, ib_gateway):
    assert await reach(ib, "SPY", 100) == 1
    assert ib_gateway.ledger.positions == {"SPY": 100}


async def test_sends_nothing_when_it_is_there(ib, ib_gateway):
    await reach(ib, "SPY", 100)
    assert await reach(ib, "SPY", 100) == 0
    assert len(ib_gateway.ledger.orders) == 1


@pytest.mark.ib_gateway(symbols=("SPY",), seed=7)
async def test_goes_short(ib, ib_gateway):
    await reach(ib, "SPY", -50)
    assert await held(ib, "SPY") == -50


async def test_a_refusal_is_an_error_and_is_not_sent_again(ib, ib_gateway):
    ib_gateway.faults.start("order_refused", code=201)
    with pytest.raises(Refused, match="rejected"):
        await reach(ib, "SPY", 100)
    assert ib_gateway.ledger.executions == []


async def test_a_halt_ends_in_a_cancel(ib, ib_gateway):
    ib_gateway.market.halt("SPY")
    with pytest.raises(TimeoutError):
        await reach(ib, "SPY", 100, patience_s=1.0)
    assert ib_gateway.ledger.positions == {}


async def test_a_fill_that_was_told_twice_counts_once(ib, ib_gateway):
    ib_gateway.faults.start("message_duplicated", message="execDetails")
    await reach(ib, "SPY", 100)
    assert await held(ib, "SPY") == 100
