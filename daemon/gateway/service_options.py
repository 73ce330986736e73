"""Answers about options: chains, implied volatilities and prices on request, exercise."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from daemon.gateway.connection import Connection
from daemon.gateway.contracts import OPTION_EXCHANGES, Contracts
from daemon.gateway.exercise import ExerciseBooks, OptionExercise
from daemon.gateway.option_stream import CUSTOM_GREEKS, computation
from daemon.gateway.source import DerivativeSource, MarketSource
from daemon.gateway.subscriptions import UNKNOWN_CONTRACT
from daemon.gateway.timeline import Timeline
from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.market_requests import (
    CalculateImpliedVolatility,
    CalculateOptionPrice,
    CancelCalculateImpliedVolatility,
    CancelCalculateOptionPrice,
    ExerciseOptions,
)
from daemon.gateway.wire.reference_requests import ReqSecDefOptParams
from daemon.gateway.wire.reference_responses import SecDefOptParam, SecDefOptParamEnd
from daemon.market.listing import Listing
from daemon.market.option_pricing import OptionState, greeks, implied_volatility

_EXERCISE, _LAPSE = 1, 2


class OptionDesk:
    """Requests about options, answered at once, at the frozen market time."""

    def __init__(
        self,
        *,
        source: MarketSource,
        contracts: Contracts,
        timeline: Timeline,
        account: str,
        books: Callable[[], ExerciseBooks],
    ) -> None:
        self._source = source if isinstance(source, DerivativeSource) else None
        self._contracts = contracts
        self._timeline = timeline
        self._account = account
        self._books = books

    def option_parameters(self, connection: Connection, request: ReqSecDefOptParams) -> None:
        """Tell expirations and strikes of each trading class on each exchange; nothing for what has no options."""
        underlying = self._contracts.find(Contract(con_id=request.underlying_con_id))
        if (
            underlying is None
            or request.underlying_sec_type not in {"", underlying.sec_type}
            or request.underlying_symbol not in {"", underlying.ticker}
        ):
            connection.error(request.req_id, 200, UNKNOWN_CONTRACT)
            return
        if self._source is not None and not request.fut_fop_exchange:
            self._send_chains(connection, request.req_id, underlying, self._source)
        connection.respond(SecDefOptParamEnd(req_id=request.req_id))

    def implied_volatility(self, connection: Connection, request: CalculateImpliedVolatility) -> None:
        """Answer with the volatility that gives a price, and its Greeks."""
        found = self._state(connection, request.req_id, request.contract, request.under_price)
        if found is None:
            return
        volatility = implied_volatility(found.terms, found.conditions, request.option_price)
        if volatility is None:
            text = (
                "Error validating request.-'optionPrice' : cause - No volatility gives the option price "
                f"{request.option_price:g} at an underlying of {found.conditions.price:g}."
            )
            connection.error(request.req_id, 321, text)
            return
        known = greeks(found.terms, found.conditions, volatility)
        connection.respond(computation(request.req_id, CUSTOM_GREEKS, found, known, request.option_price))

    def option_price(self, connection: Connection, request: CalculateOptionPrice) -> None:
        """Answer with the price a volatility gives, and its Greeks."""
        found = self._state(connection, request.req_id, request.contract, request.under_price)
        if found is None:
            return
        if not 0 < request.volatility <= 5:
            text = (
                "Error validating request.-'volatility' : cause - The volatility must be above 0 and at most 5 "
                f"(0.2 is 20 %), was {request.volatility:g}."
            )
            connection.error(request.req_id, 321, text)
            return
        known = greeks(found.terms, found.conditions, request.volatility)
        connection.respond(computation(request.req_id, CUSTOM_GREEKS, found, known))

    def cancel_calculation(
        self, connection: Connection, request: CancelCalculateImpliedVolatility | CancelCalculateOptionPrice
    ) -> None:
        """Take back what has been answered already."""

    def exercise(self, connection: Connection, request: ExerciseOptions) -> None:
        """Check an instruction and hand it to the books."""
        listing = self._contracts.find(request.contract)
        if listing is None or listing.sec_type != "OPT":
            connection.error(request.req_id, 200, UNKNOWN_CONTRACT)
            return
        fault = self._exercise_fault(request, listing)
        if fault is not None:
            connection.error(request.req_id, 321, f"Error validating request.-'exerciseOptions' : cause - {fault}")
            return
        state = self._state_of(listing)
        refusal = self._books().exercise_option(
            OptionExercise(
                client_id=connection.client_id,
                request_id=request.req_id,
                account=request.account,
                listing=listing,
                quantity=Decimal(request.quantity),
                is_lapse=request.action == _LAPSE,
                overrides=bool(request.override),
                price=None if state is None else Decimal(str(round(state.conditions.price, 4))),
            )
        )
        if refusal is not None:
            connection.error(request.req_id, refusal.code, refusal.text)

    def _send_chains(self, connection: Connection, req_id: int, underlying: Listing, source: DerivativeSource) -> None:
        for chain in source.chains(underlying.symbol, self._timeline.session):
            for exchange in OPTION_EXCHANGES:
                connection.respond(
                    SecDefOptParam(
                        req_id=req_id,
                        exchange=exchange,
                        underlying_con_id=underlying.con_id,
                        trading_class=chain.option_class.root,
                        multiplier=str(chain.option_class.multiplier),
                        expirations=tuple(f"{day:%Y%m%d}" for day in chain.last_trading_days),
                        strikes=chain.strikes,
                    )
                )

    def _exercise_fault(self, request: ExerciseOptions, listing: Listing) -> str | None:
        if request.account not in {"", self._account}:
            return f"Account {request.account[:40]!r} is not this gateway's."
        if request.action not in {_EXERCISE, _LAPSE}:
            return f"exerciseAction must be 1 (exercise) or 2 (lapse), was {request.action}."
        if request.quantity < 1:
            return f"exerciseQuantity must be at least 1, was {request.quantity}."
        terms = listing.terms
        if terms is None or request.action == _LAPSE or terms.is_american:
            return None
        return f"{listing.local_symbol} is of European style: it is exercised when it expires, and not before."

    def _state(self, connection: Connection, req_id: int, contract: Contract, under_price: float) -> OptionState | None:
        """Return the option's state at the underlying price asked for (0 = the present one), or answer why not."""
        listing = self._contracts.find(contract)
        found = None if listing is None else self._state_of(listing)
        if found is None:
            connection.error(req_id, 200, UNKNOWN_CONTRACT)
            return None
        if under_price < 0:
            text = f"Error validating request.-'underPrice' : cause - It must be 0 or more, was {under_price:g}."
            connection.error(req_id, 321, text)
            return None
        if not under_price:
            return found
        return replace(found, conditions=replace(found.conditions, price=under_price))

    def _state_of(self, listing: Listing) -> OptionState | None:
        session = self._timeline.session
        if self._source is None or listing.sec_type != "OPT":
            return None
        row = min(max(self._timeline.row, 0), session.seconds - 1)
        return self._source.option_state(listing.symbol, session, row)
