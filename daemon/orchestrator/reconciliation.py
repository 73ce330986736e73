"""What a comparison with the broker has shown: what had been missed, and where its positions are not our ledgers'."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from daemon.domain.instrument import InstrumentId
from daemon.engine.engine import Engine
from daemon.ports import BrokerSnapshot

Differences = Mapping[InstrumentId, tuple[Decimal, Decimal]]
"""Instrument -> (the broker's position, the sum of our ledgers)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The outcome of one comparison."""

    recovered: int  # facts that had been missed
    differences: Differences
    in_doubt: frozenset[InstrumentId]  # of orders whose fate is unknown

    @property
    def alerts(self) -> Iterator[tuple[str, str]]:
        """Yield level and text of what a person must know.

        A difference where an order of ours is in doubt is a fill that nobody can tell of any more. Elsewhere it may be
        somebody's own trade in the same account, which is never touched.
        """
        lost = {name: both for name, both in self.differences.items() if name in self.in_doubt}
        foreign = {name: both for name, both in self.differences.items() if name not in self.in_doubt}
        if lost:
            cure = "its orders stay open and no other is sent there until the positions agree; see what was executed"
            yield "CRITICAL", f"{_told(lost)}: {cure}"
        if foreign:
            yield "WARNING", _told(foreign)


def _told(differences: Differences) -> str:
    return "; ".join(f"{name}: broker {theirs}, ledgers {ours}" for name, (theirs, ours) in differences.items())


def position_differences(snapshot: BrokerSnapshot, engine: Engine) -> Differences:
    """Return where the broker's position is not the sum of our ledgers: instrument -> (broker's, ours)."""
    theirs: dict[InstrumentId, Decimal] = {}
    for reported in snapshot.positions:
        theirs[reported.instrument] = theirs.get(reported.instrument, Decimal(0)) + reported.quantity
    ours: dict[InstrumentId, Decimal] = {}
    for slot in engine.accounts.slots:
        for instrument, position in slot.ledger.positions.items():
            ours[instrument] = ours.get(instrument, Decimal(0)) + position.quantity
    return {
        instrument: (theirs.get(instrument, Decimal(0)), ours.get(instrument, Decimal(0)))
        for instrument in sorted({*theirs, *ours})
        if theirs.get(instrument, Decimal(0)) != ours.get(instrument, Decimal(0))
    }
