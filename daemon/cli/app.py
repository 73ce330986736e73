"""The command line's table of contents."""

from typing import Annotated

import typer

from daemon import __version__
from daemon.cli import adjustments, backtest, check, config, control, db, drill, gateway, report, run, simulate, test
from daemon.cli.errors import PaperdGroup

_EPILOG = (
    "Exit codes: 0 done · 64 the command is wrong · 69 no daemon, gateway or data · 74 a file cannot be read or "
    "written · 75 try again · 77 refused · 78 the configuration is wrong."
)

paperd = typer.Typer(
    name="paperd",
    cls=PaperdGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"paperd {__version__}")
        raise typer.Exit


@paperd.callback()
def begin(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Trade your strategies on live markets with paper money, and see whether they behave as their backtest did.

    Nothing needs to be set up: [bold]paperd run[/bold] trades on a built-in market. While it runs,
    [bold]paperd status[/bold] in another terminal says how it is, and [bold]paperd stop[/bold] ends it in good order.
    [bold]paperd report[/bold] shows what a day brought.
    """
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for _module in (run, gateway, backtest, control, adjustments, config, test, check, simulate, drill, report, db):
    _module.register(paperd)
