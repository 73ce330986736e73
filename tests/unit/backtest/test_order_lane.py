"""Orders that go the straight line leave the same records, in the same order, as those that go through every hand."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.backtest.column_history import ColumnHistory, MadeQuotes
from daemon.backtest.driver import Quietly
from daemon.backtest.order_lane import OrderLane
from daemon.domain.instrument import InstrumentId
from daemon.domain.records import BarSeen, DecisionMade, FillRecorded, RiskChecked
from daemon.engine.series import column_arrays
from daemon.engine.setup import EngineSetup
from daemon.market.windows import BarColumns
from daemon.matching.commission import CommissionSchedule, PercentOfNotional, PerShare
from daemon.strategies.sma_cross import SmaCross, SmaCrossParameters
from tests.unit.backtest.quiet_stage import M1, SCHEDULE, SYMBOLS, Run, run, setup, strategy

LIMITS = {
    "daily_trades": st.sampled_from([3, 20, 10**6]),
    "position_shares": st.sampled_from([Decimal(40), Decimal(10**6)]),
    "position_value": st.sampled_from([Decimal(9_000), Decimal(10**9)]),
    "daily_loss_value": st.sampled_from([Decimal(30), Decimal(400), Decimal(10**8)]),
}


def bars(seed: int, count: int, gaps: int) -> BarColumns:
    """Return minutes of two sessions or so, of which some are missing."""
    rng = np.random.default_rng(seed)
    days = SCHEDULE.calendar.sessions_between(date(2024, 6, 10), date(2024, 6, 20))
    ends = np.concatenate([SCHEDULE.ends(day, M1) for day in days])[:count]
    kept = np.ones(count, np.bool_)
    kept[rng.integers(0, count, gaps)] = False
    middle = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, count)))
    opens, closes = np.round(middle, 2), np.round(middle * np.exp(rng.normal(0, 5e-4, count)), 2)
    high, low = np.maximum(opens, closes), np.minimum(opens, closes)
    volume = rng.integers(0, 90, count).astype(np.float64)
    columns = BarColumns(ends - 60, ends, opens, high, low, closes, volume, closes, (volume > 0).astype(np.int64))
    return BarColumns(*(column[kept] for column in column_arrays(columns)))  # type: ignore[arg-type]


def heart(
    symbols: int, *, allow_short: bool, fraction: str, limits: Mapping[str, Any], strategies: int = 1
) -> EngineSetup:
    each = [
        strategy(f"sma{number}", SmaCross(SmaCrossParameters(fast=2 + number, slow=5), (M1,)), SYMBOLS[:symbols],
                 allow_short=allow_short, fraction=fraction)
        for number in range(strategies)
    ]  # fmt: skip
    tight = [replace(one, limits=replace(one.limits, **limits)) for one in each]
    made = setup(tight)
    return replace(made, account_limits=replace(made.account_limits, **limits))


def both_ways(
    heart: EngineSetup, columns: list[BarColumns], quotes: MadeQuotes, fees: CommissionSchedule, way: Quietly, seed: int
) -> tuple[Run, Run, int]:
    """Return the run with the line, the run without it, and how many instants took it."""
    carried = 0
    straight = OrderLane.carry

    def counted(self: OrderLane, *given: Any) -> bool:
        nonlocal carried
        taken = straight(self, *given)
        carried += taken
        return taken

    def history() -> ColumnHistory:
        named = dict(zip(map(InstrumentId, SYMBOLS), columns, strict=False))
        return ColumnHistory(bars=named, schedule=SCHEDULE, timeframe=M1, quotes=quotes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OrderLane, "carry", counted)
        on = run(heart, history(), way, seed=seed, fees=fees)
        patch.setattr(OrderLane, "carry", lambda *_: False)
        off = run(heart, history(), way, seed=seed, fees=fees)
    return on, off, carried


def assert_identical(on: Run, off: Run) -> None:
    for mine, other in zip(on.records, off.records, strict=False):
        assert mine == other
        assert repr(mine) == repr(other)  # decimals that are equal may be written otherwise
    assert len(on.records) == len(off.records)
    assert on.decisions == off.decisions
    assert (on.bars, on.digest) == (off.bars, off.digest)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    symbols=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    gaps=st.sampled_from([0, 0, 25]),
    allow_short=st.booleans(),
    fraction=st.sampled_from(["0.05", "0.3", "0.9"]),
    size=st.sampled_from([30.0, 250.5, 1e9]),
    half_spread=st.sampled_from([0.0, 0.01, 0.5]),
    limits=st.fixed_dictionaries({}, optional=LIMITS),
    fees=st.sampled_from([PercentOfNotional(), PercentOfNotional(rate=Decimal(0)), PerShare()]),
    way=st.sampled_from(["decide", "decide_all"]),
)
def test_the_straight_line_changes_nothing(
    symbols: int, seed: int, gaps: int, allow_short: bool, fraction: str, size: float, half_spread: float,
    limits: dict[str, Any], fees: CommissionSchedule, way: Quietly,
) -> None:  # fmt: skip
    columns = [bars(seed + number, 500, gaps) for number in range(symbols)]
    made = heart(symbols, allow_short=allow_short, fraction=fraction, limits=limits)
    on, off, _ = both_ways(made, columns, MadeQuotes(half_spread=half_spread, size=size), fees, way, seed)
    assert_identical(on, off)


@pytest.mark.parametrize("symbols", [1, 3])
def test_plain_orders_take_it(symbols: int) -> None:
    columns = [bars(number, 780, 0) for number in range(symbols)]
    made = heart(symbols, allow_short=True, fraction="0.2", limits={})
    on, off, carried = both_ways(made, columns, MadeQuotes(), PercentOfNotional(), "decide", 1)
    assert_identical(on, off)
    assert on.count(FillRecorded) > 50 * symbols
    assert carried > 0.9 * len({record.at for record in on.records if isinstance(record, RiskChecked)})
    assert on.count(BarSeen) == on.count(DecisionMade)


@pytest.mark.parametrize(
    ("more", "size"), [({"strategies": 2}, 1e9), ({"limits": {"position_value": Decimal(10)}}, 1e9), ({}, 3.0)]
)
def test_what_is_not_plain_does_not(more: dict[str, Any], size: float) -> None:
    made = heart(1, **{"allow_short": True, "fraction": "0.2", "limits": {}, **more})
    on, off, carried = both_ways(made, [bars(3, 780, 0)], MadeQuotes(size=size), PercentOfNotional(), "decide", 1)
    assert_identical(on, off)
    assert on.count(RiskChecked) > 20
    assert carried == 0
