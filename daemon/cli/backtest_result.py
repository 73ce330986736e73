"""What `paperd backtest` says at the end: a page about the run, and its numbers for people or machines."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from daemon.backtest.market_history import MarketHistory
    from daemon.backtest.runner import BacktestDone, BacktestPlan
    from daemon.journal.summary import RunSummary
    from daemon.reports.tear_sheet_values import BarsInfo, RunSettings
    from daemon.settings.loading import LoadedSettings

_CURRENCY: Final = "USD"


def tell(
    settings: "LoadedSettings",
    plan: "BacktestPlan",
    history: "MarketHistory",
    done: "BacktestDone",
    *,
    marks: int,
    as_json: bool,
) -> None:
    """Write the page and print the result; the page measures at most about so many `marks`."""
    from daemon.journal.content import content_hash
    from daemon.journal.reader import open_reader
    from daemon.journal.summary import run_summary
    from daemon.reports.backtest_sheet import backtest_sheet
    from daemon.reports.tear_sheet_page import write_tear_sheet

    journal = open_reader(done.journal)
    try:
        summary = _whole(run_summary(journal, since_seq=0), done)
        warnings = (*getattr(history, "warnings", ()), *_short_history(summary.decisions_by_outcome))
        bars = _bars_info(settings, history, plan, done)
        sheet = backtest_sheet(journal, settings=_run_settings(settings, plan), bars=bars, most_marks=marks)
        sheet = replace(sheet, warnings=(*warnings, *sheet.warnings))
        pages = write_tear_sheet(sheet, done.journal.parent)
        if as_json:
            _print_json(
                {
                    **summary.to_dict(),
                    "record": plan.decisions,
                    "content_hash": content_hash(journal),
                    "warnings": warnings,
                    "page": str(pages["html"]),
                    "journal": str(done.journal),
                }
            )
            return
    finally:
        journal.dispose()
    _print_text(summary, warnings, pages["html"])


def _whole(summary: "RunSummary", done: "BacktestDone") -> "RunSummary":
    """Return the run in numbers, with the bars and decisions that are not in the journal."""
    outcomes = dict(summary.decisions_by_outcome)
    for outcome, count in done.filed.items():
        outcomes[outcome.value] = outcomes.get(outcome.value, 0) + count
    return replace(
        summary,
        bars=done.told.by_timeframe(),
        decisions=sum(outcomes.values()),
        decisions_by_outcome=dict(sorted(outcomes.items())),
    )


def _run_settings(settings: "LoadedSettings", plan: "BacktestPlan") -> "RunSettings":
    from daemon import __version__
    from daemon.reports.tear_sheet_values import RunSettings

    strategies = tuple(each.id for each in plan.setup.strategies)
    return RunSettings(
        title=f"{', '.join(strategies)} on {', '.join(plan.setup.instruments)}",
        strategies=strategies,
        exchange=settings.settings.calendar.exchange,
        timezone=str(plan.setup.schedule.calendar.timezone),
        currency=_CURRENCY,
        version=__version__,
        seed=plan.latency.seed,
        parameters={
            each.id: {"type": each.type, **{name: str(value) for name, value in each.parameters.items()}}
            for each in settings.settings.strategies
        },
    )


def _bars_info(
    settings: "LoadedSettings", history: "MarketHistory", plan: "BacktestPlan", done: "BacktestDone"
) -> "BarsInfo":
    from daemon.backtest.runner import QUIET_FILE
    from daemon.reports.tear_sheet_values import BarsInfo

    files = getattr(history, "files", {})
    names = f"files {', '.join(file.path.name for file in files.values())}"
    first, last = done.told.span or (None, None)
    kept = (
        "every bar, decision and valuation"
        if plan.decisions == "all"
        else f"what could have consequences; {sum(done.filed.values()):,} other decisions are in {QUIET_FILE}"
    )
    return BarsInfo(
        source=names if files else settings.settings.market.source,
        counts={f"{instrument} {frame}": count for (instrument, frame), count in sorted(done.told.counts.items())},
        first=first,
        last=last,
        kept=kept,
    )


def _short_history(outcomes: Mapping[str, int]) -> tuple[str, ...]:
    """Return a sentence about the decisions that had too little history, if there were any."""
    from daemon.domain.decision import Outcome

    short, decided = outcomes.get(Outcome.WARMUP.value, 0), sum(outcomes.values())
    if not short:
        return ()
    counted = f"Too little history: {short:,} of {decided:,} decisions were WARMUP"
    return (f"{counted}, for want of earlier bars; give a file with more, or begin later with --start.",)


def _print_json(result: Mapping[str, object]) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(result, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")


def _print_text(summary: "RunSummary", warnings: tuple[str, ...], page: Path) -> None:
    typer.echo(f"{summary.days} days, {summary.decisions} decisions, {summary.orders} orders, {summary.fills} fills")
    typer.echo(f"profit and loss {float(summary.pnl):+,.2f} after {summary.commission} of commission")
    for warning in warnings:
        typer.echo(f"warning: {warning}")
    typer.echo(str(page))
