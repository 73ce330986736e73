"""The check of a strategy: it passes the sound ones and names what is wrong with each planted one."""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from daemon.backtest.causality import check_strategy
from daemon.backtest.causality_bars import CheckedBars, columns_of, count_until, other_future, synthetic_bars
from daemon.backtest.causality_findings import CheckReport, Proof, Result
from daemon.domain.decision import Decision, Signal
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from daemon.strategies.registry import StrategyType
from daemon.strategies.sma_cross import SmaCross
from tests.fakes import planted_faults as faults
from tests.fakes import planted_lookahead as lookahead
from tests.fakes import planted_warmup as short

M5, H1, D1 = (Timeframe.parse(label) for label in ("5m", "1h", "1d"))
LAST = date(2024, 12, 4)
_calls = iter(range(10_000))
COMPARING = (Proof.PREFIX, Proof.CAUSALITY, Proof.OTHER_FUTURE)


@cache
def market() -> SyntheticMarket:
    return SyntheticMarket(3, TradingCalendar("XNYS", last=date(2025, 3, 1)), ["SPY"])


@cache
def bars(frames: tuple[Timeframe, ...], warmup: int) -> CheckedBars:
    last = market().calendar.session_on(LAST)
    assert last is not None
    return synthetic_bars(market(), "SPY", frames, last, warmup=warmup, history=100, sessions=2)


def checked(
    kind: Any, *, frames: tuple[Timeframe, ...] = (M5,), seed: int = 1, cuts: int = 40, **parameters: object
) -> CheckReport:
    found: StrategyType = kind

    def build() -> Any:
        return found(found.Parameters.model_validate(parameters), frames)

    rows = bars(frames, build().warmup)
    return check_strategy(build, rows, instrument=InstrumentId("SPY"), seed=seed, cuts=cuts)


def result(report: CheckReport, proof: Proof, frame: Timeframe = M5) -> Result:
    (found,) = (each for each in report.results if (each.proof, each.timeframe) == (proof, frame))
    return found


def failed(report: CheckReport) -> set[Proof]:
    return {each.proof for each in report.results if each.ok is False}


def close_at(at: int, shift: int = 0) -> float:
    columns = bars((M5,), 5).columns[M5]
    return float(columns.close[count_until(columns, at) - 1 + shift])


def test_sma_cross_holds_on_every_timeframe() -> None:
    report = checked(SmaCross, frames=(M5, H1, D1), fast=5, slow=20)
    assert report.ok, [each.finding for each in report.results if not each.ok]
    assert len(report.results) == 3 * len(Proof)
    for frame in (M5, H1, D1):
        fast, slow = result(report, Proof.WARMUP, frame).needs
        assert (fast.feature, fast.close, fast.kind) == ("fast", 5, "window")
        assert (slow.feature, slow.close, slow.kind) == ("slow", 20, "window")


def test_centred_average_is_named_with_row_and_size() -> None:
    report = checked(lookahead.CentredAverage)
    assert failed(report) == set(COMPARING)
    first = result(report, Proof.PREFIX).first
    assert first is not None
    # The shortest prefix has five bars: row 3 is the first whose average of five needs a bar that is not there.
    assert (first.what, first.row) == ("feature level", 3)
    around = [close_at(first.at, shift) for shift in (-2, -1, 0, 1, 2)]
    assert first.found == pytest.approx(np.mean(around), abs=1e-12)
    assert first.expected == pytest.approx(np.mean(around[:4]), abs=1e-12)
    assert first.by == pytest.approx(abs(np.mean(around) - np.mean(around[:4])), abs=1e-9)
    assert "feature level in row 3" in result(report, Proof.PREFIX).finding


def test_wrong_shift_is_named_with_the_next_close() -> None:
    report = checked(lookahead.NextClose)
    assert failed(report) >= set(COMPARING)
    first = result(report, Proof.OTHER_FUTURE).first
    assert first is not None
    assert first.what == "feature level"
    assert first.expected == close_at(first.at, 1)
    decision = result(report, Proof.CAUSALITY)
    assert decision.first is not None
    assert decision.first.what in {"decision signal", "decision reasoning level"}
    assert "in the signal" in decision.finding


def test_mean_of_everything_changes_the_first_row() -> None:
    first = result(checked(lookahead.Normalised), Proof.PREFIX).first
    assert first is not None
    assert (first.what, first.row) == ("feature level", 0)


def test_bars_kept_from_features_are_found_by_the_decisions_alone() -> None:
    report = checked(lookahead.KeepsBars)
    assert failed(report) == {Proof.CAUSALITY, Proof.OTHER_FUTURE}
    first = result(report, Proof.CAUSALITY).first
    assert first is not None
    assert (first.what, first.expected) == ("decision reasoning last", close_at(first.at))


def test_too_short_a_warmup_is_named_with_what_is_needed() -> None:
    report = checked(short.ShortWarmup)
    assert failed(report) == {Proof.WARMUP}
    found = result(report, Proof.WARMUP)
    assert "feature mean needs 50 bars, its warmup says 30: 20 too few" in found.finding
    (need,) = found.needs
    assert (need.exact, need.close, need.near, need.kind) == (50, 50, 50, "window")
    assert found.largest is not None
    columns = bars((M5,), 30).columns[M5]
    stop = count_until(columns, found.largest.at)
    whole, fewer = columns.close[stop - 50 : stop].mean(), columns.close[stop - 30 : stop].mean()
    assert (found.largest.what, found.largest.expected, found.largest.found) == ("feature mean", whole, fewer)
    assert found.largest.by == abs(whole - fewer)


@pytest.mark.parametrize("period", [30, 31])
def test_one_bar_too_few_is_too_few(period: int) -> None:
    report = checked(short.ShortWarmup, period=period)
    assert report.ok is (period == 30)
    assert result(report, Proof.WARMUP).needs[0].close == period


def test_feature_that_is_missing_at_warmup_is_named() -> None:
    report = checked(short.MissingAverage)
    assert failed(report) == {Proof.WARMUP}
    found = result(report, Proof.WARMUP)
    assert "needs 50 bars" in found.finding
    assert "nan with 30" in found.finding
    assert found.needs[0].off is None
    assert found.decisions_from == 50


def test_raising_with_the_bars_it_asked_for_is_told_with_the_place() -> None:
    report = checked(short.RaisesWhenShort)
    assert failed(report) == {Proof.PREFIX, Proof.WARMUP}
    assert "features of 30 bars of 5m" in result(report, Proof.PREFIX).finding
    assert "ValueError: I need 50 bars (planted_warmup.py:" in result(report, Proof.WARMUP).finding


def test_exponential_average_is_judged_by_its_decisions() -> None:
    long_enough = result(checked(short.Exponential, period=5, says=60), Proof.WARMUP)
    assert long_enough.ok
    (need,) = long_enough.needs
    assert need.kind == "gradual"
    assert need.near is not None
    assert need.close is not None
    assert 20 < need.near < need.close < 60
    too_short = result(checked(short.Exponential, period=60, says=60, cuts=150), Proof.WARMUP)
    assert not too_short.ok
    assert "decisions are others with the 60 bars of its warmup" in too_short.finding


def test_state_in_the_instance_is_told_from_looking_ahead() -> None:
    report = checked(faults.Counts)
    assert failed(report) == {Proof.DETERMINISM}
    assert "it keeps something" in result(report, Proof.DETERMINISM).finding


def test_the_same_state_in_memory_is_fine() -> None:
    assert checked(faults.CountsInMemory).ok


def test_chance_is_found() -> None:
    found = result(checked(faults.Dices), Proof.DETERMINISM)
    assert not found.ok
    assert found.first is not None
    assert found.first.what == "feature change"
    assert found.largest is not None
    assert found.largest.by is not None
    assert 0 < found.largest.by < 1e-4


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (faults.WritesBars, "must not write into the bars"),
        (faults.ForcesBars, "writes into bars.volume"),
        (faults.WritesFeatures, "must not write into the bars or features"),
        (faults.WritesMemory, "moment.memory in place"),
        (faults.ReusesArray, "overwrites the array of feature change"),
        (faults.returning(lambda found: {"a": found["change"][1:]}), "feature a has shape"),
        (faults.returning(lambda found: {"a": found["change"].astype(np.float32)}), "holds float32, not float64"),
        (faults.returning(lambda found: {"a": found["change"].tolist()}), "is list, not a numpy array"),
        (faults.returning(lambda found: {"a": found["change"] / 0.0}), "is "),
        (faults.returning(lambda found: found["change"]), "returns ndarray, not a mapping"),
        (faults.returning(lambda found: {**found, f"b{next(_calls)}": found["change"]}), "each time"),
        (faults.deciding(lambda _: None), "returns NoneType, not a Decision"),
        (faults.deciding(lambda _: Decision(signal="UP")), "signal is 'UP'"),  # type: ignore[arg-type]
        (faults.deciding(lambda _: Decision(signal=Signal.BUY, confidence=1.5)), "confidence must be within 0 and 1"),
        (faults.deciding(lambda _: Decision(signal=Signal.BUY, expected_price=float("inf"))), "expected_price is inf"),
        (faults.deciding(lambda _: Decision(signal=Signal.BUY, reasoning={"x": float("nan")})), "reasoning x is nan"),
        (faults.deciding(lambda _: Decision(signal=Signal.BUY, memory={"x": Decimal(1)})), "its memory is no JSON"),
        (faults.deciding(lambda _: Decision(signal=Signal.BUY, memory={"x": (1, 2)})), "another after the journal"),
        (faults.deciding(lambda moment: moment.value("missing")), "raises KeyError: 'missing'"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_wrong_form_is_named_and_nothing_else_is_tried(kind: type[BaseModel], words: str) -> None:
    report = checked(kind)
    found = result(report, Proof.FORM)
    assert found.ok is False
    assert words in found.finding
    assert "5m" in found.finding
    assert "2024-12-" in found.finding
    assert {each.ok for each in report.results if each.proof is not Proof.FORM} == {None}
    assert not report.ok


def test_the_same_seed_finds_the_same() -> None:
    once, again, other = (checked(lookahead.CentredAverage, seed=seed) for seed in (5, 5, 6))
    assert once == again
    assert once != other


def test_progress_only_grows_and_ends_at_one() -> None:
    told: list[tuple[str, float]] = []
    strategy = SmaCross(SmaCross.Parameters(fast=2, slow=4), (M5, H1))
    check_strategy(
        lambda: strategy,
        bars((M5, H1), 4),
        instrument=InstrumentId("SPY"),
        seed=1,
        cuts=5,
        watch=lambda what, share: told.append((what, share)),
    )
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1] == ("done", 1.0)
    assert {"5m prefix stability", "1h warm-up"} <= {what for what, _ in told}


def test_another_future_leaves_the_past_alone() -> None:
    columns = bars((M5,), 5).columns[M5]
    at = int(columns.end[50])
    other = other_future(columns, at, np.random.default_rng(1))
    for was, now in zip(columns_of(columns), columns_of(other), strict=True):
        np.testing.assert_array_equal(was[:51], now[:51])
    np.testing.assert_array_equal(columns.end, other.end)
    assert (columns.close[51:] != other.close[51:]).all()
    assert (other.high >= other.low).all()
    assert (other.high >= np.maximum(other.open, other.close)).all()


def test_windows_begin_at_the_anchor_and_reach_beyond_the_session() -> None:
    rows = bars((M5, H1, D1), 20)
    for frame in (M5, H1, D1):
        for session in rows.sessions[frame]:
            window = rows.window(frame, session)
            assert count_until(window, session.open_s) == 100
            assert int(window.end[-1]) > session.close_s
            assert np.isfinite(window.close).all()


def test_hourly_bars_are_those_of_the_schedule() -> None:
    columns = bars((M5, H1, D1), 20).columns
    minutes, hours = columns[M5], columns[H1]
    row = count_until(hours, int(minutes.end[-1])) - 1
    inside = (minutes.start >= hours.start[row]) & (minutes.end <= hours.end[row])
    assert hours.high[row] == minutes.high[inside].max()
    assert hours.close[row] == minutes.close[inside][-1]
    assert hours.volume[row] == minutes.volume[inside].sum()
