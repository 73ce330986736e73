"""Drawdowns, against figures worked by hand and a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.statistics.drawdowns import (
    Drawdown,
    drawdown_series,
    growth_drawdowns,
    longest_drawdown,
    longest_drawdown_rows,
    max_drawdown_rows,
    worst_drawdowns,
)

#                   0      1     2     3      4      5      6     7      8     9
EQUITY = np.array([100.0, 90.0, 95.0, 100.0, 120.0, 108.0, 60.0, 120.0, 90.0, 96.0])


def test_each_value_is_measured_from_the_highest_before_it() -> None:
    assert drawdown_series(EQUITY) == pytest.approx([0, 0.1, 0.05, 0, 0, 0.1, 0.5, 0, 0.25, 0.2])


def test_the_worst_come_first_with_start_trough_and_recovery() -> None:
    falls = worst_drawdowns(EQUITY)
    assert [fall.depth for fall in falls] == pytest.approx([0.5, 0.25, 0.1])
    assert [(fall.start, fall.trough, fall.recovery) for fall in falls] == [(4, 6, 7), (7, 8, None), (0, 1, 3)]


def test_no_more_are_told_than_asked_for() -> None:
    assert [fall.start for fall in worst_drawdowns(EQUITY, count=2)] == [4, 7]


@pytest.mark.parametrize("equity", [[5.0], [5.0, 5.0, 5.0], [1.0, 2.0, 3.0]])
def test_what_never_falls_has_no_drawdown(equity: list[float]) -> None:
    assert worst_drawdowns(np.array(equity)) == ()
    assert longest_drawdown(np.array(equity)) == 0


def test_the_longest_runs_from_a_peak_to_the_mark_that_reaches_it_again() -> None:
    assert longest_drawdown(EQUITY) == 3
    assert longest_drawdown(np.array([3.0, 2.0, 2.0, 2.0])) == 3  # and to the end where none does


def test_more_than_everything_can_be_lost() -> None:
    assert worst_drawdowns(np.array([100.0, -50.0]))[0].depth == pytest.approx(1.5)


def test_a_fall_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="out of order"):
        Drawdown(depth=0.1, start=3, trough=3, recovery=None)
    with pytest.raises(ValueError, match="out of order"):
        Drawdown(depth=0.1, start=3, trough=5, recovery=5)


@given(st.lists(st.sampled_from([-0.5, -0.25, 0.0, 1.0, 0.5]), min_size=0, max_size=30))
def test_rows_of_returns_tell_what_their_equity_tells(returns: list[float]) -> None:
    rows = np.array([returns])
    equity = np.concatenate(([1.0], np.cumprod(1.0 + rows[0])))
    assert max_drawdown_rows(rows)[0] == drawdown_series(equity).max()
    assert longest_drawdown_rows(growth_drawdowns(rows) > 0)[0] == longest_drawdown(equity)
    assert longest_drawdown(equity) == _longest_by_loop(equity)


def _longest_by_loop(equity: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    longest = peak = 0
    for place in range(1, len(equity)):
        below = equity[place] < equity[peak]
        if below or place - peak > 1:
            longest = max(longest, place - peak)
        if not below:
            peak = place
    return longest
