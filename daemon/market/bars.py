"""Folds the parts of a stream into the completed bars of one timeframe. The simulated gateway must not use it.

The two aggregate independently, so that each checks the other.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter

from daemon.domain.bar import Bar, flat_bar


class PartFate(StrEnum):
    """What became of a part that was folded in."""

    USED = "USED"
    DUPLICATE = "DUPLICATE"  # the same part again, with the same values
    CORRECTED = "CORRECTED"  # the same part again, with other values, before its bar was final
    REVISES = "REVISES"  # belongs to a bar that is final already: see `revision`
    OUTSIDE = "OUTSIDE"  # outside the session, or too old to revise anything


@dataclass(slots=True)
class _Forming:
    """The running aggregate of one bar and the parts it came from."""

    start: int
    end: int
    parts: dict[int, Bar]

    def bar(self) -> Bar | None:
        return fold(self.parts.values(), start=self.start, end=self.end)


def fold(parts: Iterable[Bar], *, start: int, end: int) -> Bar | None:
    """Return the bar over [start, end) that `parts` make up in any order, or None when there is no part.

    Parts without trades lend their price only when no part traded.
    """
    ordered = sorted(parts, key=_start_of)
    if not ordered:
        return None
    traded = [part for part in ordered if part.trades]
    if not traded:
        return flat_bar(start=start, end=end, close=ordered[-1].close)
    volume = sum(part.volume for part in traded)
    value = sum(part.wap * part.volume for part in traded)
    return Bar(
        start=start,
        end=end,
        open=traded[0].open,
        high=max(part.high for part in traded),
        low=min(part.low for part in traded),
        close=traded[-1].close,
        volume=volume,
        wap=value / volume if volume else traded[-1].close,
        trades=sum(part.trades for part in traded),
    )


def _start_of(part: Bar) -> int:
    return part.start


class BarBuilder:
    """The bars of one instrument and timeframe over one session, built from shorter bars as they come."""

    def __init__(self, starts: Sequence[int], ends: Sequence[int]) -> None:
        """Take the scheduled bars of the session: epoch seconds, ascending, `starts[i]` < `ends[i]`."""
        self._starts = list(starts)
        self._ends = list(ends)
        self._open: dict[int, _Forming] = {}  # by end; the present bar, rarely more
        self._taken: _Forming | None = None  # the last final bar, kept for revisions
        self._taken_until = 0  # end of the last final bar
        self._seen_until = 0  # end of the newest part
        self._covered: list[tuple[int, int]] = []  # (start, end) of the parts that were had from history, ascending
        self._covered_until = 0  # end of the last of them
        self._present: _Forming | None = None  # the bar that took the last part
        self.revision: Bar | None = None  # the new values after a part was REVISES

    def add(self, part: Bar) -> PartFate:
        """Fold in one part, whatever its order."""
        present = self._present
        if (
            present is not None
            and present.start <= part.start < part.end <= present.end
            and part.start >= self._covered_until
            and part.start not in present.parts
        ):
            present.parts[part.start] = part  # as nearly every part does, it goes on with the bar of the one before
            self._seen_until = max(self._seen_until, part.end)
            return PartFate.USED
        index = bisect_right(self._starts, part.start) - 1
        if index < 0 or part.end > self._ends[index]:
            return PartFate.OUTSIDE
        if part.start < self._covered_until and self._is_covered(part):
            return PartFate.DUPLICATE  # cut otherwise
        end = self._ends[index]
        self._seen_until = max(self._seen_until, part.end)
        if end <= self._taken_until:
            return self._revise(part, end)
        forming = self._open.get(end)
        if forming is None:
            forming = self._open[end] = _Forming(start=self._starts[index], end=end, parts={})
        self._present = forming
        return _put(forming, part)

    def is_complete(self, end: int) -> bool:
        """Return whether nothing more is expected of the bar ending at `end`: its last part came, or a newer one."""
        return self._seen_until >= end

    def take(self, end: int) -> Bar | None:
        """Make the bar ending at `end` final and return it; None when no part of it ever came."""
        self._present = None
        forming = self._open.pop(end, None)
        self._taken_until = max(self._taken_until, end)
        for older in [key for key in self._open if key < end]:
            del self._open[older]
        self._taken = forming
        return forming.bar() if forming is not None else None

    def skip_to(self, end: int) -> None:
        """Treat every bar up to `end` as final: it was had from history."""
        self._taken_until = max(self._taken_until, end)
        self._present = None

    def fill_forming(self, parts: Sequence[Bar]) -> None:
        """Make the bars that are not final of `parts` from history, in order of time, cut in other lengths.

        What was heard of the same time, and what is still to be heard of it, counts no more.
        """
        self._open.clear()
        self._present = None
        self._covered, self._covered_until = [], 0
        covered = [(part.start, part.end) for part in parts if self.add(part) is not PartFate.OUTSIDE]
        if covered:
            self._covered, self._covered_until = covered, covered[-1][1]

    def _is_covered(self, part: Bar) -> bool:
        place = bisect_right(self._covered, part.start, key=itemgetter(0)) - 1
        return place >= 0 and part.end <= self._covered[place][1]

    def _revise(self, part: Bar, end: int) -> PartFate:
        if self._taken is None or self._taken.end != end:
            return PartFate.OUTSIDE
        before = self._taken.bar()
        fate = _put(self._taken, part)
        if fate is PartFate.DUPLICATE or self._taken.bar() == before:
            return PartFate.DUPLICATE
        self.revision = self._taken.bar()
        return PartFate.REVISES


def _put(forming: _Forming, part: Bar) -> PartFate:
    known = forming.parts.get(part.start)
    if known == part:
        return PartFate.DUPLICATE
    forming.parts[part.start] = part
    return PartFate.USED if known is None else PartFate.CORRECTED
