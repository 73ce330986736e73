"""What an order would do to the account: the margin check, and the answer to a what-if."""

from dataclasses import dataclass
from decimal import Decimal

from daemon.domain.order import Side
from daemon.gateway.account import ZERO
from daemon.gateway.books import Books, Movement
from daemon.gateway.margin import OPTION_TYPES, Requirement
from daemon.gateway.tickets import Refusal, Ticket
from daemon.gateway.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The account before an order and after its complete execution; account currency."""

    before: Requirement
    after: Requirement
    equity: Decimal
    equity_after: Decimal
    commission: Decimal


class Judge:
    """Judges orders by the account as it stands; changes nothing."""

    def __init__(self, books: Books, timeline: Timeline) -> None:
        self._books = books
        self._timeline = timeline

    def affordable(self, ticket: Ticket, *, filled: Decimal = ZERO) -> Refusal | None:
        """Return a refusal when the position an order leads to needs more margin than there is equity.

        A child is judged with its parent: it closes what that opens. `filled` is what a changed order has had.
        """
        if ticket.parent_id:
            return None
        found = self._effect(ticket, max(ZERO, ticket.quantity - filled))
        if found is None:
            return None
        before, after, equity, paid = found
        left = equity - paid
        if (after.initial <= before.initial and paid <= 0) or after.initial <= left:
            return None
        return Refusal(
            code=201,
            text=(
                "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION "
                f"YOUR EQUITY WITH LOAN VALUE [{left:.2f} USD] MUST EXCEED THE INITIAL MARGIN [{after.initial:.2f} USD]"
            ),
        )

    def preview(self, ticket: Ticket) -> Preview | Refusal:
        """Return what an order would do, or why it would be refused."""
        refusal = self.affordable(ticket)
        if refusal is not None:
            return refusal
        found = self._effect(ticket, ticket.quantity)
        if found is None:
            return Refusal(code=201, text="Order rejected - reason:there is no price to judge it by.")
        before, after, equity, paid = found
        commission = self._commission(ticket)
        return Preview(
            before=before,
            after=after,
            equity=equity,
            equity_after=equity - paid - commission,
            commission=commission,
        )

    def _effect(self, ticket: Ticket, quantity: Decimal) -> tuple[Requirement, Requirement, Decimal, Decimal] | None:
        """Return margin before and after, equity, and what options take out of it; None without any price."""
        moves = self._moves(ticket, quantity)
        if moves is None:
            return None
        before, after = self._books.margins(
            {move.symbol: move.quantity * move.side.sign for move in moves},
            {move.symbol: move.price for move in moves},
        )
        paid = sum((self._premium(move) for move in moves), ZERO)
        return before, after, self._books.valuation().equity_with_loan, paid

    def _moves(self, ticket: Ticket, quantity: Decimal) -> list[Movement] | None:
        """Return what the order does to each contract, at its own price or the market's."""
        if not ticket.traded.legs:
            symbol = ticket.traded.symbol
            price = ticket.limit_price or ticket.stop_price or self._books.mark(symbol)
            if price is None:
                return None
            return [Movement(symbol=symbol, side=ticket.side, quantity=quantity, price=price)]
        moves = []
        for leg in ticket.traded.legs:
            price = self._books.mark(leg.symbol)
            if price is None:
                return None
            side = leg.side if ticket.side is Side.BUY else _other(leg.side)
            moves.append(Movement(symbol=leg.symbol, side=side, quantity=quantity * leg.ratio, price=price))
        return moves

    def _premium(self, move: Movement) -> Decimal:
        listing = self._books.listing(move.symbol)
        if listing is None or listing.sec_type not in OPTION_TYPES:
            return ZERO
        return move.quantity * move.side.sign * move.price * listing.multiplier

    def _commission(self, ticket: Ticket) -> Decimal:
        moves = self._moves(ticket, ticket.quantity) or []
        return sum((self._books.estimate(move) for move in moves), ZERO)


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY
