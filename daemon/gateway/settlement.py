"""What becomes of holdings without an order: exercise, assignment, expiry, splits, dividends. Booked once, durably."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from daemon.domain.order import Side
from daemon.gateway.account import ZERO
from daemon.gateway.books import Books, Movement
from daemon.gateway.corporate import CashDividend, CorporateAction, StockSplit, after_split
from daemon.gateway.days import Days
from daemon.gateway.exercise import OptionExercise
from daemon.gateway.ledger import Role
from daemon.gateway.margin import kind_of
from daemon.gateway.tape_feed import first_print, last_print
from daemon.gateway.tickets import Refusal
from daemon.gateway.timeline import Timeline
from daemon.market.listing import Listing, Terms
from daemon.market.sessions import Session
from daemon.matching.corporate_actions import dividend
from daemon.matching.options_expiry import (
    Booking,
    ExerciseRefused,
    OptionStyle,
    OptionTerms,
    Right,
    Settlement,
    exercise,
    expire,
)

_LAPSE = "lapse"  # prefix of what a holder has said not to exercise


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An end that was booked: why, for whom, what moved."""

    text: str  # what completed orders say
    client_id: int  # who asked, 0 = nobody
    movements: tuple[Movement, ...]


class Settler:
    """Ends what has an end. The market's own prints are the settlement prices."""

    def __init__(
        self,
        *,
        books: Books,
        days: Days,
        timeline: Timeline,
        announced: Callable[[Session], Sequence[CorporateAction]],
    ) -> None:
        self._books = books
        self._days = days
        self._timeline = timeline
        self._announced = announced
        self._injected: list[CorporateAction] = []
        self._applied = set(books.ledger.applied_actions())
        self._closed: date | None = None
        self._opened: date | None = None

    def announce(self, action: CorporateAction) -> None:
        """Add a corporate action to what the market announces."""
        self._injected.append(action)

    def due_splits(self) -> list[StockSplit]:
        """Return the splits before today's open that have not been booked."""
        return [action for action in self._due() if isinstance(action, StockSplit)]

    def apply_split(self, action: StockSplit) -> None:
        """Book a split of what is held."""
        held = self._books.account.positions.get(action.symbol)
        with self._books.ledger.transaction():
            self._once(action.key)
            if held is None or not held.quantity:
                return
            price = self._books.mark(action.symbol) or action.split.price(held.average_cost)
            after, cash = after_split(held, action.split, price)
            self._books.put_position(after)
            if cash:
                self._books.pay(action.symbol, "SPLIT", cash)

    def pay_dividends(self) -> list[str]:
        """Book today's dividends of what is held; return the symbols."""
        paid = []
        for action in self._due():
            if not isinstance(action, CashDividend):
                continue
            held = self._books.account.positions.get(action.symbol)
            with self._books.ledger.transaction():
                self._once(action.key)
                if held is not None and held.quantity:
                    amount = dividend(held.quantity, action.per_share)
                    self._books.pay(action.symbol, "DIVIDEND" if amount > 0 else "PAYMENT_IN_LIEU", amount)
                    paid.append(action.symbol)
        return paid

    def due_at_open(self) -> list[Settled]:
        """Return what settles at today's open, once the first print is there."""
        if self._opened == self._timeline.session.day or self._timeline.row < 1:
            return []
        self._opened = self._timeline.session.day
        return self._ends(at_open=True)

    def due_at_close(self) -> list[Settled]:
        """Return what settles at today's close, once."""
        if self._closed == self._timeline.session.day or self._timeline.now_us < self._timeline.close_us:
            return []
        self._closed = self._timeline.session.day
        return self._ends(at_open=False)

    def exercise(self, wanted: OptionExercise) -> Settled | Refusal | None:
        """Return an early exercise, why there is none, or None for an instruction that was only noted."""
        listing, symbol = wanted.listing, wanted.listing.symbol
        terms = listing.terms
        held = self._books.account.positions.get(symbol)
        quantity = held.quantity if held is not None else ZERO
        if terms is None or quantity < wanted.quantity:
            return Refusal(code=322, text=f"Error processing request: {quantity} contracts are held, not as many.")
        if wanted.is_lapse:
            self._books.ledger.put_applied_action(f"{_LAPSE} {symbol}", self._timeline.now_us)
            self._applied.add(f"{_LAPSE} {symbol}")
            return None
        price = wanted.price or self._books.mark(terms.underlying)
        if price is None:
            return Refusal(code=322, text=f"Error processing request: {terms.underlying} has no price now.")
        option = self._option(listing, terms)
        found = exercise(option, quantity, wanted.quantity, price, override=wanted.overrides)
        if isinstance(found, ExerciseRefused):
            return Refusal(code=322, text=f"Error processing request: exercise ignored because {found.reason}")
        return self._settled((found,), option, price, client_id=wanted.client_id)

    def _due(self) -> list[CorporateAction]:
        session = self._timeline.session
        known = [*self._announced(session), *self._injected]
        return [action for action in known if action.ex_day == session.day and action.key not in self._applied]

    def _once(self, key: str) -> None:
        self._applied.add(key)
        self._books.ledger.put_applied_action(key, self._timeline.now_us)

    def _ends(self, *, at_open: bool) -> list[Settled]:
        """Return the end of every holding whose last day has come; of overdue ones too."""
        found = []
        for symbol, held in sorted(self._books.account.positions.items()):
            listing = self._books.listing(symbol)
            terms = listing.terms if listing is not None else None
            if listing is None or terms is None or not held.quantity or not self._ends_now(terms, at_open=at_open):
                continue
            price = self._settlement_price(terms.underlying or symbol, at_open=terms.settles_at_open)
            if price is None:
                continue  # tried again next session: nothing is invented
            if kind_of(listing) == "FUT":
                found.append(_closed_out(symbol, held.quantity, price))
                continue
            option = self._option(listing, terms)
            bookings = expire(option, held.quantity, price, do_not_exercise=f"{_LAPSE} {symbol}" in self._applied)
            found.append(self._settled(bookings, option, price, client_id=0))
        return found

    def _ends_now(self, terms: Terms, *, at_open: bool) -> bool:
        if terms.expiry is None or terms.expiry > self._timeline.session.day:
            return False
        return terms.settles_at_open or not at_open

    def _settlement_price(self, symbol: str, *, at_open: bool) -> Decimal | None:
        day = self._days.of(symbol, self._timeline.session)
        if day is None:
            return None
        if at_open:
            return first_print(day) or day.mark(0)
        return last_print(day) or day.mark(day.seconds - 1)

    def _option(self, listing: Listing, terms: Terms) -> OptionTerms:
        underlying = self._books.listing(terms.underlying)
        in_cash = underlying is not None and underlying.sec_type == "IND"
        return OptionTerms(
            symbol=listing.symbol,
            underlying=terms.underlying,
            right=Right(terms.right),
            strike=Decimal(repr(terms.strike)),
            multiplier=Decimal(terms.multiplier),
            settlement=Settlement.CASH if in_cash else Settlement.PHYSICAL,
            style=OptionStyle.AMERICAN if terms.is_american else OptionStyle.EUROPEAN,
        )

    def _settled(self, bookings: Sequence[Booking], option: OptionTerms, price: Decimal, *, client_id: int) -> Settled:
        """Return bookings as movements: the option leaves at nothing, or at its worth when settled in cash."""
        movements = []
        for booking in bookings:
            in_cash = not booking.units and booking.cash
            worth = max(ZERO, option.intrinsic(price)) if in_cash else ZERO
            movements.append(_movement(booking.option, booking.contracts, worth))
            if booking.units:
                movements.append(_movement(booking.underlying, booking.units, booking.price))
        text = ", ".join(dict.fromkeys(booking.ending.value for booking in bookings))
        return Settled(text=f"Option {text}", client_id=client_id, movements=tuple(movements))


def _closed_out(symbol: str, quantity: Decimal, price: Decimal) -> Settled:
    return Settled(text="Future settled", client_id=0, movements=(_movement(symbol, -quantity, price),))


def _movement(symbol: str, change: Decimal, price: Decimal) -> Movement:
    side = Side.BUY if change > 0 else Side.SELL
    return Movement(symbol=symbol, side=side, quantity=abs(change), price=price, role=Role.EXERCISE)
