"""`paperd run`: the daemon, in the foreground."""

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.settings_options import ConfigOption, StateOption, loaded, state_of
from daemon.domain.errors import ConfigError

if TYPE_CHECKING:
    from daemon.app import RunResult
    from daemon.settings.loading import LoadedSettings
    from daemon.settings.model import Settings
    from daemon.settings.strategies import StrategySettings

_PANEL = "Run"


def register(app: typer.Typer) -> None:
    """Add the command and its alias."""
    app.command("run", rich_help_panel=_PANEL)(run)
    app.command("start", rich_help_panel=_PANEL, hidden=True)(run)


def run(
    config: ConfigOption = None,
    state: StateOption = None,
    *,
    mode: Annotated[
        str | None, typer.Option(help="paper (embedded gateway) or ibkr_paper (a TWS or IB Gateway).")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Run only this strategy: its id, or a type to run by itself.")
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Trade these symbols instead; give it once for each.")
    ] = None,
    timeframes: Annotated[str | None, typer.Option(help="Decide on these bars instead, such as 15m,1h,4h.")] = None,
    speed: Annotated[
        str | None, typer.Option(help="Market seconds per host second on the embedded gateway, or max.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="End after so many session closes; positions stay.")] = None,
    start: Annotated[str | None, typer.Option(metavar="DATE", help="First trading day of the embedded market.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the synthetic market: the same seed, the same day.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Replay the recorded days below this folder.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and record everything, order nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end, and logs to stderr.")
    ] = False,
) -> None:
    """Run the daemon until it is stopped.

    With no options it trades two example strategies on its embedded gateway: a simulated market that begins at the
    opening of a fixed day and runs 60 times as fast as the clock. Ctrl-C or SIGTERM ends it in order.

    Examples:
        paperd run
        paperd run --days 1 --speed max --seed 7 --state /tmp/day --json
        paperd run --mode ibkr_paper -c config/paperd.yaml
    """
    from daemon.app import RunOptions, run_daemon
    from daemon.runtime.logs import close_logs, configure_logs, redact, use_market_clock

    given = _overrides(mode=mode, speed=speed, start=start, seed=seed, data=data, dry_run=dry_run)
    settings = narrowed(loaded(config, given), config, given, strategy=strategy, symbols=symbol, timeframes=timeframes)
    where = state_of(state)
    logs = settings.settings.logs
    paper_log = (logs.paper_log_file or where / "logs" / "paper.log") if logs.paper_log else None
    for secret in settings.secrets:
        redact(secret)
    configure_logs(
        format=logs.format, level=logs.level, paper_log=paper_log, stream=sys.stderr if as_json else sys.stdout
    )
    try:
        result = run_daemon(
            settings,
            RunOptions(state=where, days=days, start_given=start is not None),
            on_clock=lambda clock: use_market_clock(clock.now),
        )
    finally:
        close_logs()
    if as_json:
        _print_summary(result)


def narrowed(
    settings: "LoadedSettings",
    config: Path | None,
    given: Mapping[str, object],
    *,
    strategy: str | None,
    symbols: list[str] | None,
    timeframes: str | None,
) -> "LoadedSettings":
    """Return the settings with the strategies, symbols and first day that the command line asks for, all checked."""
    asked = _narrowed(settings.settings, strategy, _recorded_days(settings.settings, config, symbols), timeframes)
    return loaded(config, {**asked, **given}) if asked else settings


def _overrides(*, dry_run: bool, data: Path | None, **options: object) -> dict[str, object]:
    """Return the settings that were really given on the command line."""
    keys = {"mode": "mode", "speed": "market.speed", "start": "market.start", "seed": "market.seed"}
    given: dict[str, object] = {keys[name]: value for name, value in options.items() if value is not None}
    if dry_run:
        given["dry_run"] = True
    if data is not None:
        given |= {"market.data": str(data), "market.source": "replay"}
    return given


def _narrowed(
    model: "Settings", strategy: str | None, recorded: "tuple[list[str] | None, date | None]", timeframes: str | None
) -> dict[str, object]:
    """Return as overrides the strategies and the first day that the command line asks for; empty when it does not."""
    from daemon.settings.output import plain

    symbols, first = recorded
    changes: dict[str, object] = {}
    if symbols:
        changes["symbols"] = [symbol.upper() for symbol in symbols]
    if timeframes:
        changes["timeframes"] = [label.strip() for label in timeframes.split(",")]
    overrides: dict[str, object] = {}
    if first is not None:
        overrides["market.start"] = first.isoformat()
    if changes or strategy is not None:
        chosen = [plain(each) for each in _chosen(model.strategies, strategy)]
        overrides["strategies"] = [{**each, **changes} for each in chosen if isinstance(each, dict)]
    return overrides


def _recorded_days(
    model: "Settings", config: Path | None, symbols: list[str] | None
) -> "tuple[list[str] | None, date | None]":
    """Return the symbols asked for; for a replay of which nobody says what or when, what the recording suggests."""
    if model.market.source != "replay" or model.mode != "paper" or config is not None or symbols is not None:
        return symbols, None
    recorded, first = _recorded(model.market.data, model.calendar.exchange)
    return recorded, first if model.market.start is None else None


def _chosen(configured: "tuple[StrategySettings, ...]", wanted: str | None) -> "tuple[StrategySettings, ...]":
    from daemon.strategies.registry import strategy_names

    if wanted is None:
        return configured
    named = tuple(each for each in configured if each.id == wanted)
    if named:
        return named
    if wanted in strategy_names():
        first = configured[0]
        return (first.model_copy(update={"id": wanted.replace("_", "-"), "type": wanted, "parameters": {}}),)
    known = sorted({*(each.id for each in configured), *strategy_names()})
    raise ConfigError(f"--strategy: {wanted!r} is neither configured nor a known type; use one of {', '.join(known)}")


def _recorded(root: Path | None, exchange: str) -> tuple[list[str], date]:
    """Return the symbols and the first day to replay when nobody named any."""
    from daemon.adapters.files.replay import NoMarketData, ReplayMarket, default_day
    from daemon.market.sessions import TradingCalendar

    if root is None:
        raise ConfigError("market.data: replay needs the folder of the recorded days; give --data DIR")
    try:
        symbols, session = default_day(ReplayMarket(root, TradingCalendar(exchange)))
    except NoMarketData as error:
        raise ConfigError(f"--data: {root}: {error}") from error
    return list(symbols), session.day


def _print_summary(result: "RunResult") -> None:
    import orjson

    from daemon.journal.content import content_hash
    from daemon.journal.reader import open_reader
    from daemon.journal.summary import run_summary

    engine = open_reader(result.journal)
    summary = run_summary(engine, since_seq=result.since_seq).to_dict()
    summary["speed"] = round(result.market_s / result.host_s, 1) if result.host_s else None
    summary["host_s"] = round(result.host_s, 3)
    summary["content_hash"] = content_hash(engine, after_seq=result.since_seq)
    engine.dispose()
    sys.stdout.write(orjson.dumps(summary, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")
