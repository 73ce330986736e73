"""Day-to-day levels of the synthetic market: a mean-reverting path per factor and instrument, with overnight gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from itertools import accumulate
from typing import Final

import numpy as np

from daemon.market.sessions import OutOfCalendar, Session, TradingCalendar
from daemon.market.tape import FloatArray
from daemon.market.universe import FACTOR_DAILY_VOLATILITY, MARKET_FACTOR, Profile

FIRST_DAY: Final = date(2000, 1, 3)  # every path starts here, so that each day is the same whoever asks first

_FACTOR_PULL: Final = 0.003  # share of the distance to its mean that a level gives back in a day
_OWN_PULL: Final = 0.006
OVERNIGHT_SHARE: Final = 0.15  # of a day's variance, in the gap before the open
_VOLATILITY_MEMORY: Final = 0.97  # of log volatility from day to day
_MARKET_VOLATILITY_SPREAD: Final = 0.35  # long-run standard deviation of log volatility
_OWN_VOLATILITY_SPREAD: Final = 0.28
_SHARED_VOLATILITY: Final = 0.6  # how much of the market's log volatility every other path shares


def stream(seed: int, *parts: object) -> np.random.Generator:
    """Return the random numbers that belong to `seed` and `parts`: the same ones in every process."""
    text = "\x1f".join(map(str, (seed, *parts)))
    key = blake2b(text.encode(), digest_size=16, person=b"paperd.synth").digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DailyPath:
    """One component of log prices by session; arrays have shape (sessions,), oldest first."""

    level: FloatArray  # log points at the close, around 0
    gap: FloatArray  # log points from the close before to the open
    intraday: FloatArray  # log points from the open to the close
    volatility: FloatArray  # standard deviation of the whole day's log return
    volatility_state: FloatArray  # log of volatility over its long-run value


class DailyPaths:
    """The daily paths of one seed, computed once each."""

    def __init__(self, seed: int, calendar: TradingCalendar) -> None:
        self._seed = seed
        self._calendar = calendar
        self._sessions = calendar.sessions_between(FIRST_DAY, calendar.last_day)
        self._rows = {session.day: row for row, session in enumerate(self._sessions)}
        self._factors: dict[str, DailyPath] = {}
        self._own: dict[str, DailyPath] = {}

    def row(self, session: Session) -> int:
        """Return the place of `session` in the paths, or raise OutOfCalendar before the paths start."""
        row = self._rows.get(session.day)
        if row is None or self._sessions[row] != session:
            raise OutOfCalendar(f"the synthetic market has no session {session.day}: it starts on {FIRST_DAY}")
        return row

    def factor(self, name: str) -> DailyPath:
        """Return the path of a common factor."""
        if name not in self._factors:
            volatility = FACTOR_DAILY_VOLATILITY[name]
            self._factors[name] = self._make(
                f"factor:{name}", volatility, _FACTOR_PULL, is_market=name == MARKET_FACTOR
            )
        return self._factors[name]

    def own(self, profile: Profile) -> DailyPath:
        """Return the path of what the factors do not explain of an instrument."""
        symbol = profile.listing.symbol
        if symbol not in self._own:
            self._own[symbol] = self._make(f"own:{symbol}", profile.own_volatility, _OWN_PULL, is_market=False)
        return self._own[symbol]

    def open_and_close(self, profile: Profile, row: int) -> tuple[float, float]:
        """Return the log prices of an instrument at the open and at the close of session `row`."""
        own = self.own(profile)
        closing = float(np.log(profile.base_price)) + float(own.level[row])
        intraday = float(own.intraday[row])
        for name, loading in profile.loadings:
            path = self.factor(name)
            closing += loading * float(path.level[row])
            intraday += loading * float(path.intraday[row])
        return closing - intraday, closing

    def _make(self, name: str, volatility: float, pull: float, *, is_market: bool) -> DailyPath:
        count = len(self._sessions)
        # One stream for each kind of number: a calendar that ends later then leaves the earlier days as they were.
        shock, gap, wave = (stream(self._seed, name, kind).standard_normal(count) for kind in ("shock", "gap", "wave"))
        state = _autoregressive(wave, _VOLATILITY_MEMORY) * (
            _MARKET_VOLATILITY_SPREAD if is_market else _OWN_VOLATILITY_SPREAD
        )
        if not is_market:
            state = state + _SHARED_VOLATILITY * self.factor(MARKET_FACTOR).volatility_state
        daily = volatility * np.exp(state)
        level = _reverting(daily * shock, pull)
        change = np.diff(level, prepend=0.0)
        overnight = OVERNIGHT_SHARE * change + np.sqrt(OVERNIGHT_SHARE * (1 - OVERNIGHT_SHARE)) * daily * gap
        return DailyPath(
            level=level, gap=overnight, intraday=change - overnight, volatility=daily, volatility_state=state
        )


def _autoregressive(shocks: FloatArray, memory: float) -> FloatArray:
    """Return an AR(1) path of unit variance from unit shocks."""
    scaled = shocks * np.sqrt(1 - memory**2)
    scaled[0] = shocks[0]
    return np.fromiter(accumulate(scaled.tolist(), lambda last, shock: memory * last + shock), np.float64, shocks.size)


def _reverting(shocks: FloatArray, pull: float) -> FloatArray:
    keep = 1 - pull
    return np.fromiter(accumulate(shocks.tolist(), lambda last, shock: keep * last + shock), np.float64, shocks.size)
