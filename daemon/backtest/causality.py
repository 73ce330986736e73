"""Proves or refutes that a strategy knows nothing of what comes later, keeps no secrets, and says what it needs.

Everything is compared bit for bit, on the arrays that the engine would hand over: anchored some bars before a session.
The same seed tries the same places. Only two instances of one strategy class that were given the same are ever compared,
so that what one proof finds is not found by the others again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from daemon.backtest.causality_bars import CheckedBars, columns_of, count_until, other_future, part
from daemon.backtest.causality_findings import (
    CheckReport,
    Difference,
    Differences,
    FeatureNeed,
    Proof,
    Result,
    Watch,
    moment_words,
)
from daemon.backtest.causality_stage import Stage, Standing, StrategyFault, Worked
from daemon.backtest.causality_warmup import CLOSE, Needs, Tried, measured, relative, same_action, typical_values
from daemon.domain.decision import Decision
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Session
from daemon.market.windows import BarColumns
from daemon.strategies.protocol import Strategy

_MEASURED: Final = 16        # moments at which fewer and fewer bars are tried; the warm-up itself is tried at all
_ROUNDING: Final = 1e-7      # relative; what a window feature may be off by running sums


@dataclass(frozen=True, slots=True)
class _Cut:
    """A moment of a decision."""

    session: Session
    at: int               # epoch seconds
    standing: Standing
    decision: Decision    # as it was made when all decisions were made in turn


@dataclass(frozen=True, slots=True)
class _Outcome:
    ok: bool
    compared: str
    finding: str
    differences: Differences | None = None
    needs: tuple[FeatureNeed, ...] = ()
    decisions_from: int | None = None
    first: Difference | None = field(default=None)


def check_strategy(
    build: Callable[[], Strategy],
    bars: CheckedBars,
    *,
    instrument: InstrumentId,
    seed: int,
    cuts: int = 200,
    watch: Watch = lambda _what, _share: None,
) -> CheckReport:
    """Return what the proofs found, timeframe by timeframe.

    Args:
        build: makes a fresh instance of the strategy; the proofs need many.
        bars: of every timeframe of the strategy.
        instrument: that decisions are told.
        seed: of the places that are tried and of the prices of another future.
        cuts: how many places each proof tries.
        watch: is told of the progress.
    """
    timeframes = build().timeframes
    results: list[Result] = []
    for number, timeframe in enumerate(timeframes):
        check = _Check(build, bars, instrument, timeframe, np.random.default_rng((seed, timeframe.seconds)), cuts)
        proofs = {
            Proof.FORM: check.form,
            Proof.DETERMINISM: check.determinism,
            Proof.PREFIX: check.prefix_stability,
            Proof.CAUSALITY: check.causality,
            Proof.OTHER_FUTURE: check.another_future,
            Proof.WARMUP: check.warmup,
        }
        for step, (proof, prove) in enumerate(proofs.items()):
            done, whole = number * len(proofs) + step, len(timeframes) * len(proofs)

            def tell(share: float, what: str = f"{timeframe} {proof}", done: int = done, whole: int = whole) -> None:
                watch(what, (done + share) / whole)

            if proof is not Proof.FORM and results[number * len(proofs)].ok is False:
                results.append(_not_tried(proof, timeframe))
            else:
                results.append(_result(proof, timeframe, prove, tell))
    watch("done", 1.0)
    return CheckReport(results=tuple(results))


def _not_tried(proof: Proof, timeframe: Timeframe) -> Result:
    finding = f"not tried: the {Proof.FORM} of features or decisions is wrong"
    return Result(proof=proof, timeframe=timeframe, ok=None, compared="", finding=finding)


def _result(
    proof: Proof,
    timeframe: Timeframe,
    prove: Callable[[Callable[[float], None]], _Outcome],
    tell: Callable[[float], None],
) -> Result:
    tell(0.0)
    try:
        outcome = prove(tell)
    except StrategyFault as fault:
        outcome = _Outcome(ok=False, compared="", finding=str(fault))
    found = outcome.differences
    return Result(
        proof=proof, timeframe=timeframe, ok=outcome.ok, compared=outcome.compared, finding=outcome.finding,
        first=found.first if found else outcome.first, largest=found.largest if found else outcome.first,
        differing=found.count if found else 0, needs=outcome.needs, decisions_from=outcome.decisions_from,
    )  # fmt: skip


class _Check:
    """The proofs for decisions that one timeframe triggers."""

    def __init__(
        self,
        build: Callable[[], Strategy],
        bars: CheckedBars,
        instrument: InstrumentId,
        timeframe: Timeframe,
        random: np.random.Generator,
        cuts: int,
    ) -> None:  # fmt: skip
        self._build = build
        self._bars = bars
        self._instrument = instrument
        self._timeframe = timeframe
        self._random = random
        self._count = cuts
        self._frames: Sequence[Timeframe] = ()
        self._warmup = 0
        self._cuts: list[_Cut] = []

    def form(self, tell: Callable[[float], None]) -> _Outcome:
        """Make every decision of the sessions in turn, and look every answer over."""
        strategy = self._build()
        self._frames, self._warmup = strategy.timeframes, strategy.warmup
        if not isinstance(self._warmup, int) or self._warmup < 1:
            raise StrategyFault(f"warmup must be a whole number of bars from 1 on, was {self._warmup!r}")
        stage, standing, made = Stage(strategy, self._instrument), Standing(), []
        sessions = self._bars.sessions[self._timeframe]
        for number, session in enumerate(sessions):
            tell(number / len(sessions))
            windows = self._windows(session)
            worked = self._work(stage, windows)
            for at in self._ends(windows[self._timeframe], session):
                decision = stage.decide(self._timeframe, at, worked, standing)
                made.append(_Cut(session, at, standing, decision))
                standing = standing.after(decision)
        places = self._random.choice(len(made), min(self._count, len(made)), replace=False)
        self._cuts = [made[place] for place in sorted(places.tolist())]
        names = ", ".join(sorted(worked[self._timeframe].features)) or "none"
        sides = {signal: sum(cut.decision.signal is signal for cut in made) for signal in (made[0].decision.signal.__class__)}
        said = ", ".join(f"{count} {signal}" for signal, count in sides.items() if count)
        return _Outcome(True, f"{len(made)} decisions", f"features {names}; {said}; warm-up {self._warmup}")

    def determinism(self, tell: Callable[[float], None]) -> _Outcome:
        """Ask the same again, and ask an instance that has seen nothing else."""
        found = Differences(self._timeframe)
        for cut in self._told(tell):
            windows = self._windows(cut.session)
            fresh, other = self._stage(), self._stage()
            worked, again, elsewhere = self._work(fresh, windows), self._work(fresh, windows), self._work(other, windows)
            place = self._place(cut, windows)
            for rows, how in ((again, "when the same instance works it out again"), (elsewhere, "in a fresh instance")):
                once = worked[self._timeframe]
                found.of_features(once.features, rows[self._timeframe].features, once.bars.end, ("at first", how))
            decided = fresh.decide(self._timeframe, cut.at, worked, cut.standing)
            repeated = fresh.decide(self._timeframe, cut.at, worked, cut.standing)
            found.of_decisions(decided, repeated, place, ("at first", "when asked again"))
            how = ("from a fresh instance", "from one that has made the decisions before (it keeps something)")
            found.of_decisions(decided, cut.decision, place, how)
        return _compared(found, "all the same, from the same and from fresh instances")

    def prefix_stability(self, tell: Callable[[float], None]) -> _Outcome:
        """Compare features of the first n bars with those rows of the features of more bars."""
        found, tried = Differences(self._timeframe), 0
        per_session: dict[Session, list[int]] = {}
        for cut in self._cuts:
            window = self._bars.window(self._timeframe, cut.session)
            lengths = per_session.setdefault(cut.session, [])
            lengths.append(count_until(window, cut.at))
            lengths.append(int(self._random.integers(min(self._warmup, len(window) - 1), len(window))))
        for number, (session, lengths) in enumerate(per_session.items()):
            tell(number / len(per_session))
            window = self._bars.window(self._timeframe, session)
            whole = self._stage().work(window, self._timeframe)
            for length in sorted({min(self._warmup, len(window)), *lengths, len(window) - 1}):
                prefix = self._stage().work(part(window, 0, length), self._timeframe)
                how = (f"with the first {length} bars", f"with all {len(window)}")
                found.of_features(prefix.features, whole.features, window.end, how)
                tried += 1
        return _compared(found, "no value changes when bars are added", f"{tried:,} prefixes, {found.values:,} values")

    def causality(self, tell: Callable[[float], None]) -> _Outcome:
        """Compare decisions made while nothing later exists with those made while later rows do."""
        found = Differences(self._timeframe)
        how = ("with nothing after it", "while later bars are in the arrays that features are made of")
        for cut in self._told(tell):
            windows = self._windows(cut.session)
            alone = self._decided(self._until(windows, cut.at), cut)
            with_future = self._decided(windows, cut)
            found.of_decisions(alone, with_future, self._place(cut, windows), how)
        return _compared(found, "no decision knows what comes later", f"{found.values:,} decisions")

    def another_future(self, tell: Callable[[float], None]) -> _Outcome:
        """Give all later bars other prices: nothing before them may change."""
        found = Differences(self._timeframe)
        how = ("with one future", "with later bars of other prices")
        decisions = 0
        for cut in self._told(tell):
            windows = self._windows(cut.session)
            others = {frame: other_future(bars, cut.at, self._random) for frame, bars in windows.items()}
            one, two = self._stage(), self._stage()
            worked, changed = self._work(one, windows), self._work(two, others)
            for frame in self._frames:
                if frame == self._timeframe:
                    past, altered = worked[frame].until(cut.at), changed[frame].until(cut.at)
                    found.of_features(past.features, altered.features, past.bars.end, how)
            place = self._place(cut, windows)
            decided = [
                stage.decide(self._timeframe, cut.at, rows, cut.standing) for stage, rows in ((one, worked), (two, changed))
            ]
            found.of_decisions(decided[0], decided[1], place, how)
            decisions += 1
        return _compared(
            found, "later prices change nothing", f"{decisions:,} futures, {found.values - decisions:,} values, {decisions:,} decisions"
        )

    def warmup(self, tell: Callable[[float], None]) -> _Outcome:
        """Give fewer and fewer bars, and compare with what the whole history gives."""
        deepest = min(self._bars.depth[self._timeframe], *(self._depth(cut) for cut in self._cuts))
        whole = [self._tried(cut, deepest, must=True) for cut in self._told(tell, 0.0, 0.3)]
        given = [self._tried(cut, self._warmup, must=True) for cut in self._told(tell, 0.3, 0.6)]
        names = sorted(whole[0].values or {})
        typical = typical_values(whole, names)
        some = sorted(self._random.choice(len(self._cuts), min(_MEASURED, len(self._cuts)), replace=False).tolist())

        def measure(bars: int) -> object:
            tried = [self._tried(self._cuts[place], bars, must=bars >= self._warmup) for place in some]
            return measured([whole[place] for place in some], tried, typical)

        needs = Needs(measure, warmup=self._warmup, deepest=deepest)  # type: ignore[arg-type]
        at_warmup = measured(whole, given, typical)
        found = []
        for number, name in enumerate(names):
            tell(0.6 + 0.4 * number / len(names))
            found.append(needs.of(name, at_warmup.off[name]))
        decisions_from = needs.smallest(lambda each: each.decisions_agree)
        return self._judged(_Short(whole, given, typical, deepest), tuple(found), decisions_from)
