"""Differences between the broker's positions and our ledgers: whose they probably are, and what a person said of them.

Nothing is booked and nothing traded because of a difference. An adjustment is proposed, under an id that is the same
whenever the same difference is found, and a person confirms it with a price or says that it is none of ours.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import combinations
from typing import Final

from daemon.domain.adjustment import AdjustmentState
from daemon.domain.fill import ADJUSTMENT
from daemon.domain.instrument import InstrumentId
from daemon.domain.records import AdjustmentRecorded
from daemon.execution.live_order import LiveOrder

_ZERO: Final = Decimal(0)
_MOST_TRIED: Final = 10  # orders in doubt of which every combination is looked at
_DIGITS: Final = 12

Share = tuple[LiveOrder | None, Decimal]
"""An order, None where none can be named, and the signed quantity that it seems to have brought about."""


def attributed(difference: Decimal, doubtful: Sequence[LiveOrder]) -> list[Share]:
    """Return which orders in doubt have brought a difference about, as far as that follows from what is known.

    First what the broker counts as filled and has not told the executions of; else the one set of orders whose whole
    remainders add up to the difference; else the one order that could have filled in part. Where several would do,
    nobody is named.
    """
    told = [(order, _short(order)) for order in doubtful if _short(order)]
    if told and sum((quantity for _, quantity in told), _ZERO) == difference:
        return list(told)
    whole = [
        chosen
        for size in range(1, min(len(doubtful), _MOST_TRIED) + 1)
        for chosen in combinations(doubtful[:_MOST_TRIED], size)
        if sum((order.remaining * order.side.sign for order in chosen), _ZERO) == difference
    ]
    if len(whole) == 1:
        return [(order, order.remaining * order.side.sign) for order in whole[0]]
    partly = [order for order in doubtful if 0 < difference * order.side.sign <= order.remaining]
    return [(partly[0], difference)] if len(partly) == 1 and not whole else [(None, difference)]


def _short(order: LiveOrder) -> Decimal:
    """Return the signed quantity that the broker counts as filled and we have no executions of."""
    return max(order.told_filled - order.filled, _ZERO) * order.side.sign


class Adjustments:
    """What is known of every adjustment, and what in the account is not ours."""

    def __init__(self) -> None:
        self._latest: dict[str, AdjustmentRecorded] = {}
        self._settled: dict[tuple[InstrumentId, str], int] = {}  # by order, "" for none: how many are done with
        self.external: dict[InstrumentId, Decimal] = {}  # signed units that belong to nobody here

    def take(self, record: AdjustmentRecorded) -> AdjustmentRecorded:
        """Take a step of an adjustment, new or from the journal, and return it."""
        before = self._latest.get(record.adjustment_id, record)
        self._latest[record.adjustment_id] = record
        if record.state.is_of_others:
            held = self.external.get(record.instrument, _ZERO)
            self.external[record.instrument] = held + record.quantity
        if record.state.is_of_others or record.state is AdjustmentState.CONFIRMED:
            for ref in {before.order_ref or "", record.order_ref or ""}:
                key = (record.instrument, ref)
                self._settled[key] = self._settled.get(key, 0) + 1
        return record

    def __contains__(self, adjustment_id: str) -> bool:
        """Return whether an adjustment is known."""
        return adjustment_id in self._latest

    @property
    def proposed(self) -> tuple[AdjustmentRecorded, ...]:
        """Return those that wait for a person, oldest first."""
        return tuple(each for each in self._latest.values() if each.state is AdjustmentState.PROPOSED)

    def propose(
        self, differences: Mapping[InstrumentId, Decimal], doubtful: Iterable[LiveOrder], at: datetime
    ) -> tuple[AdjustmentRecorded, ...]:
        """Return what changes if `differences` are all there are: new proposals, and old ones that no longer hold."""
        orders = list(doubtful)
        wanted = {
            self._id(instrument, order, quantity): (instrument, order, quantity)
            for instrument, difference in differences.items()
            for order, quantity in attributed(difference, [o for o in orders if o.ticket.instrument.id == instrument])
        }
        open_now = {each.adjustment_id: each for each in self.proposed}
        gone = [
            _step(each, AdjustmentState.WITHDRAWN, at, why="the difference is no longer there")
            for adjustment_id, each in open_now.items()
            if adjustment_id not in wanted
        ]
        new = [
            _proposal(adjustment_id, *what, at=at)
            for adjustment_id, what in wanted.items()
            if adjustment_id not in open_now
        ]
        return tuple(self.take(record) for record in (*gone, *new))

    def of_others(
        self, adjustment_id: str, instrument: InstrumentId, quantity: Decimal, at: datetime, *, why: str
    ) -> AdjustmentRecorded:
        """Take note of what somebody else has traded or holds."""
        return self.take(
            AdjustmentRecorded(
                at=at,
                adjustment_id=adjustment_id,
                instrument=instrument,
                quantity=quantity,
                order_ref=None,
                strategy=None,
                state=AdjustmentState.EXTERNAL,
                price=None,
                who="daemon",
                why=why,
            )
        )

    def holding_id(self, instrument: InstrumentId, quantity: Decimal) -> str:
        """Return the id under which somebody else's holding is noted."""
        return f"ext-{_digest(instrument, '', quantity, self._settled.get((instrument, ''), 0))}"

    def settled(
        self, adjustment_id: str, *, price: Decimal | None, order: LiveOrder | None, at: datetime, who: str
    ) -> AdjustmentRecorded:
        """Take a person's word: confirmed at `price` for `order`, or, without a price, rejected."""
        proposal = self._latest[adjustment_id]
        if price is None or order is None:
            return self.take(_step(proposal, AdjustmentState.REJECTED, at, who=who, why="not ours, as a person says"))
        return self.take(
            AdjustmentRecorded(
                at=at,
                adjustment_id=adjustment_id,
                instrument=proposal.instrument,
                quantity=proposal.quantity,
                order_ref=order.ref,
                strategy=order.strategy,
                state=AdjustmentState.CONFIRMED,
                price=price,
                who=who,
                why="confirmed by a person",
            )
        )

    def _id(self, instrument: InstrumentId, order: LiveOrder | None, quantity: Decimal) -> str:
        ref = order.ticket.order_ref if order is not None else ""
        return f"{ADJUSTMENT}{_digest(instrument, ref, quantity, self._settled.get((instrument, ref), 0))}"


def _digest(instrument: InstrumentId, ref: str, quantity: Decimal, settled: int) -> str:
    """Return what a difference is known by; `settled` tells the next one like it from this one."""
    facts = f"{instrument} {ref} {quantity.normalize():f} {settled}"
    return hashlib.sha256(facts.encode()).hexdigest()[:_DIGITS]


def _proposal(
    adjustment_id: str, instrument: InstrumentId, order: LiveOrder | None, quantity: Decimal, *, at: datetime
) -> AdjustmentRecorded:
    why = "the broker holds it, no order of ours accounts for it"
    if order is not None:
        why = f"the broker holds it, and what became of the order is not known ({order.state.value})"
    return AdjustmentRecorded(
        at=at,
        adjustment_id=adjustment_id,
        instrument=instrument,
        quantity=quantity,
        order_ref=order.ref if order is not None else None,
        strategy=order.strategy if order is not None else None,
        state=AdjustmentState.PROPOSED,
        price=None,
        who="daemon",
        why=why,
    )


def _step(
    before: AdjustmentRecorded, state: AdjustmentState, at: datetime, *, why: str, who: str = "daemon"
) -> AdjustmentRecorded:
    return replace(before, at=at, state=state, who=who, why=why)
