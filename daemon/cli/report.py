"""The command that makes the report of a day."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from daemon.cli.output import JsonOption, print_json
from daemon.cli.panels import LOOK_BACK
from daemon.cli.settings_options import ConfigOption, StateOption, journal_location, state_of

if TYPE_CHECKING:
    from daemon.reports.values import DayReport

DateOption = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The day.  [default: the journal's last]"),
]
FormatOption = Annotated[
    Literal["html", "json"] | None, typer.Option("--format", help="Only this form; without it, both.")
]
StrategyOption = Annotated[
    str | None, typer.Option("--strategy", metavar="ID", help="Only this strategy; without it, all of them.")
]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command(rich_help_panel=LOOK_BACK)(report)


def report(
    *,
    day: DateOption = None,
    config: ConfigOption = None,
    state: StateOption = None,
    form: FormatOption = None,
    strategy: StrategyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the report of a trading day from the journal and say where it is; the daemon may run meanwhile.

    Made again for a past day, it says the same.
    """
    from daemon.reports.files import FORMATS, write_report

    made = _collected(journal_location(config, state), day.date() if day else None, strategy)
    written = write_report(made, state_of(state) / "reports", (form,) if form else FORMATS)
    if as_json:
        print_json({"day": made.day, **{name: path.absolute() for name, path in written.items()}})
    else:
        for path in written.values():
            typer.echo(path.absolute())


def _collected(journal: str | Path, day: date | None, strategy: str | None) -> "DayReport":
    from daemon.journal.reader import open_reader
    from daemon.reports.day_report import day_report, last_day
    from daemon.reports.errors import NothingToReport

    if isinstance(journal, Path) and not journal.exists():
        raise NothingToReport(
            f"There is no journal at {journal}.", "Name the state directory of a daemon that has traded with --state."
        )
    engine = open_reader(journal)
    try:
        return day_report(engine, day or last_day(engine), strategy=strategy)
    finally:
        engine.dispose()
