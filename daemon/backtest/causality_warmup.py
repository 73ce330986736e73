"""The proof of the warm-up: whether the bars a strategy asks for are as many as its features need.

A window (a plain average) forgets at once what is older: with too few bars it is another value, and that fails. A
recursion (an exponential average) forgets little by little and never agrees quite; there the decisions must agree.
Running sums round, so "the same" means to 1e-9 here; live and backtest are equal to the bit because both start at one
anchor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from daemon.backtest.causality_bars import count_until
from daemon.backtest.causality_findings import Differences, FeatureNeed, moment_words
from daemon.backtest.causality_needs import (
    CLOSE,
    STEP,
    Measured,
    Needs,
    Tried,
    measured,
    relative,
    same_action,
    typical_values,
    value_of,
)
from daemon.backtest.causality_stage import StrategyFault
from daemon.backtest.causality_trials import Cut, Outcome, Tell, Trials, told, until, worked

_MEASURED: Final = 16  # moments at which fewer and fewer bars are tried; the warm-up itself is tried at all


def warmup_needed(trials: Trials, cuts: Sequence[Cut], tell: Tell) -> Outcome:
    """Compare what the bars of the warm-up alone give with what the whole history gives, and say what would do."""
    columns = trials.bars.columns[trials.timeframe]
    deepest = min(trials.bars.depth[trials.timeframe], count_until(columns, cuts[0].at))
    whole = [_tried(trials, cut, deepest) for cut in told(cuts, tell, 0.0, 0.3)]
    given = [_tried(trials, cut, trials.warmup) for cut in told(cuts, tell, 0.3, 0.6)]
    typical = typical_values(whole)
    places = trials.random.choice(len(cuts), min(_MEASURED, len(cuts)), replace=False).tolist()

    def measure(bars: int) -> Measured:
        return measured(
            [whole[place] for place in places], [_tried(trials, cuts[place], bars) for place in places], typical
        )

    needs, at_warmup, found = Needs(measure, warmup=trials.warmup, deepest=deepest), measured(whole, given, typical), []
    for number, name in enumerate(typical):
        tell(0.6 + 0.4 * number / len(typical))
        found.append(needs.of(name, at_warmup.off[name]))
    decisions_from = needs.smallest(lambda each: each.decisions_agree)
    return _Verdict(
        trials=trials, cuts=cuts, whole=whole, given=given, typical=typical, deepest=deepest
    ).outcome(found, decisions_from)  # fmt: skip


def _tried(trials: Trials, cut: Cut, bars: int) -> Tried:
    """Return the last row and the decision with only `bars` bars of the timeframe that triggers."""
    windows = dict(until(trials.windows(cut.session), cut.at))
    windows[trials.timeframe] = trials.bars.before(trials.timeframe, cut.at, bars)
    stage, values = trials.stage(), None
    try:
        rows = worked(stage, windows)
        values = {name: float(column[-1]) for name, column in rows[trials.timeframe].features.items()}
        return Tried(values, trials.decided(stage, rows, cut))
    except StrategyFault as fault:
        return Tried(values, None, str(fault))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What was measured with the warm-up and with the whole history, put in words."""

    trials: Trials
    cuts: Sequence[Cut]
    whole: Sequence[Tried]
    given: Sequence[Tried]
    typical: Mapping[str, float]
    deepest: int

    def outcome(self, needs: Sequence[FeatureNeed], decisions_from: int | None) -> Outcome:
        """Return whether the warm-up is enough, and what is known of each feature."""
        found = Differences(self.trials.timeframe)
        faults = [self._feature_in_words(need, found) for need in needs if self._too_few(need)]
        pairs = zip(self.whole, self.given, strict=True)
        others = [place for place, (one, two) in enumerate(pairs) if not same_action(one.decision, two.decision)]
        if others:
            faults.append(self._decisions_in_words(others, decisions_from, found))
        return Outcome(
            ok=not faults, compared=f"{len(self.cuts)} moments, {self.trials.warmup} with {self.deepest:,} bars",
            finding="; ".join(faults) or self._well(needs), differences=found,
            needs=tuple(needs), decisions_from=decisions_from,
        )  # fmt: skip

    def _too_few(self, need: FeatureNeed) -> bool:
        if need.off is None:
            return True
        return need.kind == "window" and ((need.close or 0) > self.trials.warmup or need.off > STEP)

    def _feature_in_words(self, need: FeatureNeed, found: Differences) -> str:
        warmup, name, alone = self.trials.warmup, need.feature, Differences(self.trials.timeframe)
        for cut, one, two in zip(self.cuts, self.whole, self.given, strict=True):
            was, now = value_of(one, name), value_of(two, name)
            if relative(was, now, self.typical[name]) > CLOSE:
                found.count += 1
                for collected in (found, alone):
                    collected.note(f"feature {name}", (self.deepest - 1, cut.at), (was, now), self._circumstances())
        words = f"feature {name} needs more bars than the {warmup} of its warmup"
        if need.close is not None and need.close > warmup:
            words = f"feature {name} needs {need.close} bars, its warmup says {warmup}: {need.close - warmup} too few"
        return words if alone.largest is None else f"{words}; {alone.largest.words()}"

    def _decisions_in_words(self, places: Sequence[int], decisions_from: int | None, found: Differences) -> str:
        for place in places:
            was, now = self.whole[place].decision, self.given[place].decision
            if was is not None and now is not None:
                found.of_decisions(was, now, (self.deepest - 1, self.cuts[place].at), self._circumstances())
        words = (
            f"{len(places)} of {len(self.cuts)} decisions are others with the {self.trials.warmup} bars of its warmup"
        )
        fault = next((tried.fault for tried in self.given if tried.fault), "")
        agree = f"they agree from {decisions_from} on" if decisions_from else "they agree with no number of bars"
        return f"{words} ({agree}), the first at {moment_words(self.cuts[places[0]].at)}{fault and f'; {fault}'}"

    def _circumstances(self) -> tuple[str, str]:
        return f"with {self.deepest:,} bars", f"with {self.trials.warmup}"

    def _well(self, needs: Sequence[FeatureNeed]) -> str:
        windows = [need.close or 0 for need in needs if need.kind == "window"]
        words = [f"windows need {max(windows)} of {self.trials.warmup} bars"] if windows else []
        words += [self._gradual_in_words(need) for need in needs if need.kind == "gradual"]
        return "; ".join([*words, "all decisions agree"])

    def _gradual_in_words(self, need: FeatureNeed) -> str:
        settled = f"to 1e-9 from {need.close} bars" if need.close else "to 1e-9 never"
        near = f"to 1e-6 from {need.near}" if need.near else f"to 1e-6 never in {self.deepest:,}"
        return f"{need.feature} settles little by little: {near}, {settled}, {need.off:.1e} off at {self.trials.warmup}"
