"""The relay between a real client and the real gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from ib_insync import IB, MarketOrder, Stock

from daemon.drills.relay import Passed, Relay
from daemon.journal.writer import JournalWriter
from daemon.runtime.clock import MarketClock
from daemon.simulation.witness import Journaled
from daemon.testing.gateway import IbGateway, running_gateway

PATIENCE_S = 30.0


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    """Return the file of an empty journal."""
    async with await JournalWriter.open(tmp_path / "journal.db"):
        return tmp_path / "journal.db"


@pytest.fixture
def gateway() -> Iterator[IbGateway]:
    with running_gateway(symbols=("SPY",), speed=60) as running:
        yield running


@pytest.fixture
async def relay(journal: Path, gateway: IbGateway) -> AsyncIterator[Relay]:
    between = Relay(journal, MarketClock())
    await between.open()
    between.gateway_port = gateway.port
    yield between
    await between.close()


async def eventually(look: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not look():  # noqa: ASYNC110 - the gateway runs in another thread
            await asyncio.sleep(0.02)


async def client(relay: Relay, client_id: int = 5) -> IB:
    ib = IB()  # type: ignore[no-untyped-call]
    await ib.connectAsync("127.0.0.1", relay.port, clientId=client_id, timeout=PATIENCE_S)
    return ib


def order(ib: IB, ref: str) -> None:
    ib.placeOrder(Stock("SPY", "SMART", "USD"), MarketOrder("BUY", 10, orderRef=ref, tif="DAY"))


async def test_order_passes_and_is_looked_up_in_the_journal(relay: Relay, gateway: IbGateway) -> None:
    ib = await client(relay)
    order(ib, "never-journaled")
    await eventually(lambda: gateway.ledger.executions)
    ib.disconnect()  # type: ignore[no-untyped-call]
    (passed,) = relay.passed
    assert (passed.order_ref, passed.symbol) == ("never-journaled", "SPY")
    assert passed.connected_at < passed.at
    assert passed.was == Journaled(has_intent=False, has_order_id=False, is_sending=False, reduces=False)
    assert [row["order_ref"] for row in gateway.ledger.orders] == ["never-journaled"]


async def test_order_that_is_kept_never_reaches_the_gateway_nor_does_what_follows(
    relay: Relay, gateway: IbGateway
) -> None:
    kept: list[Passed] = []

    def keep(passed: Passed) -> bool:
        kept.append(passed)
        return False

    ib = await client(relay)
    relay.on_order = keep
    order(ib, "kept")
    order(ib, "behind-it")
    await eventually(lambda: kept)
    ib.disconnect()  # type: ignore[no-untyped-call]
    relay.on_order = lambda _passed: True
    later = await client(relay, client_id=6)
    order(later, "later")
    await eventually(lambda: gateway.ledger.orders)
    later.disconnect()  # type: ignore[no-untyped-call]
    assert [passed.order_ref for passed in kept] == ["kept"]
    assert [row["order_ref"] for row in gateway.ledger.orders] == ["later"]


async def test_what_lingers_keeps_the_client_id_in_use_until_it_is_let_go(relay: Relay) -> None:
    relay.lingers = True
    first = await client(relay)
    first.disconnect()  # type: ignore[no-untyped-call]
    await eventually(lambda: not relay.connected)
    refused = IB()  # type: ignore[no-untyped-call]
    codes: list[int] = []
    refused.errorEvent += lambda _id, code, *_: codes.append(code)
    with pytest.raises((ConnectionError, TimeoutError)):
        await refused.connectAsync("127.0.0.1", relay.port, clientId=5, timeout=3)
    assert 326 in codes
    relay.let_go()
    again = await client(relay)
    assert again.isConnected()
    again.disconnect()  # type: ignore[no-untyped-call]


async def test_gateway_that_cannot_be_reached_ends_the_connection_at_once(relay: Relay) -> None:
    relay.gateway_port = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    try:
        ended = await asyncio.wait_for(reader.read(1), PATIENCE_S) == b""
    except ConnectionResetError:
        ended = True
    assert ended
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()
