"""Proves or refutes that a strategy knows nothing of what comes later, keeps no secrets, and says what it needs.

All comparisons are bit for bit, on the arrays that the engine would hand over: anchored some bars before a session. The
same seed tries the same places. Each proof compares fresh instances that were given the same but for one thing, so that
what one proof finds is not found by the others again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from daemon.backtest.causality_bars import CheckedBars
from daemon.backtest.causality_findings import CheckReport, Proof, Result, Watch
from daemon.backtest.causality_proofs import (
    all_decisions,
    another_future,
    causality,
    determinism,
    form_in_words,
    prefix_stability,
)
from daemon.backtest.causality_stage import StrategyFault
from daemon.backtest.causality_trials import Cut, Outcome, Tell, Trials
from daemon.backtest.causality_warmup import warmup_needed
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.strategies.protocol import Strategy

_PROOFS: Final[Mapping[Proof, Callable[[Trials, Sequence[Cut], Tell], Outcome]]] = {
    Proof.DETERMINISM: determinism,
    Proof.PREFIX: prefix_stability,
    Proof.CAUSALITY: causality,
    Proof.OTHER_FUTURE: another_future,
    Proof.WARMUP: warmup_needed,
}


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
        cuts: how many moments each proof tries on each timeframe.
        watch: is told of the progress.
    """
    strategy, results = build(), list[Result]()
    for number, timeframe in enumerate(strategy.timeframes):
        trials = Trials(
            build=build, bars=bars, instrument=instrument, timeframe=timeframe, frames=strategy.timeframes,
            warmup=strategy.warmup, random=np.random.default_rng((seed, timeframe.seconds)), cuts=cuts,
        )  # fmt: skip

        def tell(what: str, share: float, number: int = number) -> None:
            watch(what, (number + share) / len(strategy.timeframes))

        results += _proofs(trials, tell)
    watch("done", 1.0)
    return CheckReport(results=tuple(results))


def _proofs(trials: Trials, watch: Watch) -> list[Result]:
    """Return the results of one timeframe; what is of no form at all is not tried further."""
    frame, steps = trials.timeframe, 1 + len(_PROOFS)

    def tell(proof: Proof, number: int) -> Tell:
        return lambda share: watch(f"{frame} {proof}", (number + share) / steps)

    try:
        made = all_decisions(trials, tell(Proof.FORM, 0))
    except StrategyFault as fault:
        broken = Result(proof=Proof.FORM, timeframe=frame, ok=False, compared="", finding=str(fault))
        return [broken, *(_not_tried(proof, frame) for proof in _PROOFS)]
    results = [_result(Proof.FORM, frame, form_in_words(made, len(trials.bars.sessions[frame])))]
    cuts = trials.some(made, trials.cuts)
    for number, (proof, prove) in enumerate(_PROOFS.items(), start=1):
        try:
            outcome = prove(trials, cuts, tell(proof, number))
        except StrategyFault as fault:
            outcome = Outcome(ok=False, compared="", finding=str(fault))
        results.append(_result(proof, frame, outcome))
    return results


def _result(proof: Proof, timeframe: Timeframe, outcome: Outcome) -> Result:
    found = outcome.differences
    return Result(
        proof=proof, timeframe=timeframe, ok=outcome.ok, compared=outcome.compared, finding=outcome.finding,
        first=found.first if found else None, largest=found.largest if found else None,
        differing=found.count if found else 0, needs=outcome.needs, decisions_from=outcome.decisions_from,
    )  # fmt: skip


def _not_tried(proof: Proof, timeframe: Timeframe) -> Result:
    finding = f"not tried: the {Proof.FORM} is wrong"
    return Result(proof=proof, timeframe=timeframe, ok=None, compared="", finding=finding)
