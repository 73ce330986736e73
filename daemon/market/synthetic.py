"""A made-up stock market: the same seed, symbol and day always give the same tape, in whatever order they are asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from daemon.domain.timeframe import Timeframe
from daemon.market.listing import Listing, UnknownSymbol
from daemon.market.recent import Recent
from daemon.market.sessions import Session, TradingCalendar, bar_ends
from daemon.market.synthetic_daily import OVERNIGHT_SHARE, DailyPaths, stream
from daemon.market.synthetic_intraday import bridge, burst_knots, burst_wave, to_seconds
from daemon.market.synthetic_tape import Texture, make_tape
from daemon.market.tape import BarArrays, FloatArray, SecondTape, aggregate
from daemon.market.universe import FACTOR_DAILY_VOLATILITY, MARKET_FACTOR, UNIVERSE, Profile

_FACTOR_STEP_S: Final = 5  # factors move on this grid, instruments on their own by the second
_FACTORS_KEPT: Final = 384  # about 14 MB
_MINUTES_KEPT: Final = 2048  # about 60 MB when full
_FULL_SESSION_S: Final = 23_400
_INTRADAY_SPREAD: Final = (1 - OVERNIGHT_SHARE) ** 0.5  # of a day's standard deviation
_MINUTE: Final = Timeframe.parse("1m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What can be known of an instrument before a session opens."""

    price: float  # the close before, currency per unit
    volatility: float  # standard deviation of the session's log return
    long_volatility: float  # the same in the long run
    beta: float  # weight of the market in its return


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionPath:
    """A session's fair prices, and what is needed to show them as an exchange would."""

    fair: FloatArray  # at the start of each second, shape (n,), currency per unit
    wave: FloatArray  # variance over its mean, shape (n,)
    activity: float  # the day's volume over the average day's
    random: np.random.Generator  # the instrument's numbers of that day, from here on


class SyntheticMarket:
    """Seconds of market for a built-in universe of well-known tickers; prices and volumes are invented.

    A session's close is the next one's starting point. Instruments share a market and a sector factor, day by day
    and within the day. Every number is drawn from a stream keyed by seed, symbol and date, so history is simply the
    tapes of earlier sessions.
    """

    def __init__(
        self, seed: int, calendar: TradingCalendar, symbols: Sequence[str], *, tapes_kept: int | None = None
    ) -> None:
        """List `symbols` of the universe.

        Args:
            seed: another seed is another market.
            calendar: whose sessions to trade.
            symbols: what to list; the first appearance of each counts.
            tapes_kept: tapes to keep in memory, 2.1 MB each; without it one per symbol and 8 more.

        Raises:
            UnknownSymbol: one is not in the universe.
        """
        for symbol in symbols:
            if symbol not in UNIVERSE:
                raise UnknownSymbol(symbol, UNIVERSE)
        self.seed = seed
        self.calendar = calendar
        self._profiles: dict[str, Profile] = {symbol: UNIVERSE[symbol] for symbol in symbols}
        self.listings: dict[str, Listing] = {symbol: profile.listing for symbol, profile in self._profiles.items()}
        self._daily = DailyPaths(seed, calendar)
        self._factors: Recent[tuple[str, Session], FloatArray] = Recent(_FACTORS_KEPT)
        self._waves: Recent[Session, FloatArray] = Recent(_FACTORS_KEPT)
        self._tapes: Recent[tuple[str, Session], SecondTape] = Recent(tapes_kept or len(self._profiles) + 8)
        self._minutes: Recent[tuple[str, Session], BarArrays] = Recent(_MINUTES_KEPT)

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return the seconds of `symbol` in `session`.

        Raises:
            UnknownSymbol: `symbol` is not listed.
            OutOfCalendar: `session` is not one of the calendar, or earlier than 2000-01-03.
        """
        return self._tapes.get((symbol, session), partial(self._make_tape, symbol, session))

    def minute_bars(self, symbol: str, session: Session) -> BarArrays:
        """Return the minute bars of a session, for history by `fold_bars`; raise as `tape` does."""

        def make() -> BarArrays:
            ends = bar_ends(session, _MINUTE, "clock", self.calendar.timezone)
            return aggregate(self.tape(symbol, session), ends)

        return self._minutes.get((symbol, session), make)

    def outlook(self, symbol: str, session: Session) -> Outlook:
        """Return what is known of `symbol` before a session opens; raise as `tape` does."""
        return self.outlook_of(self._profile(symbol), session)

    def outlook_of(self, profile: Profile, session: Session) -> Outlook:
        """Return the same for an instrument that need not be listed; raise OutOfCalendar as `tape` does."""
        row = self._daily.row(session)
        weights = dict(profile.loadings)
        long_variance = profile.own_volatility**2
        for name, loading in profile.loadings:
            long_variance += (loading * FACTOR_DAILY_VOLATILITY[name]) ** 2
        opened = self._daily.open_and_close(profile, row)[0]
        before = self._daily.open_and_close(profile, row - 1)[1] if row else opened
        return Outlook(
            price=math.exp(before),
            volatility=self._volatility(profile, row),
            long_volatility=math.sqrt(long_variance),
            beta=weights.get(MARKET_FACTOR, 0.0),
        )

    def path_of(self, profile: Profile, session: Session, *, stream_name: str = "") -> SessionPath:
        """Return the fair prices of an instrument that need not be listed; raise OutOfCalendar as `tape` does.

        With `stream_name`, what is left of the numbers is that of another instrument which follows this one.
        """
        row = self._daily.row(session)
        random = stream(self.seed, "tape", profile.listing.symbol, session.day)
        wave = burst_wave(self._market_knots(session) * burst_knots(random, session.seconds), session.seconds, 1)
        fair = np.exp(self._log_path(profile, session, row, random, wave))
        busy = float(self._daily.own(profile).volatility_state[row])
        activity = float(np.exp(0.5 * busy + 0.2 * random.standard_normal())) * session.seconds / _FULL_SESSION_S
        if stream_name:
            random = stream(self.seed, "tape", stream_name, session.day)
        return SessionPath(fair=fair, wave=wave, activity=activity, random=random)

    def _make_tape(self, symbol: str, session: Session) -> SecondTape:
        profile = self._profile(symbol)
        path = self.path_of(profile, session)
        volatility = self._volatility(profile, self._daily.row(session))
        return make_tape(
            path.random,
            session,
            profile.listing,
            texture=Texture.of(profile.listing, float(path.fair[0]), volatility),
            fair=path.fair,
            wave=path.wave,
            day_activity=path.activity,
        )

    def _profile(self, symbol: str) -> Profile:
        profile = self._profiles.get(symbol)
        if profile is None:
            raise UnknownSymbol(symbol, self._profiles)
        return profile

    def _log_path(
        self, profile: Profile, session: Session, row: int, random: np.random.Generator, wave: FloatArray
    ) -> FloatArray:
        """Return log prices at the start of each second."""
        own = self._daily.own(profile)
        free = float(own.volatility[row]) * _INTRADAY_SPREAD
        path = bridge(random, wave, 1, free, float(own.intraday[row]))[:-1]
        path += self._daily.open_and_close(profile, row)[0]
        for name, loading in profile.loadings:
            path += loading * to_seconds(self._factor(name, session, row), _FACTOR_STEP_S, session.seconds)
        return path

    def _factor(self, name: str, session: Session, row: int) -> FloatArray:
        """Return a factor's log points since the open, one knot each 5 seconds."""

        def make() -> FloatArray:
            random = stream(self.seed, "factor", name, session.day)
            daily = self._daily.factor(name)
            free = float(daily.volatility[row]) * _INTRADAY_SPREAD
            steps = -(-session.seconds // _FACTOR_STEP_S)
            wave = burst_wave(self._market_knots(session), steps, _FACTOR_STEP_S)
            return bridge(random, wave, _FACTOR_STEP_S, free, float(daily.intraday[row]))

        return self._factors.get((name, session), make)

    def _market_knots(self, session: Session) -> FloatArray:
        """Return the knots of the variance wave that all instruments share in a session."""
        return self._waves.get(session, lambda: burst_knots(stream(self.seed, "wave", session.day), session.seconds))

    def _volatility(self, profile: Profile, row: int) -> float:
        """Return the standard deviation of an instrument's log return in session `row`."""
        variance = float(self._daily.own(profile).volatility[row]) ** 2
        for name, loading in profile.loadings:
            variance += (loading * float(self._daily.factor(name).volatility[row])) ** 2
        return math.sqrt(variance)
