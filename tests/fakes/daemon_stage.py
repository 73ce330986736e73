"""The whole daemon in the test's own loop, on a simulated gateway whose market time and faults the test has in hand.

Real are the gateway (a thread with real sockets), ib_insync, the heart, the journal on SQLite and every service that
`daemon.app` wires; left out are the control socket, the child that writes reports, and signals. Market time moves only
by `advance`, in lockstep, so that a test is the same on any machine.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from daemon.app import RunOptions
from daemon.domain.fill import execution_stem
from daemon.journal.past import read_past
from daemon.journal.writer import JournalWriter
from daemon.runtime.clock import MarketClock
from daemon.runtime.notify import Notifier
from daemon.settings.loading import load_settings
from daemon.simulation import restless
from daemon.simulation.machines import SimulatedDaemon
from daemon.simulation.setting import ACCOUNT_LIMITS, LIMITS
from daemon.testing.gateway import IbGateway, running_gateway
from tests.system.books import Books, Row

PATIENCE_S = 30.0  # host seconds until a test gives up
SYMBOLS = ("SPY", "QQQ")
RESTLESS = f"{restless.__file__}:{restless.Restless.__name__}"


def overrides(
    port: int,
    *,
    symbols: tuple[str, ...] = SYMBOLS,
    timeframes: tuple[str, ...] = ("30s",),
    **changes: object,
) -> dict[str, object]:
    """Return settings, as a file has them, under which nearly every bar brings an order."""
    strategy = {
        "id": "restless",
        "type": RESTLESS,
        "symbols": list(symbols),
        "timeframes": list(timeframes),
        "capital": "400000",
        "position_fraction": "0.1",
        "allow_short": True,
        "limits": dict(LIMITS),
    }
    return {
        "mode": "ibkr_paper",
        "instance": "stage",
        "ib": {"port": port, "client_id": 17, "backoff_s": [0.02, 0.05], "request_timeout_s": 5, "heartbeat_s": 3},
        "calendar": {"history_bars": 20},
        "strategies": [strategy],
        "limits": {"account": dict(ACCOUNT_LIMITS)},
        "logs": {"paper_log": False},
    } | changes


class Stage:
    """A running daemon, the gateway it trades on, and both their books."""

    def __init__(self, gateway: IbGateway, daemon: SimulatedDaemon, clock: MarketClock, books: Books) -> None:
        self.gateway = gateway
        self.daemon = daemon
        self.clock = clock
        self.books = books
        self.running: asyncio.Task[None] | None = None

    async def until(self, met: Callable[[], object], what: str) -> None:
        """Wait until `met` returns something true."""
        ends = asyncio.get_running_loop().time() + PATIENCE_S
        while not met():
            if self.running is not None and self.running.done():
                self.running.result()
                raise AssertionError(f"the daemon ended while the test waited for {what}")
            assert asyncio.get_running_loop().time() < ends, f"waited {PATIENCE_S:g} s for {what}"
            await asyncio.sleep(0.002)

    async def in_step(self) -> None:
        """Wait until the daemon agrees with the gateway on where things stand."""
        await self.until(lambda: self.daemon.orchestrator.link.is_synchronised, "the daemon to be in step")

    async def advance(self, seconds: float) -> None:
        """Let the market run on; the daemon has worked off all of it."""
        await self.in_step()
        now = await asyncio.to_thread(self.gateway.market.advance, seconds)
        await self.until(
            lambda: self.daemon.orchestrator.link.is_synchronised and self.clock.now() >= now,
            f"the daemon to reach {now}",
        )
        await self.daemon.orchestrator.sequencer.apply(())  # waits for the batch that is being worked off

    async def fault(self, name: str, **parameters: Any) -> int:
        """Start a fault of the gateway."""
        return await asyncio.to_thread(self.gateway.faults.start, name, **parameters)

    async def heal(self) -> None:
        """End every fault."""
        await asyncio.to_thread(self.gateway.faults.stop_all)

    async def stop(self) -> None:
        """End the daemon in order; the market goes on meanwhile, so that cancels are confirmed."""
        self.daemon.orchestrator.request_stop()
        while self.running is not None and not self.running.done():
            await asyncio.to_thread(self.gateway.market.advance, 1)
            await asyncio.sleep(0.02)
        if self.running is not None:
            self.running.result()

    def states(self) -> dict[str, list[str]]:
        """Return the states that each order went through, by its reference, as the journal has them."""
        seen: dict[str, list[str]] = {}
        for row in self.books.rows("order_event"):
            steps = seen.setdefault(row["order_ref"], [])
            if not steps or steps[-1] != row["state"]:
                steps.append(row["state"])
        return seen

    def status(self) -> dict[str, Any]:
        """Return what `paperd status` shows."""
        return dict(self.daemon.control.status())

    def alerts(self) -> list[str]:
        """Return the names of the alerts in the journal."""
        return [row["name"] for row in self.books.rows("alert")]

    def refused_by(self) -> Counter[tuple[str, str]]:
        """Return how often each control has refused an order, by instrument and control."""
        of = {row["decision_id"]: row["instrument"] for row in self.books.rows("decision")}
        return Counter(
            (of[row["decision_id"]], json.loads(row["checks"])[-1][0])
            for row in self.books.rows("risk_check", "passed = 0")
        )

    async def agree(self) -> None:
        """Assert that the journal holds exactly what the gateway did: invariants A to D."""
        ledger = await asyncio.to_thread(self.gateway.ledger._read)
        assert {row["exec_id"]: facts(row) for row in latest(self.books.rows("fill"))} == {
            row["exec_id"]: facts(row) for row in ledger["executions"]
        }
        sent = Counter(row["order_ref"] for row in ledger["orders"])
        assert {ref: count for ref, count in sent.items() if count > 1} == {}, "orders that were sent twice"
        assert set(sent) <= {row["order_ref"] for row in self.books.rows("intent")}
        ids = Counter(row["order_id"] for row in self.books.rows("order_ref") if not row["perm_id"])
        assert {number: count for number, count in ids.items() if count > 1} == {}, "order ids that were used twice"
        ours: Counter[str] = Counter()
        for strategy in self.status()["strategies"]:
            for symbol, quantity in strategy["positions"].items():
                ours[symbol] += Decimal(quantity)  # type: ignore[assignment]
        held = {row["symbol"]: Decimal(row["quantity"]) for row in ledger["positions"] if Decimal(row["quantity"])}
        assert {symbol: quantity for symbol, quantity in ours.items() if quantity} == held


@asynccontextmanager
async def trading(gateway: IbGateway, state: Path, **changes: Any) -> AsyncIterator[Stage]:
    """Run a daemon on `gateway` until the block ends; then it is stopped in order."""
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(await JournalWriter.open(state / "journal.db"))
        clock = MarketClock()
        daemon = SimulatedDaemon(
            load_settings(None, overrides(changes.pop("port", gateway.port), **changes), {}),
            RunOptions(state=state),
            clock=clock,
            journal=journal,
            past=await read_past(journal),
            notifier=Notifier(None),
        )
        # Orders in doubt never end: no test waits for them as long as a person's daemon does.
        daemon.orchestrator._intervals = replace(daemon.orchestrator._intervals, cancel_wait_s=0.3)
        stage = Stage(gateway, daemon, clock, Books(state))
        stage.running = asyncio.create_task(daemon.orchestrator.run(), name="daemon")
        try:
            yield stage
            await stage.stop()
        finally:
            stage.running.cancel()
            await asyncio.wait({stage.running})


@contextmanager
def held_gateway(**changes: Any) -> Iterator[IbGateway]:
    """Run a gateway whose market stands still until the test moves it."""
    with running_gateway(**{"symbols": SYMBOLS, "held": True, "seed": 7, **changes}) as gateway:
        yield gateway


def facts(row: Row) -> tuple[object, ...]:
    """Return what makes an execution: order, side, quantity, price."""
    return (row["order_ref"], row["side"], Decimal(row["quantity"]), Decimal(row["price"]))


def latest(fills: list[Row]) -> list[Row]:
    """Return the newest version of each execution."""
    newest: dict[str, Row] = {}
    for fill in fills:
        stem = execution_stem(fill["exec_id"])
        if stem not in newest or newest[stem]["exec_id"] < fill["exec_id"]:
            newest[stem] = fill
    return list(newest.values())
