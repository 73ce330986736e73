"""Commands about the configuration: check, show, schema."""

import typer

from daemon.cli.output import JsonOption, print_facts, print_json
from daemon.cli.panels import SET_UP
from daemon.cli.settings_options import ConfigOption, loaded

_config = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(
        _config,
        name="config",
        rich_help_panel=SET_UP,
        help="Check the configuration, show it with every default, or print its JSON Schema.",
    )


@_config.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Name every fault of the configuration, each with its cure; exit code 78 if there is one.

    The file, .env and the environment are read as [bold]paperd run[/bold] would read them.
    """
    found = loaded(config, {})
    if as_json:
        print_json({"valid": True, "source": found.source, "hash": found.hash, "notes": found.notes})
        return
    settings = found.settings
    print_facts(
        {
            "configuration": f"{found.source} is valid",
            "mode": settings.mode,
            "strategies": [strategy.id for strategy in settings.strategies if strategy.enabled],
            "hash": found.hash,
        }
    )
    for note in found.notes:
        typer.echo(f"note: {note}")


@_config.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the whole configuration as it would be run, every default included and secrets masked."""
    from daemon.settings.output import plain, to_commented_yaml

    settings = loaded(config, {}).settings
    if as_json:
        values = plain(settings)
        print_json(values if isinstance(values, dict) else {})
    else:
        typer.echo(to_commented_yaml(settings), nl=False)


@_config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from daemon.settings.output import json_schema

    print_json(json_schema())
