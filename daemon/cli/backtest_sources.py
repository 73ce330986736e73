"""Where the history of `paperd backtest` comes from: files of bars, a state directory, recorded days, or made up."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.cli.backtest_options import DAYS, SPREAD_BPS
from daemon.domain.errors import ConfigError

if TYPE_CHECKING:
    from daemon.backtest.bars_file_history import BarFileHistory, QuoteRule
    from daemon.backtest.journal_history import JournalHistory
    from daemon.backtest.market_history import MarketHistory
    from daemon.backtest.memory import MemoryBudget
    from daemon.backtest.runner import BacktestPlan, Kept
    from daemon.backtest.tape_history import TapeHistory
    from daemon.domain.instrument import InstrumentId
    from daemon.domain.timeframe import Timeframe
    from daemon.settings.loading import LoadedSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of bars of a command line, and how they are to be read."""

    paths: "dict[InstrumentId, Path]"
    bar: str | None
    timezone: str | None
    stamps: str
    quotes: "QuoteRule"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """What a command line says about files."""

    csv: list[str]
    parquet: list[str]
    bar: str | None
    timezone: str | None
    stamps: str
    spread_bps: float
    fill: str

    def chosen(self, symbols: list[str] | None, *, others: Path | None) -> Files | None:
        """Return the files of `symbols`, None without any.

        Raises:
            ConfigError: an option makes no sense with the others, or has a value that is not understood.
        """
        from daemon.backtest.bars_file_request import chosen_files, file_form, files_by_symbol

        if not (self.csv or self.parquet):
            if self._says_how():
                raise ConfigError(
                    "--bar, --timezone, --stamps, --spread-bps and --fill are about files: give --csv or --bars too"
                )
            return None
        if (self.csv and self.parquet) or others is not None:
            raise ConfigError("--csv: choose one source of bars: --csv, --bars, --state or --data")
        file_form(bar=self.bar, timezone=self.timezone, stamps=self.stamps)
        quotes = self._quotes()
        named = files_by_symbol("--csv" if self.csv else "--bars", self.csv or self.parquet, symbols)
        return Files(
            paths=chosen_files(named, symbols),
            bar=self.bar,
            timezone=self.timezone,
            stamps=self.stamps,
            quotes=quotes,
        )

    def _says_how(self) -> bool:
        return bool(
            self.bar or self.timezone or self.stamps != "start" or self.fill != "close" or self.spread_bps != SPREAD_BPS
        )

    def _quotes(self) -> "QuoteRule":
        from daemon.backtest.bars_file_history import QuoteRule

        if self.fill not in {"close", "open"}:
            raise ConfigError(f"--fill: {self.fill!r} is not understood; orders meet the close, or the next bar's open")
        return QuoteRule(spread_bps=self.spread_bps, fill="open" if self.fill == "open" else "close")


def plan_of(settings: "LoadedSettings", state: Path | None, kept: "Kept") -> "BacktestPlan":
    """Return what is to be run; over a state directory as its daemon did.

    Raises:
        ConfigError: the state directory has no run.
    """
    from daemon.app import backtest_plan
    from daemon.journal.queries import runs
    from daemon.journal.reader import open_reader

    seed = settings.settings.market.seed
    if state is None:
        return backtest_plan(settings, instance=f"s{seed}", seed=seed, as_live=False, decisions=kept)
    journal = open_reader(state / "journal.db")
    try:
        past = runs(journal)
    finally:
        journal.dispose()
    if not past:
        raise ConfigError(f"--state: {state} holds no run; name the state directory of a daemon that has traded")
    last = past[-1]
    return backtest_plan(
        settings,
        instance=last.instance,
        seed=last.seed if last.seed is not None else seed,
        as_live=True,
        decisions=kept,
    )


def history_of(
    settings: "LoadedSettings",
    plan: "BacktestPlan",
    files: Files | None,
    *,
    state: Path | None,
    days: int | None,
    budget: "MemoryBudget",
) -> "MarketHistory":
    """Return the history that was asked for.

    Raises:
        ConfigError: there is none, or one session of it has no room in the budget.
        BadMarketData: a file cannot be used.
    """
    timeframes = sorted({frame for each in plan.setup.strategies for frame in each.strategy.timeframes})
    if files is not None:
        return _of_files(settings, plan, files, timeframes, days=days, budget=budget)
    budget.refuse_too_small(plan.setup.schedule, timeframes, symbols=len(plan.setup.instruments), tapes=state is None)
    if state is not None:
        return _of_state(settings, plan, state, timeframes, days=days)
    return _of_market(settings, plan, timeframes, days=days)


def _of_files(
    settings: "LoadedSettings",
    plan: "BacktestPlan",
    files: Files,
    timeframes: "list[Timeframe]",
    *,
    days: int | None,
    budget: "MemoryBudget",
) -> "BarFileHistory":
    from daemon.backtest.bars_file_history import BarFileHistory
    from daemon.backtest.bars_file_request import file_form, opened_files

    form = file_form(
        bar=files.bar, timezone=files.timezone, stamps=files.stamps, batch_rows=budget.batch_rows(len(files.paths))
    )
    opened = opened_files(files.paths, form)
    told = {*timeframes, *(file.bar for file in opened.values())}
    budget.refuse_too_small(plan.setup.schedule, told, symbols=len(opened), tapes=False)
    return BarFileHistory(
        files=opened,
        schedule=plan.setup.schedule,
        timeframes=timeframes,
        history=plan.setup.history,
        quotes=files.quotes,
        first=settings.settings.market.start,
        count=days,
    )


def _of_state(
    settings: "LoadedSettings", plan: "BacktestPlan", state: Path, timeframes: "list[Timeframe]", *, days: int | None
) -> "JournalHistory":
    from daemon.backtest.journal_history import JournalHistory
    from daemon.journal.reader import open_reader

    return JournalHistory(
        journal=open_reader(state / "journal.db"),
        schedule=plan.setup.schedule,
        instruments=list(plan.setup.instruments),
        timeframes=timeframes,
        first=settings.settings.market.start,
        days=days,
    )


def _of_market(
    settings: "LoadedSettings", plan: "BacktestPlan", timeframes: "list[Timeframe]", *, days: int | None
) -> "TapeHistory":
    from daemon.adapters.files.replay import ReplayMarket
    from daemon.backtest.tape_history import TapeHistory
    from daemon.market.listing import UnknownSymbol
    from daemon.market.synthetic import SyntheticMarket

    market, schedule = settings.settings.market, plan.setup.schedule
    instruments = list(plan.setup.instruments)
    try:
        if market.source == "replay" and market.data is not None:
            replay = ReplayMarket(market.data, schedule.calendar, instruments)
            recorded = [session.day for session in replay.sessions(instruments[0])]
            first = market.start or recorded[0]
            return TapeHistory(
                source=replay, schedule=schedule, instruments=instruments, timeframes=timeframes, first=first,
                days=days or len([day for day in recorded if day >= first]), history=plan.setup.history,
            )  # fmt: skip
        synthetic = SyntheticMarket(market.seed, schedule.calendar, instruments)
    except UnknownSymbol as error:
        raise ConfigError(f"--symbol: {error}") from error
    return TapeHistory(
        source=synthetic, schedule=schedule, instruments=instruments, timeframes=timeframes,
        first=market.first_day or date(2026, 3, 2), days=days or DAYS, history=plan.setup.history,
    )  # fmt: skip
