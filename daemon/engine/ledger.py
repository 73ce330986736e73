"""One strategy's book: cash, positions, profit and loss, from its own fills alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from daemon.domain.fill import Fill, execution_stem
from daemon.domain.instrument import InstrumentId
from daemon.domain.position import Position

_ZERO = Decimal(0)


def apply_fill(position: Position, signed_quantity: Decimal, price: Decimal) -> Position:
    """Return the position after a fill; what is closed is realised at average cost, and a flip opens at `price`."""
    held = position.quantity
    if held * signed_quantity >= 0:
        return Position(
            instrument=position.instrument,
            quantity=held + signed_quantity,
            total_cost=position.total_cost + signed_quantity * price,
            realized_pnl=position.realized_pnl,
        )
    closed = min(abs(held), abs(signed_quantity)) * (1 if held > 0 else -1)  # signed like the position
    closed_cost = position.total_cost if closed == held else position.total_cost * closed / held
    opened = held + signed_quantity if abs(signed_quantity) > abs(held) else _ZERO
    return Position(
        instrument=position.instrument,
        quantity=held + signed_quantity,
        total_cost=opened * price if opened else position.total_cost - closed_cost,
        realized_pnl=position.realized_pnl + closed * price - closed_cost,
    )


@dataclass(slots=True)
class _Booked:
    """A fill, and what it made of the position."""

    fill: Fill
    position: Position


@dataclass(slots=True)
class Ledger:
    """Cash and positions of one strategy. Fills are kept a while, so that a correction can be booked exactly."""

    capital: Decimal
    version: int = 0  # another one with each booking
    _booked: dict[InstrumentId, dict[str, _Booked]] = field(default_factory=dict)  # by execution id, as they arrived
    _settled: dict[InstrumentId, Position] = field(default_factory=dict)  # by the fills that are no longer kept
    _positions: dict[InstrumentId, Position] = field(default_factory=dict)
    _commissions: dict[str, Decimal] = field(default_factory=dict)  # by execution stem
    _cash_flow: Decimal = _ZERO
    _commission: Decimal = _ZERO

    @property
    def cash(self) -> Decimal:
        """Return capital plus all flows, commission deducted."""
        return self.capital + self._cash_flow - self._commission

    @property
    def commission(self) -> Decimal:
        """Return all commission paid."""
        return self._commission

    @property
    def realized_pnl(self) -> Decimal:
        """Return profit and loss taken, before commission."""
        return sum((position.realized_pnl for position in self._positions.values()), _ZERO)

    @property
    def positions(self) -> Mapping[InstrumentId, Position]:
        """Return every position ever held, flat ones included."""
        return self._positions

    def position(self, instrument: InstrumentId) -> Position:
        """Return the position in `instrument`, flat when it was never traded."""
        return self._positions.get(instrument) or Position(instrument=instrument)

    def book_fill(self, fill: Fill, replaces: Fill | None = None) -> Position:
        """Book an execution, or a correction in the place of `replaces`; return the position afterwards."""
        self.version += 1
        signed = fill.signed_quantity
        self._cash_flow -= signed * fill.price
        if replaces is None:
            position = apply_fill(self.position(fill.instrument), signed, fill.price)
            self._booked.setdefault(fill.instrument, {})[fill.exec_id] = _Booked(fill, position)
        else:
            self._cash_flow += replaces.signed_quantity * replaces.price
            position = self._book_again(fill, replaces)
        self._positions[fill.instrument] = position
        return position

    def _book_again(self, fill: Fill, replaces: Fill) -> Position:
        """Book the instrument's fills once more, with `fill` where `replaces` was."""
        fills = [booked.fill for booked in self._booked[fill.instrument].values()]
        again = self._booked[fill.instrument] = {}
        position = self._settled_position(fill.instrument)
        for kept in fills:
            each = fill if kept.exec_id == replaces.exec_id else kept
            position = apply_fill(position, each.signed_quantity, each.price)
            again[each.exec_id] = _Booked(each, position)
        return position

    def book_commission(self, exec_id: str, amount: Decimal) -> None:
        """Book what an execution cost; told again, or for a correction of it, the newer amount counts."""
        self.version += 1
        stem = execution_stem(exec_id)
        self._commission += amount - self._commissions.get(stem, _ZERO)
        self._commissions[stem] = amount

    def forget_before(self, moment: datetime) -> None:
        """Let go of the fills from before `moment`, market time: they can no longer be corrected."""
        for instrument, kept in self._booked.items():
            for exec_id, booked in list(kept.items()):
                if booked.fill.at >= moment:
                    break
                self._settled[instrument] = booked.position
                self._commissions.pop(execution_stem(exec_id), None)
                del kept[exec_id]

    def _settled_position(self, instrument: InstrumentId) -> Position:
        return self._settled.get(instrument) or Position(instrument=instrument)

    def market_value(self, marks: Mapping[InstrumentId, Decimal]) -> Decimal:
        """Return the signed value of all positions at `marks`, at cost where there is no mark."""
        return sum(
            (
                position.market_value(marks[instrument]) if instrument in marks else position.total_cost
                for instrument, position in self._positions.items()
                if position.quantity
            ),
            _ZERO,
        )

    def equity(self, marks: Mapping[InstrumentId, Decimal]) -> Decimal:
        """Return cash plus market value."""
        return self.cash + self.market_value(marks)
