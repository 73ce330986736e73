"""What only a person can settle: fills of an outage across the broker's midnight, of which no list tells afterwards.

The operator of a simulated world has the broker's statement, which is the gateway's ledger. The oracle lets stand what
was confirmed as that statement says it, and what the daemon holds for a person: proposed, and nothing opens there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from daemon.domain.errors import ConfigError
from daemon.gateway.ledger import ExecutionRow
from daemon.ports import Control
from daemon.simulation.books import Books, Row, is_confirmed, signed, stem

_WHO: Final = "operator"
_ZERO: Final = Decimal(0)
_DIGITS: Final = Decimal("0.0001")  # of a price per unit, as a person types it

Missing = Mapping[str, Sequence[ExecutionRow]]
"""Order reference -> its executions that the journal does not have."""


async def settle(control: Control, state: Path) -> None:
    """Confirm what waits at the prices of the statement; what the statement does not bear out goes on waiting."""
    missing = _untold(Books.of(state))
    waiting = control.adjustments()["adjustments"]
    for each in waiting if isinstance(waiting, list) else []:
        order = _order_of(each["instrument"], Decimal(each["quantity"]), each["order"], missing)
        if order is not None:
            try:
                await control.confirm(_WHO, each["id"], _price(missing[order]), order)
            except ConfigError:
                continue  # withdrawn meanwhile: it was told of after all


def settled(books: Books) -> Books:
    """Return the books without the executions of earlier days that a person has confirmed, or is being asked about."""
    missing = _untold(books)
    waiting = _waiting(books)
    excused = [
        order
        for order, rows in missing.items()
        if _is_earlier(rows, books) and (_is_confirmed_as(rows, books, order) or _is_held(rows, waiting))
    ]
    asked = {order for order in excused if not _is_confirmed_as(missing[order], books, order)}
    gone = {row.exec_id for order in excused for row in missing[order]}
    positions = dict(books.positions)
    for order in asked:
        for row in missing[order]:
            positions[row.symbol] = positions.get(row.symbol, _ZERO) - signed(row.side, row.quantity)
    return replace(
        books,
        orders=tuple(order for order in books.orders if order.order_ref not in asked),
        executions=tuple(row for row in books.executions if row.exec_id not in gone),
        positions={name: quantity for name, quantity in positions.items() if quantity},
    )


def _untold(books: Books) -> dict[str, list[ExecutionRow]]:
    told = {stem(row["exec_id"]) for row in books.journal["fill"]}
    missing: dict[str, list[ExecutionRow]] = defaultdict(list)
    for row in books.executions:
        if stem(row.exec_id) not in told:
            missing[row.order_ref].append(row)
    return dict(missing)


def _order_of(instrument: str, quantity: Decimal, named: str | None, missing: Missing) -> str | None:
    """Return the order whose untold executions are the difference, None where the statement shows none or several."""
    fits = [
        order
        for order, rows in missing.items()
        if rows[0].symbol == instrument and _sum(rows) == quantity and named in {None, order}
    ]
    return fits[0] if len(fits) == 1 else None


def _sum(rows: Sequence[ExecutionRow]) -> Decimal:
    return sum((signed(row.side, row.quantity) for row in rows), _ZERO)


def _price(rows: Sequence[ExecutionRow]) -> Decimal:
    """Return the price per unit over all rows, to the digits that a person types."""
    units = sum((row.quantity for row in rows), _ZERO)
    return (sum((row.quantity * row.price for row in rows), _ZERO) / units).quantize(_DIGITS)


def _is_earlier(rows: Sequence[ExecutionRow], books: Books) -> bool:
    """Return whether all of it was executed on a day before the journal's last: no list has it any more."""
    last = max((datetime.fromisoformat(row["at"]).date() for row in books.journal["order_event"]), default=None)
    return last is not None and all(datetime.fromtimestamp(row.at_us / 1e6, UTC).date() < last for row in rows)


def _is_confirmed_as(rows: Sequence[ExecutionRow], books: Books, order: str) -> bool:
    """Return whether the journal has the statement's quantity and price, in fills that a person confirmed."""
    fills = [row for row in books.journal["fill"] if row["order_ref"] == order and is_confirmed(row["exec_id"])]
    quantity = sum((signed(row["side"], row["quantity"]) for row in fills), _ZERO)
    return bool(fills) and quantity == _sum(rows) and {Decimal(row["price"]) for row in fills} == {_price(rows)}


def _waiting(books: Books) -> list[Row]:
    latest = {row["adjustment_id"]: row for row in books.journal["adjustment"]}
    return [row for row in latest.values() if row["state"] == "PROPOSED"]


def _is_held(rows: Sequence[ExecutionRow], waiting: Sequence[Row]) -> bool:
    """Return whether a person is being asked about exactly this."""
    return any(row["instrument"] == rows[0].symbol and Decimal(row["quantity"]) == _sum(rows) for row in waiting)
