"""The stationary bootstrap: its blocks, its intervals, and how often these are right."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.statistics.bootstrap import Interval, block_length, bootstrap_intervals, stationary_indices
from daemon.statistics.drawdowns import max_drawdown_rows
from daemon.statistics.ratios import sharpe_rows

Rows = NDArray[np.float64]


def mean(rows: Rows) -> dict[str, Rows]:
    return {"mean": np.asarray(rows.mean(axis=1))}


def autoregressive(n: int, *, by: float, seed: int) -> Rows:
    noise = np.random.default_rng(seed).normal(size=n)
    values = np.empty(n)
    values[0] = noise[0]
    for place in range(1, n):
        values[place] = by * values[place - 1] + noise[place]
    return values


@pytest.mark.parametrize("by", [0.0, 0.3, 0.8])
def test_blocks_are_longer_the_longer_values_remember(by: float) -> None:
    length = block_length(autoregressive(4_000, by=by, seed=1))
    assert {0.0: 1.0 <= length < 4, 0.3: 4 < length < 15, 0.8: 25 < length < 80}[by]


def test_block_length_agrees_with_the_arch_package() -> None:
    # optimal_block_length of arch 8.0.0 on the same values, column "stationary". It measures autocorrelations against
    # shortened sums; of 300 random series, that changed what three of them came to.
    values = np.convolve(np.cos(np.arange(500) ** 2 * 0.7), [1.0, 0.7, 0.5, 0.3])
    assert block_length(values) == pytest.approx(10.009451048437173, rel=1e-6)


@pytest.mark.parametrize("values", [np.zeros(0), np.ones(100), np.arange(5.0)])
def test_too_little_to_measure_is_drawn_one_by_one(values: Rows) -> None:
    assert block_length(values) == 1.0


def test_blocks_are_of_the_mean_length_and_go_round() -> None:
    places = stationary_indices(500, rows=400, block=8.0, rng=np.random.default_rng(5))
    assert places.shape == (400, 500)
    assert places.min() >= 0
    assert places.max() < 1_000
    goes_on = np.diff(places % 500, axis=1) % 500 == 1
    assert goes_on.mean() == pytest.approx(1 - 1 / 8, abs=0.005)
    assert np.bincount((places % 500).ravel(), minlength=500) / 400 == pytest.approx(1.0, abs=0.35)


def test_the_same_seed_gives_the_same_intervals() -> None:
    values = np.random.default_rng(0).normal(size=300)
    first, second, other = (
        bootstrap_intervals(values, mean, rng=np.random.default_rng(seed), samples=500) for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(8).normal(10.0, 2.0, 1_000)
    interval = bootstrap_intervals(values, mean, rng=np.random.default_rng(9), block=1.0)["mean"]
    assert interval is not None
    half = 1.96 * values.std(ddof=1) / 1_000**0.5
    assert interval.low == pytest.approx(values.mean() - half, abs=0.012)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.012)
    assert interval.level == 0.95


def test_intervals_of_dependent_data_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(120):
        values = autoregressive(400, by=0.5, seed=seed)
        interval = bootstrap_intervals(values, mean, rng=np.random.default_rng(seed), samples=400)["mean"]
        held += interval is not None and interval.low <= 0.0 <= interval.high
    assert 0.86 <= held / 120 <= 1.0  # drawn one by one, about 0.74 of them would


def test_fewer_than_ten_values_have_no_interval() -> None:
    assert bootstrap_intervals(np.arange(9.0), mean, rng=np.random.default_rng(0)) == {"mean": None}


def test_a_statistic_that_is_often_undefined_has_no_interval() -> None:
    def inverse(rows: Rows) -> dict[str, Rows]:
        return {"inverse": np.where(rows.sum(axis=1) > 0, 1.0 / np.maximum(rows.sum(axis=1), 1.0), np.nan)}

    values = np.zeros(50)
    values[7] = 1.0  # missing from every third resample or so
    assert bootstrap_intervals(values, inverse, rng=np.random.default_rng(0), block=1.0) == {"inverse": None}


def test_values_that_are_all_alike_do_not_tell_how_sure_they_are() -> None:
    assert bootstrap_intervals(np.full(40, 0.1), mean, rng=np.random.default_rng(0)) == {"mean": None}


@pytest.mark.parametrize("name", ["sharpe", "drawdown"])
def test_five_thousand_resamples_of_two_thousand_days_take_less_than_a_second(name: str) -> None:
    returns = np.random.default_rng(2).normal(0.0004, 0.01, 2_000)

    def measured(rows: Rows) -> dict[str, Rows]:
        return {name: sharpe_rows(rows, periods_per_year=252.0) if name == "sharpe" else max_drawdown_rows(rows)}

    taken = []
    for _ in range(3):
        begun = time.process_time()
        interval = bootstrap_intervals(returns, measured, rng=np.random.default_rng(0))[name]
        taken.append(time.process_time() - begun)
        assert isinstance(interval, Interval)
    assert min(taken) < 1.0  # 0.1 to 0.4 on a free core
