"""The tiny market with options, an index option and a future, whose quotes never move; and a gateway on it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
from ib_insync import Contract

from daemon.gateway.corporate import CorporateAction
from daemon.gateway.options import GatewayOptions
from daemon.gateway.server import GatewayServer
from daemon.market.listing import Listing, Right, Terms
from daemon.market.sessions import Session
from daemon.market.tape import SecondTape
from tests.fakes.gateway_stage import DAY, PATIENCE_S, SESSION, Events, Running
from tests.fakes.tiny_market import TinyMarket

SIZE = 50  # contracts at either side of the touch
CALL_100, CALL_102, PUT_105, CALL_LATER = "AAA C100", "AAA C102", "AAA P105", "AAA C100 later"
INDEX, INDEX_CALL, FUTURE = "IDX", "IDX C4990", "FUT"
QUOTES = {  # bid and ask of every second
    CALL_100: (1.00, 1.05),
    CALL_102: (0.40, 0.45),
    PUT_105: (5.00, 5.10),
    CALL_LATER: (2.00, 2.10),
    INDEX: (5000.0, 5000.0),
    INDEX_CALL: (12.00, 12.50),
    FUTURE: (5001.00, 5001.25),
}
_LATER = date(2024, 4, 19)


def _option(number: int, symbol: str, right: Right, strike: float, *, expiry: date = DAY, on: str = "AAA") -> Listing:
    return Listing(
        symbol=symbol, con_id=2000 + number, name=symbol, primary_exchange="CBOE", sec_type="OPT",
        average_daily_volume=1000,
        terms=Terms(
            ticker=on, local_symbol=symbol, trading_class=on, multiplier=100, underlying=on, expiry=expiry,
            last_trading_day=expiry, strike=strike, right=right, is_american=on == "AAA",
        ),
    )  # fmt: skip


class TinyDerivatives(TinyMarket):
    """AAA and BBB as ever; the options and the future are hand-made. Prints equal the bid, every second."""

    def __init__(self, actions: Sequence[CorporateAction] = (), lendable: Decimal | None = None) -> None:
        super().__init__()
        self._actions = tuple(actions)
        self._lendable = lendable
        made = [
            _option(0, CALL_100, "C", 100.0),
            _option(1, CALL_102, "C", 102.0),
            _option(2, PUT_105, "P", 105.0),
            _option(3, CALL_LATER, "C", 100.0, expiry=_LATER),
            _option(4, INDEX_CALL, "C", 4990.0, on=INDEX),
            Listing(
                symbol=INDEX, con_id=2010, name=INDEX, primary_exchange="CBOE", sec_type="IND", average_daily_volume=0
            ),
            Listing(
                symbol=FUTURE, con_id=2011, name=FUTURE, primary_exchange="CME", sec_type="FUT", tick_size=0.25,
                market_rule=67, average_daily_volume=1000,
                terms=Terms(
                    ticker=FUTURE, local_symbol=FUTURE, trading_class=FUTURE, multiplier=50, underlying=INDEX,
                    expiry=DAY, last_trading_day=DAY,
                ),
            ),
        ]  # fmt: skip
        self.listings.update({listing.symbol: listing for listing in made})

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return a session; raise LookupError for unknown symbols."""
        return _still(*QUOTES[symbol], session) if symbol in QUOTES else super().tape(symbol, session)

    def corporate_actions(self, session: Session) -> Sequence[CorporateAction]:
        """Return what takes effect before a session."""
        return [action for action in self._actions if action.ex_day == session.day]

    def lendable(self, symbol: str, session: Session) -> Decimal | None:
        """Return the shares an account can borrow."""
        del symbol, session
        return self._lendable

    def contract(self, symbol: str) -> Contract:
        """Return what a client orders by."""
        listing = self.listings[symbol]
        return Contract(conId=listing.con_id, symbol=listing.ticker, secType=listing.sec_type, exchange="SMART")


def _still(bid: float, ask: float, session: Session) -> SecondTape:
    def all_day(value: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.full(session.seconds, value)

    whole = np.full(session.seconds, SIZE, dtype=np.int64)
    return SecondTape(
        session=session,
        bid=all_day(bid),
        ask=all_day(ask),
        bid_size=whole,
        ask_size=whole.copy(),
        open=all_day(bid),
        high=all_day(bid),
        low=all_day(bid),
        close=all_day(bid),
        volume=np.ones(session.seconds, dtype=np.int64),
        trades=np.ones(session.seconds, dtype=np.int64),
        vwap_value=all_day(bid),
    )


@asynccontextmanager
async def serving_derivatives(
    market: TinyDerivatives | None = None, *, seconds_before_close: int | None = None, **changes: object
) -> AsyncIterator[Running]:
    """Run a gateway on the tiny derivatives, from the open or from shortly before the close."""
    log, source = Events(), market or TinyDerivatives()
    not_before = 0 if seconds_before_close is None else (SESSION.close_s - seconds_before_close) * 1_000_000
    options = replace(GatewayOptions(start=DAY, not_before_us=not_before), **changes)  # type: ignore[arg-type]
    server = GatewayServer(options, source, log.take)
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.run(port.set_result))
    try:
        yield Running(server, await asyncio.wait_for(port, PATIENCE_S), log, source)
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE_S)
