"""`make bench-backtest`: paperd beside its peers, in one run: trades compared to the cent, speeds as medians."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from daemon.market.sessions import TradingCalendar
from tests.benchmarks.figures import median, number

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
VENVS: Final = ROOT / ".venv-peers"
RATES: Final = ("0", "0.002")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another backtester, or ourselves."""

    name: str
    script: str
    package: str = ""  # on PyPI; empty = our own venv
    is_referee: bool = True  # its trades can be compared

    @property
    def python(self) -> Path:
        return VENVS / self.package / "bin" / "python" if self.package else Path(sys.executable)


PEERS: Final = (
    Peer(name="paperd", script="run_paperd.py"),
    Peer(name="backtesting.py", script="run_backtesting.py", package="backtesting"),
    Peer(name="NautilusTrader", script="run_nautilus.py", package="nautilus_trader"),
    Peer(name="backtrader", script="run_backtrader.py", package="backtrader"),
    Peer(name="vectorbt", script="run_vectorbt.py", package="vectorbt", is_referee=False),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, measure, show; 1 when a referee's trades differ."""
    options = _parser().parse_args(arguments)
    sizes = [(1, 1_000_000), (10, 100_000)] if options.full else [(1, options.bars), (10, options.bars // 10)]
    console = Console(width=None if sys.stdout.isatty() else 140)
    peers = [peer for peer in PEERS if _is_ready(peer, console)]
    with tempfile.TemporaryDirectory() as folder:
        differs = _compare(peers, Path(folder), options.compared, console, on_grid=options.cents)
        if not options.compare_only:
            for symbols, bars in sizes:
                _measure(peers, Path(folder), symbols, bars, options.rounds, console)
    console.print(f"{os.cpu_count()} cores, Python {platform.python_version()} (peers: {_peer_python()})")
    return int(differs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-backtest")
    parser.add_argument("--bars", type=int, default=100_000, help="bars in all, of each of the two shapes")
    parser.add_argument("--full", action="store_true", help="1 × 1,000,000 and 10 × 100,000 bars")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compared", type=int, default=39_000, help="bars whose trades are compared")
    parser.add_argument("--cents", action="store_true", help="compare on closes in whole cents, where averages tie")
    parser.add_argument("--compare-only", action="store_true")
    return parser


def _is_ready(peer: Peer, console: Console) -> bool:
    """Install a peer where it is not yet; name it when that fails."""
    if not peer.package:
        return True
    done = VENVS / peer.package / ".installed"
    if done.exists():
        return True
    console.print(f"installing {peer.name} into {done.parent} (once)")
    for python in ("python3.12", "python3.13", sys.executable):
        path = shutil.which(python)
        if path is None:
            continue
        steps = (
            [path, "-m", "venv", "--clear", str(done.parent)],
            [str(peer.python), "-m", "pip", "install", "-q", peer.package, "pandas"],
        )
        results = [subprocess.run(step, capture_output=True, text=True, check=False).returncode for step in steps]
        if results == [0, 0]:
            done.touch()
            return True
    console.print(f"[red]{peer.name} cannot be installed here and is left out[/red]")
    return False


def write_bars(path: Path, bars: int, seed: int, *, digits: int = 6) -> Path:
    """Write minutes of a random walk, session after session from 2000 on.

    Opens, which are traded at, lie on the cent grid. Closes have `digits` decimals: on the grid too, the two averages
    are now and then exactly equal, and then every program's rounding errors decide which is above.
    """
    calendar, rng, starts = TradingCalendar("XNYS"), np.random.default_rng(seed), []
    session, count = calendar.session_on(date(2000, 1, 3)), 0
    while count < bars and session is not None:
        starts.append(np.arange(session.open_s, session.close_s, 60))
        count += starts[-1].size
        session = calendar.session_after(session)
    at = np.concatenate(starts)[:bars]
    middle = 300 * np.exp(np.cumsum(rng.normal(0, 3e-4, bars) - 1e-6 * np.sin(np.arange(bars) / 20_000)))
    opens, closes = np.round(middle, 2), np.round(middle * np.exp(rng.normal(0, 2e-4, bars)), digits)
    high = np.round(np.maximum(opens, closes) + np.abs(rng.normal(0, 0.03, bars)) + 0.005, 2)
    low = np.maximum(np.round(np.minimum(opens, closes) - np.abs(rng.normal(0, 0.03, bars)) - 0.005, 2), 0.01)
    times = pd.to_datetime(at, unit="s", utc=True).strftime("%Y-%m-%dT%H:%M:%SZ")
    volume = rng.integers(10_000, 50_000, bars)
    pd.DataFrame({"ts": times, "open": opens, "high": high, "low": low, "close": closes, "volume": volume}).to_csv(
        path, index=False
    )
    return path


def _run(peer: Peer, rate: str, files: Sequence[Path], folder: Path) -> dict[str, Any] | None:
    out = folder / "out.json"
    out.unlink(missing_ok=True)
    command = [str(peer.python), str(HERE / peer.script), rate, *map(str, files), str(out)]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}" if not peer.package else str(HERE),
        "TZ": "UTC",
    }
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    if not out.exists():
        print(f"{peer.name} failed: {done.stderr[-1500:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def _compare(peers: Sequence[Peer], folder: Path, bars: int, console: Console, *, on_grid: bool) -> bool:
    """Show the trades and the gain of everybody over the same bars; return whether a referee differs."""
    file = write_bars(folder / "compared.csv", bars, seed=5, digits=2 if on_grid else 6)
    table = Table(title=f"The same trades? SMA(10/30) on {bars:,} minutes", title_justify="left")
    for head in (
        "commission",
        "who",
        "executions",
        "equal to paperd's",
        "gain of closed trades",
        "difference",
        "commission paid",
        "first difference",
    ):
        table.add_column(head, justify="right" if head not in {"who", "first difference"} else "left")
    differs = False
    for rate in RATES:
        ours: list[list[float]] = []
        for peer in peers:
            found = _run(peer, rate, [file], folder) if peer.is_referee else None
            if found is None:
                continue
            fills = sorted(found["fills"])
            ours = ours or fills
            same = _shared(ours, fills)
            first = next(
                (f"{one} / {other}" for one, other in zip(ours, fills, strict=False) if not _alike(one, other)), ""
            )
            gain, paid = _gain(fills), sum(fill[3] for fill in fills)
            differs |= bool(first) or len(fills) != len(ours) or round(gain - _gain(ours), 2) != 0
            table.add_row(
                f"{float(rate):.1%}",
                peer.name,
                f"{len(fills):,}",
                f"{same:,}",
                f"{gain:,.2f}",
                f"{gain - _gain(ours):+,.2f}",
                f"{paid:,.2f}",
                first,
            )
        table.add_section()
    console.print(table)
    return differs


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[:2] == other[:2] and abs(one[2] - other[2]) < 1e-6 and abs(one[3] - other[3]) < 0.005


def _shared(ours: Sequence[Sequence[float]], fills: Sequence[Sequence[float]]) -> int:
    """Return how many executions are found in both: same minute and quantity, same price and commission."""
    by_key = {(fill[0], fill[1]): fill for fill in ours}
    return sum((mine := by_key.get((fill[0], fill[1]))) is not None and _alike(mine, fill) for fill in fills)


def _gain(fills: Sequence[Sequence[float]]) -> float:
    """Return what the closed trades brought after commission."""
    closed = fills[: len(fills) // 2 * 2]
    return sum(-quantity * price - paid for _, quantity, price, paid in closed)


def _measure(peers: Sequence[Peer], folder: Path, symbols: int, bars: int, rounds: int, console: Console) -> None:
    """Show the median seconds of interleaved rounds, with 0.2 % commission."""
    files = [write_bars(folder / f"{bars}-{number}.csv", bars, seed=number) for number in range(symbols)]
    seconds: dict[str, list[float]] = {peer.name: [] for peer in peers}
    memory: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            found = _run(peer, "0.002", files, folder)
            if found is not None and (found["fills"] or not peer.is_referee):  # who stopped early is not fast
                seconds[peer.name].append(found["seconds"])
                memory[peer.name].append(found["peak_mb"])
    table = Table(title=f"{symbols} × {bars:,} minutes, medians of {rounds}", title_justify="left")
    for head in ("who", "seconds", "bars/s", "paperd is faster by", "peak MB"):
        table.add_column(head, justify="left" if head == "who" else "right")
    ours = median(seconds["paperd"]) if seconds["paperd"] else float("nan")
    for name, measured in seconds.items():
        if measured:
            took = median(measured)
            table.add_row(
                name,
                f"{took:.3f}",
                number(symbols * bars / took),
                f"{took / ours:.2f}×",
                f"{median(memory[name]):,.0f}",
            )
        else:
            table.add_row(name, "failed", "", "", "")
    console.print(table)


def _peer_python() -> str:
    pythons = [peer.python for peer in PEERS if peer.package and peer.python.exists()]
    return (
        subprocess.run([str(pythons[0]), "-V"], capture_output=True, text=True, check=False).stdout.strip()
        if pythons
        else "none"
    )


if __name__ == "__main__":
    sys.exit(main())
