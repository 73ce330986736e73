"""Shares to sell short: whether the account's lender has enough of them; an order waits until it has."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final, Protocol, runtime_checkable

from daemon.domain.order import Side
from daemon.gateway.account import ZERO, Position
from daemon.gateway.ledger import OrderRow
from daemon.gateway.rows import LOCATE
from daemon.gateway.source import MarketSource
from daemon.gateway.tickets import Refusal
from daemon.gateway.timeline import Timeline
from daemon.market.sessions import Session
from daemon.matching.shorts import Located, ShortBook

Available = Callable[[str], Decimal | None]  # symbol to shares that can be lent, None = more than anybody asks for


@runtime_checkable
class Lender(Protocol):
    """A market that says how many shares can be sold short."""

    def lendable(self, symbol: str, session: Session) -> Decimal | None:
        """Return the shares an account can borrow in all in a session, None = more than anybody asks for."""
        ...


def lendable(source: MarketSource, timeline: Timeline) -> Available:
    """Return what a market lends, everything where it says nothing."""
    if not isinstance(source, Lender):
        return lambda _symbol: None
    return lambda symbol: source.lendable(symbol, timeline.session)


class Locator:
    """Judges sales beyond what is held; what other working orders have been given is taken."""

    NOTICE: Final = Refusal(
        code=404,
        text=(
            "Shares for this order are not immediately available for short sale. "
            "The order will be held while we attempt to locate the shares."
        ),
    )

    def __init__(self, available: Available) -> None:
        self._available = available
        self._said: dict[str, Decimal | None] = {}
        self.is_holding = False  # whether an order may wait

    def lend(self, symbol: str, shares: Decimal | None) -> None:
        """Say how many shares the account can borrow in all from now on, whatever the market says; None = enough."""
        self._said[symbol] = shares

    def finds(self, row: OrderRow, position: Position | None, working: Iterable[OrderRow]) -> bool:
        """Return whether an order can be sent: it buys, sells what is held or will be, or the shares can be had."""
        if row.side != Side.SELL or row.legs or row.parent_perm_id:
            return True
        total = self._said[row.symbol] if row.symbol in self._said else self._available(row.symbol)
        if total is None:
            return True
        held = position.quantity if position is not None else ZERO
        shares = ShortBook({row.symbol: max(ZERO, total - max(ZERO, -held))})
        promised = sum((other.quantity - other.filled for other in working if _takes_shares(other, row)), ZERO)
        verdict = shares.judge(row.symbol, row.quantity - row.filled, position=held, working=promised)
        is_found = isinstance(verdict, Located)
        self.is_holding = self.is_holding or not is_found
        return is_found


def _takes_shares(other: OrderRow, row: OrderRow) -> bool:
    return (
        other.perm_id != row.perm_id
        and other.symbol == row.symbol
        and other.side == Side.SELL
        and other.transmitted
        and other.why_held != LOCATE
        and not other.legs
        and not (row.oca_group and row.oca_group == other.oca_group)
        and not other.parent_perm_id
    )
