"""Commands for what only a person can settle: positions at the broker that no evidence explains."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

import typer

from daemon.cli.control import client_of, print_answer, who
from daemon.cli.output import Column, JsonOption, print_json, print_table
from daemon.cli.panels import CONTROL
from daemon.cli.settings_options import ConfigOption, StateOption
from daemon.domain.errors import ConfigError

_COLUMNS: Final = (
    Column(name="id"),
    Column(name="instrument"),
    Column(name="quantity", number=True),
    Column(name="strategy"),
    Column(name="order"),
    Column(name="why"),
)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Which one, as the list has it.")]

app = typer.Typer(
    help="Positions at the broker that no evidence explains: list them, confirm or reject them.",
    invoke_without_command=True,
    no_args_is_help=False,
)


def register(root: typer.Typer) -> None:
    """Add the commands to `root`."""
    root.add_typer(app, name="adjustments", rich_help_panel=CONTROL)


@app.callback()
def adjustments(
    context: typer.Context, config: ConfigOption = None, state: StateOption = None, as_json: JsonOption = False
) -> None:
    """List the positions at the broker that no evidence explains; nothing opens in those instruments meanwhile."""
    if context.invoked_subcommand is not None:
        return
    found = client_of(config, state).adjustments()
    if as_json:
        print_json(found)
        return
    waiting = found.get("adjustments")
    if not isinstance(waiting, list) or not waiting:
        typer.echo("Nothing waits: the broker's positions are what the ledgers say.")
        return
    print_table(_COLUMNS, [_row(each) for each in waiting])


@app.command()
def confirm(  # noqa: PLR0917 - typer calls by name
    adjustment_id: IdArgument,
    price: Annotated[str, typer.Option("--price", metavar="P", help="Price per unit at which it was executed.")],
    order: Annotated[
        str | None, typer.Option("--order", metavar="REF", help="Of which order, where the list names none.")
    ] = None,
    config: ConfigOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Book it at a price, into the ledger of the order's strategy. The broker's statement has the price."""
    try:
        Decimal(price)
    except InvalidOperation as error:
        raise ConfigError(f"--price: must be a number such as 412.07, was {price!r}") from error
    answer = client_of(config, state).confirm_adjustment(who(), adjustment_id, price=price, order=order)
    print_answer(answer, f"{adjustment_id} is booked at {price}.", as_json=as_json)


@app.command()
def reject(
    adjustment_id: IdArgument, config: ConfigOption = None, state: StateOption = None, as_json: JsonOption = False
) -> None:
    """Say that it is none of the daemon's: somebody else's trade or holding in the account."""
    answer = client_of(config, state).reject_adjustment(who(), adjustment_id)
    print_answer(answer, f"{adjustment_id} counts as somebody else's.", as_json=as_json)


def _row(adjustment: Mapping[str, object]) -> list[object]:
    return [adjustment.get(column.name) for column in _COLUMNS]
