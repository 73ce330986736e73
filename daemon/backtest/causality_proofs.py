"""The proofs that compare bit for bit: the same answers again, with fewer rows, with more, and with another future."""

from collections.abc import Sequence

from daemon.backtest.causality_bars import count_until, other_future, part
from daemon.backtest.causality_findings import Differences
from daemon.backtest.causality_stage import Standing
from daemon.backtest.causality_trials import Cut, Outcome, Tell, Trials, told, until, worked
from daemon.domain.decision import Signal
from daemon.market.sessions import Session


def all_decisions(trials: Trials, tell: Tell) -> list[Cut]:
    """Make every decision of the sessions in turn, with one instance, while every answer is looked over.

    Raises:
        StrategyFault: it raised, or answered what no strategy may.
    """
    stage, standing, made = trials.stage(), Standing(), []
    sessions = trials.bars.sessions[trials.timeframe]
    for number, session in enumerate(sessions):
        tell(number / len(sessions))
        rows = worked(stage, trials.windows(session))
        for at in trials.ends(session):
            decision = stage.decide(trials.timeframe, at, rows, standing)
            made.append(Cut(session=session, at=at, standing=standing, decision=decision))
            standing = standing.after(decision)
    return made


def form_in_words(made: Sequence[Cut], sessions: int) -> Outcome:
    """Return the outcome of a play in which nothing was wrong."""
    counts = {signal: sum(cut.decision.signal is signal for cut in made) for signal in Signal}
    said = ", ".join(f"{count} {signal}" for signal, count in counts.items() if count)
    return Outcome(ok=True, compared=f"{len(made):,} decisions", finding=f"{said} in {_counted(sessions, 'session')}")


def determinism(trials: Trials, cuts: Sequence[Cut], tell: Tell) -> Outcome:
    """Ask the same again, and ask instances that have seen nothing else."""
    found, frame = Differences(trials.timeframe), trials.timeframe
    for cut in told(cuts, tell):
        windows = trials.windows(cut.session)
        one, two = trials.stage(), trials.stage()
        first, again, other = worked(one, windows), worked(one, windows), worked(two, windows)
        ends, place = windows[frame].end, _place(trials, cut)
        found.of_features(first[frame].features, again[frame].features, ends, ("at first", "when worked out again"))
        found.of_features(first[frame].features, other[frame].features, ends, ("at first", "in another instance"))
        decision = trials.decided(one, first, cut)
        found.of_decisions(decision, trials.decided(one, first, cut), place, ("at first", "when asked again"))
        how = ("from a fresh instance", "from one that made the decisions before (it keeps something)")
        found.of_decisions(decision, cut.decision, place, how)
    return _compared(found, "the same again, and from fresh instances", f"{found.values:,} values and decisions")


def prefix_stability(trials: Trials, cuts: Sequence[Cut], tell: Tell) -> Outcome:
    """Compare the features of the first n bars with those rows of the features of more bars."""
    found, tried = Differences(trials.timeframe), 0
    lengths = _prefix_lengths(trials, cuts)
    for number, (session, of_session) in enumerate(lengths.items()):
        tell(number / len(lengths))
        window = trials.bars.window(trials.timeframe, session)
        whole = trials.stage().work(window, trials.timeframe)
        for length in sorted(of_session):
            prefix = trials.stage().work(part(window, 0, length), trials.timeframe)
            how = (f"with the first {length} bars", f"with {len(window)}")
            found.of_features(prefix.features, whole.features, window.end, how)
            tried += 1
    return _compared(found, "no value changes as bars are added", f"{tried:,} prefixes, {found.values:,} values")


def causality(trials: Trials, cuts: Sequence[Cut], tell: Tell) -> Outcome:
    """Compare decisions made while nothing later exists with those made while `features` gets later rows too."""
    found = Differences(trials.timeframe)
    how = ("with nothing after it", "when `features` got later bars too")
    for cut in told(cuts, tell):
        windows = trials.windows(cut.session)
        one, two = trials.stage(), trials.stage()
        alone = trials.decided(one, worked(one, until(windows, cut.at)), cut)
        found.of_decisions(alone, trials.decided(two, worked(two, windows), cut), _place(trials, cut), how)
    return _compared(found, "no decision knows what comes later", f"{found.values:,} decisions")


def another_future(trials: Trials, cuts: Sequence[Cut], tell: Tell) -> Outcome:
    """Give all later bars other prices: nothing at or before the moment may change."""
    found, frame = Differences(trials.timeframe), trials.timeframe
    how = ("with the bars that follow", "with other bars after it")
    for cut in told(cuts, tell):
        windows = trials.windows(cut.session)
        others = {each: other_future(bars, cut.at, trials.random) for each, bars in windows.items()}
        one, two = trials.stage(), trials.stage()
        rows, changed = worked(one, windows), worked(two, others)
        past, altered = rows[frame].until(cut.at), changed[frame].until(cut.at)
        found.of_features(past.features, altered.features, past.bars.end, how)
        decisions = trials.decided(one, rows, cut), trials.decided(two, changed, cut)
        found.of_decisions(*decisions, _place(trials, cut), how)
    return _compared(found, "later prices change nothing", f"{_counted(len(cuts), 'future')}, {found.values:,} values")


def _prefix_lengths(trials: Trials, cuts: Sequence[Cut]) -> dict[Session, set[int]]:
    """Return lengths to try: up to each moment, as long by chance, and in each session the shortest and the longest."""
    lengths: dict[Session, set[int]] = {}
    for cut in cuts:
        window = trials.bars.window(trials.timeframe, cut.session)
        shortest, longest = min(trials.warmup, len(window) - 1), len(window) - 1
        by_chance = int(trials.random.integers(shortest, longest + 1))
        lengths.setdefault(cut.session, {shortest, longest}).update((count_until(window, cut.at), by_chance))
    return lengths


def _place(trials: Trials, cut: Cut) -> tuple[int, int]:
    return count_until(trials.bars.window(trials.timeframe, cut.session), cut.at) - 1, cut.at


def _compared(found: Differences, well: str, compared: str) -> Outcome:
    if found.first is None or found.largest is None:
        return Outcome(ok=True, compared=compared, finding=well, differences=found)
    finding = found.first.words()
    if found.count > 1:
        finding += f"; {found.count:,} of {found.values:,} differ"
        if found.signals:
            finding += f", {_counted(found.signals, 'decision')} in the signal"
        if found.largest.by is not None and found.largest is not found.first:
            finding += f", {found.largest.what} by {found.largest.by:.3g} at most"
    return Outcome(ok=False, compared=compared, finding=finding, differences=found)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
