"""`paperd db`: is the journal whole, keep a copy of it, bring an old one up to date."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from daemon.cli.output import JsonOption, print_facts, print_json
from daemon.cli.panels import LOOK_BACK
from daemon.cli.settings_options import ConfigOption, StateOption, journal_location, state_of
from daemon.domain.errors import ConfigError, ForbiddenError, JournalBusy, JournalFailed

if TYPE_CHECKING:
    from daemon.journal.verify import Verified

Watch = Callable[[int, int], None]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="Look at this file, such as a copy, instead of the daemon's journal."),
]

_DAMAGED: Final = 74

db = typer.Typer(help="Look after the journal: verify it, back it up, upgrade it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(db, name="db", rich_help_panel=LOOK_BACK)


@db.command()
def verify(
    *, config: ConfigOption = None, state: StateOption = None, file: FileOption = None, as_json: JsonOption = False
) -> None:
    """Check that the journal is whole: nothing damaged, lost, changed, added or moved. It only reads.

    The daemon may run meanwhile. Four things are looked at: the pages and indexes of the file; that rows are numbered
    without gaps; the chain of seals, which binds every row that tells of an order or an execution to all those before
    it; and that no execution, commission or order event tells of an order that is not there.

    The first fault is named with its table and row. The digest of the last seal is printed: whoever keeps it can tell
    later that nothing before it was touched, nor cut off.

    Exit codes: 0 whole · 74 damaged, or not readable · 78 of another version, or the configuration is wrong.

    Examples:
        paperd db verify
        paperd db verify --json
        paperd db verify --file /backup/journal-2026-01-05.db
    """
    from daemon.journal.verify import verify as look

    location = file or journal_location(config, state)
    refuse_other_version(location)
    with _progress("verify") as watch:
        found = look(location, watch)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    if found.faults:
        raise typer.Exit(_DAMAGED)


@db.command()
def backup(
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="The copy.  [default: backups/journal-TIME.db in the state directory]",
            show_default=False,
        ),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    config: ConfigOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the journal, as it is at one moment, to one SQLite file. The daemon may run meanwhile.

    The copy is written beside FILE, synced to the disk, checked as by `paperd db verify`, and only then gets its name:
    FILE is whole or not there. A journal on PostgreSQL is copied too; its copy is a SQLite journal with the same seals.

    To restore: stop the daemon, move the journal with its -wal and -shm files elsewhere, put the copy in its place as
    journal.db, and start the daemon. It asks the broker what happened since, and trades when both agree.

    Exit codes: 0 done · 74 the journal is damaged, or FILE cannot be written · 77 FILE is there already · 78 of another
    version.

    Examples:
        paperd db backup
        paperd db backup /backup/journal.db --force
    """
    from daemon.journal.backup import back_up

    location = journal_location(config, state)
    refuse_other_version(location)
    where = target or _default_target(state_of(state))
    with _progress("copy") as watch:
        found = back_up(location, where, replace=force, progress=watch)
    facts = {"file": where.absolute(), "bytes": where.stat().st_size, "rows": found.rows, "head": found.head}
    print_json(facts) if as_json else print_facts(facts)


@db.command()
def upgrade(*, config: ConfigOption = None, state: StateOption = None, as_json: JsonOption = False) -> None:
    """Bring the journal of an older paperd up to this one's tables, after a backup. The daemon must be stopped.

    `paperd run` does the same by itself, without the backup. A journal of a newer paperd is refused and left alone.

    Exit codes: 0 done, or nothing to do · 74 damaged · 75 a daemon uses it: stop it first · 78 of a newer version.

    Examples:
        paperd stop && paperd db upgrade && paperd run
    """
    from daemon.journal import migrate
    from daemon.journal.backup import keep_before_upgrade
    from daemon.journal.schema import REVISION
    from daemon.journal.writer import hold_writer

    location, where = journal_location(config, state), state_of(state)
    before = _version(location)
    kept: Path | None = None
    with ExitStack() as held:
        held.enter_context(_alone(where))
        if before != REVISION:
            held.enter_context(hold_writer(location))
            kept = keep_before_upgrade(location, _default_target(where, f"-{before}"))
            migrate.upgrade(location)
    facts = {"before": before, "now": REVISION, "backup": kept.absolute() if kept else None}
    print_json(facts) if as_json else print_facts(facts)


def refuse_other_version(location: str | Path) -> None:
    """Refuse a journal whose tables are not this program's.

    Raises:
        ConfigError: it is older or newer; it says what to do.
        JournalFailed: there is none, or it cannot be read.
    """
    from daemon.journal.schema import REVISION

    found = _version(location)
    if found != REVISION:
        raise ConfigError(f"journal: it is of an older version ({found}); run `paperd db upgrade` first")


def _version(location: str | Path) -> str:
    """Return where a journal stands, which is not beyond this program."""
    from daemon.journal import migrate
    from daemon.journal.location import describe, journal_url

    url = journal_url(location)
    found = migrate.current(url)
    if found is None:
        raise JournalFailed(f"there is no journal at {describe(url)}; name a state directory with --state")
    try:
        migrate.refuse_newer(url, found)
    except JournalFailed as error:
        raise ConfigError(str(error)) from error
    return found


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the state directory's lock.

    Raises:
        JournalBusy: a daemon holds it.
    """
    from daemon.runtime.state_lock import state_lock

    try:
        lock = state_lock(state)
        with lock:
            yield
    except ForbiddenError as error:
        raise JournalBusy(f"{error.cause} Stop it first with `paperd stop`") from error


def _default_target(state: Path, note: str = "") -> Path:
    from daemon.runtime.clock import MarketClock

    folder = state / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"journal{note}-{MarketClock().now().astimezone(UTC):%Y%m%dT%H%M%SZ}.db"


@contextmanager
def _progress(what: str) -> Iterator[Watch]:
    """Show how far it has come, where a person watches."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, all_: progress.update(task, completed=done, total=all_)


def _print(found: "Verified") -> None:
    for fault in found.faults:
        typer.echo(f"{fault.check}: {fault.text}")
    print_facts(
        {
            "journal": found.journal,
            "version": found.version,
            "rows": found.rows,
            "seals": found.seals,
            "rows sealed": found.sealed_rows,
            "last seal": found.head,
            "verdict": f"{len(found.faults)} faults" if found.faults else "whole",
        }
    )
