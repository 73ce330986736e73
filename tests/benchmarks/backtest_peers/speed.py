"""How fast everybody is over the same bars, and against the goals: medians of interleaved rounds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.table import Table

from tests.benchmarks.backtest_peers.made_bars import write_bars
from tests.benchmarks.backtest_peers.peers import OURS, STREAMED, VECTORISED, Peer, Ran, Stakes, run, tell
from tests.benchmarks.figures import Figure, median, number

STAKES: Final = Stakes(cash=10_000_000.0, share=0.0005, rate="0.002")
_LONG_S: Final = 60.0  # who has taken so long in three rounds is not asked again
_ENOUGH_ROUNDS: Final = 3
_WHOLE: Final = 0.99  # of our executions in each symbol; sizes differ by a share where cash is counted otherwise
_HEAD: Final = ("who", "bars", "seconds", "bars/s", "with reading", "peak MB", "executions", "rounds", "")
_WORDS: Final = frozenset({"who", ""})


@dataclass(slots=True)
class Measured:
    """All rounds of a peer on one shape."""

    peer: Peer
    bars: int  # of all symbols
    rounds: list[Ran] = field(default_factory=list)
    failure: str = ""

    @property
    def rate(self) -> float | None:
        """Return bars a second with the bars in memory, None for who failed; streamed, reading is part of it."""
        return None if self.failure or not self.rounds else self.bars / self._median("seconds")

    @property
    def peak_mb(self) -> float:
        """Return the median of the highest memory."""
        return self._median("peak_mb")

    @property
    def executions(self) -> list[int]:
        """Return how many there were in each symbol."""
        return [len(fills) for fills in self.rounds[-1].fills] if self.rounds else []

    @property
    def spent(self) -> float:
        """Return the seconds that its rounds have taken."""
        return sum(one.with_reading for one in self.rounds)

    def cells(self) -> tuple[str, ...]:
        """Return its line of the table."""
        if self.rate is None:
            return (self.peer.name, f"{self.bars:,}", "", "", "", "", "", "", f"failed: {self.failure}")
        return (
            self.peer.name,
            f"{self.bars:,}",
            number(self._median("seconds")),
            number(self.rate),
            f"{number(self._median('with_reading'))} s",
            number(self.peak_mb),
            f"{sum(self.executions):,}",
            str(len(self.rounds)),
            "",
        )

    def _median(self, name: str) -> float:
        return median([getattr(one, name) for one in self.rounds])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """So many symbols with so many bars each."""

    symbols: int
    bars: int

    @property
    def title(self) -> str:
        """Return it in words."""
        return f"{self.symbols} × {self.bars:,} minutes"


def measure(peers: Sequence[Peer], folder: Path, shape: Shape, rounds: int) -> list[Measured]:
    """Return everybody's rounds, interleaved; who fails, stops early or trades otherwise is marked as failed."""
    tell(f"{shape.title}: making the bars")
    seeds = range(shape.symbols)
    whole = [write_bars(folder / f"{shape.bars}-{seed}.csv", shape.bars, seed) for seed in seeds]
    files = {1: whole}
    for fraction in {peer.fraction for peer in peers} - {1}:
        bars = max(shape.bars // fraction, 1)
        files[fraction] = [write_bars(folder / f"{bars}-{seed}.csv", bars, seed) for seed in seeds]
    found = [Measured(peer, shape.symbols * max(shape.bars // peer.fraction, 1)) for peer in peers]
    for number_ in range(1, rounds + 1):
        for one in found:
            done = len(one.rounds)
            if one.failure or done >= one.peer.most_rounds or (done >= _ENOUGH_ROUNDS and one.spent > _LONG_S):
                continue
            ran = run(one.peer, files[one.peer.fraction], STAKES, folder)
            one.failure = ran.failure
            if not ran.failure:
                one.rounds.append(ran)
            told = f"failed: {ran.failure}" if ran.failure else f"{ran.seconds:.1f} s"
            tell(f"{shape.title}, round {number_} of {rounds}: {one.peer.name} {told}")
    mark_early_stops(found)
    return found


def mark_early_stops(found: Sequence[Measured]) -> None:
    """Mark as failed who has fewer executions in a symbol than most have; fewer bars are compared among themselves."""
    for one in found:
        if one.failure:
            continue
        alike = [other.executions for other in found if other.bars == one.bars and not other.failure]
        usual = [median([each[place] for each in alike]) for place in range(len(one.executions))]
        short = [
            f"{count:,} of {expected:,.0f} executions in symbol {place + 1}"
            if expected
            else f"no trade in symbol {place + 1}"
            for place, (count, expected) in enumerate(zip(one.executions, usual, strict=True))
            if count < _WHOLE * expected or not count
        ]
        if short:
            one.failure = f"stopped early: {short[0]}" + (f", and {len(short) - 1} more" if len(short) > 1 else "")


def speed_table(shape: Shape, found: Sequence[Measured]) -> Table:
    """Return the measurements for a terminal."""
    table = Table(title=f"{shape.title}, medians", title_justify="left")
    for head in _HEAD:
        table.add_column(head, justify="left" if head in _WORDS else "right")
    for one in found:
        table.add_row(*one.cells())
    return table


def speed_markdown(shape: Shape, found: Sequence[Measured]) -> str:
    """Return the measurements for the documentation."""
    rule = "|".join("---" if head in _WORDS else "--:" for head in _HEAD)
    lines = ["| " + " | ".join(one.cells()) + " |" for one in found]
    return "\n".join([f"**{shape.title}**", "", "| " + " | ".join(_HEAD) + " |", f"|{rule}|", *lines])


def goals(shape: Shape, found: Sequence[Measured]) -> list[Figure]:
    """Return the ratios that were aimed for."""
    by_name = {one.peer.name: one for one in found}
    level = 1.0 if shape.symbols > 1 else 0.95  # ahead on several symbols, level on one
    aims = ((OURS, "NautilusTrader", 10.0), (OURS, "backtesting.py", 1.5), (OURS, "backtrader", None))
    figures = [
        _ratio(shape, by_name.get(ours), by_name.get(peer), goal)
        for ours, peer, goal in (*aims, (VECTORISED, "vectorbt", level))
    ]
    streamed = by_name.get(STREAMED)
    if streamed is not None and streamed.rate is not None:
        figures.append(
            Figure(part=shape.title, name=f"{STREAMED}: peak memory", measured=streamed.peak_mb, unit="MB", goal=250.0)
        )
    return [figure for figure in figures if figure is not None]


def _ratio(shape: Shape, ours: Measured | None, peer: Measured | None, goal: float | None) -> Figure | None:
    if ours is None or peer is None or ours.rate is None or peer.rate is None:
        return None
    return Figure(
        part=shape.title, name=ours.peer.name, measured=ours.rate, unit="bars/s", peer=peer.rate,
        peer_name=peer.peer.name, goal=goal, better="more",
    )  # fmt: skip
