"""Tapes of indices, index futures and currency pairs, made from paths of the synthetic market."""

from __future__ import annotations

from typing import Final

import numpy as np

from daemon.market.listing import Listing
from daemon.market.option_pricing import YEAR_S
from daemon.market.option_rates import INTEREST_RATE, dividend_yield
from daemon.market.option_surface import Surface
from daemon.market.other_listings import SPX
from daemon.market.sessions import Session
from daemon.market.synthetic import SessionPath
from daemon.market.synthetic_tape import Texture, make_tape
from daemon.market.tape import FloatArray, SecondTape

_VIX_YEARS: Final = 30 / 365
_VIX_STEP_S: Final = 15
_LOT: Final = 100  # what `make_tape` shows sizes in
_PAIR_SIZE: Final = 5_000  # base units for each share of `make_tape`


def index_tape(session: Session, value: FloatArray, *, step_s: int) -> SecondTape:
    """Return a calculated index: no quotes, and a print of one unit every `step_s` seconds, to the cent."""
    printed = np.arange(session.seconds) % step_s == 0
    price = np.where(printed, np.round(value, 2), np.nan)
    count = printed.astype(np.int64)
    nothing = np.zeros(session.seconds, dtype=np.int64)
    absent = np.full(session.seconds, np.nan)
    return SecondTape(
        session=session,
        bid=absent,
        ask=absent.copy(),
        bid_size=nothing,
        ask_size=nothing.copy(),
        open=price,
        high=price.copy(),
        low=price.copy(),
        close=price.copy(),
        volume=count,
        trades=count.copy(),
        vwap_value=np.where(printed, price, 0.0),
    )


def volatility_index_tape(session: Session, surface: Surface, price: FloatArray) -> SecondTape:
    """Return the volatility index: the surface's thirty-day volatility at the money, in percent, every 15 seconds."""
    variance = surface.at_the_money(price, np.full(price.size, _VIX_YEARS)) / _VIX_YEARS
    return index_tape(session, 100 * np.sqrt(variance), step_s=_VIX_STEP_S)


def future_tape(listing: Listing, session: Session, path: SessionPath, *, expires_s: int) -> SecondTape:
    """Return an index future: the index carried at interest less dividends, no arbitrage left."""
    years = (expires_s - session.open_s - np.arange(session.seconds)) / YEAR_S
    fair = path.fair * np.exp((INTEREST_RATE - dividend_yield(SPX)) * years)
    texture = Texture(
        spread_bps=0.4, updates_per_second=0.6, depth_lots=40.0, print_shares=4.0,
        daily_volume=float(listing.average_daily_volume),
    )  # fmt: skip
    shown = make_tape(
        path.random, session, listing, texture=texture, fair=fair, wave=path.wave, day_activity=path.activity
    )
    return _resized(shown, 1 / _LOT)


def pair_tape(listing: Listing, session: Session, path: SessionPath) -> SecondTape:
    """Return a currency pair: quotes only, as no exchange reports its trades."""
    texture = Texture(spread_bps=0.6, updates_per_second=0.6, depth_lots=4.0, print_shares=100.0, daily_volume=1e6)
    shown = make_tape(
        path.random, session, listing, texture=texture, fair=path.fair, wave=path.wave, day_activity=path.activity
    )
    nothing = np.zeros(session.seconds, dtype=np.int64)
    absent = np.full(session.seconds, np.nan)
    sized = _resized(shown, _PAIR_SIZE)
    return SecondTape(
        session=session,
        bid=sized.bid,
        ask=sized.ask,
        bid_size=sized.bid_size,
        ask_size=sized.ask_size,
        open=absent,
        high=absent.copy(),
        low=absent.copy(),
        close=absent.copy(),
        volume=nothing,
        trades=nothing.copy(),
        vwap_value=np.zeros(session.seconds),
    )


def _resized(tape: SecondTape, factor: float) -> SecondTape:
    """Return the tape with other quoted sizes, at least 1 where there were any."""
    bid_size, ask_size = (
        np.where(size > 0, np.maximum(np.rint(size * factor), 1), 0).astype(np.int64)
        for size in (tape.bid_size, tape.ask_size)
    )
    return SecondTape(
        session=tape.session, bid=tape.bid, ask=tape.ask, bid_size=bid_size, ask_size=ask_size,
        open=tape.open, high=tape.high, low=tape.low, close=tape.close,
        volume=tape.volume, trades=tape.trades, vwap_value=tape.vwap_value,
    )  # fmt: skip
