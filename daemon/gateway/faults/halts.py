"""Faults of the market itself: halts, prices set by hand, thin books. Everybody sees them and orders fill by them."""

from typing import ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from daemon.gateway.faults.market import Intervention
from daemon.gateway.faults.model import Effect, F_co, Fault
from daemon.gateway.wire.market_responses import TickGeneric

_HALTED = 49  # tick type


class _OnMarket(Effect[F_co]):
    def intervention(self) -> Intervention:
        """Return what is done to the market."""
        raise NotImplementedError

    def begin(self) -> None:
        self._done = self.intervention()
        self.scope.stage.intervene(self._done)

    def end(self) -> None:
        self.scope.stage.let_go(self._done)


class _SymbolHalted(_OnMarket["SymbolHalted"]):
    def intervention(self) -> Intervention:
        return Intervention(kind="halt", symbol=self.scope.symbol, from_s=self.scope.stage.next_s)

    def begin(self) -> None:
        super().begin()
        self._tell(1.0)

    def end(self) -> None:
        super().end()
        self._tell(0.0)

    def _tell(self, value: float) -> None:
        for link in self.scope.stage.links():
            for req_id, stream in link.streams.items():
                if stream.kind == "quotes" and self.scope.wants(stream.symbol) and link.connection.is_ready:
                    link.say(TickGeneric(req_id=req_id, tick_type=_HALTED, value=value))


class SymbolHalted(Fault):
    """Trading halts: tick 49 says so, quotes are withdrawn (-1), nothing trades and no order fills until it ends."""

    effect: ClassVar = _SymbolHalted
    name: Literal["symbol_halted"] = "symbol_halted"


class _QuoteSet(_OnMarket["QuoteSet"]):
    def intervention(self) -> Intervention:
        fault = self.fault
        return Intervention(
            kind="quote",
            symbol=self.scope.symbol,
            from_s=self.scope.stage.next_s,
            bid=fault.bid,
            ask=fault.ask,
            sizes=(fault.size, fault.size),
        )


class QuoteSet(Fault):
    """The market's quote is what is set here, at both sides with one size; trades print in the middle."""

    effect: ClassVar = _QuoteSet
    name: Literal["quote_set"] = "quote_set"
    bid: float = Field(gt=0, allow_inf_nan=False)
    ask: float = Field(gt=0, allow_inf_nan=False)
    size: PositiveInt = 100

    @model_validator(mode="after")
    def _uncrossed(self) -> Self:
        """Refuse what no market shows; `bad_quotes` shows it to clients."""
        if self.ask < self.bid:
            raise ValueError(f"ask {self.ask} must not be below bid {self.bid}; bad_quotes shows clients crossed ones")
        return self


class _PartialFills(_OnMarket["PartialFills"]):
    def intervention(self) -> Intervention:
        return Intervention(
            kind="size",
            symbol=self.scope.symbol,
            from_s=self.scope.stage.next_s,
            sizes=(self.fault.smallest, self.fault.largest),
            seed=self.scope.rng.randrange(2**32),
        )


class PartialFills(Fault):
    """A thin book: at most a few units at the touch, drawn anew each second, so that orders fill in random parts."""

    effect: ClassVar = _PartialFills
    name: Literal["partial_fills"] = "partial_fills"
    smallest: PositiveInt = 1
    largest: PositiveInt = 20

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        """Refuse an empty range."""
        if self.largest < self.smallest:
            raise ValueError(f"largest {self.largest} must not be below smallest {self.smallest}")
        return self


MARKET_FAULTS: tuple[type[Fault], ...] = (SymbolHalted, QuoteSet, PartialFills)
