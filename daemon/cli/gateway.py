"""`paperd gateway`: the simulated IB Gateway as a server of its own, for any IB client."""

import os
import sys
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.domain.errors import BadMarketData, ConfigError

if TYPE_CHECKING:
    from daemon.gateway.log import Fact
    from daemon.gateway.source import MarketSource
    from daemon.market.sessions import TradingCalendar

_PANEL = "Run"
_DEFAULT_PORT = 4002
_CONTROL_VARIABLE = "GATEWAY_CONTROL_TOKEN"
_TAPES_KEPT = 24  # 2 MB each; a day that is under way is held by its session


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gateway", rich_help_panel=_PANEL)(gateway)


def gateway(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; there is no password, so keep it loopback.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")
    ] = _DEFAULT_PORT,
    source: Annotated[str, typer.Option(help="synthetic (seeded) or replay (recorded days).")] = "synthetic",
    data: Annotated[Path | None, typer.Option(help="Folder of the recorded days, for replay.")] = None,
    speed: Annotated[str, typer.Option(help="Market seconds per host second, or max.")] = "60",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the market and of the latencies.")] = 1,
    start: Annotated[
        str | None, typer.Option(metavar="DATE", help="First trading day; a later time in the state wins.")
    ] = None,
    account: Annotated[str, typer.Option(help="Id of the simulated account; paper ids begin with D.")] = "DU1000001",
    cash: Annotated[str, typer.Option(help="Cash of a new account.")] = "1000000",
    commission: Annotated[
        str, typer.Option(help="percent:0.002 of the traded value (0.2 %; 0.002 will do), ib-fixed, ib-tiered, alpaca.")
    ] = "percent:0.002",
    fill_model: Annotated[
        str,
        typer.Option(help="optimistic (any size at the touch), quote (what is shown) or queue (resting orders wait)."),
    ] = "quote",
    master_client: Annotated[
        int | None, typer.Option(min=0, metavar="ID", help="Client id that sees every client's orders and executions.")
    ] = None,
    exchange: Annotated[str, typer.Option(help="ISO 10383 code of the calendar.")] = "XNYS",
    symbols: Annotated[
        str | None, typer.Option(help="What is listed, such as SPY,QQQ; everything there is by default.")
    ] = None,
    lines: Annotated[int, typer.Option(min=1, help="Market data lines of all clients together.")] = 100,
    market_data: Annotated[str, typer.Option(help="What the login is subscribed to: live or delayed.")] = "live",
    pacing: Annotated[
        str, typer.Option(help="IB's limits on requests, in host time: on, off, or auto (on at speed 1).")
    ] = "auto",
    write_buffer: Annotated[
        int, typer.Option(min=1, metavar="MIB", help="Unread bytes after which a client is dropped.")
    ] = 64,
    state_file: Annotated[
        Path | None, typer.Option(help="Where accounts and orders survive a restart; in memory by default.")
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Faults to begin with, as YAML: docs/gateway-faults.md."),
    ] = None,
    control: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="PORT", help="Serve the fault control API on loopback.")
    ] = None,
    control_token_file: Annotated[
        Path | None, typer.Option(help=f"Holds the control API's token; else the environment's {_CONTROL_VARIABLE}.")
    ] = None,
    not_before: Annotated[int, typer.Option(hidden=True)] = 0,
    stop_with_parent: Annotated[bool, typer.Option("--stop-with-parent", hidden=True)] = False,
) -> None:
    """Run the simulated IB Gateway.

    It speaks the TWS protocol to any IB client (ib_insync, ib_async, the official API) on loopback. Its market begins
    at the opening of a fixed day once a client has connected; `paperd run --mode ibkr_paper` trades on it.

    Examples:
        paperd gateway --port 4002
        paperd gateway --source replay --data recorded/ --speed max
    """
    from daemon.gateway.faults.scenario import read_scenario
    from daemon.gateway.options import GatewayOptions
    from daemon.gateway.process import FaultOptions, main
    from daemon.market.sessions import TradingCalendar

    market, first = _market(source, TradingCalendar(exchange), seed=seed, data=data, symbols=symbols)
    try:
        options = GatewayOptions(
            host=host,
            port=port,
            account=account,
            initial_cash=_decimal("--cash", cash),
            seed=seed,
            speed=_speed(speed),
            start=_day(start) if start is not None else first,
            not_before_us=not_before,
            state_path=state_file,
            commission_schedule=_commission(commission),
            fill_model=fill_model,
            master_client_id=master_client,
            market_data_lines=lines,
            market_data=market_data,
            pacing=pacing,
            write_buffer_bytes=write_buffer << 20,
        )
    except ValueError as error:
        raise ConfigError(f"gateway: {error}") from error
    faults = FaultOptions(
        scenario=read_scenario(scenario) if scenario is not None else None,
        control_port=control,
        control_token=_token(control_token_file) if control is not None else "",
    )
    try:
        main(options, market, _say, stop_on_stdin_eof=stop_with_parent, faults=faults)
    except OSError as error:
        raise ConfigError(
            f"--port: {host}:{port} cannot be used: {error.strerror or error}; "
            "choose another port, or stop what listens there"
        ) from error


def _market(
    source: str, calendar: "TradingCalendar", *, seed: int, data: Path | None, symbols: str | None
) -> "tuple[MarketSource, date]":
    """Return the market and the day it begins on by default."""
    from daemon.adapters.files.option_replay import OptionReplay, has_options
    from daemon.adapters.files.replay import NoMarketData, ReplayMarket, default_day
    from daemon.market.listing import UnknownSymbol
    from daemon.market.option_market import OptionMarket
    from daemon.market.synthetic import SyntheticMarket
    from daemon.market.universe import UNIVERSE
    from daemon.settings.sections import SYNTHETIC_START

    wanted = [symbol.strip().upper() for symbol in symbols.split(",")] if symbols else None
    try:
        if source == "synthetic":
            listed = wanted or list(UNIVERSE)
            return OptionMarket(SyntheticMarket(seed, calendar, listed, tapes_kept=_TAPES_KEPT)), SYNTHETIC_START
        if source != "replay":
            raise ConfigError(f"--source: {source!r} is unknown; use synthetic or replay")
        if data is None:
            raise ConfigError("--data: replay needs the folder of the recorded days")
        market = ReplayMarket(data, calendar, wanted)
        first = default_day(market)[1].day
        return (OptionReplay(data, market) if has_options(data) else market), first
    except (UnknownSymbol, NoMarketData) as error:
        raise ConfigError(f"gateway: {error}") from error
    except BadMarketData as error:
        raise ConfigError(f"--data: {error}; repair or remove the file") from error


def _say(event: str, fields: "dict[str, Fact]") -> None:
    """Write one event to standard error, as a line a person can read."""
    facts = " ".join(f"{key}={value}" for key, value in fields.items())
    sys.stderr.write(f"{event} {facts}\n")
    sys.stderr.flush()


def _token(path: Path | None) -> str:
    """Return what changes over the control API need."""
    if path is None:
        token = os.environ.get(_CONTROL_VARIABLE, "")
        if not token:
            raise ConfigError(f"--control: needs a token: give --control-token-file, or set {_CONTROL_VARIABLE}")
        return token
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--control-token-file: {path} cannot be read: {error}") from error


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"--speed: {text!r} is no number; use a number above 0, or max") from error


def _commission(text: str) -> str:
    """Return the schedule; a bare number is a fraction of the traded value."""
    return f"percent:{_decimal('--commission', text)}" if text[:1] in "0123456789.-" else text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--start: {text!r} is no date; write it as 2026-03-02") from error


def _decimal(option: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ConfigError(f"{option}: {text!r} is no number") from error
