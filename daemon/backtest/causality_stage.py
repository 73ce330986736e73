"""One instance of a strategy under watch: it gets read-only bars, and whatever it answers is looked over."""

import json
import math
import traceback
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from daemon.backtest.causality_bars import columns_of, count_until, part, sealed
from daemon.backtest.causality_findings import moment_words
from daemon.domain.decision import Decision, Signal
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Moment, Strategy

EQUITY: Final = Decimal(100_000)  # that every decision is told
_HELD: Final = Decimal(100)  # units in position after a BUY, none after a SELL
_NO_MEMORY: Final[Mapping[str, object]] = {}


class StrategyFault(Exception):
    """The strategy raised, or gave what no strategy may give; the message says what, where and when."""


@dataclass(frozen=True, slots=True)
class Worked:
    """Bars and the features made of them, rows alike."""

    bars: BarColumns
    features: Mapping[str, NDArray[np.float64]]

    def until(self, at: int) -> "Worked":
        """Return the rows that ended by epoch second `at`."""
        count = count_until(self.bars, at)
        return Worked(part(self.bars, 0, count), {name: column[:count] for name, column in self.features.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a decision is told besides bars and features: what the decisions before it led to."""

    position: Decimal = Decimal(0)
    memory: Mapping[str, object] = field(default_factory=lambda: _NO_MEMORY)

    def after(self, decision: Decision) -> "Standing":
        """Return the standing of the next decision: in after BUY, out after SELL."""
        positions = {Signal.BUY: _HELD, Signal.SELL: Decimal(0)}
        memory = self.memory if decision.memory is None else decision.memory
        return Standing(position=positions.get(decision.signal, self.position), memory=memory)


class Stage:
    """Calls one instance of a strategy as the engine does."""

    def __init__(self, strategy: Strategy, instrument: InstrumentId) -> None:
        self._strategy = strategy
        self._instrument = instrument
        self._moment = Moment()
        self._names: dict[Timeframe, frozenset[str]] = {}
        self._returned: list[tuple[Timeframe, str, NDArray[np.float64], NDArray[np.float64]]] = []

    def work(self, bars: BarColumns, timeframe: Timeframe) -> Worked:
        """Return the bars, sealed, with their features.

        Raises:
            StrategyFault: it raises, writes into the bars, or returns what are no features.
        """
        given = sealed(bars)
        where = f"features of {len(bars)} bars of {timeframe} until {moment_words(int(bars.end[-1]))}"
        try:
            answer = self._strategy.features(given, timeframe)
        except Exception as error:
            # The code under test may raise anything.
            raise StrategyFault(_raised(where, error)) from error
        for name, was, now in zip(BarColumns.__dataclass_fields__, columns_of(bars), columns_of(given), strict=True):
            if not np.array_equal(was.view(np.uint64), now.view(np.uint64)):
                raise StrategyFault(f"{where}: it writes into bars.{name}, which every strategy shares")
        self._look_over(answer, given, timeframe, where)
        self._check_earlier(where)
        self._returned = [(timeframe, name, column, column.copy()) for name, column in answer.items()]
        copies = {name: column.copy() for name, column in answer.items()}
        for column in copies.values():
            column.flags.writeable = False
        return Worked(given, copies)

    def decide(self, timeframe: Timeframe, at: int, worked: Mapping[Timeframe, Worked], standing: Standing) -> Decision:
        """Return the decision on the bar of `timeframe` that ended at `at`; of `worked` it sees the rows until then.

        Raises:
            StrategyFault: it raises, changes what it is shown, or returns what is no decision.
        """
        seen = {frame: rows.until(at) for frame, rows in worked.items()}
        where = f"decide in row {len(seen[timeframe].bars) - 1} of {timeframe} ({moment_words(at)})"
        moment, memory = self._moment, deepcopy(standing.memory)
        moment.at, moment.instrument, moment.timeframe = datetime.fromtimestamp(at, UTC), self._instrument, timeframe
        moment.bars = {frame: rows.bars for frame, rows in seen.items()}
        moment.features = {frame: rows.features for frame, rows in seen.items()}
        moment.position, moment.equity, moment.memory = standing.position, EQUITY, memory
        try:
            decision = self._strategy.decide(moment)
        except Exception as error:
            raise StrategyFault(_raised(where, error)) from error
        if memory != standing.memory:
            raise StrategyFault(f"{where}: it changes moment.memory in place; return new memory with the decision")
        fault = decision_fault(decision)
        if fault:
            raise StrategyFault(f"{where}: {fault}")
        return decision

    def _look_over(self, answer: object, bars: BarColumns, timeframe: Timeframe, where: str) -> None:
        if not isinstance(answer, Mapping):
            raise StrategyFault(f"{where}: it returns {type(answer).__name__}, not a mapping of names to arrays")
        for name, column in answer.items():
            fault = column_fault(column, bars)
            if fault:
                raise StrategyFault(f"{where}: feature {name} {fault}")
        names = self._names.setdefault(timeframe, frozenset(answer))
        if names != frozenset(answer):
            odd = ", ".join(sorted(map(str, names ^ frozenset(answer))))
            raise StrategyFault(f"{where}: {odd} is not among the features each time")

    def _check_earlier(self, where: str) -> None:
        for timeframe, name, column, copy in self._returned:
            if column.tobytes() != copy.tobytes():
                raise StrategyFault(
                    f"{where}: this overwrites the array of feature {name} it returned before ({timeframe})"
                )


def column_fault(column: object, bars: BarColumns) -> str:
    """Return what is wrong with one feature's values, or nothing."""
    if not isinstance(column, np.ndarray):
        return f"is {type(column).__name__}, not a numpy array"
    if column.shape != (len(bars),):
        return f"has shape {column.shape}, not ({len(bars)},): one value a bar"
    if column.dtype != np.float64:
        return f"holds {column.dtype}, not float64"
    infinite = np.flatnonzero(np.isinf(column))
    if len(infinite):
        row = int(infinite[0])
        return f"is {column[row]} in row {row} ({moment_words(int(bars.end[row]))}), {len(infinite)} times in all"
    return ""


def decision_fault(decision: object) -> str:
    """Return what is wrong with a decision, or nothing."""
    if not isinstance(decision, Decision):
        return f"it returns {type(decision).__name__}, not a Decision"
    signal: object = decision.signal
    if not isinstance(signal, Signal):
        return f"its signal is {signal!r}, not one of {', '.join(Signal)}"
    numbers = {"confidence": decision.confidence, **{f"reasoning {k}": v for k, v in decision.reasoning.items()}}
    if decision.expected_price is not None:
        numbers["expected_price"] = decision.expected_price
    for name, number in numbers.items():
        try:
            finite = math.isfinite(number)
        except TypeError:
            return f"its {name} is {number!r}, not a number"
        if not finite:
            return f"its {name} is {number}, not a finite number"
    return _memory_fault(decision.memory)


def _memory_fault(memory: Mapping[str, object] | None) -> str:
    if memory is None:
        return ""
    try:
        kept = json.loads(json.dumps(dict(memory), allow_nan=False))
    except (TypeError, ValueError) as error:
        return f"its memory is no JSON: {error}"
    return "" if kept == memory else "its memory is another after the journal: use str keys, lists, numbers, texts"


def _raised(where: str, error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    inner = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if len(frames) > 1 else ""
    hint = (
        "; what it is given is read-only: it must not write into the bars or features"
        if "read-only" in str(error)
        else ""
    )
    return f"{where}: it raises {type(error).__name__}: {error}{inner}{hint}"
