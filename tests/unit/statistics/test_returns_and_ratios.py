"""Returns, growth, volatility and ratios, against figures worked by hand."""

import math

import numpy as np
import pytest

from daemon.statistics.performance import max_drawdown, sharpe_ratio, total_return
from daemon.statistics.ratios import calmar_ratio, calmar_rows, sharpe_rows, sortino_ratio, sortino_rows
from daemon.statistics.returns import annualised_volatility, cagr, cagr_rows, log_returns, simple_returns

EQUITY = np.array([100.0, 110.0, 99.0, 108.9])  # +10 %, -10 %, +10 %
NONE = np.empty(0)


def test_simple_returns_are_changes_over_what_was_before() -> None:
    assert simple_returns(EQUITY) == pytest.approx([0.1, -0.1, 0.1])


def test_log_returns_add_up_to_the_logarithm_of_growth() -> None:
    assert log_returns(EQUITY).sum() == pytest.approx(math.log(1.089))


@pytest.mark.parametrize("last", [0.0, -5.0, math.nan])
def test_returns_of_nothing_are_refused(last: float) -> None:
    for measure in (simple_returns, log_returns):
        with pytest.raises(ValueError, match="equity must be > 0"):
            measure(np.array([100.0, last]))


def test_one_value_has_no_return() -> None:
    assert simple_returns(EQUITY[:1]).shape == (0,)


def test_cagr_compounds_to_one_year() -> None:
    assert cagr(np.array([0.1, 0.1]), periods_per_year=1) == pytest.approx(0.1)
    assert cagr(np.array([0.21]), periods_per_year=0.5) == pytest.approx(0.1)
    assert cagr(np.array([-1.0]), periods_per_year=252) == -1.0


def test_cagr_is_none_without_returns_beyond_ruin_and_beyond_floats() -> None:
    assert cagr(NONE, periods_per_year=252) is None
    assert cagr(np.array([-1.5]), periods_per_year=252) is None
    assert cagr(np.array([1e6]), periods_per_year=252) is None


def test_volatility_is_the_sample_deviation_per_root_year() -> None:
    # mean 1/30, squares (1/15)^2 + (2/15)^2 + (1/15)^2 = 6/225, over n - 1 = 2: 3/225
    assert annualised_volatility(simple_returns(EQUITY), periods_per_year=4) == pytest.approx(2 * math.sqrt(3) / 15)
    assert annualised_volatility(np.array([0.1]), periods_per_year=252) is None
    assert annualised_volatility(np.zeros(5), periods_per_year=252) == 0.0


def test_sharpe_is_mean_over_deviation() -> None:
    returns = simple_returns(EQUITY)
    assert sharpe_ratio(returns, periods_per_year=4) == pytest.approx((1 / 30) / (math.sqrt(3) / 15) * 2)


def test_sharpe_is_none_where_returns_differ_by_rounding_only() -> None:
    grown = simple_returns(np.asarray(100.0 * 1.001 ** np.arange(300), dtype=np.float64))
    assert np.ptp(grown) > 0
    assert sharpe_ratio(grown, periods_per_year=252) is None
    assert sharpe_ratio(np.array([0.1]), periods_per_year=252) is None


def test_sortino_counts_the_days_above_in_its_deviation() -> None:
    # mean 1/30, downside sqrt(0.01 / 3)
    assert sortino_ratio(simple_returns(EQUITY), periods_per_year=9) == pytest.approx(
        (1 / 30) / math.sqrt(0.01 / 3) * 3
    )


def test_sortino_is_none_when_nothing_fell_short() -> None:
    assert sortino_ratio(np.array([0.1, 0.0]), periods_per_year=252) is None
    assert sortino_ratio(np.array([-0.1]), periods_per_year=252) is None


def test_calmar_is_growth_over_the_deepest_drawdown() -> None:
    assert calmar_ratio(simple_returns(EQUITY), periods_per_year=3) == pytest.approx(0.089 / 0.1)
    assert calmar_ratio(np.array([0.1, 0.1]), periods_per_year=252) is None
    assert calmar_ratio(NONE, periods_per_year=252) is None


def test_the_functions_of_old_still_say_the_same() -> None:
    assert total_return(EQUITY) == pytest.approx(0.089)
    assert max_drawdown(EQUITY) == pytest.approx(0.1)


def test_rows_are_measured_as_each_would_be_alone() -> None:
    rows = np.random.default_rng(3).normal(0.001, 0.02, (7, 50))
    for measure, one in ((sharpe_rows, sharpe_ratio), (sortino_rows, sortino_ratio), (calmar_rows, calmar_ratio)):
        assert measure(rows, periods_per_year=252) == pytest.approx([one(row, periods_per_year=252) for row in rows])
    assert np.isnan(cagr_rows(np.empty((2, 0)), periods_per_year=252)).all()
