"""What faults may do to the gateway: its parts, by name, and nothing of how they are made."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from daemon.gateway.broker import Broker
from daemon.gateway.connection import Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.days import Days
from daemon.gateway.faults.bookings import Bookings
from daemon.gateway.faults.door import Door
from daemon.gateway.faults.latency import AdjustableLatency
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.market import ControlledMarket, Intervention
from daemon.gateway.service_market import MarketDesk
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.messages import Request


class Handler(Protocol):
    """Where requests go that no fault keeps."""

    def received(self, connection: Connection, request: Request) -> None:
        """Handle one request."""
        ...


@dataclass(slots=True, kw_only=True)
class Stage:
    """The gateway's parts."""

    timeline: Timeline
    days: Days
    contracts: Contracts
    broker: Broker
    bookings: Bookings
    desk: MarketDesk
    market: ControlledMarket
    latency: AdjustableLatency
    handler: Handler
    door: Callable[[], Door | None]  # None until the gateway runs
    links_by_connection: dict[Connection, Link] = field(default_factory=dict)
    timers: set[asyncio.TimerHandle] = field(default_factory=set)
    plans: list[tuple[int, int, Callable[[], object]]] = field(default_factory=list)  # by market time
    planned: int = 0

    @property
    def now_us(self) -> int:
        """Return the market time, microseconds since the epoch."""
        return self.timeline.now_us

    def links(self) -> list[Link]:
        """Return every connection, oldest first, ready or not."""
        return list(self.links_by_connection.values())

    def deliver(self, link: Link, request: Request) -> None:
        """Hand a request to the gateway as if it came now; nothing when the client is gone."""
        if link.connection in self.links_by_connection:
            self.handler.received(link.connection, request)
            link.connection.flush()

    def symbol_of(self, contract: Contract) -> str | None:
        """Return the symbol of a contract as a client wrote it, None when it is not listed."""
        listing = self.contracts.find(contract)
        return None if listing is None else listing.symbol

    def intervene(self, intervention: Intervention) -> None:
        """Do something to the market from the next second on."""
        self.market.intervene(intervention)
        self.days.begin()

    def let_go(self, intervention: Intervention) -> None:
        """End an intervention with the next second."""
        self.market.end(intervention, self.next_s)
        self.days.begin()

    @property
    def next_s(self) -> int:
        """Return the next whole second of market time, epoch seconds."""
        return self.now_us // SECOND_US + 1

    def at(self, at_us: int, action: Callable[[], object]) -> None:
        """Do something at a market time."""
        self.planned += 1
        heappush(self.plans, (at_us, self.planned, action))

    def delay_message(self, order_key: str, message: str, by_us: int) -> None:
        """Let the message of an order that is sent at this instant arrive later."""
        self.latency.delay(order_key, message, by_us)
        self.at(self.now_us + by_us + SECOND_US, lambda: self.latency.forget(order_key, message))

    def carry_out(self) -> None:
        """Do what was planned for the present instant or before."""
        while self.plans and self.plans[0][0] <= self.now_us:
            heappop(self.plans)[2]()

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something after host seconds, unless the gateway stops before."""

        def act() -> None:
            self.timers.discard(handle)
            action()

        handle = asyncio.get_running_loop().call_later(delay_s, act)
        self.timers.add(handle)

    def host_s(self) -> float:
        """Return host seconds, of which only differences mean anything."""
        return asyncio.get_running_loop().time()

    def stop(self) -> None:
        """Forget what was to be done later."""
        for handle in self.timers:
            handle.cancel()
        self.timers.clear()
