"""`paperd backtest`: the same heart over history, and a page about it."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from daemon.cli import backtest_options as options
from daemon.cli import panels
from daemon.cli.run import narrowed
from daemon.cli.settings_options import ConfigOption, loaded, state_of
from daemon.domain.errors import ConfigError

if TYPE_CHECKING:
    from daemon.backtest.market_history import MarketHistory
    from daemon.backtest.runner import BacktestDone, BacktestPlan, Kept
    from daemon.settings.loading import LoadedSettings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest", rich_help_panel=panels.RUN)(backtest)


def backtest(
    config: ConfigOption = None,
    *,
    strategy: options.Strategy = None,
    symbol: options.Symbols = None,
    timeframes: options.Timeframes = None,
    state: options.State = None,
    data: options.Data = None,
    csv: options.Csv = None,
    bars: options.Parquet = None,
    bar: options.BarLength = None,
    timezone: options.Timezone = None,
    stamps: options.Stamps = "start",
    spread_bps: options.SpreadBps = options.SPREAD_BPS,
    fill: options.Fill = "close",
    start: options.Start = None,
    days: options.Days = None,
    seed: options.Seed = None,
    record: options.Record = "all",
    memory: options.Memory = options.MEMORY_MB,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Run strategies over history with the daemon's own heart, matching, costs and risk.

    With no other option it uses the built-in synthetic market. The decisions, orders and fills go into a journal with
    the tables of a live one; a page with the figures is written beside it.

    Examples:
        paperd backtest --strategy sma_cross --symbol SPY
        paperd backtest --state ~/.local/state/paperd
        paperd backtest --data recorded/ --symbol SPY --start 2013-10-07 --days 3
        paperd backtest --strategy sma_cross --timeframes 5m --csv SPY.csv --timezone America/New_York
        paperd backtest --strategy sma_cross --timeframes 1m --bars SPY=minutes.parquet --record actionable
    """
    import asyncio

    from daemon.backtest.memory import MemoryBudget
    from daemon.cli.backtest_result import tell
    from daemon.cli.backtest_sources import FileOptions, history_of, plan_of

    given: dict[str, object] = {
        key: value for key, value in (("market.start", start), ("market.seed", seed)) if value is not None
    }
    if data is not None:
        given |= {"market.data": str(data), "market.source": "replay"}
    files = FileOptions(
        csv=csv or [], parquet=bars or [], bar=bar, timezone=timezone, stamps=stamps, spread_bps=spread_bps, fill=fill
    ).chosen(symbol, others=state or data)
    symbols = [str(name) for name in files.paths] if files is not None else symbol
    settings = narrowed(loaded(config, given), config, given, strategy=strategy, symbols=symbols, timeframes=timeframes)
    plan = plan_of(settings, state, _kept(record))
    budget = MemoryBudget(megabytes=memory)
    history = history_of(settings, plan, files, state=state, days=days, budget=budget)
    folder = _folder(settings, out, state)
    done = asyncio.run(_run(plan, history, folder, days=days))
    tell(settings, plan, history, done, marks=budget.marks, as_json=as_json)


def _kept(record: str) -> "Kept":
    if record not in {"all", "actionable"}:
        raise ConfigError(f"--record: {record!r} is not understood; the journal keeps all, or what is actionable")
    return "all" if record == "all" else "actionable"


def _folder(settings: "LoadedSettings", out: Path | None, state: Path | None) -> Path:
    """Return an empty folder for the results: what an earlier run of the same name left is removed."""
    from daemon.backtest.runner import QUIET_FILE

    folder = out or state_of(state) / "backtests" / settings.hash[:12]
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("journal.db", "journal.db-wal", "journal.db-shm", QUIET_FILE):
        (folder / name).unlink(missing_ok=True)
    return folder


async def _run(plan: "BacktestPlan", history: "MarketHistory", folder: Path, *, days: int | None) -> "BacktestDone":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from daemon.backtest.runner import run_backtest
    from daemon.market.sessions import Session

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[speed]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        total = getattr(history, "days", None) or days if bar.console.is_terminal else None
        task = bar.add_task("warming up", total=total, speed="")

        def advance(session: Session, bars: int) -> None:
            elapsed = bar.tasks[task].elapsed or 1.0
            bar.update(task, advance=1, description=session.day.isoformat(), speed=f"{bars / elapsed:,.0f} bars/s")

        return await run_backtest(plan, history, folder / "journal.db", advance)
