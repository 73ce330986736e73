"""`make bench-backtest`: paperd beside its peers, in one run: trades compared to the cent, speeds as medians."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.benchmarks.backtest_peers import documents, growth, growth_plot
from tests.benchmarks.backtest_peers.compare import compare
from tests.benchmarks.backtest_peers.peers import PEERS, ROOT, Peer, is_ready, tell
from tests.benchmarks.backtest_peers.speed import Shape, goals, measure, speed_markdown, speed_table
from tests.benchmarks.figures import Figure, markdown_table, rich_table

_PLOT: Final = ROOT / "docs" / "images" / "backtest-growth.svg"
_TRADES, _PEERS, _GROWTH = "backtest trades", "backtest peers", "backtest growth"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, measure, show, and with --write put it into the documentation; 1 when a referee's trades differ."""
    options = _parser().parse_args(arguments)
    if options.write is not None:
        documents.require(options.write, _parts(options))
    console = Console(width=None if sys.stdout.isatty() else 160)
    differs = False
    with tempfile.TemporaryDirectory() as folder:
        if not options.growth_only:
            peers = [peer for peer in PEERS if is_ready(peer) and (not options.only or peer.name in options.only)]
            differs = _trades(peers, Path(folder), options, console)
            if not options.compare_only:
                _speed(peers, Path(folder), options, console)
        if options.growth or options.growth_only:
            _growth(Path(folder), options, console)
    console.print(_machine())
    return int(differs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-backtest")
    parser.add_argument("--bars", type=int, default=100_000, help="bars in all, of each of the two shapes")
    parser.add_argument("--full", action="store_true", help="1 × 1,000,000 and 10 × 100,000 bars, five rounds")
    parser.add_argument("--rounds", type=int, help="of everybody; 3, with --full 5")
    parser.add_argument("--compared", type=int, default=39_000, help="bars whose trades are compared")
    parser.add_argument("--cents", action="store_true", help="compare on closes in whole cents, where averages tie")
    parser.add_argument("--compare-only", action="store_true")
    parser.add_argument("--growth", action="store_true", help="how time and memory grow, as well")
    parser.add_argument("--growth-only", action="store_true", help="how time and memory grow, and nothing else")
    parser.add_argument("--growth-bars", type=int, default=50_000, help="bars of each of those runs")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these alone, such as vectorbt")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables between the marks of this file")
    return parser


def _parts(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the parts of the document that this run writes."""
    growth_parts = (_GROWTH,) if options.growth or options.growth_only else ()
    if options.growth_only:
        return growth_parts
    return (_TRADES, *(() if options.compare_only else (_PEERS,)), *growth_parts)


def _trades(peers: Sequence[Peer], folder: Path, options: argparse.Namespace, console: Console) -> bool:
    compared = compare(peers, folder, options.compared, on_grid=options.cents)
    console.print(compared.table(options.compared))
    if options.write is not None:
        documents.put(options.write, _TRADES, f"{options.compared:,} minutes.\n\n{compared.markdown()}")
    return compared.differs


def _speed(peers: Sequence[Peer], folder: Path, options: argparse.Namespace, console: Console) -> None:
    total = 1_000_000 if options.full else options.bars
    rounds = options.rounds or (5 if options.full else 3)
    figures: list[Figure] = []
    written = [f"{_machine()}."]
    for symbols in (1, 10):
        shape = Shape(symbols=symbols, bars=total // symbols)
        found = measure(peers, folder, shape, rounds)
        console.print(speed_table(shape, found))
        figures += goals(shape, found)
        written.append(speed_markdown(shape, found))
    console.print(rich_table(figures))
    if options.write is not None:
        documents.put(options.write, _PEERS, "\n\n".join([*written, markdown_table(figures)]))


def _growth(folder: Path, options: argparse.Namespace, console: Console) -> None:
    points = growth.measure(folder, options.growth_bars)
    console.print(growth.table(points))
    if options.write is not None:
        documents.put(options.write, _GROWTH, f"{_machine()}.\n\n{growth.markdown(points)}")
        _PLOT.parent.mkdir(parents=True, exist_ok=True)
        _PLOT.write_text(growth_plot.svg(points))
        tell(f"wrote {_PLOT}")


def _machine() -> str:
    pythons = [peer.python for peer in PEERS if peer.package and peer.python.exists()]
    theirs = (
        subprocess.run([str(pythons[0]), "-V"], capture_output=True, text=True, check=False).stdout.strip()
        if pythons
        else "none"
    )
    return f"{os.cpu_count()} cores, Python {platform.python_version()} (peers: {theirs})"


if __name__ == "__main__":
    sys.exit(main())
