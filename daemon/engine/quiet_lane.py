"""One strategy on one instrument through a session known beforehand, to the next bar from which something follows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from daemon.domain.cheap import cheaply_made
from daemon.domain.decision import Decision, Outcome, Reason, Signal
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.engine.combine import ROUNDING, Combined, TimeframeSignal, combine
from daemon.engine.day_columns import DayColumns
from daemon.engine.quiet_track import NeedsBooks, RowMoment, ToldMoment, Track
from daemon.engine.strategy_slot import LatestSignal, StrategySlot
from daemon.strategies.protocol import DecidesAll, Features, sound

if TYPE_CHECKING:
    from daemon.engine.engine import Engine
    from daemon.engine.marks import Marks

OUTCOMES: Final = tuple(Outcome)
SIGNALS: Final = {1: Signal.BUY, -1: Signal.SELL, 0: Signal.HOLD}
TOLD: Final = -1  # the outcome of a decision that has a record
_SIGNAL_CODE: Final = {signal: code for code, signal in SIGNALS.items()}
_CODE: Final = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_NO_MEMORY: Mapping[str, object] = {}
_NEVER: Final = LatestSignal(Signal.HOLD, 0.0, 0)


class Answered(NamedTuple):
    """A strategy's answer that the engine would take as it is."""

    decision: Decision
    combined: Combined
    bar_end: int  # epoch seconds


@dataclass(slots=True)
class Filed:
    """The quiet decisions of one timeframe, a row each bar of the day."""

    signal: NDArray[np.int8]
    confidence: NDArray[np.float64]
    outcome: NDArray[np.int8]

    @classmethod
    def empty(cls, count: int) -> Filed:
        """Return columns in which every decision has a record."""
        return cls(np.zeros(count, np.int8), np.zeros(count), np.full(count, TOLD, np.int8))


@cheaply_made
@dataclass(frozen=True, slots=True)
class _Judged:
    """A decision as columns file it; outcome TOLD where something follows."""

    signal: int
    confidence: float
    outcome: int


@dataclass(frozen=True, slots=True)
class _Decided:
    """All decisions of a day, a row each bar."""

    signal: NDArray[np.int8]
    confidence: NDArray[np.float64]
    side: NDArray[np.int8]  # that wins over the timeframes, which are one
    stale: bool  # no signal would ever be fresh enough


class Lane:
    """Runs ahead of the engine; `stop` is the next instant at which something can follow, -1 while that is unknown."""

    def __init__(
        self,
        engine: Engine,
        slot: StrategySlot,
        instrument: InstrumentId,
        day: DayColumns,
        tracks: Mapping[Timeframe, Track],
        *,
        vectorised: bool,
    ) -> None:
        strategy = slot.setup.strategy
        self.slot, self.instrument, self.day, self.tracks = slot, instrument, day, tracks
        self.stop = -1
        self.is_unsure = False  # the answer at `stop` is not known to be a decision: the strategy may fail there
        self.highest = max(float(track.rows.close[track.base :].max()) for track in tracks.values())
        self._lowest = 2 * float(engine.setup.instruments[instrument].tick_size)
        self.features: dict[Timeframe, Features] = {
            frame: strategy.features(track.rows, frame) for frame, track in tracks.items()
        }
        for frame, features in self.features.items():
            if any(np.shape(values) != (len(tracks[frame].rows),) for values in features.values()):
                raise ValueError(f"features of {frame} must have a value a bar")
        self.filed = {frame: Filed.empty(len(track.instants)) for frame, track in tracks.items()}
        self._combined: dict[tuple[tuple[Signal, float, bool], ...], Combined] = {}
        self._due = {frame: _due_ends(engine, day, frame) for frame in strategy.timeframes}
        self._held = 0  # sign of the position
        self._short = slot.setup.sizing.allow_short
        self._frame, self._track = next(iter(tracks.items()))
        self._loud: dict[
            int, tuple[NDArray[np.int8], list[int]]
        ] = {}  # sign of the position -> outcomes, and where none is certain
        self._all = self._decide_day() if vectorised else None
        lists = {} if self._all is not None else self._listed()
        self._moment = RowMoment(instrument, day, tracks, self.features, lists)

    def run(self, row: int) -> None:
        """Go on from `row` until something can follow."""
        self.is_unsure = False
        position = self.slot.ledger.position(self.instrument).quantity
        self._held = 0 if not position else 1 if position > 0 else -1
        moment = self._moment
        moment.position, moment.memory = position, self.slot.memory.get(self.instrument, _NO_MEMORY)
        if len(self.tracks) > 1:
            self._run_many(row)
        elif self._all is not None:
            self._run_vectorised(row)
        else:
            self._run_one(row)

    @property
    def frame(self) -> Timeframe:
        """Return the only timeframe, or the first."""
        return self._frame

    def step_to(self, row: int) -> int:
        """Show the bar that closes at an instant, and return its place in the day."""
        self._track.reach(row + 1)
        return bisect_left(self._track.instants, row)

    def step_back(self, row: int) -> None:
        """Take back `step_to`."""
        self._track.reach(row)

    def explain(self, row: int, marks: Marks) -> Answered | None:
        """Return what the strategy says at an instant, explained, and what wins; None where that needs the engine."""
        track, slot, frame = self._track, self.slot, self._frame
        place = bisect_left(track.instants, row)
        if self._is_warming_up(place):
            return None
        moment = ToldMoment(self.instrument, self.day, self.tracks, self.features, {frame: {}})
        moment.look_at(frame)
        moment.shown, moment.row = track.base + place, row
        moment.position = slot.ledger.position(self.instrument).quantity
        moment.memory = slot.memory.get(self.instrument, _NO_MEMORY)
        moment.worth(lambda: slot.equity(marks))
        try:
            decision = sound(slot.setup.strategy.decide(moment))
        except Exception:  # noqa: BLE001 - asked again by the engine, which deals with it
            return None
        if decision.reason is not Reason.SIGNAL:
            return None
        end = track.instant_end(place)
        combined = self._combine(((decision.signal, decision.confidence, end >= self._due[frame][row]),))
        return Answered(decision, combined, end)

    def remember(self, answer: Answered) -> None:
        """Keep an answer's signal and memory."""
        self.slot.remember(self.instrument, self._frame, answer.decision, answer.bar_end)

    def _listed(self) -> Mapping[Timeframe, Mapping[str, list[float]]]:
        return {
            frame: {name: values.tolist() for name, values in each.items()} for frame, each in self.features.items()
        }

    def told(self, row: int) -> None:
        """Take note that the engine decided at `row`: go on behind it."""
        self.stop = -1
        for frame, track in self.tracks.items():
            place = bisect_left(track.instants, row)
            self.filed[frame].outcome[place:] = TOLD

    def leave_signals(self, row: int) -> None:
        """Give the slot the latest signals from before `row`."""
        signals = self.slot.signals.setdefault(self.instrument, {})
        for frame, track in self.tracks.items():
            place = bisect_left(track.instants, row) - 1
            filed = self.filed[frame]
            if (
                place >= 0
                and filed.outcome[place] != TOLD
                and track.base + place + 1 >= self.slot.setup.strategy.warmup
            ):
                signal = SIGNALS[int(filed.signal[place])]
                signals[frame] = LatestSignal(
                    signal, float(filed.confidence[place]), int(track.rows.end[track.base + place])
                )
        if not signals:
            del self.slot.signals[self.instrument]

    def _run_one(self, row: int) -> None:
        """Ask `decide` bar by bar; most answers are the same object as the one before."""
        track, filed, moment = self._track, self.filed[self._frame], self._moment
        instants, base, count = track.instants, track.base, len(track.instants)
        place = self._through_warmup(bisect_left(instants, row))
        if self._is_warming_up(place):
            self.stop = instants[place]
            return
        decide = self.slot.setup.strategy.decide
        moment.look_at(self._frame)
        last: object = None
        judged = _Judged(0, 0.0, TOLD)
        since, stop = place, count
        for each in range(place, count):
            moment.shown, moment.row = base + each, instants[each]
            try:
                decision = decide(moment)
            except (Exception, NeedsBooks):  # noqa: BLE001 - asked again by the engine, which deals with it
                self.is_unsure = True
                stop = each
                break
            if decision is not last:
                _file(filed, since, each, judged)
                since, last, judged = each, decision, self._judge_one(decision, each)
                if judged.outcome == TOLD:
                    stop = each
                    break
        _file(filed, since, stop, judged)
        self.stop = instants[stop] if stop < count else len(self.day)

    def _through_warmup(self, place: int) -> int:
        """File the bars with too little history, and return the first that has enough."""
        track = self._track
        enough = min(max(self.slot.setup.strategy.warmup - track.base - 1, 0), len(track.instants))
        while place < enough:
            latest = self.slot.signals.get(self.instrument, {}).get(self._frame, _NEVER)
            combined = self._combine(
                ((latest.signal, latest.confidence, self._is_fresh(latest, self._frame, track.instants[place])),)
            )
            outcome = self._outcome(combined, Reason.WARMUP)
            if outcome == TOLD:
                return place
            _file(self.filed[self._frame], place, place + 1, _Judged(0, 0.0, outcome))
            place += 1
        return place

    def _is_warming_up(self, place: int) -> bool:
        """Return whether a bar of the day has too little history behind it."""
        return place < len(self._track.instants) and self._track.base + place + 1 < self.slot.setup.strategy.warmup

    def _judge_one(self, decision: object, place: int) -> _Judged:
        if not self._is_plain(decision):
            self.is_unsure = True
            return _Judged(0, 0.0, TOLD)
        fresh = (
            int(self._track.rows.end[self._track.base + place]) >= self._due[self._frame][self._track.instants[place]]
        )
        combined = self._combine(((decision.signal, decision.confidence, fresh),))
        return _Judged(_SIGNAL_CODE[decision.signal], decision.confidence, self._outcome(combined, decision.reason))

    def _run_vectorised(self, row: int) -> None:
        """Look up the next bar from which something follows."""
        track, filed, day = self._track, self.filed[self._frame], self._all
        instants = track.instants
        place = self._through_warmup(bisect_left(instants, row))
        if day is None or self._is_warming_up(place):
            self.stop = instants[place]
            return
        loud = self._loud.get(self._held)
        if loud is None:
            outcomes = self._outcomes(day.side)
            loud = self._loud[self._held] = (outcomes, np.flatnonzero(outcomes == TOLD).tolist())
        outcomes, stops = loud
        found = bisect_left(stops, place)
        end = stops[found] if found < len(stops) else len(instants)
        filed.signal[place:end] = day.signal[place:end]
        filed.confidence[place:end] = day.confidence[place:end]
        filed.outcome[place:end] = outcomes[place:end]
        self.stop = instants[end] if end < len(instants) else len(self.day)

    def _decide_day(self) -> _Decided | None:
        """Return all decisions of the day at once, None where the strategy does not offer that, or answers nonsense."""
        strategy = self.slot.setup.strategy
        rule = self.slot.setup.combination
        weight = rule.weight(self._frame)
        if len(self.tracks) > 1 or not isinstance(strategy, DecidesAll) or not weight > 0:
            return None
        track = self._track
        known, enough = len(track.rows), max(track.base, strategy.warmup - 1)
        signal, confidence = strategy.decide_all(self.features[self._frame], track.rows)
        if np.shape(signal) != (known,) or np.shape(confidence) != (known,):
            return None
        used, sure = signal[enough:], confidence[enough:]
        if not ((np.abs(used) <= 1).all() and (sure >= 0).all() and (sure <= 1).all()):
            return None
        signal, confidence = signal[track.base :], confidence[track.base :]
        score = weight * confidence / weight
        wins = (score - rule.threshold > ROUNDING) & (score > ROUNDING) & (rule.min_fresh_weight <= 1.0)
        return _Decided(
            signal, confidence, np.where(wins, signal, 0).astype(np.int8), stale=rule.min_fresh_weight > 1.0
        )

    def _outcomes(self, side: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return what the engine would say on each combined side, TOLD where it might do something."""
        if self._all is not None and self._all.stale:
            return np.full(len(side), _CODE[Outcome.STALE_SIGNALS], np.int8)
        buy = _CODE[Outcome.IN_POSITION] if self._held > 0 else TOLD
        if self._short:
            sell = _CODE[Outcome.IN_POSITION] if self._held < 0 else TOLD
        else:
            sell = TOLD if self._held else _CODE[Outcome.NOT_SHORTABLE]
        return np.array([_CODE[Outcome.NO_SIDE], buy, sell], np.int8)[side]  # index -1 is the last

    def _run_many(self, row: int) -> None:
        """Ask bar by bar over several timeframes; those that close together act as one."""
        latest = dict(self.slot.signals.get(self.instrument, {}))
        places = {frame: bisect_left(track.instants, row) for frame, track in self.tracks.items()}
        while True:
            ahead = [
                track.instants[places[frame]]
                for frame, track in self.tracks.items()
                if places[frame] < len(track.instants)
            ]
            if not ahead:
                self.stop = len(self.day)
                return
            instant = min(ahead)
            closing = [
                frame
                for frame, track in self.tracks.items()
                if places[frame] < len(track.instants) and track.instants[places[frame]] == instant
            ]
            if not self._decide_together(instant, closing, places, latest):
                self.stop = instant
                return
            for frame in closing:
                places[frame] += 1

    def _decide_together(
        self,
        instant: int,
        closing: list[Timeframe],
        places: Mapping[Timeframe, int],
        latest: dict[Timeframe, LatestSignal],
    ) -> bool:
        """File the decisions of an instant; return False, with nothing filed, when something can follow."""
        moment, strategy = self._moment, self.slot.setup.strategy
        answers: list[tuple[Timeframe, int, float]] = []
        reason = Reason.WARMUP
        for frame in closing:
            track = self.tracks[frame]
            shown = track.base + places[frame]
            if shown + 1 < strategy.warmup:
                answers.append((frame, 0, 0.0))
                reason = Reason.WARMUP
                continue
            moment.look_at(frame)
            moment.shown, moment.row = shown, instant
            try:
                decision: Decision | None = strategy.decide(moment)
            except (Exception, NeedsBooks):  # noqa: BLE001 - asked again by the engine, which deals with it
                decision = None
            if not self._is_plain(decision):
                self.is_unsure = True
                return False
            reason = decision.reason
            answers.append((frame, _SIGNAL_CODE[decision.signal], decision.confidence))
            latest[frame] = LatestSignal(decision.signal, decision.confidence, int(track.rows.end[shown]))
        known = [(latest.get(frame, _NEVER), frame) for frame in strategy.timeframes]
        combined = self._combine(
            tuple((one.signal, one.confidence, self._is_fresh(one, frame, instant)) for one, frame in known)
        )
        outcome = self._outcome(combined, reason)
        if outcome == TOLD:
            return False
        for frame, signal, confidence in answers:
            last = frame == closing[-1]
            place = places[frame]
            _file(
                self.filed[frame],
                place,
                place + 1,
                _Judged(signal, confidence, outcome if last else _CODE[Outcome.COMBINED]),
            )
        return True

    def _is_fresh(self, latest: LatestSignal, frame: Timeframe, instant: int) -> bool:
        return latest.bar_end >= self._due[frame][instant]

    def _is_plain(self, decision: object) -> TypeGuard[Decision]:
        """Return whether nothing about an answer needs the engine: no memory, no price that is out of the way."""
        if not isinstance(decision, Decision) or decision.memory is not None:
            return False
        if decision.reason is not Reason.SIGNAL and decision.reason is not Reason.NO_SIGNAL:
            return False
        price = decision.expected_price
        return price is None or self._lowest <= price <= self.highest

    def _combine(self, signals: tuple[tuple[Signal, float, bool], ...]) -> Combined:
        known = self._combined.get(signals)
        if known is None:
            frames = self.slot.setup.strategy.timeframes
            each = (TimeframeSignal(frame, *signal) for frame, signal in zip(frames, signals, strict=True))
            known = self._combined[signals] = combine(each, self.slot.setup.combination)
        return known

    def _outcome(self, combined: Combined, reason: Reason) -> int:
        """Return what the engine would say without doing anything, TOLD where it might do something."""
        if not combined.enough_fresh:
            return _CODE[Outcome.WARMUP if reason is Reason.WARMUP else Outcome.STALE_SIGNALS]
        if combined.signal is Signal.HOLD:
            return _CODE[Outcome.NO_SIDE]
        if combined.signal is Signal.BUY:
            return _CODE[Outcome.IN_POSITION] if self._held > 0 else TOLD
        if self._short:
            return _CODE[Outcome.IN_POSITION] if self._held < 0 else TOLD
        return TOLD if self._held else _CODE[Outcome.NOT_SHORTABLE]


def _file(filed: Filed, since: int, until: int, judged: _Judged) -> None:
    """Write one decision into the rows since <= row < until."""
    if since < until:
        filed.signal[since:until] = judged.signal
        filed.confidence[since:until] = judged.confidence
        filed.outcome[since:until] = judged.outcome


def _due_ends(engine: Engine, day: DayColumns, timeframe: Timeframe) -> list[int]:
    """Return, for each instant, the end of the last bar that should have closed."""
    schedule, session = engine.setup.schedule, engine.session
    if session is None:
        raise ValueError("no session is open")
    ends = schedule.ends(session, timeframe)
    passed = np.searchsorted(ends, day.at, side="right")
    before = schedule.last_end(session.open, timeframe)
    due: list[int] = np.where(passed > 0, ends[np.maximum(passed - 1, 0)], before).tolist()
    return due
