"""The same figures as empyrical-reloaded on twenty years of real daily closes; skipped where either is missing."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from daemon.statistics.bootstrap import block_length
from daemon.statistics.drawdowns import drawdown_series
from daemon.statistics.equity_series import EquitySeries
from daemon.statistics.monthly import monthly_returns
from daemon.statistics.performance import max_drawdown, sharpe_ratio, total_return
from daemon.statistics.ratios import calmar_ratio, sortino_ratio
from daemon.statistics.returns import annualised_volatility, cagr, simple_returns

SPY = Path(__file__).parents[4] / "shared" / "data" / "equity-daily" / "SPY.pandas-ta.parquet"
YEAR = 252.0


@pytest.fixture(scope="module")
def closes() -> "pd.Series[float]":
    if not SPY.exists():
        pytest.skip("the shared data are not here")
    table = pd.read_parquet(SPY)
    return pd.Series(table["close"].to_numpy(np.float64), index=pd.to_datetime(table["date"]))


@pytest.fixture
def values(closes: "pd.Series[float]") -> NDArray[np.float64]:
    return np.asarray(closes.to_numpy(), dtype=np.float64)


@pytest.fixture(scope="module")
def empyrical() -> Any:
    return pytest.importorskip("empyrical")


def test_the_figures_agree(empyrical: Any, values: NDArray[np.float64]) -> None:
    returns = simple_returns(values)
    assert returns.size == 5_240
    ours = {
        "cum_returns_final": total_return(values),
        "annual_return": cagr(returns, periods_per_year=YEAR),
        "annual_volatility": annualised_volatility(returns, periods_per_year=YEAR),
        "sharpe_ratio": sharpe_ratio(returns, periods_per_year=YEAR),
        "sortino_ratio": sortino_ratio(returns, periods_per_year=YEAR),
        "calmar_ratio": calmar_ratio(returns, periods_per_year=YEAR),
        "max_drawdown": -max_drawdown(values),
    }
    theirs = {name: float(getattr(empyrical, name)(returns)) for name in ours}
    assert ours == pytest.approx(theirs, rel=1e-10)


def test_the_drawdown_series_agrees(empyrical: Any, values: NDArray[np.float64]) -> None:
    theirs = np.asarray(empyrical.stats.drawdown_series(simple_returns(values)))
    assert -drawdown_series(values)[1:] == pytest.approx(theirs, abs=1e-12)


def test_the_monthly_table_agrees(empyrical: Any, closes: "pd.Series[float]", values: NDArray[np.float64]) -> None:
    zone = ZoneInfo("America/New_York")
    stamps = pd.DatetimeIndex(closes.index).tz_localize("America/New_York") + pd.Timedelta(hours=16)
    times = np.array([stamp.timestamp() for stamp in stamps])
    table = monthly_returns(EquitySeries(times=times, values=values), zone)
    ours = {(row.year, month): value for row in table for month, value in enumerate(row.months, 1) if value is not None}
    theirs = empyrical.aggregate_returns(closes.pct_change().dropna(), "monthly").to_dict()
    assert len(ours) == 250
    assert ours == pytest.approx(theirs, abs=1e-12)
    yearly = empyrical.aggregate_returns(closes.pct_change().dropna(), "yearly").to_dict()
    assert {row.year: row.total for row in table} == pytest.approx(yearly, abs=1e-12)


def test_the_block_lengths_are_those_of_the_arch_package(values: NDArray[np.float64]) -> None:
    # optimal_block_length of arch 8.0.0, column "stationary", of returns and of their squares.
    returns = simple_returns(values)
    assert block_length(returns) == pytest.approx(8.851419, rel=1e-6)
    assert block_length(returns**2) == pytest.approx(123.406632, rel=1e-6)
