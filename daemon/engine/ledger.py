"""One strategy's book: cash, positions, profit and loss, from its own fills alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from daemon.domain.fill import Fill, execution_stem
from daemon.domain.instrument import InstrumentId
from daemon.domain.position import Position

_ZERO = Decimal(0)


def apply_fill(position: Position, signed_quantity: Decimal, price: Decimal) -> Position:
    """Return the position after a fill; what is closed is realised at average cost, and a flip opens at `price`."""
    held = position.quantity
    if held * signed_quantity >= 0:
        return replace(
            position,
            quantity=held + signed_quantity,
            total_cost=position.total_cost + signed_quantity * price,
        )
    closed = min(abs(held), abs(signed_quantity)) * (1 if held > 0 else -1)  # signed like the position
    closed_cost = position.total_cost if closed == held else position.total_cost * closed / held
    opened = held + signed_quantity if abs(signed_quantity) > abs(held) else _ZERO
    return replace(
        position,
        quantity=held + signed_quantity,
        total_cost=opened * price if opened else position.total_cost - closed_cost,
        realized_pnl=position.realized_pnl + closed * price - closed_cost,
    )


@dataclass(slots=True)
class Ledger:
    """Cash and positions of one strategy. Fills are kept, so that a correction can be booked exactly."""

    capital: Decimal
    _fills: dict[InstrumentId, dict[str, Fill]] = field(default_factory=dict)  # by execution id, in order of arrival
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
        fills = self._fills.setdefault(fill.instrument, {})
        if replaces is None:
            fills[fill.exec_id] = fill
            self._cash_flow -= fill.signed_quantity * fill.price
            position = apply_fill(self.position(fill.instrument), fill.signed_quantity, fill.price)
        else:
            self._cash_flow += replaces.signed_quantity * replaces.price - fill.signed_quantity * fill.price
            self._fills[fill.instrument] = fills = {
                (fill.exec_id if key == replaces.exec_id else key): (fill if key == replaces.exec_id else kept)
                for key, kept in fills.items()
            }
            position = Position(instrument=fill.instrument)
            for kept in fills.values():
                position = apply_fill(position, kept.signed_quantity, kept.price)
        self._positions[fill.instrument] = position
        return position

    def book_commission(self, exec_id: str, amount: Decimal) -> None:
        """Book what an execution cost; told again, or for a correction of it, the newer amount counts."""
        stem = execution_stem(exec_id)
        self._commission += amount - self._commissions.get(stem, _ZERO)
        self._commissions[stem] = amount

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
