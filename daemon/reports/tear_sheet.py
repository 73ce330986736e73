"""Measures a backtest: equity marks and executions in, every statistic with its bootstrap interval out.

Everything is measured here and nothing is drawn; `tear_sheet_page` writes it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from daemon.reports.tear_sheet_values import (
    BarsInfo,
    Costs,
    Curve,
    DrawdownLine,
    Figure,
    Method,
    RunSettings,
    TearSheet,
    Unit,
)
from daemon.statistics.bootstrap import MIN_VALUES, Interval, Statistics, block_length, bootstrap_intervals
from daemon.statistics.drawdowns import drawdown_series, growth_drawdowns, longest_drawdown_rows, worst_drawdowns
from daemon.statistics.equity_series import EquitySeries
from daemon.statistics.monthly import monthly_returns
from daemon.statistics.performance import max_drawdown, total_return
from daemon.statistics.ratios import ratio, sharpe_rows, sortino_rows
from daemon.statistics.returns import cagr_rows, known, simple_returns, total_return_rows, volatility_rows
from daemon.statistics.trades import (
    Execution,
    Matching,
    RoundTrip,
    Trades,
    in_market,
    round_trips,
    trade_rows,
    trade_statistics,
    turnover_rows,
)

_STRETCHES: Final = 500  # of the plots, each with its highest and its lowest mark
_FEW_DAYS: Final = 60  # below this, annualised figures are extrapolated
_FEW_TRADES: Final = 30
_FEWEST_OF_A_YEAR: Final = 20  # days below which a compounded year would be nothing but noise
_TOO_GOOD: Final = 3.0  # Sharpe ratio

_Rows = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class _Kind:
    label: str
    unit: Unit
    meaning: str
    without: str  # in words, why there may be no value


_NO_DAYS: Final = "fewer than two days"
_NO_TRADES: Final = "no closed trade"
_KINDS: Final[Mapping[str, _Kind]] = {
    "total_return": _Kind("Total return", Unit.FRACTION, "last equity over first, minus one", _NO_DAYS),
    "cagr": _Kind("CAGR", Unit.FRACTION, "the same, compounded to one year", _NO_DAYS),
    "volatility": _Kind("Volatility", Unit.FRACTION, "deviation of daily returns, per square-root year", _NO_DAYS),
    "sharpe": _Kind("Sharpe ratio", Unit.RATIO, "mean over deviation of daily returns, annualised", "no variation"),
    "sortino": _Kind("Sortino ratio", Unit.RATIO, "mean over downside deviation, annualised", "no day fell short"),
    "calmar": _Kind("Calmar ratio", Unit.RATIO, "CAGR over max drawdown", "no drawdown"),
    "max_drawdown": _Kind("Max drawdown", Unit.FRACTION, "deepest fall from a peak, at any mark", _NO_DAYS),
    "longest_drawdown": _Kind("Longest drawdown", Unit.DAYS, "peak until it is reached again or the end", _NO_DAYS),
    "exposure": _Kind("Exposure", Unit.FRACTION, "share of a day's marks with a position, mean of days", _NO_DAYS),
    "turnover": _Kind("Turnover", Unit.PER_YEAR, "half of the traded value over mean equity, per year", _NO_DAYS),
    "hit_rate": _Kind("Hit rate", Unit.FRACTION, "trades with a gain after commission, of all", _NO_TRADES),
    "profit_factor": _Kind("Profit factor", Unit.RATIO, "gains over losses", "no losing trade"),
    "expectancy": _Kind("Expectancy", Unit.MONEY, "mean gain of a trade after commission", _NO_TRADES),
    "average_win": _Kind("Average win", Unit.MONEY, "mean of the winning trades", "no winning trade"),
    "average_loss": _Kind("Average loss", Unit.MONEY, "mean of the losing trades", "no losing trade"),
    "average_duration": _Kind("Average duration", Unit.SECONDS, "from first entry to last exit", _NO_TRADES),
}  # fmt: skip
_OF_TRADES: Final = (
    "hit_rate",
    "profit_factor",
    "expectancy",
    "average_win",
    "average_loss",
    "average_duration",
)


def tear_sheet(
    equity: EquitySeries,
    executions: Sequence[Execution],
    *,
    settings: RunSettings,
    bars: BarsInfo,
    matching: Matching = Matching.FIFO,
    slippage: Decimal | None = None,
    warnings: Sequence[str] = (),
    samples: int = 5_000,
    level: float = 0.95,
    seed: int = 0,
) -> TearSheet:
    """Measure one run.

    Args:
        equity: marks of any frequency; the first is what the run began with.
        executions: all fills with their commission; without a `strategy` of their own, trades could not be told apart.
        settings: what was run.
        bars: what it was fed with.
        matching: how fills become trades.
        slippage: what fills cost against the prices decided on, account currency, if it was measured.
        warnings: what the run has to say, one sentence each; what the figures say is added.
        samples: resamples of the bootstrap.
        level: of the intervals.
        seed: of the bootstrap; the same input and seed give the same sheet.
    """
    zone = ZoneInfo(settings.timezone)
    trades = round_trips(executions, matching=matching)
    run = _Run(equity, executions, trades, settings, zone)
    bootstrap = _Bootstrap(samples=samples, level=level, rng=np.random.default_rng(seed))
    figures = _figures(run, bootstrap)
    return TearSheet(
        settings=settings,
        bars=bars,
        start=_moment(equity.times[0]),
        end=_moment(equity.times[-1]),
        start_equity=float(equity.values[0]),
        end_equity=float(equity.values[-1]),
        marks=equity.values.size,
        days=run.returns.size,
        figures=figures,
        method=Method(
            samples=samples,
            level=level,
            seed=seed,
            block_days=run.block_days,
            block_trades=run.block_trades,
        ),
        curve=_curve(equity),
        drawdowns=_drawdowns(equity),
        monthly=monthly_returns(equity, zone),
        trade_statistics=trade_statistics(trades.closed),
        trades=trades.closed,
        open_trades=trades.open,
        costs=_costs(executions, trades.closed, slippage),
        warnings=(*warnings, *_warnings(run, figures)),
    )


@dataclass(frozen=True, slots=True)
class _Bootstrap:
    samples: int
    level: float
    rng: np.random.Generator


class _Run:
    """One run as arrays."""

    def __init__(
        self,
        equity: EquitySeries,
        executions: Sequence[Execution],
        trades: Trades,
        settings: RunSettings,
        zone: ZoneInfo,
    ) -> None:
        self.equity = equity
        self.trades = trades
        self.per_year = settings.periods_per_year
        self.risk_free = (1.0 + settings.risk_free_rate) ** (1.0 / self.per_year) - 1.0
        self.solvent = bool(np.all(equity.values > 0))
        daily = equity.daily(zone)
        self.returns = simple_returns(daily.values) if self.solvent else np.empty(0)
        self.pnl = np.array([trade.pnl for trade in trades.closed], dtype=np.float64)
        self.durations = np.array([trade.duration_s for trade in trades.closed], dtype=np.float64)
        self.exposures = self._exposures(equity.day_ends(zone))
        self.mean_equity = float(np.mean(equity.values))
        self.traded = self._traded(equity.day_ends(zone), executions)
        # Volatility comes in clusters that last longer than what returns say about each other: the longer one counts.
        self.block_days = max(block_length(self.returns), block_length(self.returns**2)) if self.returns.size else 1.0
        self.block_trades = block_length(self.pnl) if self.pnl.size else 1.0

    def _exposures(self, ends: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the share of each day's marks at which something was held."""
        spans = [(trade.entered_at.timestamp(), trade.exited_at.timestamp()) for trade in self.trades.closed]
        spans += [(trade.entered_at.timestamp(), np.inf) for trade in self.trades.open]
        entered, exited = np.array(spans, dtype=np.float64).reshape(-1, 2).T
        held = in_market(self.equity.times, entered=entered, exited=exited)
        starts = np.concatenate((np.zeros(1, dtype=np.intp), ends[:-1] + 1))
        return np.asarray(np.add.reduceat(held.astype(np.float64), starts) / (ends - starts + 1))

    def _traded(self, ends: NDArray[np.intp], executions: Sequence[Execution]) -> NDArray[np.float64]:
        """Return what was bought and sold on each day."""
        moments = np.array([execution.at.timestamp() for execution in executions], dtype=np.float64)
        values = np.array([abs(execution.value) for execution in executions], dtype=np.float64)
        days = np.minimum(np.searchsorted(self.equity.times[ends], moments, side="left"), ends.size - 1)
        return np.asarray(np.bincount(days, weights=values, minlength=ends.size), dtype=np.float64)

    def exposure_rows(self, shares: NDArray[np.float64]) -> _Rows:
        """Return the mean of days' shares, row by row."""
        return {"exposure": np.asarray(np.mean(shares, axis=1))}

    def turnover_rows(self, traded: NDArray[np.float64]) -> _Rows:
        """Return what traded values of days come to in a year, row by row."""
        years = traded.shape[1] / self.per_year
        return {"turnover": turnover_rows(traded.sum(axis=1), mean_equity=self.mean_equity, years=years)}

    def daily_rows(self, returns: NDArray[np.float64]) -> _Rows:
        """Return what daily returns tell, row by row."""
        growth = cagr_rows(returns, periods_per_year=self.per_year)
        drawdowns = growth_drawdowns(returns)
        deepest = drawdowns.max(axis=1, initial=0.0)
        return {
            "total_return": total_return_rows(returns),
            "cagr": growth,
            "volatility": volatility_rows(returns, periods_per_year=self.per_year),
            "sharpe": sharpe_rows(returns - self.risk_free, periods_per_year=self.per_year),
            "sortino": sortino_rows(returns - self.risk_free, periods_per_year=self.per_year),
            "calmar": ratio(growth, deepest),
            "max_drawdown": deepest,
            "longest_drawdown": longest_drawdown_rows(drawdowns > 0),
        }


def _figures(run: _Run, bootstrap: _Bootstrap) -> dict[str, Figure]:
    values: dict[str, float | None] = dict.fromkeys(_KINDS)
    intervals: dict[str, Interval | None] = {}
    if run.returns.size:
        values |= _first(run.daily_rows(run.returns[np.newaxis]))
        # What was lost between two closes was lost as well.
        values["max_drawdown"] = max_drawdown(run.equity.values)
        values["calmar"] = _calmar(values["cagr"], values["max_drawdown"])
        intervals |= _intervals(run.returns, run.daily_rows, bootstrap, run.block_days)
        if run.returns.size < _FEWEST_OF_A_YEAR:
            values |= {"cagr": None, "calmar": None}
    elif run.equity.values[0] > 0:
        values["max_drawdown"] = max_drawdown(run.equity.values)
        values["total_return"] = total_return(run.equity.values) if run.equity.values.size > 1 else None
    daily: tuple[tuple[NDArray[np.float64], Statistics], ...] = (
        (run.exposures, run.exposure_rows),
        (run.traded, run.turnover_rows),
    )
    for days, rows in daily:
        values |= _first(rows(days[np.newaxis]))
        intervals |= _intervals(days, rows, bootstrap, None)
    if run.pnl.size:
        values |= _first(trade_rows(run.pnl[np.newaxis]))
        values["average_duration"] = float(np.mean(run.durations))
        intervals |= _intervals(run.pnl, trade_rows, bootstrap, run.block_trades)
        intervals |= _intervals(run.durations, _duration_rows, bootstrap, None)
    return {name: _figure(name, values[name], intervals.get(name), run) for name in _KINDS}


def _first(rows: Mapping[str, NDArray[np.float64]]) -> dict[str, float | None]:
    return {name: known(row[0]) for name, row in rows.items()}


def _calmar(growth: float | None, deepest: float | None) -> float | None:
    return growth / deepest if growth is not None and deepest else None


def _duration_rows(durations: NDArray[np.float64]) -> _Rows:
    return {"average_duration": np.asarray(np.mean(durations, axis=1))}


def _intervals(
    values: NDArray[np.float64], statistics: Statistics, bootstrap: _Bootstrap, block: float | None
) -> dict[str, Interval | None]:
    return bootstrap_intervals(
        values, statistics, rng=bootstrap.rng, samples=bootstrap.samples, level=bootstrap.level, block=block
    )


def _figure(name: str, value: float | None, interval: Interval | None, run: _Run) -> Figure:
    kind = _KINDS[name]
    shown = interval if value is not None else None
    return Figure(
        label=kind.label,
        unit=kind.unit,
        value=value,
        low=shown.low if shown else None,
        high=shown.high if shown else None,
        missing="" if shown else _why(name, kind, value, run),
        meaning=kind.meaning,
    )


def _why(name: str, kind: _Kind, value: float | None, run: _Run) -> str:
    """Return in words why there is no value, or no interval."""
    if not run.solvent and name not in _OF_TRADES:
        return "equity fell to nothing"
    if value is not None:
        count, noun = (run.pnl.size, "trade") if name in _OF_TRADES else (run.returns.size, "day")
        return f"only {counted(count, noun)}" if count < MIN_VALUES else "resamples do not tell"
    if name in _OF_TRADES:
        return kind.without if run.pnl.size else _NO_TRADES
    if name in {"cagr", "calmar"} and run.returns.size < _FEWEST_OF_A_YEAR:
        return f"fewer than {_FEWEST_OF_A_YEAR} days"
    return kind.without if run.returns.size > 1 else _NO_DAYS


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 day, 2 days."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _curve(equity: EquitySeries) -> Curve:
    kept = _extremes(equity.values)
    depths = drawdown_series(equity.values) if equity.values[0] > 0 else np.zeros(equity.values.size)
    return Curve(
        times=tuple(equity.times[kept].tolist()),
        equity=tuple(equity.values[kept].tolist()),
        drawdown=tuple(depths[kept].tolist()),
    )


def _extremes(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the first, the last, and each stretch's highest and lowest value."""
    if values.size <= 2 * _STRETCHES:
        return np.arange(values.size)
    bounds = np.linspace(0, values.size, _STRETCHES + 1).astype(np.intp)
    kept = {0, values.size - 1}
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        kept |= {begin + int(np.argmin(values[begin:end])), begin + int(np.argmax(values[begin:end]))}
    return np.array(sorted(kept), dtype=np.intp)


def _drawdowns(equity: EquitySeries) -> tuple[DrawdownLine, ...]:
    if equity.values[0] <= 0:
        return ()
    return tuple(
        DrawdownLine(
            depth=fall.depth,
            start=_moment(equity.times[fall.start]),
            trough=_moment(equity.times[fall.trough]),
            recovery=None if fall.recovery is None else _moment(equity.times[fall.recovery]),
        )
        for fall in worst_drawdowns(equity.values)
    )


def _costs(executions: Sequence[Execution], closed: Sequence[RoundTrip], slippage: Decimal | None) -> Costs:
    traded = sum((abs(execution.value) for execution in executions), Decimal(0))
    commission = sum((execution.commission for execution in executions), Decimal(0))
    before = sum((trade.pnl + trade.commission for trade in closed), Decimal(0))
    paid = sum((trade.commission for trade in closed), Decimal(0))
    return Costs(
        executions=len(executions),
        traded_value=traded,
        commission=commission,
        commission_bps=float(commission / traded * 10_000) if traded else None,
        commission_of_profit=float(paid / before) if before > 0 else None,
        slippage=slippage,
    )


def _warnings(run: _Run, figures: Mapping[str, Figure]) -> list[str]:
    found = []
    if not run.solvent:
        found.append("Equity fell to zero or below: returns, and what is made of them, are not defined.")
    elif run.returns.size < _FEW_DAYS:
        found.append(f"Only {counted(run.returns.size, 'daily return')}: what is per year is extrapolated.")
    if 0 < run.pnl.size < _FEW_TRADES:
        found.append(f"Only {counted(run.pnl.size, 'closed trade')}: hit rate and profit factor say little yet.")
    sharpe = figures["sharpe"]
    if sharpe.low is not None and sharpe.high is not None and sharpe.low <= 0 <= sharpe.high:
        found.append("The interval of the Sharpe ratio includes zero: chance alone could have brought this result.")
    if sharpe.value is not None and sharpe.value > _TOO_GOOD and run.returns.size >= _FEW_DAYS:
        found.append("A Sharpe ratio above 3 is rare: look for information from the future and for missing costs.")
    if run.trades.open:
        positions = len({(trade.strategy, trade.instrument) for trade in run.trades.open})
        found.append(
            f"{counted(positions, 'position')} still open at the end: in the equity, but in no figure about trades."
        )
    return found


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
