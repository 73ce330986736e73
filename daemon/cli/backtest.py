"""`paperd backtest`: the same heart over history, and a page about it."""

import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import panels
from daemon.cli.run import narrowed
from daemon.cli.settings_options import ConfigOption, loaded, state_of
from daemon.domain.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from daemon.adapters.files.bars_file import FileForm
    from daemon.backtest.bars_file_history import BarFileHistory, QuoteRule
    from daemon.backtest.market_history import MarketHistory
    from daemon.backtest.runner import BacktestPlan
    from daemon.domain.instrument import InstrumentId
    from daemon.market.windows import BarSchedule
    from daemon.settings.loading import LoadedSettings

_DAYS = 60
_FILES = "Files of bars"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest", rich_help_panel=panels.RUN)(backtest)


def backtest(
    config: ConfigOption = None,
    *,
    strategy: Annotated[
        str | None, typer.Option(help="Run only this strategy: its id, or a type to run by itself.")
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Trade these symbols instead; give it once for each.")
    ] = None,
    timeframes: Annotated[str | None, typer.Option(help="Decide on these bars instead, such as 15m,1h,4h.")] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run over the bars and quotes as this state directory saw them.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run over the recorded days below this folder.")
    ] = None,
    csv: Annotated[
        list[str] | None,
        typer.Option(
            "--csv",
            metavar="[SYMBOL=]FILE",
            help="Run over a CSV file of bars; give it once for each symbol.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    bars: Annotated[
        list[str] | None,
        typer.Option(
            "--bars",
            metavar="[SYMBOL=]FILE",
            help="Run over a Parquet file of bars; give it once for each symbol.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    bar: Annotated[
        str | None,
        typer.Option(
            "--bar",
            metavar="LENGTH",
            help="Length of the files' bars, such as 1m.  [default: the most common distance of their times]",
            rich_help_panel=_FILES,
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE", help="Zone of times that have none, such as America/New_York.", rich_help_panel=_FILES
        ),
    ] = None,
    stamps: Annotated[
        str, typer.Option(metavar="start|end", help="What a time in the files marks.", rich_help_panel=_FILES)
    ] = "start",
    spread_bps: Annotated[
        float,
        typer.Option(
            "--spread-bps",
            min=0,
            max=1000,
            help="Spread of the quotes made around the files' prices, 1 = 0.01 %; at least a tick, unless 0.",
            rich_help_panel=_FILES,
        ),
    ] = 1.0,
    fill: Annotated[
        str,
        typer.Option(
            "--fill",
            metavar="close|open",
            help="What orders meet: the close of the bar decided on, or the open of the next.",
            rich_help_panel=_FILES,
        ),
    ] = "close",
    start: Annotated[str | None, typer.Option(metavar="DATE", help="First trading day.")] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help=f"How many sessions; {_DAYS} on the synthetic market, else all there are.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the synthetic market and of the latencies.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the journal and the page go.  [default: backtests/ in the state directory]"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> None:
    """Run strategies over history with the daemon's own heart, matching, costs and risk.

    With no other option it uses the built-in synthetic market. The decisions, orders and fills go into a journal with
    the tables of a live one; a page with the figures is written beside it.

    Examples:
        paperd backtest --strategy sma_cross --symbol SPY
        paperd backtest --state ~/.local/state/paperd
        paperd backtest --data recorded/ --symbol SPY --start 2013-10-07 --days 3
        paperd backtest --strategy sma_cross --timeframes 5m --csv SPY.csv --timezone America/New_York
    """
    import asyncio

    if not (csv or bars) and (bar or timezone or stamps != "start" or fill != "close" or spread_bps != 1.0):
        raise ConfigError(
            "--bar, --timezone, --stamps, --spread-bps and --fill are about files: give --csv or --bars too"
        )
    files = _files(
        csv or [],
        bars or [],
        symbol,
        form=_form(bar, timezone, stamps),
        quotes=_quote_rule(spread_bps, fill),
        others=state or data,
    )
    given: dict[str, object] = {
        key: value for key, value in (("market.start", start), ("market.seed", seed)) if value is not None
    }
    if data is not None:
        given |= {"market.data": str(data), "market.source": "replay"}
    symbols = [str(name) for name in files.paths] if files is not None else symbol
    settings = narrowed(loaded(config, given), config, given, strategy=strategy, symbols=symbols, timeframes=timeframes)
    plan = _plan(settings, state)
    history = (
        _history_of_files(settings, plan, files, days=days)
        if files
        else _history(settings, plan, state=state, days=days)
    )
    folder = _folder(settings, out, state)
    asyncio.run(_run(plan, history, folder, days=days))
    _tell(settings, plan, folder, history, as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The files of bars of a command line."""

    paths: "dict[InstrumentId, Path]"
    form: "FileForm"
    quotes: "QuoteRule"


def _form(bar: str | None, timezone: str | None, stamps: str) -> "FileForm":
    from daemon.backtest.bars_file_request import file_form

    return file_form(bar=bar, timezone=timezone, stamps=stamps)


def _quote_rule(spread_bps: float, fill: str) -> "QuoteRule":
    from daemon.backtest.bars_file_history import QuoteRule

    if fill not in {"close", "open"}:
        raise ConfigError(f"--fill: {fill!r} is not understood; orders meet the close, or the next bar's open")
    return QuoteRule(spread_bps=spread_bps, fill="open" if fill == "open" else "close")


def _files(
    csv: list[str],
    bars: list[str],
    symbols: list[str] | None,
    *,
    form: "FileForm",
    quotes: "QuoteRule",
    others: Path | None,
) -> _Files | None:
    from daemon.backtest.bars_file_request import chosen_files, files_by_symbol

    if not csv and not bars:
        return None
    if (csv and bars) or others is not None:
        raise ConfigError("--csv: choose one source of bars: --csv, --bars, --state or --data")
    option = "--csv" if csv else "--bars"
    return _Files(paths=chosen_files(files_by_symbol(option, csv or bars, symbols), symbols), form=form, quotes=quotes)


def _history_of_files(
    settings: "LoadedSettings", plan: "BacktestPlan", files: _Files, *, days: int | None
) -> "BarFileHistory":
    from daemon.backtest.bars_file_history import BarFileHistory
    from daemon.backtest.bars_file_request import opened_files

    return BarFileHistory(
        files=opened_files(files.paths, files.form),
        schedule=plan.setup.schedule,
        timeframes=sorted({frame for each in plan.setup.strategies for frame in each.strategy.timeframes}),
        history=plan.setup.history,
        quotes=files.quotes,
        first=settings.settings.market.start,
        count=days,
    )


def _plan(settings: "LoadedSettings", state: Path | None) -> "BacktestPlan":
    from daemon.app import backtest_plan
    from daemon.journal.queries import runs
    from daemon.journal.reader import open_reader

    if state is None:
        return backtest_plan(
            settings, instance=f"s{settings.settings.market.seed}", seed=settings.settings.market.seed, as_live=False
        )
    journal = open_reader(state / "journal.db")
    try:
        past = runs(journal)
    finally:
        journal.dispose()
    if not past:
        raise ConfigError(f"--state: {state} holds no run; name the state directory of a daemon that has traded")
    last = past[-1]
    seed = last.seed if last.seed is not None else settings.settings.market.seed
    return backtest_plan(settings, instance=last.instance, seed=seed, as_live=True)


def _history(
    settings: "LoadedSettings", plan: "BacktestPlan", *, state: Path | None, days: int | None
) -> "MarketHistory":
    from daemon.adapters.files.replay import ReplayMarket
    from daemon.backtest.journal_history import JournalHistory
    from daemon.backtest.tape_history import TapeHistory
    from daemon.journal.reader import open_reader
    from daemon.market.listing import UnknownSymbol
    from daemon.market.synthetic import SyntheticMarket

    model, setup = settings.settings, plan.setup
    schedule: BarSchedule = setup.schedule
    instruments = list(setup.instruments)
    timeframes = sorted({frame for each in setup.strategies for frame in each.strategy.timeframes})
    if state is not None:
        return JournalHistory(
            journal=open_reader(state / "journal.db"),
            schedule=schedule,
            instruments=instruments,
            timeframes=timeframes,
            first=model.market.start,
            days=days,
        )
    try:
        if model.market.source == "replay" and model.market.data is not None:
            market = ReplayMarket(model.market.data, schedule.calendar, instruments)
            recorded = [session.day for session in market.sessions(instruments[0])]
            first = model.market.start or recorded[0]
            return TapeHistory(
                source=market, schedule=schedule, instruments=instruments, timeframes=timeframes, first=first,
                days=days or len([day for day in recorded if day >= first]), history=setup.history,
            )  # fmt: skip
        synthetic = SyntheticMarket(model.market.seed, schedule.calendar, instruments)
    except UnknownSymbol as error:
        raise ConfigError(f"--symbol: {error}") from error
    return TapeHistory(
        source=synthetic, schedule=schedule, instruments=instruments, timeframes=timeframes,
        first=model.market.first_day or date(2026, 3, 2), days=days or _DAYS, history=setup.history,
    )  # fmt: skip


def _folder(settings: "LoadedSettings", out: Path | None, state: Path | None) -> Path:
    """Return an empty folder for the results: what an earlier run of the same name left is removed."""
    folder = out or state_of(state) / "backtests" / settings.hash[:12]
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    return folder


async def _run(plan: "BacktestPlan", history: "MarketHistory", folder: Path, *, days: int | None) -> None:
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
        task = bar.add_task("warming up", total=getattr(history, "days", None) or days, speed="")

        def advance(session: Session, bars: int) -> None:
            elapsed = bar.tasks[task].elapsed or 1.0
            bar.update(task, advance=1, description=session.day.isoformat(), speed=f"{bars / elapsed:,.0f} bars/s")

        await run_backtest(plan, history, folder / "journal.db", advance)


def _tell(
    settings: "LoadedSettings", plan: "BacktestPlan", folder: Path, history: "MarketHistory", *, as_json: bool
) -> None:
    from dataclasses import replace

    from daemon import __version__
    from daemon.journal.content import content_hash
    from daemon.journal.reader import open_reader
    from daemon.journal.summary import run_summary
    from daemon.reports.backtest_sheet import backtest_sheet
    from daemon.reports.tear_sheet_page import write_tear_sheet
    from daemon.reports.tear_sheet_values import RunSettings

    strategies = tuple(each.id for each in plan.setup.strategies)
    run = RunSettings(
        title=f"{', '.join(strategies)} on {', '.join(plan.setup.instruments)}",
        strategies=strategies,
        exchange=settings.settings.calendar.exchange,
        timezone=str(plan.setup.schedule.calendar.timezone),
        currency="USD",
        version=__version__,
        seed=plan.latency.seed,
        parameters={
            each.id: {"type": each.type, **{name: str(value) for name, value in each.parameters.items()}}
            for each in settings.settings.strategies
        },
    )
    journal = open_reader(folder / "journal.db")
    files = getattr(history, "files", {})
    source = (
        f"files {', '.join(file.path.name for file in files.values())}" if files else settings.settings.market.source
    )
    warnings = (*getattr(history, "warnings", ()), *_short_history(journal))
    sheet = backtest_sheet(journal, settings=run, source=source)
    sheet = replace(sheet, warnings=(*warnings, *sheet.warnings))
    pages = write_tear_sheet(sheet, folder)
    summary = run_summary(journal, since_seq=0).to_dict()
    summary["content_hash"] = content_hash(journal)
    journal.dispose()
    if as_json:
        import orjson

        sys.stdout.write(
            orjson.dumps(
                {**summary, "warnings": warnings, "page": str(pages["html"]), "journal": str(folder / "journal.db")},
                default=str,
                option=orjson.OPT_INDENT_2,
            ).decode()
            + "\n"
        )
        return
    typer.echo(
        f"{summary['days']} days, {summary['decisions']} decisions, "
        f"{summary['orders']} orders, {summary['fills']} fills"
    )
    typer.echo(f"profit and loss {float(str(summary['pnl'])):+,.2f} after {summary['commission']} of commission")
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    typer.echo(str(pages["html"]))


def _short_history(journal: "Engine") -> tuple[str, ...]:
    """Return a sentence about the decisions that had too little history, if there were any."""
    from daemon.domain.decision import Outcome
    from daemon.journal.queries import decisions_by_outcome

    counts = decisions_by_outcome(journal)
    short, decided = counts.get(Outcome.WARMUP, 0), sum(counts.values())
    if not short:
        return ()
    counted = f"Too little history: {short:,} of {decided:,} decisions were WARMUP"
    return (f"{counted}, for want of earlier bars; give a file with more, or begin later with --start.",)
