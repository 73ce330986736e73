"""What a drill has shown: its own checks, and what the oracle finds in the two books."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.drills.drill import Drill
from daemon.drills.relay import Passed
from daemon.drills.stage import Check, Scene, Stage
from daemon.simulation.books import Books
from daemon.simulation.oracle import Invariant, Violation, judge
from daemon.simulation.wire import Correction
from daemon.simulation.witness import Sent
from daemon.simulation.world import Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one drill."""

    drill: Drill
    story: tuple[Scene, ...]
    checks: tuple[Check, ...]
    took_s: float  # host seconds
    skipped: str = ""  # why it did not run, empty = it ran
    folder: str = ""  # where its files were kept, empty = they are gone

    @property
    def broken(self) -> tuple[Check, ...]:
        """Return what did not hold."""
        return tuple(check for check in self.checks if not check.held)

    @property
    def held(self) -> str:
        """Return the letters of all that held."""
        bad = {check.invariant for check in self.broken}
        return "".join(each for each in Invariant if each not in bad and self._looked_at(each))

    def _looked_at(self, invariant: Invariant) -> bool:
        return any(check.invariant is invariant for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillTestimony:
    """What the oracle wants to know besides the books; see `oracle.Testimony`."""

    sent: Sequence[Sent]
    held: Mapping[str, Mapping[str, str]]
    corrections: Mapping[str, Correction]  # none: the gateway's books have them
    longest_inbox: int
    troubles: Sequence[Trouble] = ()


def testimony(stage: Stage, held: Mapping[str, Mapping[str, str]]) -> DrillTestimony:
    """Return what was seen on stage."""
    ready = [_moment(line["ts"]) for daemon in stage.daemons for line in daemon.said("startup.completed")]
    waiting = [int(line["inbox"]) for daemon in stage.daemons for line in daemon.said("health.checked")]
    return DrillTestimony(
        sent=[_sent(order, stage, ready) for order in stage.relay.passed],
        held=held,
        corrections={},
        longest_inbox=max(waiting, default=0),
    )


def checks_of_books(seen: DrillTestimony, books: Books) -> list[Check]:
    """Return what the oracle says, and for what held the figures that it stands on."""
    violations = judge(seen, books)
    return [
        check
        for invariant, evidence in _figures(seen, books).items()
        for check in _checks(invariant, evidence, [each for each in violations if each.invariant is invariant])
    ] + [
        Check(invariant=each.invariant, held=False, evidence=f"{each.subject}: {each.evidence}")
        for each in violations
        if each.invariant not in _figures(seen, books)
    ]


def unlooked(drill: Drill, checks: Iterable[Check]) -> list[Check]:
    """Return a failure for each invariant that the drill promises to look at and has not."""
    seen = {check.invariant for check in checks}
    return [
        Check(invariant=each, held=False, evidence="the drill did not come to look at it")
        for each in Invariant
        if each in drill.holds - seen
    ]


def _figures(seen: DrillTestimony, books: Books) -> Mapping[Invariant, str]:
    held = ", ".join(f"{name} {quantity}" for name, quantity in sorted(books.positions.items())) or "nothing"
    return {
        Invariant.DURABLE_INTENT: f"{len(seen.sent)} orders were in the journal before the gateway saw a byte",
        Invariant.ONE_ORDER: f"{len(books.orders)} orders at the gateway, each from an intent of its own, sent once",
        Invariant.EACH_EXECUTION_ONCE: f"{len(books.executions)} executions and their commissions, each booked once",
        Invariant.BOOKS_AGREE: f"gateway, journal and daemon hold {held}",
        Invariant.READY_BEFORE_OPENING: "no order that opens a position left before the daemon was in step",
        Invariant.NO_GAP: f"{len(books.numbers)} rows in the journal without a gap",
    }


def _checks(invariant: Invariant, evidence: str, violations: Sequence[Violation]) -> list[Check]:
    if not violations:
        return [Check(invariant=invariant, held=True, evidence=evidence)]
    return [Check(invariant=invariant, held=False, evidence=f"{each.subject}: {each.evidence}") for each in violations]


def _sent(order: Passed, stage: Stage, ready: Sequence[datetime]) -> Sent:
    return Sent(
        order_ref=order.order_ref,
        order_id=order.order_id,
        at_s=(order.at - stage.began_at).total_seconds(),
        start=len(stage.daemons),
        has_intent=order.was.has_intent,
        has_order_id=order.was.has_order_id,
        is_sending=order.was.is_sending,
        reduces=order.was.reduces,
        was_ready=any(order.connected_at < moment < order.at for moment in ready),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
