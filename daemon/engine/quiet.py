"""A session known beforehand: which of its instants can have consequences, so that the others need no events.

Between two instants at which something can follow, nothing moves but prices: no order works, no position changes.
There, a strategy's answer is looked at, filed as a row of columns, and that is all. The first instant at which an
order, a refusal or a loss limit could follow is *loud*, and goes through `Engine.process` like any other. Whatever this
module cannot foresee exactly, it calls loud.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from daemon.domain.decision import StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.engine.day_columns import DayColumns
from daemon.engine.loss_bounds import LossBounds
from daemon.engine.quiet_lane import Lane
from daemon.engine.quiet_track import Track
from daemon.engine.series import column_arrays
from daemon.engine.strategy_slot import StrategySlot

if TYPE_CHECKING:
    from daemon.engine.engine import Engine
    from daemon.market.sessions import Session

_TICKS_ABOVE_ZERO: Final = 2
_ROUNDING: Final = 0.999  # of a room, so that what float64 rounds away decides nothing


@dataclass(frozen=True, slots=True)
class QuietDecisions:
    """A session's decisions of one strategy, instrument and timeframe; outcome -1 where a record tells it."""

    strategy: StrategyId
    instrument: InstrumentId
    timeframe: Timeframe
    bar_end: NDArray[np.int64]  # epoch seconds
    signal: NDArray[np.int8]  # 1 BUY, -1 SELL, 0 HOLD
    confidence: NDArray[np.float64]
    outcome: NDArray[np.int8]  # index into `OUTCOMES`


class QuietDay:
    """The lanes of one session, and how far the engine knows of them."""

    def __init__(
        self, engine: Engine, day: DayColumns, tracks: Mapping[tuple[InstrumentId, Timeframe], Track], lanes: list[Lane]
    ) -> None:
        self._engine, self._day = engine, day
        self._lanes = lanes
        self._tracks_of: dict[InstrumentId, list[Track]] = {}
        self._lanes_of: dict[InstrumentId, list[Lane]] = {}
        for (instrument, _), track in tracks.items():
            self._tracks_of.setdefault(instrument, []).append(track)
        for lane in lanes:
            self._lanes_of.setdefault(lane.instrument, []).append(lane)
        self._losses = LossBounds(engine, day)
        self._rank = {instrument: rank for rank, instrument in enumerate(engine.setup.instruments)}
        self._loud = sorted(day.loud)
        self._trip: int | None = None  # first instant at which a loss limit could act; None = to be worked out
        self._needs = [_need(slot, lanes) for slot in engine.accounts.slots]

    @classmethod
    def of(cls, engine: Engine, day: DayColumns, *, vectorised: bool) -> QuietDay | None:
        """Lay the session down in the engine's windows; None, and no change, where it must be told bar by bar."""
        session = engine.session
        if session is None or engine.measures_host_time or not _is_orderly(engine, day, session):
            return None
        if any(slot.failure for slot in engine.accounts.slots):
            return None
        tracks = {key: Track(engine.series, *key, series) for key, series in day.series.items()}
        lanes: list[Lane] = []
        try:
            for slot in engine.accounts.slots:
                for instrument in slot.setup.instruments:
                    mine = {
                        frame: tracks[instrument, frame]
                        for frame in slot.setup.strategy.timeframes
                        if (instrument, frame) in tracks
                    }
                    if len(mine) == len(slot.setup.strategy.timeframes):
                        lanes.append(Lane(engine, slot, instrument, day, mine, vectorised=vectorised))
                    elif mine:
                        return None
        except Exception:  # noqa: BLE001 - a user's features may raise; told bar by bar, the engine deals with it
            return None
        for track in tracks.values():
            track.lay_down()
        for lane in lanes:
            lane.slot.foreseen[lane.instrument] = lane.features
        return cls(engine, day, tracks, lanes)

    def next_loud(self, row: int) -> int:
        """Return the first instant from `row` on that must be told, the length of the day when there is none."""
        if self._trip is None:
            self._trip = self._next_trip(row)
        stop = min(self._trip, self._next_listed(row))
        for lane in self._lanes:
            if lane.stop < 0:
                lane.run(row)
            stop = min(stop, lane.stop)
        return stop

    def concerned(self, row: int) -> frozenset[InstrumentId] | None:
        """Return the instruments whose bars must be told at a loud instant, None for all of them."""
        if row == self._trip or row in self._day.loud:
            return None
        stopped = [lane for lane in self._lanes if lane.stop == row]
        if any(lane.is_unsure for lane in stopped):
            return None  # a strategy that fails here takes its other instruments with it
        return frozenset(lane.instrument for lane in stopped)

    def stopped(self, row: int) -> list[Lane]:
        """Return the lanes of which something can follow at a loud instant, in the order of the instruments."""
        stopped = [lane for lane in self._lanes if lane.stop == row]
        return sorted(stopped, key=lambda lane: self._rank[lane.instrument]) if len(stopped) > 1 else stopped

    def catch_up(self, row: int, instruments: frozenset[InstrumentId] | None) -> None:
        """Let the engine know what was passed over before `row`: windows and latest signals."""
        for instrument in self._tracks_of if instruments is None else instruments:
            for track in self._tracks_of.get(instrument, ()):
                track.reach(row)
            for lane in self._lanes_of.get(instrument, ()):
                lane.leave_signals(row)

    def told(self, row: int, instruments: frozenset[InstrumentId] | None) -> None:
        """Take note that the engine was told the bars of `row` and has acted on them."""
        self._trip = None
        for instrument in self._lanes_of if instruments is None else instruments:
            for lane in self._lanes_of.get(instrument, ()):
                lane.told(row)

    def decisions(self) -> Iterator[QuietDecisions]:
        """Yield what was decided quietly."""
        for lane in self._lanes:
            for frame, filed in lane.filed.items():
                ends = self._day.series[lane.instrument, frame].bars.end
                yield QuietDecisions(
                    lane.slot.id, lane.instrument, frame, ends, filed.signal, filed.confidence, filed.outcome
                )

    def _next_listed(self, row: int) -> int:
        place = bisect_left(self._loud, row)
        return self._loud[place] if place < len(self._loud) else len(self._day)

    def _next_trip(self, row: int) -> int:
        """Return the first instant from `row` on at which a loss limit, or too little room for a unit, could act."""
        if row >= len(self._day):
            return row
        worst = self._losses.lowest_equities(row)
        for slot, low, need in zip(self._engine.accounts.slots, worst, self._needs, strict=True):
            if low < need and any(position.quantity for position in slot.ledger.positions.values()):
                return row
        return self._losses.first_row(row, worst)


def _need(slot: StrategySlot, lanes: Sequence[Lane]) -> float:
    """Return the equity with which a strategy can buy a unit of everything at the day's highest prices."""
    highest = max([lane.highest for lane in lanes if lane.slot is slot], default=0.0)
    fraction = float(slot.setup.sizing.position_fraction) * _ROUNDING
    return highest / fraction if fraction > 0 else math.inf


def _is_orderly(engine: Engine, day: DayColumns, session: Session) -> bool:
    """Return whether the day's columns can only mean what events would."""
    at = day.at
    if not len(at) or at[0] <= session.open_s or at[-1] > session.close_s or (np.diff(at) <= 0).any():
        return False
    for (instrument, timeframe), series in day.series.items():
        known = engine.setup.instruments.get(instrument)
        ends, last = series.bars.end, engine.series.window(instrument, timeframe).last_end
        if (
            known is None
            or not len(ends)
            or ends[0] <= last
            or (np.diff(ends) <= 0).any()
            or (ends != at[series.rows]).any()
        ):
            return False
        if not all(np.isfinite(column).all() for column in column_arrays(series.bars)):
            return False
        if series.bars.close.min() < _TICKS_ABOVE_ZERO * float(known.tick_size):
            return False
    for quotes in day.quotes.values():
        if not (np.isfinite(quotes.bid).all() and np.isfinite(quotes.ask).all()):
            return False
        if (quotes.bid <= 0).any() or (quotes.bid > quotes.ask).any() or (np.diff(quotes.rows) <= 0).any():
            return False
    return True
