"""A streaming quote of an option: the touch of every stream, and what a model makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.gateway.connection import Connection
from daemon.gateway.days import SymbolDay
from daemon.gateway.source import DerivativeSource, MarketSource
from daemon.gateway.streams import QuoteStream, Send
from daemon.gateway.wire.market_responses import TickOptionComputation
from daemon.gateway.wire.messages import Response
from daemon.market.listing import Listing
from daemon.market.option_pricing import Greeks, OptionState, greeks, implied_volatility

BID_GREEKS, ASK_GREEKS, LAST_GREEKS, MODEL_GREEKS, CUSTOM_GREEKS = 10, 11, 12, 13, 53  # tick types
_EVERY_S = 5  # market seconds between two computations of one stream


@dataclass(slots=True, kw_only=True)
class OptionQuoteStream(QuoteStream):
    """The touch, and at most every five seconds the Greeks of bid, ask, last trade and model."""

    source: DerivativeSource
    respond: Callable[[Response], None]
    computed_row: int = -_EVERY_S  # second of the session
    last_minute: int = -1  # of the session, in which the Greeks of the last trade were told
    sent: dict[int, TickOptionComputation] = field(default_factory=dict)  # by tick type

    def second(self, day: SymbolDay, row: int, send: Send, *, force: bool = False) -> None:
        """Send what the second `row` changes."""
        QuoteStream.second(self, day, row, send, force=force)
        # A second before the last one computed belongs to another session.
        if not 0 <= row < day.seconds or (not force and 0 <= row - self.computed_row < _EVERY_S):
            return
        self.computed_row = row
        state = self.source.option_state(self.symbol, day.tape.session, row)
        if state is None:
            return
        self._computed(MODEL_GREEKS, state, greeks(state.terms, state.conditions, state.volatility))
        prices = {BID_GREEKS: day.bid[row], ASK_GREEKS: day.ask[row], LAST_GREEKS: day.last_trade(row)}
        for tick, price in prices.items():
            if price is None or not price > 0 or (tick == LAST_GREEKS and self._is_known(price, row)):
                continue
            volatility = implied_volatility(state.terms, state.conditions, price, near=state.volatility)
            known = None if volatility is None else greeks(state.terms, state.conditions, volatility)
            self._computed(tick, state, known, price)

    def _is_known(self, last: float, row: int) -> bool:
        """Return whether a last trade's Greeks need not be told: it is an old one, and they were within the minute."""
        known = self.sent.get(LAST_GREEKS)
        if known is not None and known.opt_price == last and self.last_minute == row // 60:
            return True
        self.last_minute = row // 60
        return False

    def _computed(self, tick: int, state: OptionState, known: Greeks | None, price: float | None = None) -> None:
        answer = computation(self.req_id, tick, state, known, price)
        if self.sent.get(tick) != answer:
            self.sent[tick] = answer
            self.respond(answer)


def quote_stream(connection: Connection, req_id: int, listing: Listing, source: MarketSource) -> QuoteStream:
    """Return the stream for a listing: with Greeks for an option of a market that knows what moves its value."""
    if listing.sec_type == "OPT" and isinstance(source, DerivativeSource):
        return OptionQuoteStream(
            req_id=req_id,
            symbol=listing.symbol,
            version=connection.version,
            source=source,
            respond=connection.respond,
        )
    return QuoteStream(req_id=req_id, symbol=listing.symbol, version=connection.version)


def computation(
    req_id: int, tick: int, state: OptionState, known: Greeks | None, price: float | None = None
) -> TickOptionComputation:
    """Return Greeks as they are sent; without a volatility that explains the price, only the prices are."""
    now = state.conditions
    if known is None:
        return TickOptionComputation(
            req_id=req_id, tick_type=tick, opt_price=-1.0 if price is None else price, und_price=now.price
        )
    return TickOptionComputation(
        req_id=req_id,
        tick_type=tick,
        implied_vol=known.volatility,
        delta=known.delta,
        opt_price=known.value if price is None else price,
        pv_dividend=state.dividend_value,
        gamma=known.gamma,
        vega=known.vega,
        theta=known.theta,
        und_price=now.price,
    )
