"""Commands for a running daemon: status, pause, resume, stop. They go over its control socket."""

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from daemon.cli.output import Column, JsonOption, print_facts, print_json, print_table
from daemon.cli.panels import CONTROL
from daemon.cli.settings_options import ConfigOption, StateOption, socket_path

if TYPE_CHECKING:
    from daemon.client import ControlClient

StrategyOption = Annotated[
    str | None, typer.Option("--strategy", metavar="ID", help="Only this strategy; without it, all of them.")
]

_STRATEGY_COLUMNS: Final = (
    Column(name="strategy"),
    Column(name="state"),
    Column(name="equity", number=True),
    Column(name="orders today", number=True),
    Column(name="positions"),
    Column(name="failure"),
)
_HEADINGS: Final = ("mode", "trading", "stopping", "dry_run", "market_time", "market_open", "equity", "day_pnl")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (status, pause, resume, stop):
        app.command(rich_help_panel=CONTROL)(command)


def status(config: ConfigOption = None, state: StateOption = None, as_json: JsonOption = False) -> None:
    """Say how the running daemon is: trading, connection, equity, strategies.

    Exit code 69 says that there is none.
    """
    found = client_of(config, state).status()
    if as_json:
        print_json(found)
    else:
        _print_status(found)


def pause(
    config: ConfigOption = None,
    state: StateOption = None,
    strategy: StrategyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open no more positions; exits go on. [bold]paperd resume[/bold] takes it back."""
    answer = client_of(config, state).pause(who(), strategy)
    sentence = f"{_whose(strategy)}: no more positions are opened; exits go on.{_waiting(answer)}"
    print_answer(answer, sentence, as_json=as_json)


def resume(
    config: ConfigOption = None,
    state: StateOption = None,
    strategy: StrategyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open positions again after a pause."""
    answer = client_of(config, state).resume(who(), strategy)
    print_answer(answer, f"{_whose(strategy)}: positions are opened again.{_waiting(answer)}", as_json=as_json)


def stop(
    config: ConfigOption = None,
    state: StateOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when the daemon has ended.")] = True,
    within: Annotated[float, typer.Option("--within", metavar="SECONDS", min=0.1, help="How long to wait.")] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """End the daemon in good order: working entry orders are cancelled, positions stay, the day is reported."""
    client = client_of(config, state)
    if wait:
        answer = client.stop_and_wait(who(), within_s=within)
        print_answer({**answer, "ended": True}, "The daemon has ended; positions stay as they are.", as_json=as_json)
    else:
        print_answer({**client.stop(who()), "ended": False}, "The daemon is stopping.", as_json=as_json)


def client_of(config: Path | None, state: Path | None) -> "ControlClient":
    """Return the way to the daemon whose state directory is meant."""
    from daemon.client import ControlClient

    return ControlClient(socket_path(config, state))


def who() -> str:
    """Return the name under which the journal keeps what was asked."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have
        return f"user {os.getuid()}"


def _waiting(answer: Mapping[str, object]) -> str:
    """Return what has to be added about a word that is not kept yet."""
    if not answer.get("waiting"):
        return ""
    return " The daemon has not been connected yet: it takes this down when it is, and forgets it if it ends before."


def _whose(strategy: str | None) -> str:
    return f"Strategy {strategy}" if strategy else "All strategies"


def print_answer(answer: Mapping[str, object], sentence: str, *, as_json: bool) -> None:
    """Print an answer for machines, or a sentence for people."""
    if as_json:
        print_json(answer)
    else:
        typer.echo(sentence)


def _connection_facts(connection: Mapping[str, object]) -> dict[str, object]:
    """Return what a person asks of a connection first; the streams one by one are for machines."""
    where = f"{connection.get('host')}:{connection.get('port')}, account {connection.get('account') or 'not known yet'}"
    facts: dict[str, object] = {"connection": f"{connection.get('state')}, {where}"}
    for name in ("cause", "cure", "suspended", "farms_broken"):
        if connection.get(name):
            facts[name.replace("_", " ")] = connection[name]
    return facts


def _print_status(found: Mapping[str, object]) -> None:
    facts = {name.replace("_", " "): found[name] for name in _HEADINGS if name in found}
    connection = found.get("connection")
    if isinstance(connection, Mapping):
        facts |= _connection_facts(connection)
    if "health" in found:
        facts["health"] = found["health"]
    print_facts(facts)
    strategies = found.get("strategies")
    if isinstance(strategies, list) and strategies:
        typer.echo()
        print_table(_STRATEGY_COLUMNS, [_strategy_row(strategy) for strategy in strategies])


def _strategy_row(strategy: Mapping[str, object]) -> list[object]:
    return [strategy.get(name) for name in ("id", "state", "equity", "orders_today", "positions", "failure")]
