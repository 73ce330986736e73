"""From a model's values to what an options exchange shows: quotes around them on the tick grid, and rare prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from daemon.market.listing import Increments
from daemon.market.option_pricing import (
    YEAR_S,
    Conditions,
    OptionTerms,
    european_values,
    exercise_premium,
)
from daemon.market.option_surface import Surface
from daemon.market.sessions import Session
from daemon.market.synthetic_intraday import smiles
from daemon.market.tape import BoolArray, FloatArray, IntArray, SecondTape

_PRICE_NODES: Final = 17  # prices of the underlying at which early exercise is valued, over the session's range
_TIME_NODES: Final = 5  # and moments of the session
_UPDATES: Final = 0.15  # chance that a second brings a new quote though the value has hardly moved
_PRINT_CONTRACTS: Final = 4.0  # mean size of a print
_VOLATILITY_SPREAD: Final = 0.0025  # half width in volatility at a turnover of 1e9 a day, at the money


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptionPath:
    """A model's view of one option through a session; arrays have shape (n,), one value for each second's start."""

    terms: OptionTerms
    surface: Surface
    price: FloatArray  # of the underlying, currency per unit
    years: FloatArray  # to the expiry, >= 0
    rate: float
    dividends: float
    deviation: FloatArray  # volatility * sqrt(years)
    value: FloatArray  # currency per unit of the underlying

    @classmethod
    def of(
        cls,
        terms: OptionTerms,
        surface: Surface,
        price: FloatArray,
        session: Session,
        *,
        expires_s: int,
        rate: float,
        dividends: float,
    ) -> OptionPath:
        """Value an option at every second: Black's formula, and what early exercise adds.

        Args:
            terms: strike, right and style.
            surface: implied volatility of the session.
            price: of the underlying, shape (session.seconds,), > 0.
            session: the session.
            expires_s: when it expires, epoch seconds.
            rate: interest a year, continuously compounded.
            dividends: yield a year, continuously compounded.
        """
        years = np.maximum(expires_s - session.open_s - np.arange(session.seconds), 0) / YEAR_S
        forward = price * np.exp((rate - dividends) * years)
        deviation = np.sqrt(surface.total_variance(price, forward, terms.strike, years))
        deviation[years == 0] = 0.0
        path = cls(
            terms=terms, surface=surface, price=price, years=years, rate=rate, dividends=dividends,
            deviation=deviation, value=european_values(terms, forward, deviation, np.exp(-rate * years)),
        )  # fmt: skip
        if terms.is_american and (terms.right == "P" or dividends > 0):
            path.value[:] += path._premium()
            np.maximum(path.value, terms.sign * (price - terms.strike), out=path.value)
        return path

    def _premium(self) -> FloatArray:
        """Return what early exercise is worth at each second, on straight lines between nodes of price and time.

        Within a session volatility, and with it the premium, depends on price and time alone.
        """
        prices = np.linspace(self.price.min() * 0.9999, self.price.max() * 1.0001, _PRICE_NODES)
        years = np.linspace(float(self.years[-1]), float(self.years[0]), _TIME_NODES)
        premium = [[self._premium_at(price, left) for left in years.tolist()] for price in prices.tolist()]
        between = RegularGridInterpolator((prices, years), np.array(premium))
        found: FloatArray = between(np.column_stack((self.price, self.years)))
        return found

    def _premium_at(self, price: float, years: float) -> float:
        volatility = self.surface.volatility(price, self.terms.strike, years, self.rate - self.dividends)
        now = Conditions(price=price, years=years, rate=self.rate, dividends=self.dividends)
        return exercise_premium(self.terms, now, volatility)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTexture:
    """What liquidity makes of an option's quotes and prints."""

    volatility_spread: float  # half the quoted width, as a difference of volatility
    underlying_spread: float  # currency per unit of the underlying
    depth: float  # mean contracts on a side
    daily_volume: float  # contracts

    @classmethod
    def of(cls, path: OptionPath, turnover: float, underlying_spread: float) -> OptionTexture:
        """Derive it from the underlying's turnover (currency a day), the distance of the strike and the time left."""
        price, years = float(path.price[0]), float(path.years[0])
        turnover = max(turnover, 1e6)
        away = abs(float(np.log(path.terms.strike / price))) / max(float(path.deviation[0]), 0.003)
        busy = float(np.exp(-0.5 * (away / 1.2) ** 2)) / (1 + years * 365 / 14)
        return cls(
            volatility_spread=_VOLATILITY_SPREAD * (turnover / 1e9) ** -0.35 * (1 + 0.25 * min(away, 6.0) ** 1.5),
            underlying_spread=underlying_spread,
            depth=float(np.clip(12 * (turnover / 1e9) ** 0.4 * (0.3 + busy), 2, 400)),
            daily_volume=turnover / max(price, 1.0) * 6e-4 * busy,
        )


def option_tape(
    random: np.random.Generator, session: Session, increments: Increments, path: OptionPath, texture: OptionTexture
) -> SecondTape:
    """Show an option's values as an exchange would: bids at or below, offers above, prints at either.

    Args:
        random: the numbers to draw from.
        session: the session, of n seconds.
        increments: the price steps.
        path: the model's values.
        texture: the option's liquidity.
    """
    width = _widths(path, texture) * smiles(session.seconds).spread
    held = _held(random, path.value, width)
    value, half = path.value[held], width[held] / 2
    ask = np.maximum(_up(value + half, increments), increments[0][1])
    bid = _down(value - half, increments)
    # Where the value lies on the grid, both would round to it.
    bid = np.where(bid >= ask, _down(ask - increments[0][1] * 0.999, increments), bid)
    has_bid = bid > 0
    bid_size, ask_size = (1 + random.exponential(texture.depth, session.seconds).astype(np.int64) for _ in range(2))
    quotes = _Quotes(
        bid=np.where(has_bid, bid, np.nan),
        ask=ask,
        bid_size=np.where(has_bid, bid_size[held], 0),
        ask_size=ask_size[held],
    )
    return _with_prints(random, session, quotes, texture)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Quotes:
    bid: FloatArray
    ask: FloatArray
    bid_size: IntArray
    ask_size: IntArray


def _widths(path: OptionPath, texture: OptionTexture) -> FloatArray:
    """Return the mean width of the quote at each second: what hedging costs, and doubt about volatility."""
    forward = path.price * np.exp((path.rate - path.dividends) * path.years)
    deviation = np.maximum(path.deviation, 1e-6)
    upper = np.log(forward / path.terms.strike) / deviation + deviation / 2
    vega = path.price * np.exp(-0.5 * upper**2) / np.sqrt(2 * np.pi) * np.sqrt(path.years)
    # The normal distribution by a logistic one, near enough for a width.
    share = 1 / (1 + np.exp(np.clip(-1.702 * path.terms.sign * upper, -60, 60)))
    width: FloatArray = share * texture.underlying_spread + 2 * vega * texture.volatility_spread + 0.002 * path.value
    return width


def _held(random: np.random.Generator, value: FloatArray, width: FloatArray) -> IntArray:
    """Return for each second the second whose quote is still shown: a new one by chance, or when the value has left."""
    updated: BoolArray = random.random(value.size) < _UPDATES
    level = np.floor(value / np.maximum(width.mean(), 0.01))
    updated[1:] |= level[1:] != level[:-1]
    updated[0] = True
    rows = np.flatnonzero(updated)
    return np.repeat(rows, np.diff(rows, append=value.size))


def _with_prints(random: np.random.Generator, session: Session, quotes: _Quotes, texture: OptionTexture) -> SecondTape:
    """Add prints at the bid or the ask of their second."""
    rate = smiles(session.seconds).volume * (texture.daily_volume / _PRINT_CONTRACTS / session.seconds)
    trades = random.poisson(rate).astype(np.int64)
    first, last = (_side(random, quotes) for _ in range(2))
    last = np.where(trades > 1, last, first)
    volume = np.where(trades > 0, trades + random.poisson(trades * (_PRINT_CONTRACTS - 1)), 0).astype(np.int64)
    there = np.where(trades > 0, 1.0, np.nan)
    return SecondTape(
        session=session,
        bid=quotes.bid,
        ask=quotes.ask,
        bid_size=quotes.bid_size,
        ask_size=quotes.ask_size,
        open=first * there,
        high=np.maximum(first, last) * there,
        low=np.minimum(first, last) * there,
        close=last * there,
        volume=volume,
        trades=trades,
        vwap_value=(first + last) / 2 * volume,
    )


def _side(random: np.random.Generator, quotes: _Quotes) -> FloatArray:
    """Return where a print of each second would land."""
    buys = (random.random(quotes.ask.size) < 0.5) | np.isnan(quotes.bid)
    return np.where(buys, quotes.ask, quotes.bid)


def _steps(price: FloatArray, increments: Increments) -> tuple[FloatArray, FloatArray]:
    """Return the step at each price and its inverse, exact for steps that divide a unit."""
    edges = np.array([edge for edge, _ in increments])
    steps = np.array([step for _, step in increments])
    at = np.searchsorted(edges, np.maximum(price, 0.0) + 1e-9, side="right") - 1
    return steps[at], np.rint(1 / steps)[at]


def _down(price: FloatArray, increments: Increments) -> FloatArray:
    _, per_unit = _steps(price, increments)
    down: FloatArray = np.maximum(np.floor(price * per_unit + 1e-6), 0.0) / per_unit
    return down


def _up(price: FloatArray, increments: Increments) -> FloatArray:
    _, per_unit = _steps(price, increments)
    up: FloatArray = np.ceil(price * per_unit - 1e-6) / per_unit
    return up
