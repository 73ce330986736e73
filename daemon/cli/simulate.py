"""`paperd simulate`: the whole daemon and its gateway in virtual time, with faults, judged by an oracle."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli.output import JsonOption
from daemon.cli.panels import SET_UP

if TYPE_CHECKING:
    from daemon.simulation.seeds import Verdict

_SHOWN = 8  # violations of one seed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate", rich_help_panel=SET_UP)(simulate)


def simulate(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to run, over all cores.")] = 20,
    seed: Annotated[int | None, typer.Option(min=0, help="Run this one seed and tell its story.")] = None,
    first: Annotated[int, typer.Option(min=0, help="The first of --seeds; the others follow it.")] = 0,
    minutes: Annotated[
        int, typer.Option(min=1, max=120, help="Minutes of market while faults strike; part of what a seed means.")
    ] = 6,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes to use; one a core by default.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look for lost, doubled and misattributed orders: the daemon against a gateway and faults, in virtual time.

    A seed is a whole world: a market, the real daemon, the simulated IB Gateway, and faults. Connections are cut at any
    byte or fall silent, either program is killed at any moment, the disk fails or loses power, messages come twice,
    late or never, executions are corrected, the clock is set wrong, and the gateway does what its catalogue of faults
    has. Nothing sleeps, so that minutes of market take less than a second.

    At the end an oracle compares the gateway's own ledger with the journal. A violation names what did not hold: A an
    order left before its intent was durable, B more than one order for an intent, C an execution lost, doubled or
    altered, D positions or ledgers that disagree, E an order that opens risk before the daemon was in step with the
    gateway, F a queue without bound or tasks that pile up, G a secret that is said or an order against a person's word,
    H an outage without an alert within a minute, J a row missing or altered in the journal, R no recovery, S a failure
    that nobody foresaw. The exit code is then 1.

    The same seed is the same world, to the byte: what it shows can be shown again.

    Examples:
        paperd simulate --seeds 500
        paperd simulate --seed 42
        paperd simulate --first 1000 --seeds 1000 --json
    """
    from daemon.cli.output import print_json
    from daemon.simulation.seeds import verdicts

    wanted = [seed] if seed is not None else list(range(first, first + seeds))
    found = list(_watched(verdicts(wanted, minutes=minutes, processes=processes), len(wanted), show=not as_json))
    bad = [verdict for verdict in found if verdict.violations]
    if as_json:
        print_json(_summary(found, minutes))
    else:
        if seed is not None:
            _print_story(found[0])
        else:
            _print_totals(found)
        for verdict in bad:
            _print_violations(verdict, minutes)
    if bad:
        raise typer.Exit(1)


def _watched(verdicts: "Iterable[Verdict]", count: int, *, show: bool) -> "Iterator[Verdict]":
    """Pass verdicts on, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    speed = TextColumn("{task.fields[speed]} seeds/s, left")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn())
    visible = show and sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not visible) as progress:
        bar, bad = progress.add_task("simulating", total=count, speed="-"), 0
        for verdict in verdicts:
            bad += bool(verdict.violations)
            progress.update(bar, advance=1, description=f"simulating, {bad} with violations" if bad else "simulating")
            speed_now = progress.tasks[0].speed
            progress.update(bar, speed="-" if speed_now is None else f"{speed_now:.1f}")
            yield verdict


def _print_totals(verdicts: "Sequence[Verdict]") -> None:
    from daemon.cli.output import Column, print_facts, print_table

    columns = [Column(name="fault"), Column(name="worlds", number=True), Column(name="struck", number=True)]
    print_table(columns, [(row["fault"], row["worlds"], row["struck"]) for row in _distribution(verdicts)])
    typer.echo()
    print_facts(_totals(verdicts))


def _print_story(verdict: "Verdict") -> None:
    from daemon.cli.output import print_facts

    print_facts(
        {
            "seed": str(verdict.seed),
            "connection": "lockstep" if verdict.lockstep else "as a real gateway's",
            "faults": dict(verdict.struck),
            **_totals([verdict]),
            "journal": verdict.journal_hash,
            "ledger": verdict.ledger_hash,
        }
    )


def _print_violations(verdict: "Verdict", minutes: int) -> None:
    typer.echo(f"\nseed {verdict.seed}: {len(verdict.violations)} violations; see it again with")
    typer.echo(f"    {_command(verdict.seed, minutes)}")
    for violation in verdict.violations[:_SHOWN]:
        typer.echo(f"  {violation.invariant.value}  {violation.subject}: {violation.evidence}")
    if len(verdict.violations) > _SHOWN:
        typer.echo(f"  and {len(verdict.violations) - _SHOWN} more")


def _summary(verdicts: "Sequence[Verdict]", minutes: int) -> Mapping[str, object]:
    return {
        **_totals(verdicts),
        "faults": _distribution(verdicts),
        "failed": [
            {
                "seed": verdict.seed,
                "command": _command(verdict.seed, minutes),
                "violations": [
                    {"invariant": each.invariant.value, "subject": each.subject, "evidence": each.evidence}
                    for each in verdict.violations
                ],
            }
            for verdict in verdicts
            if verdict.violations
        ],
    }


def _totals(verdicts: "Sequence[Verdict]") -> Mapping[str, object]:
    return {
        "seeds": len(verdicts),
        "orders": sum(verdict.orders for verdict in verdicts),
        "fills": sum(verdict.fills for verdict in verdicts),
        "kills": sum(verdict.kills for verdict in verdicts),
        "daemon_starts": sum(verdict.starts for verdict in verdicts),
        "gateway_starts": sum(verdict.gateway_starts for verdict in verdicts),
        "virtual_s": round(sum(verdict.virtual_s for verdict in verdicts), 1),
        "violations": sum(len(verdict.violations) for verdict in verdicts),
    }


def _distribution(verdicts: "Sequence[Verdict]") -> list[Mapping[str, object]]:
    """Return for each fault how many worlds have drawn it and how often it has struck, the most frequent first."""
    worlds: Counter[str] = Counter()
    struck: Counter[str] = Counter()
    for verdict in verdicts:
        worlds.update(set(verdict.drawn))
        struck.update(verdict.struck)
    names = sorted({*worlds, *struck}, key=lambda name: (-worlds[name], name))
    return [{"fault": name, "worlds": worlds[name], "struck": struck[name]} for name in names]


def _command(seed: int, minutes: int) -> str:
    from daemon.simulation.seeds import MINUTES

    return f"paperd simulate --seed {seed}" + (f" --minutes {minutes}" if minutes != MINUTES else "")
