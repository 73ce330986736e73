"""Files of bars become sessions, folded bars and quotes as the exchange's schedule has them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.adapters.files.bars_file import BarFile, FileForm
from daemon.backtest.bars_file_history import BarFileHistory, FillPrice, QuoteRule
from daemon.backtest.bars_file_request import chosen_files, file_form, files_by_symbol
from daemon.backtest.bars_file_steps import OpenedSteps
from daemon.backtest.day_steps import DaySteps, ListedSteps
from daemon.backtest.market_history import Step
from daemon.domain.bar import Bar
from daemon.domain.errors import BadMarketData, ConfigError
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.bars import fold
from daemon.market.sessions import TradingCalendar
from daemon.market.windows import BarSchedule

SPY = InstrumentId("SPY")
SCHEDULE = BarSchedule(calendar=TradingCalendar("XNYS"))
OPEN = int(datetime(2024, 6, 13, 9, 30, tzinfo=ZoneInfo("America/New_York")).timestamp())
DAY_S = 86_400
HEAD = "time,open,high,low,close,volume"


def minute(number: int, *, day: int = 0) -> str:
    price = 100 + number % 7 / 100 + day
    return f"{OPEN + day * DAY_S + 60 * number},{price},{price + 0.5},{price - 0.5},{price + 0.1},{10 * (number % 3)}"


def file(tmp_path: Path, lines: list[str], name: str = "SPY.csv", **form: Any) -> BarFile:
    (tmp_path / name).write_text("\n".join([HEAD, *lines]) + "\n")
    return BarFile(tmp_path / name, FileForm(**form))


def history(*files: BarFile, timeframes: str = "1m", **more: Any) -> BarFileHistory:
    names = (SPY, InstrumentId("QQQ"))
    return BarFileHistory(
        files=dict(zip(names, files, strict=False)), schedule=SCHEDULE, history=200,
        timeframes=[Timeframe.parse(label) for label in timeframes.split(",")], **more,
    )  # fmt: skip


def played(told: BarFileHistory) -> list[tuple[date, list[Step]]]:
    list(told.warmup())
    return [(session.day, list(steps)) for session, steps in told.sessions()]


def bars_of(steps: list[Step], timeframe: str) -> list[Bar]:
    wanted = Timeframe.parse(timeframe)
    return [bar for step in steps for closed in step.bars if closed.timeframe == wanted for _, bar in closed.bars]


def test_bars_are_folded_by_the_schedule(tmp_path: Path) -> None:
    told = history(file(tmp_path, [minute(number) for number in range(390)]), timeframes="1m,15m,1h,4h,1d")
    ((day, steps),) = played(told)
    assert day == date(2024, 6, 13)
    minutes = bars_of(steps, "1m")
    session = SCHEDULE.calendar.session_on(day)
    assert session is not None
    assert len(minutes) == 390
    for label, count in {"15m": 26, "1h": 7, "4h": 2, "1d": 1}.items():
        found = bars_of(steps, label)
        assert len(found) == count
        for bar, start, end in zip(
            found, *(f(session, Timeframe.parse(label)).tolist() for f in (SCHEDULE.starts, SCHEDULE.ends)), strict=True
        ):
            assert bar == fold([part for part in minutes if start <= part.start < end], start=start, end=end)


def test_outside_the_session_is_left_out_and_told(tmp_path: Path) -> None:
    told = history(file(tmp_path, [minute(number) for number in range(-5, 395)]))
    ((_, steps),) = played(told)
    assert len(bars_of(steps, "1m")) == 390
    assert any(
        "10 bars outside the regular sessions of XNYS were left out: row 1 (2024-06-13T13:25:00Z)" in text
        for text in told.warnings
    )


def test_gaps_are_told_and_nothing_is_invented(tmp_path: Path) -> None:
    lines = [minute(n) for n in range(390) if n not in {7, 8}] + [minute(n, day=4) for n in range(390)]
    told = history(file(tmp_path, lines), timeframes="1m,5m")
    (_, steps), (second, _) = played(told)
    assert second == date(2024, 6, 17)
    empty = [(step.at, closed.missing) for step in steps for closed in step.bars if closed.missing]
    assert [(at.minute, missing) for at, missing in empty] == [(38, (SPY,)), (39, (SPY,))]
    assert any("2 bars are missing within sessions: 2 before row 8" in text for text in told.warnings)
    assert any("1 sessions have no bar: 2024-06-14 to 2024-06-14, before row 389" in text for text in told.warnings)


def test_stamps_may_mark_the_end(tmp_path: Path) -> None:
    told = history(file(tmp_path, [minute(number) for number in range(1, 391)], stamps="end"))
    ((_, steps),) = played(told)
    assert [bar.start for bar in bars_of(steps, "1m")] == [OPEN + 60 * number for number in range(390)]
    assert len(told.warnings) == 1


def test_bars_off_the_schedule_are_refused(tmp_path: Path) -> None:
    hours = [f"{OPEN + 3600 * number},10,11,9,10,1" for number in range(7)]
    with pytest.raises(BadMarketData, match=r"row 2 .*: no 1h bar of XNYS starts then.*calendar.bar_anchor"):
        played(history(file(tmp_path, hours), timeframes="1h"))


@pytest.mark.parametrize("stamp", ["2024-06-{}", "2024-06-{}T00:00:00Z", "2024-06-{}T00:00:00-04:00"])
def test_days_are_the_exchanges(tmp_path: Path, stamp: str) -> None:
    lines = [f"{stamp.format(day)},10,11,9,10,100" for day in (11, 12, 13, 14, 15)]
    told = history(file(tmp_path, lines), timeframes="1d")
    assert [day.day for day, _ in played(told)] == [11, 12, 13, 14]
    assert any("1 bars outside the regular sessions" in text for text in told.warnings)
    assert any("decided on alone they never trade" in text for text in told.warnings)


def test_shorter_timeframes_are_refused(tmp_path: Path) -> None:
    minutes = file(tmp_path, [minute(number) for number in range(390)])
    with pytest.raises(
        ConfigError, match=r"cannot be decided on 30s bars: those of SPY.csv last 1m; give --timeframes 1m"
    ):
        history(minutes, timeframes="30s,1m")
    with pytest.raises(ConfigError, match=r"1m30s|90s bars cannot be made of the 1m bars"):
        history(minutes, timeframes="90s")


def test_earlier_sessions_warm_up(tmp_path: Path) -> None:
    lines = [minute(n, day=day) for day in (0, 1) for n in range(390)]
    told = history(file(tmp_path, lines), timeframes="1m,1h", first=date(2024, 6, 14))
    loaded = {str(each.timeframe): each.bars for each in told.warmup()}
    assert (len(loaded["1m"]), len(loaded["1h"])) == (200, 7)
    assert loaded["1m"][-1].end == OPEN + 390 * 60
    assert [session.day for session, _ in told.sessions()] == [date(2024, 6, 14)]
    with pytest.raises(ConfigError, match=r"no bar of a session from 2024-07-01 on; the last one is 2024-06-14"):
        list(history(file(tmp_path, lines), first=date(2024, 7, 1)).warmup())


def test_number_of_sessions_can_be_limited(tmp_path: Path) -> None:
    lines = [minute(n, day=day) for day in (0, 1) for n in range(390)]
    assert [day for day, _ in played(history(file(tmp_path, lines), count=1))] == [date(2024, 6, 13)]


def test_quotes_lie_around_the_close(tmp_path: Path) -> None:
    told = history(file(tmp_path, [minute(number) for number in range(390)]), quotes=QuoteRule(spread_bps=10))
    ((_, steps),) = played(told)
    (opening,) = steps[0].quotes
    assert (opening.bid, opening.ask) == (99.95, 100.05)
    (quote,) = steps[1].quotes
    assert (quote.bid, quote.ask, quote.bid_size) == (100.0499, 100.15, 500.0)
    assert told.quotes_between(SPY, steps[1].at, steps[2].at) == ()


@pytest.mark.parametrize(
    ("bps", "price", "wanted"), [(1, 10.0, (9.995, 10.005)), (0, 10.0, (10.0, 10.0)), (1, 300.0, (299.985, 300.015))]
)
def test_spread_is_at_least_a_tick(bps: float, price: float, wanted: tuple[float, float]) -> None:
    assert QuoteRule(spread_bps=bps).around(price) == wanted


def test_orders_may_meet_the_next_open(tmp_path: Path) -> None:
    told = history(
        file(tmp_path, [minute(number) for number in range(390)]), quotes=QuoteRule(spread_bps=0, fill="open")
    )
    list(told.warmup())
    _, steps = next(told.sessions())
    (quote,) = told.quotes_between(SPY, steps[1].at, steps[2].at)
    assert quote.at == datetime.fromtimestamp(OPEN + 60, UTC).replace(microsecond=1000)
    assert quote.bid == quote.ask == 100.01


def test_files_run_side_by_side(tmp_path: Path) -> None:
    one = file(tmp_path, [minute(n, day=day) for day in (0, 1) for n in range(390)])
    other = file(tmp_path, [minute(n, day=1) for n in range(390)], name="QQQ.csv")
    told = history(one, other)
    days = played(told)
    assert [len(steps[5].bars[0].bars) for _, steps in days] == [1, 2]
    assert any("QQQ.csv: 1 sessions of other files have no bar here: 2024-06-13" in text for text in told.warnings)


def test_files_are_named_with_or_without_their_symbol(tmp_path: Path) -> None:
    assert files_by_symbol("--csv", ["spy=a.csv", "b/QQQ.trade.x.csv"], None) == {
        "SPY": Path("a.csv"),
        "QQQ": Path("b/QQQ.trade.x.csv"),
    }
    assert files_by_symbol("--csv", ["prices_1.csv"], ["spy"]) == {"SPY": Path("prices_1.csv")}
    with pytest.raises(
        ConfigError, match=r"prices_1.csv does not begin with a symbol; say which it is, as in --csv SPY=prices_1.csv"
    ):
        files_by_symbol("--csv", ["prices_1.csv"], None)
    with pytest.raises(ConfigError, match="SPY has two files"):
        files_by_symbol("--csv", ["SPY=a", "SPY=b"], None)
    with pytest.raises(ConfigError, match="there is no file of IWM; the files are of SPY"):
        chosen_files({SPY: tmp_path}, ["IWM"])


@pytest.mark.parametrize(("option", "value"), [("bar", "1 minute"), ("timezone", "New York"), ("stamps", "middle")])
def test_options_that_are_not_understood_are_refused(option: str, value: str) -> None:
    given: dict[str, Any] = {"bar": None, "timezone": None, "stamps": "start", option: value}
    with pytest.raises(ConfigError, match=f"--{option}: "):
        file_form(**given)


def test_sessions_to_come_are_counted_before_the_files_are_read(tmp_path: Path) -> None:
    lines = [minute(number, day=day) for day in (0, 1, 4) for number in range(390)]  # Thursday, Friday, Monday
    told = history(file(tmp_path, lines))
    assert told.days == len(played(told)) == 3
    assert history(file(tmp_path, lines), count=2).days == 2
    later = history(file(tmp_path, lines), first=date(2024, 6, 14))
    assert later.days == len(played(later)) == 2


def test_small_batches_give_the_same_sessions(tmp_path: Path) -> None:
    lines = [minute(number, day=day) for day in (0, 1) for number in range(390)]
    whole = played(history(file(tmp_path, lines), timeframes="1m,15m"))
    assert played(history(file(tmp_path, lines, batch_rows=64), timeframes="1m,15m")) == whole


@pytest.mark.parametrize("timeframes", ["1m", "1m,15m,1h"])
@pytest.mark.parametrize("fill", ["close", "open"])
def test_columns_tell_what_listed_steps_tell(timeframes: str, fill: FillPrice, tmp_path: Path) -> None:
    gaps = {0, 1, 17, 100, 101, 200, 389}
    whole = file(tmp_path, [minute(number, day=day) for day in (0, 1) for number in range(390)])
    holes = [minute(number, day=day) for day in (0, 1) for number in range(390) if number not in gaps]
    told = history(whole, file(tmp_path, holes, "QQQ.csv"), timeframes=timeframes, quotes=QuoteRule(fill=fill))
    list(told.warmup())
    for session, steps in told.sessions():
        assert isinstance(steps, OpenedSteps)
        listed = told._listed(session)
        assert list(steps) == listed
        later = steps[1:]
        assert isinstance(later, DaySteps)
        known = ListedSteps.of([step for step in listed[1:] if not any(closed.missing for closed in step.bars)])
        assert known is not None
        for name in (SPY, InstrumentId("QQQ")):
            quotes, expected = later.columns.quotes[name], known.columns.quotes[name]
            assert set(expected.bid.tolist()) <= set(quotes.bid.tolist())
            assert [later.quote(name, 5), later.bar(name, Timeframe.parse("1m"), 5)] == [
                next(quote for quote in listed[1 + int(quotes.rows[5])].quotes if quote.instrument == name),
                bars_of_one(listed, name, "1m")[5],
            ]
        row = 20
        assert later.part(row, {SPY}, {SPY}).bars[0].bars == tuple(
            item for item in listed[row + 1].bars[0].bars if item[0] == SPY
        )


def bars_of_one(steps: Sequence[Step], name: InstrumentId, timeframe: str) -> list[Bar]:
    wanted = Timeframe.parse(timeframe)
    return [
        bar
        for step in steps
        for closed in step.bars
        for instrument, bar in closed.bars
        if closed.timeframe == wanted and instrument == name
    ]


@given(
    prices=st.lists(st.floats(1e-4, 1e7) | st.integers(1, 10**9).map(lambda half: half / 20_000), min_size=1),
    spread=st.sampled_from([0.0, 1.0, 3.3]),
)
def test_quotes_of_many_prices_are_those_of_each(prices: list[float], spread: float) -> None:
    rule = QuoteRule(spread_bps=spread)
    bids, asks = rule.around_all(np.array(prices))
    assert list(zip(bids.tolist(), asks.tolist(), strict=True)) == [rule.around(price) for price in prices]
