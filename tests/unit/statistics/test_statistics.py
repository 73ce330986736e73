"""Slippage, drawdown, return and Sharpe ratio against figures worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.statistics.execution import shortfall_parts_bps, slippage_bps
from daemon.statistics.performance import max_drawdown, sharpe_ratio, total_return

PRICES = st.floats(1.0, 1000.0)


@pytest.mark.parametrize(
    ("reference", "price", "sign", "bps"),
    [
        (100.0, 100.1, 1, 10.0),
        (100.0, 99.9, 1, -10.0),
        (100.0, 100.1, -1, -10.0),
        (100.0, 99.9, -1, 10.0),
        (50.0, 50.0, 1, 0.0),
    ],
)
def test_slippage_is_positive_when_it_costs(reference: float, price: float, sign: int, bps: float) -> None:
    assert slippage_bps(reference=reference, price=price, sign=sign) == pytest.approx(bps)


def test_the_parts_of_a_buy_worked_by_hand() -> None:
    assert shortfall_parts_bps(decision=100.0, mid=100.05, touch=100.07, price=100.10, sign=1) == pytest.approx(
        (5.0, 2.0, 3.0)
    )


@given(PRICES, PRICES, PRICES, PRICES, st.sampled_from([1, -1]))
def test_the_parts_add_up_to_the_whole(decision: float, mid: float, touch: float, price: float, sign: int) -> None:
    parts = shortfall_parts_bps(decision=decision, mid=mid, touch=touch, price=price, sign=sign)
    assert sum(parts) == pytest.approx(slippage_bps(reference=decision, price=price, sign=sign), abs=1e-6)


@pytest.mark.parametrize(
    ("equity", "total", "drawdown"),
    [([100.0], 0.0, 0.0), ([100, 110, 99, 120], 0.2, 0.1), ([100, 80, 60], -0.4, 0.4), ([1, 2, 3], 2.0, 0.0)],
)
def test_return_and_drawdown(equity: list[float], total: float, drawdown: float) -> None:
    series = np.array(equity, dtype=np.float64)
    assert total_return(series) == pytest.approx(total)
    assert max_drawdown(series) == pytest.approx(drawdown)


def test_the_sharpe_ratio_worked_by_hand() -> None:
    # mean .01, sample deviation .01: one per day, sqrt(252) a year.
    assert sharpe_ratio(np.array([0.0, 0.01, 0.02]), periods_per_year=252) == pytest.approx(252**0.5)


@pytest.mark.parametrize("returns", [[], [0.01], [0.0, 0.0]])
def test_a_sharpe_ratio_that_cannot_be_had_is_none(returns: list[float]) -> None:
    assert sharpe_ratio(np.array(returns, dtype=np.float64), periods_per_year=252) is None
