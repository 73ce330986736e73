"""A simulated IB Gateway in a thread of the test's own process, and what a test may do to it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from daemon.domain.errors import ConfigError
from daemon.gateway.faults.scenario import Scenario, read_scenario
from daemon.gateway.log import Fact
from daemon.gateway.options import FREE_RUNNING_SPEED, GatewayOptions
from daemon.gateway.server import GatewayServer
from daemon.gateway.source import MarketSource
from daemon.gateway.timeline import SECOND_US
from daemon.market.option_market import OptionMarket
from daemon.market.sessions import TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from daemon.market.universe import UNIVERSE
from daemon.testing.metronome import Metronome

T = TypeVar("T")
DEFAULT_START: Final = date(2026, 3, 2)
_PATIENCE_S: Final = 60.0  # host time until a call gives up
_TAPES_KEPT: Final = 8
_STANDSTILL_S: Final = 0.5  # host time after which a market is taken to stand still


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One line of the gateway's log."""

    name: str
    facts: Mapping[str, Fact]


class Market:
    """Market time and quotes. Time runs by itself until it is held."""

    def __init__(self, gateway: "IbGateway") -> None:
        self._gateway = gateway

    @property
    def now(self) -> datetime:
        """Return the market time, in UTC."""
        return self._gateway.call(lambda server: datetime.fromtimestamp(server.market_us / SECOND_US, UTC))

    def hold(self) -> None:
        """Stop market time; from now on it moves by `advance` alone."""
        self._gateway.hold()

    def release(self) -> None:
        """Let market time run by itself again."""
        self._gateway.release()

    def advance(self, seconds: float | timedelta) -> datetime:
        """Hold market time and let it run on by that much, as fast as it can; return where it is now."""
        step = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        if step < timedelta(0):
            raise ValueError(f"seconds: market time does not go back, was {step.total_seconds():g}")
        self._gateway.hold()
        return self.advance_to(self.now + step)

    def advance_to(self, moment: datetime) -> datetime:
        """Hold market time and let it run on to a moment with a time zone; return where it is now.

        Over a night it comes out at the next opening at the earliest: between sessions the market has no time.
        """
        if moment.tzinfo is None:
            raise ValueError(f"moment: needs a time zone, was {moment}")
        self._gateway.advance_to(round(moment.timestamp() * SECOND_US))
        return self.now

    def quote(self, symbol: str, bid: float, ask: float, *, size: int = 100) -> None:
        """Set the quote of a symbol from the next second on, until `free`; return then, unless market time is held.

        Raises:
            UnknownSymbol: the gateway does not list it.
            ValueError: no market shows such a quote.
        """
        self._gateway.call(lambda server: server.faults.quote(symbol, bid, ask, size=size))
        self._gateway.let_second_pass()

    def halt(self, symbol: str) -> None:
        """Halt a symbol from the next second on, until `free`; return then, unless market time is held."""
        self._gateway.call(lambda server: server.faults.halt(symbol))
        self._gateway.let_second_pass()

    def free(self, symbol: str) -> None:
        """End what `quote` and `halt` did to a symbol, from the next second on; return then, unless time is held."""
        self._gateway.call(lambda server: server.faults.release(symbol))
        self._gateway.let_second_pass()


class Faults:
    """Faults on demand; `docs/gateway-faults.md` and `catalogue` list them."""

    def __init__(self, gateway: "IbGateway") -> None:
        self._gateway = gateway

    def start(
        self,
        name: str,
        /,
        *,
        when: Mapping[str, Any] | None = None,
        lasting: float | str | None = None,
        **parameters: Any,
    ) -> int:
        """Begin a fault, at once or when its trigger fires; return its number.

        Args:
            name: as in the catalogue, such as "order_refused".
            when: trigger, client and symbol, as a scenario spells them: `{"order": 3}`, `{"symbol": "SPY"}`.
            lasting: how long, such as 30 (seconds) or "2m"; None = until stopped.
            parameters: of the fault.

        Raises:
            BadScenario: something is wrong with it; the message names the field and what it may be.
        """
        raw: dict[str, Any] = {"fault": {"name": name, **parameters}}
        if when:
            raw["when"] = dict(when)
        if lasting is not None:
            raw["for"] = lasting
        return self._gateway.call(lambda server: server.faults.start_from(raw))

    def stop(self, number: int) -> None:
        """End a fault and disarm its trigger."""
        self._gateway.call(lambda server: server.faults.stop(number))

    def stop_all(self) -> None:
        """End every fault."""
        self._gateway.call(lambda server: server.faults.stop_all())

    def active(self) -> list[dict[str, Any]]:
        """Return the faults that are armed or in force."""
        return self._gateway.call(lambda server: server.faults.active())

    def catalogue(self) -> list[dict[str, Any]]:
        """Return every fault there is, with the JSON schema of its parameters."""
        return self._gateway.call(lambda server: server.faults.catalogue())


class Books:
    """What the gateway really did, whatever clients were told."""

    def __init__(self, gateway: "IbGateway") -> None:
        self._gateway = gateway

    @property
    def orders(self) -> list[dict[str, Any]]:
        """Return every order, oldest first; quantities and prices as decimal text."""
        orders: list[dict[str, Any]] = self._read()["orders"]
        return orders

    @property
    def executions(self) -> list[dict[str, Any]]:
        """Return every execution, oldest first; quantities and prices as decimal text."""
        executions: list[dict[str, Any]] = self._read()["executions"]
        return executions

    @property
    def positions(self) -> dict[str, Decimal]:
        """Return what is held, by symbol (options by their local symbol), without what is flat."""
        held = {row["symbol"]: Decimal(row["quantity"]) for row in self._read()["positions"]}
        return {symbol: quantity for symbol, quantity in held.items() if quantity}

    @property
    def cash(self) -> Decimal:
        """Return the account's cash."""
        return Decimal(self._read()["cash"])

    def _read(self) -> dict[str, Any]:
        return self._gateway.call(lambda server: server.faults.ledger())


class IbGateway:
    """A gateway that runs. Everything may be called from any thread but the gateway's own; calls wait for it."""

    host: Final = "127.0.0.1"

    def __init__(self, options: GatewayOptions, source: MarketSource, scenario: Scenario | None) -> None:
        """Take what to run; `start` runs it."""
        self._options, self._source, self._scenario = options, source, scenario
        self._thread = threading.Thread(target=self._run, name="ib-gateway", daemon=True)
        self._listening: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: GatewayServer | None = None
        self._stop: asyncio.Event | None = None
        self._metronome: Metronome | None = None
        self.log: list[LoggedEvent] = []
        self.market = Market(self)
        self.faults = Faults(self)
        self.ledger = Books(self)

    @property
    def port(self) -> int:
        """Return the port on loopback."""
        return self._listening.result(_PATIENCE_S)

    @property
    def account(self) -> str:
        """Return the id of the account."""
        return self._options.account

    def start(self) -> None:
        """Run; return when clients can connect.

        Raises:
            PaperdError, OSError: what kept it from running.
        """
        self._thread.start()
        self._listening.result(_PATIENCE_S)

    def stop(self) -> None:
        """Close every connection and end the thread; harmless when it has ended."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_PATIENCE_S)

    def call(self, action: Callable[[GatewayServer], T]) -> T:
        """Return what `action` gives on the gateway's thread, where all of the server may be used."""

        async def act() -> T:
            if self._server is None:
                raise RuntimeError("the gateway has stopped")
            return action(self._server)

        return self._wait(act())

    def hold(self) -> None:
        """Stop market time until `release`; see `Market.hold`."""
        self.call(self._hold)

    def release(self) -> None:
        """Let market time run again."""
        self.call(self._release)

    def advance_to(self, at_us: int) -> None:
        """Hold market time and move it to a moment, µs since the epoch."""
        self.hold()

        async def move() -> None:
            if self._metronome is not None:
                await self._metronome.advance_to(at_us)

        self._wait(move())

    def let_second_pass(self) -> None:
        """Wait until the market's next second is over; not while it is held or stands still for want of clients."""
        if self._metronome is not None:
            return

        async def pass_by() -> None:
            server = self._server
            until_us = 0 if server is None else (server.market_us // SECOND_US + 1) * SECOND_US
            ends = asyncio.get_running_loop().time() + _STANDSTILL_S + 2 / self._pace
            while server is not None and server.market_us <= until_us:
                if asyncio.get_running_loop().time() > ends:
                    return
                await asyncio.sleep(0.001)

        self._wait(pass_by())

    @property
    def _pace(self) -> float:
        return self._options.speed or FREE_RUNNING_SPEED

    def _hold(self, server: GatewayServer) -> None:
        if self._metronome is None:
            self._metronome = Metronome(server)
            server.follow(self._metronome)

    def _release(self, server: GatewayServer) -> None:
        if self._metronome is not None:
            server.unfollow(self._metronome)
            self._metronome = None

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None or not self._thread.is_alive():
            work.close()
            raise RuntimeError("the gateway does not run")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._listening.done():
                raise
            self._listening.set_exception(error)  # `start` waits for it and raises it in the caller's thread

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._server = GatewayServer(self._options, self._source, self._take)
        if self._scenario is not None:
            self._server.faults.load(self._scenario)
        serving = asyncio.create_task(self._server.run(self._listening.set_result), name="gateway")
        stopping = asyncio.create_task(self._stop.wait(), name="gateway stop")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not serving.done():
            serving.cancel()
        await asyncio.wait({serving, stopping})
        if not serving.cancelled():
            serving.result()

    def _take(self, event: str, facts: dict[str, Fact], /) -> None:
        self.log.append(LoggedEvent(event, dict(facts)))


@contextmanager
def running_gateway(
    *,
    symbols: tuple[str, ...] = (),
    speed: float = 60.0,
    start: date = DEFAULT_START,
    seed: int = 1,
    cash: Decimal | int = 1_000_000,
    account: str = "DU1000001",
    fill_model: Literal["optimistic", "quote", "queue"] = "quote",
    scenario: Path | str | None = None,
    held: bool = False,
    source: MarketSource | None = None,
) -> Iterator[IbGateway]:
    """Run a gateway on a free port of loopback for as long as the block lasts.

    Args:
        symbols: what is listed; everything of the built-in market by default, with options on it.
        speed: market seconds per host second.
        start: first trading day; the first client's connection opens it.
        seed: of the market and of the latencies.
        cash: of the account.
        account: its id; paper ids begin with D.
        fill_model: how orders meet quotes; see docs/matching.md.
        scenario: a YAML file of faults.
        held: market time stands still until the test moves it.
        source: another market than the built-in one.

    Raises:
        ConfigError: an argument is not understood.
    """
    market = source or OptionMarket(
        SyntheticMarket(seed, TradingCalendar("XNYS"), list(symbols) or list(UNIVERSE), tapes_kept=_TAPES_KEPT)
    )
    try:
        options = GatewayOptions(
            seed=seed, speed=speed, start=start, initial_cash=Decimal(cash), account=account, fill_model=fill_model
        )
    except ValueError as error:
        raise ConfigError(f"gateway: {error}") from error
    gateway = IbGateway(options, market, read_scenario(Path(scenario)) if scenario is not None else None)
    gateway.start()
    try:
        if held:
            gateway.hold()
        yield gateway
    finally:
        gateway.stop()
