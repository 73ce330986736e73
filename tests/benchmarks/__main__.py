"""`make bench`: measure, show, and with --write put the table into the documentation."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from rich.console import Console

from tests.benchmarks import bar_path, engine_bars, gateway_load, journal_commits, order_path, whole_day
from tests.benchmarks.figures import Figure, markdown_table, rich_table
from tests.benchmarks.market import schedule

_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything is measured."""

    symbols: int  # on the bar path
    instants: int  # of 4680 a session
    rounds: int
    orders: int  # a round
    commits: int
    lines: int
    sessions: int
    days: tuple[int, ...]  # symbols of each whole day
    crowd: int  # clients of the gateway at once
    market_s: int  # of the gateway's quotes


_LINES = 100  # quotes that each client of the gateway asks for
_SMOKE = Sizes(
    symbols=2, instants=120, rounds=1, orders=5, commits=20, lines=2000, sessions=1, days=(), crowd=2, market_s=60
)
_DEFAULT = Sizes(
    symbols=10,
    instants=480,
    rounds=3,
    orders=60,
    commits=100,
    lines=20_000,
    sessions=10,
    days=(3,),
    crowd=32,
    market_s=1800,
)
_FULL = Sizes(
    symbols=30,
    instants=2340,
    rounds=7,
    orders=300,
    commits=1000,
    lines=100_000,
    sessions=50,
    days=(3, 100),
    crowd=32,
    market_s=7200,
)

_PARTS: dict[str, Callable[[Sizes], list[Figure]]] = {
    "bars": lambda s: bar_path.measure(symbols=s.symbols, rounds=s.rounds, instants=s.instants),
    "orders": lambda s: order_path.measure(rounds=s.rounds, orders=s.orders),
    "journal": lambda s: journal_commits.measure(commits=s.commits, lines=s.lines),
    "engine": lambda s: engine_bars.measure(rounds=s.rounds, sessions=s.sessions),
    "gateway": lambda s: gateway_load.measure(
        rounds=s.rounds, orders=s.orders, seconds=s.market_s, crowd=s.crowd, lines=_LINES
    ),
    "day": lambda s: [figure for symbols in s.days for figure in whole_day.measure(symbols=symbols)],
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for."""
    options = _parser().parse_args(arguments)
    if options.profile:
        print(engine_bars.profile())
        return 0
    sizes = _SMOKE if options.smoke else _FULL if options.full else _DEFAULT
    schedule()  # before the first fork: what every child needs is read once
    figures: list[Figure] = []
    for name in options.parts or _PARTS:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        figures += _PARTS[name](sizes)
    if options.json:
        print(orjson.dumps({"machine": _machine(), "figures": [one.as_json() for one in figures]}).decode())
    else:
        console = Console(width=None if sys.stdout.isatty() else 160)
        console.print(rich_table(figures))
        console.print(_machine())
    if options.write:
        _write(options.write, figures)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure the daemon beside its peers.")
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, []], help="what to measure; all when none is named")
    parser.add_argument("--full", action="store_true", help="more of everything; takes some minutes")
    parser.add_argument("--smoke", action="store_true", help="as little as shows that the benchmarks run")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--profile", action="store_true", help="where the engine's time goes, instead of figures")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between the markers of this file")
    return parser


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


def _write(path: Path, figures: Sequence[Figure]) -> None:
    text = path.read_text()
    head, _, rest = text.partition(_BEGIN)
    _, found, tail = rest.partition(_END)
    if not found:
        raise SystemExit(f"{path} has no lines {_BEGIN} and {_END}")
    path.write_text(f"{head}{_BEGIN}\n{_machine()}.\n\n{markdown_table(figures)}\n{_END}{tail}")


if __name__ == "__main__":
    sys.exit(main())
