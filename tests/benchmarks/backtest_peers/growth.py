"""How processor time and memory grow with symbols, timeframes, strategies and bars."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from rich.table import Table

from tests.benchmarks.backtest_peers.made_bars import write_bars
from tests.benchmarks.backtest_peers.peers import ROOT, tell
from tests.benchmarks.figures import number

Record = Literal["all", "actionable"]
RECORDS: Final[tuple[Record, ...]] = ("actionable", "all")
GROWS: Final = ("symbols", "timeframes", "strategies", "bars")
_SYMBOLS: Final = (1, 2, 5, 10, 20, 50)
_STRATEGIES: Final = (1, 2, 4, 8)
_TIMEFRAMES: Final = (("1m",), ("1m", "5m"), ("1m", "5m", "15m"), ("1m", "5m", "15m", "1h", "4h"))
_ROUNDS: Final = 2  # the better one counts
_FRACTION: Final[dict[Record, int]] = {"actionable": 1, "all": 5}  # of the bars: every record takes its time
_ONE_SESSION: Final = 390  # minutes: what the command takes for them is its start
_LENGTHS: Final = (1, 2, 4, 8)  # times those bars
_HEAD: Final = ("what grows", "to", "bars", "--record", "µs of CPU a bar", "peak MB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One size, measured."""

    grows: str
    to: int
    record: Record
    bars: int
    cpu_us: float  # per bar of the files, CPU of all threads
    peak_mb: float

    def cells(self) -> tuple[str, ...]:
        """Return its line of the table."""
        return (
            self.grows,
            f"{self.to:,}",
            f"{self.bars:,}",
            self.record,
            number(self.cpu_us),
            number(self.peak_mb),
        )


def measure(folder: Path, bars: int) -> list[Point]:
    """Return all points; `bars` is what each run has in all, a fifth of it where every record is kept."""
    points: list[Point] = []
    for record in RECORDS:
        total = bars // _FRACTION[record]
        points += [_point("symbols", symbols, record, total, folder, symbols=symbols) for symbols in _SYMBOLS]
        points += [
            _point("timeframes", len(frames), record, total, folder, timeframes=list(frames)) for frames in _TIMEFRAMES
        ]
        points += [_point("strategies", count, record, total, folder, strategies=count) for count in _STRATEGIES]
        start_s = _command(record, _ONE_SESSION, folder)["cpu_s"]
        points += [_length(record, total * times, folder, start_s) for times in _LENGTHS]
    return sorted(points, key=lambda point: GROWS.index(point.grows))


def table(points: Sequence[Point]) -> Table:
    """Return the points for a terminal."""
    shown = Table(title="Growth of cost", title_justify="left")
    for head in _HEAD:
        shown.add_column(head, justify="left" if head in {"what grows", "--record"} else "right")
    for point in points:
        shown.add_row(*point.cells())
    return shown


def markdown(points: Sequence[Point]) -> str:
    """Return the points for the documentation: a line for each size, the two ways side by side."""
    lines = [
        "| what grows | to | actionable: bars | µs a bar | peak MB | all: bars | µs a bar | peak MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for grows in GROWS:
        quiet, told = ([point for point in points if point.grows == grows and point.record == one] for one in RECORDS)
        for one, other in zip(quiet, told, strict=True):
            to = "" if grows == "bars" else f"{one.to:,}"
            cells = [f"{each.bars:,} | {number(each.cpu_us)} | {number(each.peak_mb)}" for each in (one, other)]
            lines.append(f"| {grows} | {to} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _point(grows: str, to: int, record: Record, bars: int, folder: Path, **more: object) -> Point:
    spec = {"symbols": 1, "timeframes": ["1m"], "strategies": 1, "bars": bars, "record": record, **more}
    out = folder / "growth.json"
    rounds = []
    for _ in range(_ROUNDS):
        command = [sys.executable, "-m", f"{__package__}.growth_run", json.dumps(spec), str(out)]
        _ended_well(command, folder)
        rounds.append(json.loads(out.read_text()))
    used = rounds[0]["bars"]
    point = Point(
        grows=grows, to=to, record=record, bars=used,
        cpu_us=min(one["cpu_s"] for one in rounds) / used * 1e6,
        peak_mb=min(one["peak_mb"] for one in rounds),
    )  # fmt: skip
    tell(f"growth, {record}: {to} {grows}, {point.cpu_us:.1f} µs a bar, {point.peak_mb:.0f} MB")
    return point


def _length(record: Record, bars: int, folder: Path, start_s: float) -> Point:
    """Measure the whole command, from the file to the page, less the CPU seconds of its start."""
    told = _command(record, bars, folder)
    point = Point(
        grows="bars", to=bars, record=record, bars=bars, cpu_us=(told["cpu_s"] - start_s) / bars * 1e6,
        peak_mb=told["peak_mb"],
    )  # fmt: skip
    tell(f"growth, {record}: {bars:,} bars, {point.cpu_us:.1f} µs a bar, {point.peak_mb:.0f} MB")
    return point


def _command(record: Record, bars: int, folder: Path) -> dict[str, float]:
    file = write_bars(folder / "growth.csv", bars, seed=0)
    command = [sys.executable, "-m", f"{__package__}.growth_command", str(file), record, str(folder / "growth")]
    told: dict[str, float] = json.loads(_ended_well(command, folder))
    return told


def _ended_well(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr[-1500:]}")
    return done.stdout
