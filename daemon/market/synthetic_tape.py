"""From a path of fair prices to what an exchange shows: quotes on the tick grid, sizes, prints inside the quote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.market.listing import Listing
from daemon.market.sessions import Session
from daemon.market.synthetic_intraday import smiles
from daemon.market.tape import FloatArray, IntArray, SecondTape

_LOT: Final = 100
_OPENING_CROSS: Final = 0.010  # share of the day's volume printed in the first second
_CLOSING_CROSS: Final = 0.030  # and in the last
_INSIDE_BITS: Final = 5  # 2**5 of 256 prints land inside a quote wide enough for it
# Middles of 4,096 equal slices of the standard exponential distribution: much faster than drawing from it.
_EXPONENTIAL: Final = -np.log1p(-(np.arange(4096, dtype=np.float32) + np.float32(0.5)) / np.float32(4096))
# Chance of 256, by prints in the second, that the prints between the first and the last leave a given side alone.
_UNTOUCHED_IN_256: Final = np.array([256, 256, 256, 128, 64, 32, 16, 8, 4, 2, 1], dtype=np.int16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """What liquidity makes of an instrument's quotes and prints."""

    spread_bps: float  # mean quoted spread before rounding to ticks, 1/10,000 of the price
    updates_per_second: float  # mean chance that a second brings a new quote
    depth_lots: float  # mean round lots on a side
    print_shares: float  # mean shares of a print
    daily_volume: float  # shares

    @classmethod
    def of(cls, listing: Listing, price: float, daily_volatility: float) -> Texture:
        """Derive the texture from average volume, price and volatility (daily standard deviation of log returns)."""
        turnover = max(listing.average_daily_volume * price, 1e5)
        return cls(
            spread_bps=2.5 * (turnover / 1e8) ** -0.35 * (daily_volatility / 0.012) ** 0.5,
            updates_per_second=float(np.clip(0.15 + 0.10 * np.log10(turnover / 1e7), 0.08, 0.60)),
            depth_lots=float(np.clip((listing.average_daily_volume / 1e6) ** 0.5 * (100 / price) ** 0.5, 1.0, 60.0)),
            print_shares=float(np.clip(20_000 / price, 80, 500)),
            daily_volume=float(listing.average_daily_volume),
        )


class _Dice:
    """A session's supply of cheap random numbers, handed out in order."""

    def __init__(self, random: np.random.Generator, seconds: int) -> None:
        raw = random.bit_generator.random_raw(2 * seconds)
        self._rows = iter(np.asarray(raw).astype("<u8", copy=False).view(np.uint8).reshape(16, seconds))

    def bytes(self) -> NDArray[np.uint8]:
        """Return a number from 0 to 255 for each second."""
        return next(self._rows)

    def exponential(self) -> NDArray[np.float32]:
        """Return an exponential number of mean 1 for each second, at most 9."""
        high, low = next(self._rows), next(self._rows)
        drawn: NDArray[np.float32] = _EXPONENTIAL[(high.astype(np.uint16) << 4) | (low >> 4)]
        return drawn


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Quotes:
    """Quotes by second, prices in ticks."""

    bid: NDArray[np.int32]
    spread: NDArray[np.int32]
    bid_size: IntArray
    ask_size: IntArray


def make_tape(
    random: np.random.Generator,
    session: Session,
    listing: Listing,
    *,
    texture: Texture,
    fair: FloatArray,
    wave: FloatArray,
    day_activity: float,
) -> SecondTape:
    """Show the fair prices as an exchange would.

    Args:
        random: the numbers to draw from.
        session: the session, of n seconds.
        listing: for the tick size.
        texture: the instrument's liquidity.
        fair: fair price at the start of each second, shape (n,), currency per share, > 0.
        wave: the session's variance wave, shape (n,), mean about 1; volume, updates and spreads follow it.
        day_activity: the day's volume over the average day's.
    """
    per_unit = round(1 / listing.tick_size)
    ticks = fair * per_unit
    swing = np.sqrt(wave)
    dice = _Dice(random, session.seconds)
    quotes = _quotes(dice, texture, ticks, swing)
    day_volume = texture.daily_volume * day_activity
    rate = smiles(session.seconds).volume * swing * (day_volume / texture.print_shares / session.seconds)
    trades = _trade_counts(dice, rate)
    volume = _print_volume(dice, trades, texture, day_volume)
    prices, mean = _prints(dice, trades, quotes, ticks)
    opened, high, low, close = prices / np.where(trades > 0, per_unit, np.nan)
    return SecondTape(
        session=session,
        bid=quotes.bid / per_unit,
        ask=(quotes.bid + quotes.spread) / per_unit,
        bid_size=quotes.bid_size,
        ask_size=quotes.ask_size,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        trades=trades,
        vwap_value=mean * volume * (1 / per_unit),
    )


def _quotes(dice: _Dice, texture: Texture, ticks: FloatArray, swing: FloatArray) -> _Quotes:
    """Requote in some seconds around the fair price and hold in the others."""
    updated = dice.bytes() < np.minimum(swing * (256 * texture.updates_per_second), 243)
    updated[0] = True
    rows = np.flatnonzero(updated)
    held = np.repeat(np.arange(rows.size), np.diff(rows, append=ticks.size))
    fair = ticks[rows]
    width = fair * smiles(ticks.size).spread[rows] * swing[rows] * (texture.spread_bps / 10_000)
    # Rounded up or down by chance, so that the mean spread is `width` and neighbours differ by a tick.
    spread = np.maximum((width + dice.bytes()[rows] * (1 / 256)).astype(np.int32), 1)
    bid = np.maximum(np.rint(fair - spread * 0.5).astype(np.int32), 1)
    bid_size, ask_size = (_sizes(dice.bytes()[rows], texture.depth_lots)[held] for _ in range(2))
    return _Quotes(bid=bid[held], spread=spread[held], bid_size=bid_size, ask_size=ask_size)


def _sizes(dice: NDArray[np.uint8], depth_lots: float) -> IntArray:
    """Return shares in round lots, exponential around the depth."""
    table = (1 + (_EXPONENTIAL[8::16] * depth_lots).astype(np.int64)) * _LOT
    shares: IntArray = table[dice]
    return shares


def _trade_counts(dice: _Dice, rate: FloatArray) -> IntArray:
    """Return prints by second: geometric with mean `rate`, as prints come in bursts; at least one at either end."""
    counts = (dice.exponential() / np.log(1 + 1 / rate.astype(np.float32))).astype(np.int64)
    counts[0] = max(counts[0], 1)
    counts[-1] = max(counts[-1], 1)
    return counts


def _print_volume(dice: _Dice, trades: IntArray, texture: Texture, day_volume: float) -> IntArray:
    """Return shares by second, at least one a print; the crosses are in the first and the last."""
    jitter = dice.exponential() * np.float32(0.7 * texture.print_shares) + np.float32(0.3 * texture.print_shares)
    shares = np.maximum((trades * jitter).astype(np.int64), trades)
    shares[0] += round(_OPENING_CROSS * day_volume)
    shares[-1] += round(_CLOSING_CROSS * day_volume)
    return shares


def _prints(
    dice: _Dice, trades: IntArray, quotes: _Quotes, ticks: FloatArray
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return open, high, low, close of shape (4, n) and their mean of shape (n,), in ticks, inside the quotes.

    Rows without prints hold numbers that mean nothing.
    """
    bid, spread = quotes.bid, quotes.spread
    # Buyers lift the offer the more, the further the fair price has run up inside or beyond the held quote.
    position = (ticks - bid).astype(np.float32) / spread.astype(np.float32)
    buy_in_256 = np.clip(position * np.float32(256), 24, 232).astype(np.uint8)
    first = _landing(dice, buy_in_256, spread)
    last = np.where(trades > 1, _landing(dice, buy_in_256, spread), first)
    # With n prints besides the first and the last, a side stays untouched with chance 2**-n.
    untouched = _UNTOUCHED_IN_256[np.minimum(trades, _UNTOUCHED_IN_256.size - 1)]
    high = np.where(dice.bytes() >= untouched, spread, np.maximum(first, last))
    low = np.where(dice.bytes() >= untouched, np.int32(0), np.minimum(first, last))
    mean = (first + high + low + last) * np.float64(0.25)
    return np.stack((first, high, low, last)) + bid, mean + bid


def _landing(dice: _Dice, buy_in_256: NDArray[np.uint8], spread: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return how many ticks above the bid each print lands: 0, the spread, or somewhere between."""
    edge = spread * (dice.bytes() < buy_in_256)
    inside = dice.bytes()
    between = 1 + ((inside.astype(np.int32) * (spread - 1)) >> _INSIDE_BITS)
    return np.where((inside < 1 << _INSIDE_BITS) & (spread > 1), between, edge)
