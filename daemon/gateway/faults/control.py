"""Faults at work: starts, lets act and ends them. `FaultControl` is what tests, scenarios and the control API use."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from daemon.gateway.connection import Connection
from daemon.gateway.faults.frames import Frame
from daemon.gateway.faults.halts import QuoteSet, SymbolHalted
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Effect, Fault, Scope
from daemon.gateway.faults.scenario import Entry, Scenario, entry
from daemon.gateway.faults.stage import Stage
from daemon.gateway.faults.views import catalogue_view, ledger_view
from daemon.gateway.faults.when import ALWAYS, Armed, Happening, When, seconds
from daemon.gateway.log import GatewayLog
from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.messages import Request
from daemon.market.listing import UnknownSymbol


class UnknownFault(LookupError):
    """No fault has this number, or it has ended."""


@dataclass(slots=True, eq=False, kw_only=True)
class _Run:
    """An entry that waits for its trigger, or acts, or both."""

    number: int
    entry: Entry
    armed: Armed
    rng: Random
    effects: list["_Acting"]


@dataclass(slots=True, eq=False, kw_only=True)
class _Acting:
    """A fault in force."""

    run: _Run
    effect: Effect[Fault]
    begun_us: int
    until_us: int | None  # market time; None = until ended, or by host time
    is_over: bool = False


class FaultControl:
    """All faults of one gateway. Everything is synchronous and runs on the event loop's thread.

    In a test::

        number = gateway.faults.start(OrderRefused(code=201), when=When(order=3))
        ...
        gateway.faults.stop(number)
    """

    def __init__(self, stage: Stage, log: GatewayLog, *, seed: int = 0) -> None:
        """Take the gateway's parts; `seed` is what the chance of faults without one of their own is drawn from."""
        self.stage = stage
        self._log = log
        self._seed = seed
        self._numbers = count(1)
        self._runs: list[_Run] = []
        self._acting: list[_Acting] = []
        self._first_client_us: int | None = None
        self._fills_seen = len(stage.broker.executions)

    # What tests, scenarios and the control API call.

    def start(
        self, fault: Fault, *, when: When | None = None, lasting: float | str | None = None, seed: int | None = None
    ) -> int:
        """Begin a fault, at once or when its trigger fires, and return its number.

        Args:
            fault: what happens.
            when: trigger, and which client and symbol are concerned; None = at once, all of them.
            lasting: how long, such as 30 (seconds) or "2m", in the fault's own clock; None = until stopped.
            seed: of its chance.
        """
        length = None if lasting is None else seconds(lasting)
        return self.add(Entry(fault=fault, when=when or ALWAYS, lasting_s=length, seed=seed))

    def start_from(self, raw: Mapping[str, Any]) -> int:
        """Begin a fault that plain values spell, as one entry of a scenario does; return its number.

        Raises:
            BadScenario: something is wrong with it.
        """
        return self.add(entry(raw))

    def load(self, scenario: Scenario) -> list[int]:
        """Begin all faults of a scenario; return their numbers."""
        return [self.add(item, seed=f"{scenario.seed}|{at}") for at, item in enumerate(scenario.entries)]

    def add(self, item: Entry, *, seed: str | None = None) -> int:
        """Begin an entry and return its number."""
        number = next(self._numbers)
        rng = Random(str(item.seed) if item.seed is not None else seed or f"{self._seed}|{number}")
        run = _Run(number=number, entry=item, armed=Armed(item.when, rng), rng=rng, effects=[])
        self._runs.append(run)
        if item.when.trigger is None and not item.when.is_timed:
            self._begin(run, None)
        else:
            self._log("fault.armed", {"number": number, "fault": item.fault.name})
        self._flush()
        return number

    def stop(self, number: int) -> None:
        """End a fault and disarm its trigger.

        Raises:
            UnknownFault: there is no such fault, or it has ended.
        """
        run = next((run for run in self._runs if run.number == number), None)
        if run is None:
            raise UnknownFault(number)
        self._runs.remove(run)
        for acting in tuple(run.effects):
            self._end(acting)
        self._flush()

    def stop_all(self) -> None:
        """End every fault."""
        for run in tuple(self._runs):
            self.stop(run.number)

    def active(self) -> list[dict[str, Any]]:
        """Return every fault that is armed or in force, oldest first, as plain values."""
        return [
            {
                "id": run.number,
                "fault": run.entry.fault.model_dump(mode="json"),
                "when": run.entry.when.model_dump(mode="json", exclude_defaults=True),
                "state": "active" if run.effects else "armed",
                "begun_us": [acting.begun_us for acting in run.effects],
            }
            for run in self._runs
        ]

    @staticmethod
    def catalogue() -> list[dict[str, Any]]:
        """Return every fault there is: name, what it does, the clock of `for`, JSON schema of its parameters."""
        return catalogue_view()

    def halt(self, symbol: str) -> int:
        """Halt a symbol from the next second on; return the number to end it by.

        Raises:
            UnknownSymbol: it is not listed.
        """
        return self.start(SymbolHalted(), when=When(symbol=self._listed(symbol)))

    def quote(self, symbol: str, bid: float, ask: float, *, size: int = 100) -> int:
        """Set a symbol's quote from the next second on, in place of one set before; return the number to end it by.

        Raises:
            UnknownSymbol: it is not listed.
            ValidationError: no market shows such a quote.
        """
        fault, when = QuoteSet(bid=bid, ask=ask, size=size), When(symbol=self._listed(symbol))
        self.release(symbol, QuoteSet)
        return self.start(fault, when=when)

    def release(self, symbol: str, kind: type[Fault] = Fault) -> None:
        """End what was done to a symbol's market: halts, quotes, or (by default) both."""
        for run in tuple(self._runs):
            fault, on_symbol = run.entry.fault, run.entry.when.symbol == symbol and run.effects
            if on_symbol and isinstance(fault, SymbolHalted | QuoteSet) and isinstance(fault, kind):
                self.stop(run.number)

    def ledger(self) -> dict[str, Any]:
        """Return what the gateway really did, as plain values: orders, executions, positions, cash, market time."""
        return ledger_view(self.stage.broker, self.stage.now_us)

    def _listed(self, symbol: str) -> str:
        if symbol not in self.stage.market.listings:
            raise UnknownSymbol(symbol, list(self.stage.market.listings))
        return symbol

    # What the gateway tells.

    @property
    def is_idle(self) -> bool:
        """Return whether no fault is in force."""
        return not self._acting

    @property
    def is_quiet(self) -> bool:
        """Return whether no fault is in force and none waits."""
        return not self._runs

    def link(self, connection: Connection) -> Link | None:
        """Return what faults know of a connection."""
        return self.stage.links_by_connection.get(connection)

    def opened(self, link: Link) -> None:
        """A socket was accepted."""
        self.stage.links_by_connection[link.connection] = link
        self.happened(Happening(kind="connect"), link)
        for acting in tuple(self._acting):
            acting.effect.connected(link)

    def closed(self, connection: Connection) -> None:
        """A socket is gone."""
        link = self.stage.links_by_connection.pop(connection, None)
        if link is not None:
            link.forget()

    def joined(self) -> None:
        """A client is ready."""
        if self._first_client_us is None:
            self._first_client_us = self.stage.now_us

    def happened(self, event: Happening, link: Link | None) -> None:
        """Let triggers count something."""
        for run in tuple(self._runs):
            if run.armed.sees(event):
                self._begin(run, link)

    def keeps(self, link: Link, request: Request) -> bool:
        """Return whether a fault keeps a request from the gateway."""
        return any(
            acting.effect.request(link, request) for acting in tuple(self._acting) if self._concerns(acting, link)
        )

    def handled(self, link: Link, request: Request) -> None:
        """A request has been handled."""
        for acting in tuple(self._acting):
            if self._concerns(acting, link):
                acting.effect.handled(link, request)

    def filtered(self, link: Link, frames: list[Frame]) -> list[Frame]:
        """Return the frames to write in place of these."""
        for acting in tuple(self._acting):
            if self._concerns(acting, link):
                frames = acting.effect.outgoing(link, frames)
        return frames

    def tick(self) -> None:
        """Everything of one instant of the market has happened; nothing of it is written yet."""
        self.stage.carry_out()
        if self._runs:
            self._count_fills()
            now_us = self.stage.now_us
            for acting in tuple(self._acting):
                if acting.until_us is not None and acting.until_us <= now_us:
                    self._end(acting)
            for run in tuple(self._runs):
                due_us = self._trigger_us(run)
                if due_us is not None and due_us <= now_us and run.armed.strikes():
                    self._begin(run, None)
                self._drop_if_spent(run)
        else:
            self._fills_seen = len(self.stage.broker.executions)
        for link in self.stage.links():
            link.release(self.stage.now_us)

    def due_us(self) -> int | None:
        """Return the market time at which faults have something to do next."""
        times = [acting.until_us for acting in self._acting]
        times += [self._trigger_us(run) for run in self._runs]
        times += [link.held_us() for link in self.stage.links()]
        times += [plan[0] for plan in self.stage.plans[:1]]
        now_us = self.stage.now_us
        return min((time for time in times if time is not None and time > now_us), default=None)

    def close(self) -> None:
        """The gateway stops."""
        self.stage.stop()

    def _count_fills(self) -> None:
        executions = self.stage.broker.executions
        fresh, self._fills_seen = executions[self._fills_seen :], len(executions)
        for row in fresh:
            self.happened(Happening(kind="fill", client=row.client_id, symbol=row.symbol), None)

    def _trigger_us(self, run: _Run) -> int | None:
        zone = self.stage.market.calendar.timezone
        return run.armed.due_us(self.stage.now_us, self._first_client_us, zone) if run.entry.when.is_timed else None

    def _begin(self, run: _Run, link: Link | None) -> None:
        item, stage = run.entry, self.stage
        lasting_us = None if item.lasting_s is None else round(item.lasting_s * SECOND_US)
        by_host = item.fault.clock == "host"
        acting: _Acting
        scope = Scope(
            stage=stage,
            rng=run.rng,
            client=item.when.client,
            symbol=item.when.symbol,
            trigger=link,
            finish=lambda: self._end(acting),
        )
        acting = _Acting(
            run=run,
            effect=item.fault.effect(item.fault, scope),
            begun_us=stage.now_us,
            until_us=None if by_host or lasting_us is None else stage.now_us + lasting_us,
        )
        run.effects.append(acting)
        self._acting.append(acting)
        self._log("fault.began", {"number": run.number, "fault": item.fault.name, "market_us": stage.now_us})
        if by_host and item.lasting_s is not None:
            stage.later(item.lasting_s, lambda: self._expire(acting))
        acting.effect.begin()

    def _end(self, acting: _Acting) -> None:
        if acting.is_over:
            return
        acting.is_over = True
        self._acting.remove(acting)
        acting.run.effects.remove(acting)
        acting.effect.end()
        self._log(
            "fault.ended",
            {"number": acting.run.number, "fault": acting.run.entry.fault.name, "market_us": self.stage.now_us},
        )
        self._drop_if_spent(acting.run)

    def _expire(self, acting: _Acting) -> None:
        self._end(acting)
        self._flush()

    def _drop_if_spent(self, run: _Run) -> None:
        when = run.entry.when
        at_once = when.trigger is None and not when.is_timed
        if not run.effects and (at_once or run.armed.is_spent) and run in self._runs:
            self._runs.remove(run)

    @staticmethod
    def _concerns(acting: _Acting, link: Link) -> bool:
        client = acting.run.entry.when.client
        return not acting.is_over and (client is None or link.client_id in {client, -1})

    def _flush(self) -> None:
        for link in self.stage.links():
            link.connection.flush()
