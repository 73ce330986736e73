"""What the check of a strategy found: one result a proof and timeframe, with the first difference and its size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from daemon.domain.decision import Decision
from daemon.domain.timeframe import Timeframe

Watch = Callable[[str, float], None]
"""Is told what is being done, and which share (0 to 1) of the whole check is done."""

Columns = Mapping[str, NDArray[np.float64]]
Value = float | str

_FIELDS: Final = ("signal", "confidence", "expected_price", "reason", "note", "memory")
_DIGITS: Final = 9  # a value in words
_SIZE_DIGITS: Final = 3  # the size of a difference in words


class Proof(StrEnum):
    """What is proven, in the order in which it is tried."""

    FORM = "form"  # shapes, types, finite numbers, nothing raised, nothing written to
    DETERMINISM = "determinism"  # the same input, the same answer; nothing kept in the instance
    PREFIX = "prefix stability"  # a longer array changes no earlier row, bit for bit
    CAUSALITY = "causality"  # a decision without later rows is the one with them
    OTHER_FUTURE = "other future"  # later bars of other prices change nothing before them
    WARMUP = "warm-up"  # `warmup` bars are enough for what the features need


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value that should have been the same twice."""

    what: str  # "feature slow", "decision signal"
    timeframe: Timeframe
    row: int  # in the array that `features` was given
    at: int  # end of that bar, epoch seconds
    expected: Value
    found: Value
    by: float | None  # absolute; None where a difference has no size: words, NaN
    circumstances: tuple[str, str]  # when it was as expected, when as found

    @property
    def size(self) -> float:
        """Return how far apart they are: a number and none are furthest, words have no distance."""
        if self.by is not None:
            return self.by
        return 0.0 if isinstance(self.expected, str) or isinstance(self.found, str) else np.inf

    def words(self) -> str:
        """Return the difference as a person reads it."""
        once, then = self.circumstances
        by = "" if self.by is None else f", {self.by:.{_SIZE_DIGITS}g} apart"
        place = f"{self.what} in row {self.row} ({moment_words(self.at)})"
        return f"{place} is {_value(self.expected)} {once}, {_value(self.found)} {then}{by}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureNeed:
    """How many bars a feature needs until it is what the whole history makes it."""

    feature: str
    exact: int | None  # bars from which on it agrees bit for bit; None = never, in all the history there is
    close: int | None  # … to 1e-9, relative
    near: int | None  # … to 1e-6, relative
    kind: Literal["window", "gradual"]  # it forgets older bars at once, or little by little
    off: float | None  # greatest relative difference with `warmup` bars; None = it is no number there


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One proof on one timeframe."""

    proof: Proof
    timeframe: Timeframe
    ok: bool | None  # None = not tried, because an earlier proof failed
    compared: str  # what, and how often
    finding: str
    first: Difference | None = None
    largest: Difference | None = None
    differing: int = 0  # values that differ
    needs: tuple[FeatureNeed, ...] = ()
    decisions_from: int | None = None  # bars from which on decisions agree; warm-up only


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """All results."""

    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Return whether every proof was tried and holds."""
        return all(result.ok is True for result in self.results)


class Differences:
    """Collects what differs: the earliest, the largest, and how many."""

    def __init__(self, timeframe: Timeframe) -> None:
        self._timeframe = timeframe
        self.first: Difference | None = None
        self.largest: Difference | None = None
        self.count = 0
        self.signals = 0  # of them, decisions with another signal
        self.values = 0  # compared

    def of_features(
        self, expected: Columns, found: Columns, ends: NDArray[np.int64], circumstances: tuple[str, str]
    ) -> None:
        """Compare the rows that both have, bit for bit."""
        for name, before in expected.items():
            rows = min(len(before), len(found[name]), len(ends))
            was, now = before[:rows], found[name][:rows]
            self.values += rows
            places = np.flatnonzero(unequal(was, now))
            if not len(places):
                continue
            self.count += len(places)
            sizes = np.abs(was[places] - now[places])
            largest = places[int(np.argmax(np.where(np.isnan(sizes), np.inf, sizes)))]
            for row in (int(places[0]), int(largest)):
                self.note(f"feature {name}", (row, int(ends[row])), (float(was[row]), float(now[row])), circumstances)

    def of_decisions(
        self, expected: Decision, found: Decision, place: tuple[int, int], circumstances: tuple[str, str]
    ) -> None:
        """Compare two decisions made at `place` (row, epoch second); the first field that differs is noted."""
        self.values += 1
        pair = decision_difference(expected, found)
        if pair is not None:
            name, was, now = pair
            self.count += 1
            self.signals += name == "signal"
            self.note(f"decision {name}", place, (was, now), circumstances)

    def note(
        self, what: str, place: tuple[int, int], values: tuple[Value, Value], circumstances: tuple[str, str]
    ) -> None:
        """Add what differs at `place`, without counting it."""
        row, at = place
        was, now = values
        by = abs(was - now) if isinstance(was, float) and isinstance(now, float) else np.nan
        found = Difference(
            what=what, timeframe=self._timeframe, row=row, at=at, expected=was, found=now,
            by=float(by) if np.isfinite(by) else None, circumstances=circumstances,
        )  # fmt: skip
        if self.first is None or at < self.first.at:
            self.first = found
        if self.largest is None or found.size > self.largest.size:
            self.largest = found


def unequal(expected: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where two arrays differ in any bit; NaN equals NaN."""
    was, now = (np.ascontiguousarray(column).view(np.uint64) for column in (expected, found))
    different: NDArray[np.bool_] = (was != now) & ~(np.isnan(expected) & np.isnan(found))
    return different


def decision_difference(expected: Decision, found: Decision) -> tuple[str, Value, Value] | None:
    """Return the first field in which two decisions differ, with both values."""
    for name in _FIELDS:
        was, now = getattr(expected, name), getattr(found, name)
        if was != now:
            return name, _plain(was), _plain(now)
    for name in dict.fromkeys((*expected.reasoning, *found.reasoning)):
        was, now = expected.reasoning.get(name), found.reasoning.get(name)
        if was != now:
            return f"reasoning {name}", _plain(was), _plain(now)
    return None


def moment_words(at: int) -> str:
    """Return an epoch second as a person reads it, UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}Z"


def _plain(value: object) -> Value:
    return float(value) if isinstance(value, int | float) else str(value)


def _value(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.{_DIGITS}g}"
