"""The default strategies find something to do soon after the opening, whatever the seed."""

from datetime import date, timedelta

import pytest

from daemon.domain.bar import Bar
from daemon.domain.events import BarsClosed, HistoryLoaded, InstantClosed, QuoteChanged, SessionOpened
from daemon.domain.timeframe import Timeframe
from daemon.engine.engine import Engine
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from daemon.market.tape import BarArrays
from daemon.market.windows import BarSchedule
from daemon.settings.heart import engine_setup
from daemon.settings.model import Settings

MINUTE = Timeframe.parse("1m")
CALENDAR = TradingCalendar("XNYS")
LIMIT = 19  # minutes: what is approved then is filled before the twentieth


def bars_of(arrays: BarArrays) -> list[Bar]:
    prices = (arrays.open, arrays.high, arrays.low, arrays.close)
    columns = (arrays.start, arrays.end, *prices, arrays.volume, arrays.wap, arrays.count)
    return [
        Bar(start=s, end=e, open=o, high=h, low=lo, close=c, volume=float(v), wap=w, trades=n)
        for s, e, o, h, lo, c, v, w, n in zip(*(column.tolist() for column in columns), strict=True)
    ]


def first_order(seed: int, settings: Settings, session: Session) -> int | None:
    """Return the minute after which the first order was approved."""
    schedule = BarSchedule(calendar=CALENDAR)
    pulse = tuple(strategy for strategy in settings.strategies if strategy.id == "pulse")  # needs one day's tape only
    setup = engine_setup(settings.model_copy(update={"strategies": pulse}), schedule, instance="t", port=0)
    engine = Engine(setup)
    engine.set_account(settings.market.account)
    market = SyntheticMarket(seed, CALENDAR, list(setup.instruments))
    for name in setup.instruments:
        past = bars_of(market.minute_bars(name, CALENDAR.session_before(session)))[-settings.calendar.history_bars :]
        engine.process(HistoryLoaded(at=session.open, instrument=name, timeframe=MINUTE, bars=tuple(past)))
    engine.process(SessionOpened(at=session.open, open_s=session.open_s, close_s=session.close_s))
    minutes = {name: bars_of(market.minute_bars(name, session)) for name in setup.instruments}
    for minute in range(1, LIMIT + 1):
        at = session.open + timedelta(minutes=minute)
        for name in setup.instruments:
            tape, row = market.tape(name, session), 60 * minute
            engine.process(
                QuoteChanged(
                    at=at, instrument=name, bid=float(tape.bid[row]), ask=float(tape.ask[row]),
                    bid_size=float(tape.bid_size[row]), ask_size=float(tape.ask_size[row]),
                )
            )  # fmt: skip
        bars = tuple((name, minutes[name][minute - 1]) for name in setup.instruments)
        engine.process(BarsClosed(at=at, timeframe=MINUTE, end=session.open_s + 60 * minute, bars=bars))
        if engine.process(InstantClosed(at=at)).orders:
            return minute
    return None


@pytest.mark.slow
def test_an_order_is_approved_within_19_minutes_over_50_seeds() -> None:
    session = CALENDAR.session_on(date(2026, 3, 2))
    assert session is not None
    settings = Settings()
    minutes = {seed: first_order(seed, settings, session) for seed in range(1, 51)}
    assert [seed for seed, minute in minutes.items() if minute is None] == []
