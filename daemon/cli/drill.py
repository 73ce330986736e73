"""`paperd drill`: one fault of the matrix against the embedded gateway, and what held."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.output import JsonOption
from daemon.cli.panels import SET_UP

if TYPE_CHECKING:
    from daemon.drills.drill import Drill
    from daemon.drills.judgement import Result

_TERMINATED = 143  # as a shell says it of SIGTERM
_LONGEST = 110  # characters of a line of evidence in the table below


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drill", rich_help_panel=SET_UP)(drill)


def drill(
    name: Annotated[str | None, typer.Argument(help="The drill to run; --list names them.", show_default=False)] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Run every drill and print a table.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Say what drills there are.")] = False,
    at_once: Annotated[int, typer.Option(min=1, help="How many drills of --all run at the same time.")] = 2,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep journal, ledger and logs; kept anyway where something did not hold.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Let one thing go wrong on purpose, and see what the daemon makes of it.

    A drill starts a simulated gateway and a daemon as programs of their own, in a directory that is thrown away, and
    injects one fault of the matrix: a kill, a dead connection, a broker that says things twice, a full disk. Then all
    is healed; the daemon must trade on and end in order, and the gateway's own books are compared with the journal.

    What must hold: A an order is in the journal before its bytes leave, B no order is sent twice, C each execution is
    booked once, D positions agree with the broker's, E nothing opens a position before all is known to agree, F memory,
    queues and delays stay bounded, G no secret gets out, H a person is told within a minute, J no row of the journal is
    missing, R the daemon recovers, S nothing ends in an unforeseen way. The exit code is 1 where something did not.

    Examples:
        paperd drill --list
        paperd drill half-open
        paperd drill --all
    """
    from daemon.cli.output import print_json
    from daemon.drills.catalogue import DRILLS, drill_named
    from daemon.drills.report import as_json as results_as_json
    from daemon.drills.report import catalogue_as_json

    if [name is not None, everything, listed].count(True) != 1:
        raise typer.BadParameter("name one drill, or give --all or --list")
    if listed:
        if as_json:
            print_json(catalogue_as_json(DRILLS))
        else:
            _print_catalogue(DRILLS)
        return
    try:
        wanted = DRILLS if name is None else (drill_named(name),)
    except LookupError as error:
        raise typer.BadParameter(str(error)) from error
    results = _run(wanted, at_once=at_once, keep=keep, show=not as_json)
    if as_json:
        print_json(results_as_json(results))
    elif name is not None:
        _print_story(results[0])
    else:
        _print_table(results)
    if any(result.broken for result in results):
        raise typer.Exit(1)


def _run(drills: "Sequence[Drill]", *, at_once: int, keep: bool, show: bool) -> "list[Result]":
    """Run drills in the order of the catalogue, with a progress bar on a terminal."""
    import asyncio
    import signal

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from daemon.drills.runner import run_drills

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not show or not sys.stderr.isatty()
    results: list[Result] = []

    async def watched() -> None:
        task = asyncio.current_task()
        if task is not None:  # SIGTERM ends the programs of the drills, as Ctrl-C does
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
            bar = progress.add_task("drilling", total=len(drills))
            async for result in run_drills(drills, at_once=at_once, keep=keep):
                results.append(result)
                progress.update(bar, advance=1, description=f"{result.drill.name} is over")

    try:
        asyncio.run(watched())
    except asyncio.CancelledError:
        raise typer.Exit(_TERMINATED) from None
    places = {each.name: place for place, each in enumerate(drills)}
    return sorted(results, key=lambda result: places[result.drill.name])


def _print_catalogue(drills: "Sequence[Drill]") -> None:
    from daemon.cli.output import Column, print_table
    from daemon.drills.report import matrix_rows

    print_table(
        [Column(name="drill"), Column(name="row", number=True), Column(name="what goes wrong")],
        [(each.name, matrix_rows(each), each.goes_wrong) for each in drills],
    )


def _print_story(result: "Result") -> None:
    from daemon.drills.report import matrix_rows, outcome

    typer.echo(f"{result.drill.name}: {result.drill.goes_wrong}")
    typer.echo(f"Row {matrix_rows(result.drill)} of the fault matrix; {result.drill.injected}.\n")
    if result.skipped:
        typer.echo(f"skipped: {result.skipped}")
        return
    typer.echo("  market    host")
    for scene in result.story:
        typer.echo(f"  {scene.market[11:19]:8}  {scene.host_s:4.1f} s  {scene.text}")
    typer.echo()
    for check in sorted(result.checks, key=lambda check: check.invariant):
        typer.echo(f"  {'held  ' if check.held else 'BROKEN'}  {check.invariant.value}  {check.evidence}")
    typer.echo(f"\n{outcome(result)} in {result.took_s:.1f} s; held: {' '.join(result.held) or 'nothing'}")
    _print_place(result)


def _print_table(results: "Sequence[Result]") -> None:
    from daemon.cli.output import Column, print_table
    from daemon.drills.report import MEANING, outcome

    columns = (
        Column(name="drill"),
        Column(name="what goes wrong"),
        Column(name="outcome"),
        Column(name="held"),
        Column(name="s", number=True),
    )
    print_table(
        columns,
        [
            (each.drill.name, each.drill.goes_wrong, each.skipped or outcome(each), each.held, round(each.took_s, 1))
            for each in results
        ],
    )
    typer.echo()
    for invariant, meaning in MEANING.items():
        typer.echo(f"  {invariant.value}  {meaning}")
    broken = [result for result in results if result.broken]
    skipped = sum(bool(result.skipped) for result in results)
    for result in broken:
        typer.echo(f"\n{result.drill.name} did not hold; see it again with  paperd drill {result.drill.name}")
        for check in result.broken:
            typer.echo(f"  {check.invariant.value}  {check.evidence[:_LONGEST]}")
        _print_place(result)
    held = len(results) - len(broken) - skipped
    typer.echo(f"\n{held} of {len(results)} drills held, {len(broken)} did not, {skipped} skipped")


def _print_place(result: "Result") -> None:
    if result.folder:
        typer.echo(f"its journal, ledger and logs are in {result.folder}")
