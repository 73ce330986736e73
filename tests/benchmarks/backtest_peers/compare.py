"""The trades of everybody over the same bars, execution by execution."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from tests.benchmarks.backtest_peers.made_bars import write_bars
from tests.benchmarks.backtest_peers.peers import Peer, Stakes, run, tell

RATES: Final = ("0", "0.002")
_HEAD: Final = (
    "commission", "who", "executions", "equal to paperd's", "gain of closed trades", "difference", "commission paid",
    "first difference",
)  # fmt: skip
_WORDS: Final = frozenset({"who", "first difference"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The lines of the comparison."""

    lines: tuple[tuple[str, ...], ...]
    differs: bool

    def table(self, bars: int) -> Table:
        """Return them for a terminal."""
        table = Table(title=f"The same trades? SMA(10/30) on {bars:,} minutes", title_justify="left")
        for head in _HEAD:
            table.add_column(head, justify="left" if head in _WORDS else "right")
        for line in self.lines:
            table.add_row(*line)
        return table

    def markdown(self) -> str:
        """Return them for the documentation."""
        rule = "|".join("---" if head in _WORDS else "--:" for head in _HEAD)
        return "\n".join(
            ["| " + " | ".join(_HEAD) + " |", f"|{rule}|", *("| " + " | ".join(line) + " |" for line in self.lines)]
        )


def compare(peers: Sequence[Peer], folder: Path, bars: int, *, on_grid: bool) -> Compared:
    """Compare the referees' executions with those of the first peer."""
    file = write_bars(folder / "compared.csv", bars, seed=5, digits=2 if on_grid else 6)
    lines: list[tuple[str, ...]] = []
    differs = False
    for rate in RATES:
        ours: list[list[float]] | None = None
        for peer in peers:
            if not peer.is_referee:
                continue
            tell(f"trades compared, commission {float(rate):.1%}: {peer.name}")
            ran = run(peer, [file], Stakes(cash=100_000.0, share=0.3, rate=rate), folder)
            if ran.failure:
                lines.append((f"{float(rate):.1%}", peer.name, "", "", "", "", "", f"failed: {ran.failure}"))
                differs = True
                continue
            fills = sorted(ran.fills[0])
            ours = fills if ours is None else ours
            line, same = _line(rate, peer, ours, fills)
            lines.append(line)
            differs |= not same
    return Compared(lines=tuple(lines), differs=differs)


def _line(
    rate: str, peer: Peer, ours: Sequence[Sequence[float]], fills: Sequence[Sequence[float]]
) -> tuple[tuple[str, ...], bool]:
    """Return a line, and whether the executions are ours."""
    first = next((f"{one} / {other}" for one, other in zip(ours, fills, strict=False) if not _alike(one, other)), "")
    difference = gain(fills) - gain(ours)
    line = (
        f"{float(rate):.1%}",
        peer.name,
        f"{len(fills):,}",
        f"{_shared(ours, fills):,}",
        f"{gain(fills):,.2f}",
        f"{difference:+,.2f}",
        f"{sum(fill[3] for fill in fills):,.2f}",
        first,
    )
    return line, not first and len(fills) == len(ours) and round(difference, 2) == 0


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[:2] == other[:2] and abs(one[2] - other[2]) < 1e-6 and abs(one[3] - other[3]) < 0.005


def _shared(ours: Sequence[Sequence[float]], fills: Sequence[Sequence[float]]) -> int:
    """Return how many executions are found in both: same minute and quantity, same price and commission."""
    by_key = {(fill[0], fill[1]): fill for fill in ours}
    return sum((mine := by_key.get((fill[0], fill[1]))) is not None and _alike(mine, fill) for fill in fills)


def gain(fills: Sequence[Sequence[float]]) -> float:
    """Return what the closed trades brought after commission."""
    closed = fills[: len(fills) // 2 * 2]
    return sum(-quantity * price - paid for _, quantity, price, paid in closed)
