"""Figures of a run: what was measured, beside what, against which goal; and how they are shown."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.table import Table

Better = Literal["less", "more"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the result. Without a peer the goal is about the measured value, else about the ratio to the peer."""

    part: str
    name: str
    measured: float
    unit: str
    peer: float | None = None
    peer_name: str = ""
    goal: float | None = None
    better: Better = "less"

    @property
    def ratio(self) -> float | None:
        """Return measured ÷ peer."""
        return self.measured / self.peer if self.peer else None

    @property
    def is_met(self) -> bool | None:
        """Return whether the goal is met, None without one."""
        if self.goal is None:
            return None
        value = self.measured if self.ratio is None else self.ratio
        return value <= self.goal if self.better == "less" else value >= self.goal

    def as_json(self) -> dict[str, object]:
        return {
            "part": self.part,
            "name": self.name,
            "measured": self.measured,
            "unit": self.unit,
            "peer": self.peer,
            "peer_name": self.peer_name or None,
            "ratio": self.ratio,
            "goal": self.goal_text or None,
            "met": self.is_met,
        }

    @property
    def goal_text(self) -> str:
        """Return the goal as people write it."""
        if self.goal is None:
            return ""
        sign = "≤" if self.better == "less" else "≥"
        return f"{sign} {self.goal:g}" + ("" if self.peer is None else "×") + ("" if self.peer else f" {self.unit}")

    def cells(self) -> tuple[str, ...]:
        met = {None: "", True: "yes", False: "NO"}[self.is_met]
        peer = "" if self.peer is None else f"{number(self.peer)} ({self.peer_name})"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}×"
        return (self.part, self.name, f"{number(self.measured)} {self.unit}", peer, ratio, self.goal_text, met)


_HEAD = ("part", "what", "measured", "peer", "ratio", "goal", "met")


def number(value: float) -> str:
    """Return three significant digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def rich_table(figures: Sequence[Figure]) -> Table:
    """Return the figures for a terminal."""
    table = Table(title="paperd beside its peers: medians of one interleaved run", title_justify="left")
    for name in _HEAD:
        table.add_column(name, overflow="fold", justify="right" if name in {"measured", "ratio"} else "left")
    part = ""
    for figure in figures:
        if part and figure.part != part:
            table.add_section()
        shown, part = figure.part != part, figure.part
        style = "red" if figure.is_met is False else None
        table.add_row(figure.part if shown else "", *figure.cells()[1:], style=style)
    return table


def markdown_table(figures: Sequence[Figure]) -> str:
    """Return the figures for the documentation."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|---|---|--:|--:|--:|---|---|"]
    lines += ["| " + " | ".join(figure.cells()) + " |" for figure in figures]
    return "\n".join(lines)


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
