"""The gateway's own aggregation, against a plain loop."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.market.sessions import Session
from daemon.market.tape import BarArrays, SecondTape, aggregate, fold_bars

OPEN = datetime(2024, 6, 13, 13, 30, tzinfo=UTC)
OPEN_S = int(OPEN.timestamp())


def session_of(seconds: int) -> Session:
    return Session(day=date(2024, 6, 13), open=OPEN, close=OPEN + timedelta(seconds=seconds))


def tape_of(volume: list[int], close: list[float] | None = None, **given_columns: Any) -> SecondTape:
    """Return a tape whose prints span a dollar around `close`."""
    n = len(volume)
    shares = np.array(volume, dtype=np.int64)
    last = np.array(close if close is not None else [100.0 + i for i in range(n)])
    last[shares == 0] = np.nan
    columns = {
        "bid": np.full(n, 99.0),
        "ask": np.full(n, 99.5),
        "bid_size": np.full(n, 100),
        "ask_size": np.full(n, 100),
        "open": last - 0.25,
        "high": last + 0.5,
        "low": last - 0.5,
        "close": last,
        "volume": shares,
        "trades": (shares > 0).astype(np.int64),
        "vwap_value": np.nan_to_num(last) * shares,
    }
    return SecondTape(session=session_of(n), **(columns | given_columns))


def at(*seconds: int) -> np.ndarray:
    return np.array(seconds, dtype=np.int64) + OPEN_S


def test_bar_takes_first_highest_lowest_last_and_sums() -> None:
    bars = aggregate(tape_of([10, 0, 30, 20], [5.0, 0.0, 9.0, 7.0]), at(4))
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (4.75, 9.5, 4.5, 7.0)
    assert (bars.volume[0], bars.count[0]) == (60, 3)
    assert bars.value[0] == 5 * 10 + 9 * 30 + 7 * 20
    assert bars.wap[0] == bars.value[0] / 60
    assert (bars.start[0], bars.end[0], len(bars)) == (OPEN_S, OPEN_S + 4, 1)


def test_bar_without_trades_carries_the_close_before_it() -> None:
    bars = aggregate(tape_of([0, 5, 0, 0, 0, 8]), at(1, 2, 4, 6), previous_close=42.0)
    assert bars.count.tolist() == [0, 1, 0, 1]
    assert bars.volume.tolist() == [0, 5, 0, 8]
    for column in (bars.open, bars.high, bars.low, bars.close, bars.wap):
        assert column[0] == 42.0
        assert column[2] == 101.0


def test_bars_before_the_first_trade_are_nan_when_nothing_is_known() -> None:
    bars = aggregate(tape_of([0, 0, 5]), at(1, 2, 3))
    assert np.isnan(bars.close).tolist() == [True, True, False]
    assert np.isnan(bars.wap[0])


def test_session_without_trades_gives_bars_without_trades() -> None:
    bars = aggregate(tape_of([0, 0, 0, 0]), at(2, 4), previous_close=7.0)
    assert bars.close.tolist() == [7.0, 7.0]
    assert bars.count.tolist() == [0, 0]


def test_no_ends_give_no_bars() -> None:
    assert len(aggregate(tape_of([1, 2]), at())) == 0


def test_given_starts_leave_out_what_lies_between() -> None:
    bars = aggregate(tape_of([1, 2, 4, 8, 16, 32]), at(2, 5), at(1, 4))
    assert bars.volume.tolist() == [2, 16]
    assert bars.close.tolist() == [101.0, 104.0]


@pytest.mark.parametrize(
    ("starts", "ends", "problem"),
    [
        (at(0), at(5), "lie outside"),
        (at(-1), at(2), "lie outside"),
        (at(0, 1), at(2, 3), "not overlap"),
        (at(2), at(2), "have a length"),
        (at(0), at(1, 2), "of one length"),
    ],
)
def test_aggregation_refuses_impossible_bars(starts: np.ndarray, ends: np.ndarray, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        aggregate(tape_of([1, 1, 1, 1]), ends, starts)


def test_tape_refuses_columns_of_another_length() -> None:
    with pytest.raises(ValueError, match=r"ask must have shape \(2,\)"):
        tape_of([1, 1], ask=np.full(3, 99.5))


def test_tape_and_its_columns_cannot_be_changed() -> None:
    tape = tape_of([1, 1])
    with pytest.raises(ValueError, match="read-only"):
        tape.bid[0] = 1.0


def test_quote_changes_name_rows_that_differ_in_any_field() -> None:
    nan = np.nan
    tape = tape_of(
        [0] * 7,
        bid=np.array([nan, nan, 9.0, 9.0, 9.1, nan, nan]),
        ask=np.array([9.5, 9.5, 9.5, 9.5, 9.5, 9.5, 9.6]),
        bid_size=np.array([0, 0, 100, 200, 200, 0, 0]),
        ask_size=np.array([100] * 7),
    )
    assert tape.quote_changed.tolist() == [True, False, True, True, True, True, True]


def plain_bar(tape: SecondTape, start: int, end: int) -> tuple[float, ...] | None:
    rows = [i for i in range(start, end) if tape.volume[i] > 0]
    if not rows:
        return None
    return (
        tape.open[rows[0]],
        max(tape.high[i] for i in rows),
        min(tape.low[i] for i in rows),
        tape.close[rows[-1]],
        sum(int(tape.volume[i]) for i in rows),
        sum(int(tape.trades[i]) for i in rows),
    )


def nth(bars: BarArrays, i: int) -> tuple[float, ...]:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.count)
    return tuple(column[i] for column in columns)


@given(
    st.lists(st.sampled_from([0, 0, 1, 7, 100]), min_size=1, max_size=60),
    st.lists(st.integers(min_value=0, max_value=60), min_size=2, max_size=8, unique=True),
    st.booleans(),
)
def test_aggregation_agrees_with_a_plain_loop(volume: list[int], marks: list[int], with_gaps: bool) -> None:
    tape = tape_of(volume)
    edges = sorted(mark for mark in marks if mark <= len(volume))
    pairs = list(pairwise(edges))[:: 2 if with_gaps else 1]
    starts, ends = at(*(p[0] for p in pairs)), at(*(p[1] for p in pairs))
    bars = aggregate(tape, ends, starts, previous_close=1.0)
    carried = 1.0
    for i, (start, end) in enumerate(pairs):
        expected = plain_bar(tape, start, end)
        assert nth(bars, i) == (expected or (carried, carried, carried, carried, 0, 0))
        carried = float(bars.close[i])


@given(st.lists(st.sampled_from([0, 0, 3, 100]), min_size=12, max_size=12), st.sampled_from([4, 6, 12]))
def test_folding_bars_agrees_with_aggregating_seconds(volume: list[int], step: int) -> None:
    tape = tape_of(volume)
    ends = at(*range(step, 13, step))
    short = aggregate(tape, at(*range(2, 13, 2)))
    folded, direct = fold_bars(short, ends, previous_close=3.0), aggregate(tape, ends, previous_close=3.0)
    for name in ("open", "high", "low", "close", "volume", "count", "start", "end"):
        assert np.array_equal(getattr(folded, name), getattr(direct, name)), name
    assert np.allclose(folded.wap, direct.wap)


def test_folding_refuses_bars_outside_the_span() -> None:
    short = aggregate(tape_of([1, 1, 1, 1]), at(2, 4))
    with pytest.raises(ValueError, match="lie outside"):
        fold_bars(short, at(5))


def test_folding_leaves_out_what_lies_between_given_bars() -> None:
    short = aggregate(tape_of([1, 2, 4, 8]), at(1, 2, 3, 4))
    assert fold_bars(short, at(1, 4), at(0, 3)).volume.tolist() == [1, 8]


def test_folding_refuses_nothing_to_fold() -> None:
    with pytest.raises(ValueError, match="no bars to fold"):
        fold_bars(aggregate(tape_of([1]), at()), at(1))
