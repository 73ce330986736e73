"""What evidence cannot explain: others' trades are told once, the rest is laid before a person with the last word."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from daemon.domain.errors import ConfigError
from daemon.domain.fill import Fill, execution_stem
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderRef, Side
from daemon.domain.records import AdjustmentRecorded, AlertRaised, Record, TradingStateChanged
from daemon.execution.adjustments import Adjustments
from daemon.execution.evidence import Evidence
from daemon.execution.live_order import LiveOrder
from daemon.execution.order_register import OrderRegister
from daemon.ports import BrokerSnapshot, Told

ADJUSTED: Final = "ADJUSTED"
"""What the journal's list of control actions says of a person's word on an adjustment; it is no trading state."""


class OperatorDesk:
    """Implements `ports.Adjuster`."""

    def __init__(self, orders: OrderRegister, evidence: Evidence) -> None:
        self._orders = orders
        self._evidence = evidence
        self._adjustments = Adjustments()
        self._traded: set[InstrumentId] = set()

    def note_traded(self, instrument: InstrumentId) -> None:
        """Take note that an order of ours exists, or existed, in an instrument."""
        self._traded.add(instrument)

    def restore(self, records: Sequence[Record]) -> None:
        """Take over what the journal knows of adjustments."""
        for record in records:
            if isinstance(record, AdjustmentRecorded):
                self._adjustments.take(record)

    @property
    def external(self) -> Mapping[InstrumentId, Decimal]:
        """Return the signed units in the account that are not ours."""
        return self._adjustments.external

    @property
    def proposed(self) -> tuple[AdjustmentRecorded, ...]:
        """Return the adjustments that wait for a person."""
        return self._adjustments.proposed

    def note_external(self, snapshot: BrokerSnapshot, at: datetime) -> Told:
        """Record executions that no order of ours accounts for, each once; they are never touched."""
        records: list[Record] = []
        for execution in snapshot.executions:
            known = execution_stem(execution.exec_id)
            if self._evidence.order_of(execution) is None and known not in self._adjustments:
                signed = execution.quantity * execution.side.sign
                whose = f"order {execution.order_ref or execution.perm_id} of client {execution.client_id}"
                noted = self._adjustments.of_others(known, execution.instrument, signed, at, why=whose)
                what = f"{execution.side.value} {execution.quantity} {execution.instrument} at {execution.price}"
                records += [noted, _alert(at, "WARNING", "external.traded", f"{what}, {whose}: none of ours")]
        return Told(records=tuple(records))

    def note_holdings(self, differences: Mapping[InstrumentId, Decimal], at: datetime) -> Told:
        """Record what the account holds in instruments in which there never was an order of ours."""
        records: list[Record] = []
        for instrument, quantity in differences.items():
            if instrument not in self._traded:
                noted_as = self._adjustments.holding_id(instrument, quantity)
                why = "no order of ours was ever sent in this instrument"
                noted = self._adjustments.of_others(noted_as, instrument, quantity, at, why=why)
                text = f"{instrument}: {quantity:+} units in the account are none of ours"
                records += [noted, _alert(at, "WARNING", "external.held", text)]
        return Told(records=tuple(records))

    def propose(self, differences: Mapping[InstrumentId, Decimal], at: datetime) -> Told:
        """Lay these differences, and no others, before a person."""
        doubtful = [order for order in self._orders.working if order.in_doubt]
        return Told(records=self._adjustments.propose(differences, doubtful, at))

    def settle(
        self, adjustment_id: str, *, price: Decimal | None, order_ref: OrderRef | None, who: str, at: datetime
    ) -> Told:
        """Take a person's word on a proposal: with a price it is booked, without one it is none of ours.

        Raises:
            ConfigError: no such proposal waits, or there is no order to book it for.
        """
        proposal = next((each for each in self.proposed if each.adjustment_id == adjustment_id), None)
        if proposal is None:
            raise ConfigError(f"id: no adjustment {adjustment_id!r} waits; `paperd adjustments` lists those that do")
        if price is None:
            settled = self._adjustments.settled(adjustment_id, price=None, order=None, at=at, who=who)
            return Told(records=(settled, _action(settled, who, at)))
        order = self._order_for(proposal, order_ref)
        settled = self._adjustments.settled(adjustment_id, price=price, order=order, at=at, who=who)
        booked = self._evidence.on_adjustment(order, _fill(settled, order, price, at), at)
        return Told(booked.events, (settled, _action(settled, who, at), *booked.records))

    def _order_for(self, proposal: AdjustmentRecorded, named: OrderRef | None) -> LiveOrder:
        ref = named or proposal.order_ref
        if ref is None:
            raise ConfigError(
                f"order: {proposal.adjustment_id} could be of several orders or of none; name one, or reject it"
            )
        order = self._orders.get(ref)
        if order is None or order.ticket.instrument.id != proposal.instrument:
            raise ConfigError(f"order: {ref!r} is no order of ours in {proposal.instrument}")
        if not 0 < proposal.quantity * order.side.sign <= order.remaining:
            left = f"{order.side.value} {order.remaining}"
            raise ConfigError(f"order: {ref!r} has {left} left, the difference is {proposal.quantity:+}")
        return order


def _fill(settled: AdjustmentRecorded, order: LiveOrder, price: Decimal, at: datetime) -> Fill:
    return Fill(
        exec_id=settled.adjustment_id,
        order_ref=order.ref,
        instrument=settled.instrument,
        side=Side.BUY if settled.quantity > 0 else Side.SELL,
        quantity=abs(settled.quantity),
        price=price,
        at=at,
        executed_at=at,
    )


def _action(settled: AdjustmentRecorded, who: str, at: datetime) -> TradingStateChanged:
    price = f" at {settled.price}" if settled.price is not None else ""
    why = f"{settled.adjustment_id} {settled.state.value}: {settled.quantity:+} {settled.instrument}{price}"
    return TradingStateChanged(at=at, state=ADJUSTED, strategy=settled.strategy, who=who, why=why)


def _alert(at: datetime, level: str, name: str, text: str) -> AlertRaised:
    return AlertRaised(at=at, level=level, name=name, text=text, strategy=None)
