"""What a fault is: a value that says what happens, and an effect that does it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt

from daemon.gateway.faults.frames import NUMBERS, ORDER_NEWS, Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.stage import Stage
from daemon.gateway.wire.messages import Request

Clock = Literal["market", "host"]


def _known_message(name: str) -> str:
    if name not in NUMBERS:
        raise ValueError(f"must be one of {', '.join(NUMBERS)}")
    return name


MessageName = Annotated[str, AfterValidator(_known_message), Field(json_schema_extra={"enum": list(NUMBERS)})]


class Fault(BaseModel):
    """A fault by name with its parameters; the docstring of each says what a client sees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clock: ClassVar[Clock] = "market"  # what `for` is measured in
    spares_nobody: ClassVar[bool] = False  # whether it is about all clients, so that none can be chosen
    effect: ClassVar["type[Effect[Fault]]"]

    name: str


class Counted(Fault):
    """A fault that hits single messages or requests, and can end by itself after some of them."""

    count: PositiveInt | None = Field(None, description="how many it hits before it ends; none = until it is ended")
    share: float = Field(1.0, gt=0, le=1, description="chance of each to be hit, drawn from the seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a fault acts, and what it may use."""

    stage: Stage
    rng: Random
    client: int | None  # None = every client
    symbol: str | None  # None = every symbol
    trigger: Link | None  # whose doing set it off
    finish: Callable[[], None]  # ends the fault; safe at any time

    def hits(self, link: Link) -> bool:
        """Return whether a client is concerned."""
        return self.client is None or link.client_id == self.client

    def wants(self, symbol: str | None) -> bool:
        """Return whether a symbol is concerned."""
        return self.symbol is None or symbol == self.symbol

    def is_about(self, link: Link, frame: Frame) -> bool:
        """Return whether a frame is about a symbol that is concerned."""
        return self.symbol is None or self._symbol_of(link, frame) == self.symbol

    def _symbol_of(self, link: Link, frame: Frame) -> str | None:
        broker = self.stage.broker
        if frame.kind == "commissionReport":
            rows = reversed(broker.executions)
            return next((row.symbol for row in rows if row.exec_id == frame.fields[2]), None)
        symbol = link.symbol_of(frame)
        if symbol is None and frame.kind in ORDER_NEWS:  # the order was placed over an earlier connection
            key, orders = (link.client_id, frame.subject), reversed(broker.orders.values())
            return next((row.symbol for row in orders if (row.client_id, row.order_id) == key), None)
        return symbol

    def links(self) -> list[Link]:
        """Return the clients that are concerned and ready."""
        return [link for link in self.stage.links() if link.connection.is_ready and self.hits(link)]


F_co = TypeVar("F_co", bound=Fault, covariant=True)


class Effect(Generic[F_co]):
    """What an active fault does. Each hook does nothing unless a fault overrides it."""

    def __init__(self, fault: F_co, scope: Scope) -> None:
        self.fault = fault
        self.scope = scope
        self._hits = 0

    def begin(self) -> None:
        """Act as the fault begins."""

    def end(self) -> None:
        """Undo what lasts."""

    def connected(self, link: Link) -> None:
        """Act on a new socket, before its first byte."""

    def request(self, link: Link, request: Request) -> bool:
        """Look at a request before it is handled; return True to keep it from the gateway."""
        return False

    def handled(self, link: Link, request: Request) -> None:
        """Look at a request that has been handled."""

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        """Return the frames to write in place of these."""
        return frames

    def strikes(self) -> bool:
        """Return whether the next message or request is hit, by share and count; the last one ends the fault."""
        fault = self.fault
        if not isinstance(fault, Counted):
            return True
        if fault.count is not None and self._hits >= fault.count:
            return False
        if fault.share < 1 and self.scope.rng.random() >= fault.share:
            return False
        self._hits += 1
        if self._hits == fault.count:
            self.scope.finish()
        return True


class Instant(Effect[F_co]):
    """An effect that is over as soon as it has begun."""

    def begin(self) -> None:
        """Act, then end."""
        self.act(self.scope.links())
        self.scope.finish()

    def act(self, links: Iterable[Link]) -> None:
        """Do it to these clients."""
        raise NotImplementedError


class EachFrame(Effect[F_co]):
    """An effect on single frames, one after another."""

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        """Put each frame through `each`."""
        return [kept for frame in frames for kept in self.each(link, frame)]

    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        """Return what to write in place of a frame."""
        raise NotImplementedError
