"""`paperd check`: proves of a strategy that it does not look ahead, or shows where it does."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Final

import typer

from daemon.cli.output import Column, JsonOption, print_json, print_table
from daemon.cli.panels import SET_UP
from daemon.cli.settings_options import ConfigOption, loaded
from daemon.domain.errors import ConfigError

if TYPE_CHECKING:
    from daemon.backtest.causality_bars import CheckedBars
    from daemon.backtest.causality_findings import CheckReport, Difference, Result, Watch
    from daemon.domain.timeframe import Timeframe
    from daemon.strategies.protocol import Strategy

_TIMEFRAMES: Final = "5m,1h"
_SYMBOL: Final = "SPY"
_FILE_MARK: Final = ".py:"
_WIDTH: Final = 110  # characters of a line of a finding
_VERDICTS: Final[Mapping[bool | None, str]] = {True: "ok", False: "FAILED", None: "–"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What is checked."""

    kind: str
    parameters: Mapping[str, object]
    timeframes: "tuple[Timeframe, ...]"
    symbol: str
    history: int  # bars before a session

    def build(self) -> "Strategy":
        """Return a fresh instance."""
        from daemon.strategies.registry import build_strategy

        return build_strategy(self.kind, self.parameters, self.timeframes)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check", rich_help_panel=SET_UP)(check)


def check(
    strategy: Annotated[
        str,
        typer.Argument(metavar="STRATEGY", help="A type, your own as file.py:Class, or the id of a configured one."),
    ],
    config: ConfigOption = None,
    *,
    timeframes: Annotated[
        str | None, typer.Option(help=f"Bars to decide on.  [default: as configured, else {_TIMEFRAMES}]")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help=f"On whose synthetic bars.  [default: as configured, else {_SYMBOL}]")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of its type; give it once for each.")
    ] = None,
    sessions: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Sessions to decide in.  [default: as many as give 200 bars]")
    ] = None,
    cuts: Annotated[
        int, typer.Option(min=1, max=100_000, help="Moments that each proof tries on each timeframe.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of the market, the moments and the other futures.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Prove that a strategy does not look ahead, or show which feature or decision does, where and by how much.

    It runs on bars of the built-in market: with less history, with more, with another future, as a fresh instance. Exit
    code 0 if every proof holds, 1 if one does not.

    Examples:
        paperd check sma_cross
        paperd check my/strategy.py:Reversion --timeframes 5m,1h --parameters period=20
        paperd check trend -c config/paperd.yaml --json
    """
    from daemon.backtest.causality import check_strategy
    from daemon.domain.instrument import InstrumentId

    subject = _narrowed(_subject(strategy, config), timeframes, symbol, parameters or [])
    bars = _bars(subject, _built(subject), seed=seed, sessions=sessions)
    with _progress() as watch:
        report = check_strategy(
            subject.build, bars, instrument=InstrumentId(subject.symbol), seed=seed, cuts=cuts, watch=watch
        )
    if as_json:
        print_json({"ok": report.ok, "strategy": strategy, "symbol": subject.symbol, "seed": seed, **_plain(report)})
    else:
        _print(report, strategy)
    if not report.ok:
        raise typer.Exit(1)


def _subject(name: str, config: Path | None) -> _Subject:
    """Return a configured strategy of that id, or else the type of that name with the parameters it has by itself."""
    from daemon.domain.timeframe import Timeframe
    from daemon.strategies.registry import strategy_names

    settings = loaded(config, {}).settings
    history = settings.calendar.history_bars
    configured = next((each for each in settings.strategies if each.id == name), None)
    if configured is not None:
        return _Subject(
            kind=configured.type, parameters=configured.parameters, timeframes=configured.timeframes,
            symbol=configured.symbols[0], history=history,
        )  # fmt: skip
    if _FILE_MARK not in name and name not in strategy_names():
        known = ", ".join(dict.fromkeys((*strategy_names(), *(each.id for each in settings.strategies))))
        raise typer.BadParameter(f"{name!r} is no known strategy; use one of {known}, or your own as file.py:ClassName")
    frames = tuple(map(Timeframe.parse, _TIMEFRAMES.split(",")))
    return _Subject(kind=name, parameters={}, timeframes=frames, symbol=_SYMBOL, history=history)


def _narrowed(subject: _Subject, timeframes: str | None, symbol: str | None, parameters: Sequence[str]) -> _Subject:
    """Return the subject as the command line wants it."""
    from daemon.domain.timeframe import Timeframe

    if timeframes is not None:
        try:
            frames = tuple(sorted({Timeframe.parse(label) for label in timeframes.split(",")}))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--timeframes") from error
        subject = replace(subject, timeframes=frames)
    if symbol is not None:
        subject = replace(subject, symbol=symbol.strip().upper())
    return replace(subject, parameters={**subject.parameters, **dict(map(_parameter, parameters))})


def _parameter(text: str) -> tuple[str, object]:
    import yaml

    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise typer.BadParameter(f"{text!r} is not understood: write NAME=VALUE", param_hint="--parameters")
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise typer.BadParameter(f"{value!r} is no value: quote it", param_hint="--parameters") from error


def _built(subject: _Subject) -> "Strategy":
    """Return an instance, or say in words why there is none."""
    from daemon.strategies.registry import parameter_faults

    faults = parameter_faults(subject.kind, subject.parameters)
    if faults:
        raise ConfigError(*(f"{subject.kind}: {fault}" for fault in faults))
    try:
        strategy = subject.build()
        timeframes, warmup = strategy.timeframes, _whole(strategy.warmup)
    except Exception as error:
        # A person's constructor may raise anything.
        raise ConfigError(f"{subject.kind}: it cannot be built: {type(error).__name__}: {error}") from error
    if not timeframes:
        raise ConfigError(f"{subject.kind}: its timeframes are empty: it would never decide")
    if warmup < 1:
        raise ConfigError(
            f"{subject.kind}: its warmup must be a whole number of bars from 1 on, was {strategy.warmup!r}"
        )
    if warmup > subject.history:
        note = (
            f"note: the daemon keeps {subject.history} bars before a session; raise calendar.history_bars to {warmup}"
        )
        typer.echo(note, err=True)
    return strategy


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _bars(subject: _Subject, strategy: "Strategy", *, seed: int, sessions: int | None) -> "CheckedBars":
    """Return synthetic bars that end where the built-in market of `paperd run` begins."""
    from daemon.backtest.causality_bars import synthetic_bars
    from daemon.market.listing import UnknownSymbol
    from daemon.market.sessions import OutOfCalendar, TradingCalendar
    from daemon.market.synthetic import SyntheticMarket
    from daemon.settings.sections import SYNTHETIC_START

    calendar = TradingCalendar()
    last = calendar.sessions_between(SYNTHETIC_START, SYNTHETIC_START)[0]
    try:
        market = SyntheticMarket(seed, calendar, [subject.symbol])
        return synthetic_bars(
            market, subject.symbol, strategy.timeframes, last,
            warmup=strategy.warmup, history=subject.history, sessions=sessions,
        )  # fmt: skip
    except UnknownSymbol as error:
        raise typer.BadParameter(str(error), param_hint="--symbol") from error
    except OutOfCalendar as error:
        raise ConfigError(
            f"{subject.kind}: a warmup of {strategy.warmup} bars needs more history than the built-in market has; "
            f"use shorter timeframes or fewer --sessions ({error})"
        ) from error


@contextmanager
def _progress() -> "Iterator[Watch]":
    """Show a bar on a terminal's standard error; yield what to tell."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda what, share: progress.update(task, completed=share, description=what)


def _print(report: "CheckReport", name: str) -> None:
    widths = [
        max(len(text) for text in column)
        for column in zip(*((str(r.timeframe), str(r.proof), r.compared) for r in report.results), strict=True)
    ]
    for result in report.results:
        facts = (str(result.timeframe), str(result.proof), result.compared)
        line = "  ".join(f"{text:<{width}}" for text, width in zip(facts, widths, strict=True))
        typer.echo(f"{_VERDICTS[result.ok]:<6}  {line}  {'' if result.ok is False else result.finding}".rstrip())
        if result.ok is False:
            typer.echo(fill(result.finding, _WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8))
    needs = [
        (str(result.timeframe), need.feature, need.kind, need.exact, need.close, need.near, _off(need.off))
        for result in report.results
        for need in result.needs
    ]
    if needs:
        titles = ("bit for bit from", "to 1e-9 from", "to 1e-6 from", "off at warm-up")
        typer.echo()
        words = [Column(name=title) for title in ("bars", "feature", "forgets")]
        print_table([*words, *(Column(name=title, number=True) for title in titles)], needs)
    failed = sum(result.ok is False for result in report.results)
    tried = sum(result.ok is not None for result in report.results)
    typer.echo()
    typer.echo(f"{name}: all {tried} proofs hold" if report.ok else f"{name}: {failed} of {tried} proofs FAILED")


def _off(value: float | None) -> str:
    return "no number" if value is None else f"{value:.1e}" if value else "0"


def _plain(report: "CheckReport") -> dict[str, object]:
    return {"results": [_plain_result(result) for result in report.results]}


def _plain_result(result: "Result") -> dict[str, object]:
    return {
        "timeframe": str(result.timeframe),
        "proof": str(result.proof),
        "ok": result.ok,
        "compared": result.compared,
        "finding": result.finding,
        "differing": result.differing,
        "first": _plain_difference(result.first),
        "largest": _plain_difference(result.largest),
        "needs": [asdict(need) for need in result.needs],
        "decisions_from": result.decisions_from,
    }


def _plain_difference(found: "Difference | None") -> dict[str, object] | None:
    from daemon.backtest.causality_findings import moment_words

    if found is None:
        return None
    once, then = found.circumstances
    return {
        "what": found.what,
        "row": found.row,
        "at": moment_words(found.at),
        "expected": found.expected,
        "found": found.found,
        "by": found.by,
        "circumstances": {"expected": once, "found": then},
    }
