"""The account's books: what executions and payments do to cash and positions, in memory and, at once, on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import blake2b

from daemon.domain.order import Side
from daemon.gateway.account import ONE, ZERO, Account, Position, Valuation
from daemon.gateway.commission_plan import CommissionPlan, Contracted
from daemon.gateway.days import Days
from daemon.gateway.ledger import CashRow, ExecutionRow, Ledger, LedgerBroken, OrderRow, Role
from daemon.gateway.margin import FUTURE_TYPES, Requirement, kind_of, requirement, valued
from daemon.gateway.options import GatewayOptions
from daemon.gateway.recovery import restored_account
from daemon.gateway.timeline import Timeline
from daemon.market.listing import Listing
from daemon.matching.orders import Filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What one execution did: which contract, which way, how much, at what price."""

    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    role: Role = Role.ORDER


class Books:
    """One account. Every change is written before the method returns, in the caller's transaction if there is one."""

    def __init__(
        self,
        *,
        options: GatewayOptions,
        ledger: Ledger,
        commissions: CommissionPlan,
        listings: Mapping[str, Listing],
        days: Days,
        timeline: Timeline,
    ) -> None:
        self.ledger = ledger
        self._commissions = commissions
        self._listings = listings
        self._days = days
        self._timeline = timeline
        self.account = Account(name=options.account, cash=options.initial_cash)
        self.executions: list[ExecutionRow] = []
        self._who = blake2b(f"{options.account}|{options.seed}".encode(), digest_size=2).hexdigest()

    def restore(self) -> bool:
        """Take up what the books say; False when there is nothing and they have been opened.

        Raises:
            LedgerBroken: they are another account's.
        """
        owner = self.ledger.account()
        if owner is None:
            with self.ledger.transaction():
                self.ledger.put_account(self.account.name, self.account.cash)
            return False
        if owner != self.account.name:
            raise LedgerBroken(
                f"the ledger belongs to account {owner}, not {self.account.name}: use another state file"
            )
        self.account = restored_account(self.ledger, owner, self._timeline.open_us)
        self.executions = self.ledger.executions()
        for row in self.executions:
            self._commissions.remember(row.perm_id, row.symbol, row.quantity, row.price)
        return True

    def listing(self, symbol: str) -> Listing | None:
        """Return what a symbol is, None for what this market does not list."""
        return self._listings.get(symbol)

    def mark(self, symbol: str) -> Decimal | None:
        """Return the price a symbol is valued at now, None when the market has none."""
        day = self._days.of(symbol, self._timeline.session)
        return None if day is None else day.mark(self._timeline.row)

    def valuation(self) -> Valuation:
        """Return the account as it stands, margins included."""
        return valued(self.account.valuation(self.mark), self.account.positions, self.mark, self.listing)

    def margins(self, changes: Mapping[str, Decimal], prices: Mapping[str, Decimal]) -> tuple[Requirement, Requirement]:
        """Return what must be covered without and with positions changed, at `prices` where they say one."""
        held = {symbol: position.quantity for symbol, position in self.account.positions.items() if position.quantity}
        after = dict(held)
        for symbol, change in changes.items():
            after[symbol] = after.get(symbol, ZERO) + change

        def price_of(symbol: str) -> Decimal | None:
            return self.account.price_of(symbol, self.mark) or None

        def price_then(symbol: str) -> Decimal | None:
            return prices.get(symbol) or price_of(symbol)

        before = requirement(held, price_of, self.mark, self.listing)
        return before, requirement(after, price_then, self.mark, self.listing)

    def begin_session(self) -> None:
        """Start counting the day's profit."""
        self.account.begin_day(self.mark)
        with self.ledger.transaction():
            self.ledger.put_day_start([("", self.account.day_start_net), *self.account.day_start_value.items()])
            self.ledger.put_numbers(market_us=self._timeline.now_us)

    def fill(self, order: OrderRow, fill: Filled) -> tuple[OrderRow, list[ExecutionRow]]:
        """Book an execution of an order; of a combination its legs, after a row for the whole."""
        filled, notional = order.filled + fill.quantity, order.notional + fill.quantity * fill.price
        done = fill.remaining == 0
        order = replace(
            order,
            filled=filled,
            notional=notional,
            last_price=fill.price,
            status="Filled" if done else order.status,
            why_held="",
            completed_us=fill.at_us if done else None,
            completed_text=f"Filled Size: {filled}" if done else "",
        )
        side = Side(order.side)
        if not order.legs:
            movement = Movement(symbol=order.symbol, side=side, quantity=fill.quantity, price=fill.price)
            return order, [self._book(order, movement, fill)]
        whole = Movement(symbol=order.symbol, side=side, quantity=fill.quantity, price=fill.price, role=Role.COMBO)
        legs = [
            Movement(symbol=leg.symbol, side=leg.side, quantity=leg.quantity, price=leg.price, role=Role.LEG)
            for leg in fill.legs
        ]
        return order, [self._book(order, movement, fill) for movement in (whole, *legs)]

    def settle(self, order: OrderRow, movement: Movement, at_us: int) -> ExecutionRow:
        """Book what an exercise, assignment or expiry moves, without commission."""
        fill = Filled(
            key=str(order.perm_id),
            at_us=at_us,
            quantity=movement.quantity,
            price=movement.price,
            remaining=ZERO,
            added_liquidity=False,
        )
        return self._book(order, movement, fill)

    def put_position(self, position: Position) -> None:
        """Replace a position by what a corporate action made of it."""
        self.account.positions[position.symbol] = position
        self.ledger.put_position(position)

    def pay(self, symbol: str, reason: str, amount: Decimal) -> None:
        """Book cash that moves without an execution."""
        self.account.pay(symbol, amount)
        self.ledger.put_cash_entry(CashRow(at_us=self._timeline.now_us, symbol=symbol, reason=reason, amount=amount))
        self.ledger.put_account(self.account.name, self.account.cash)

    def estimate(self, movement: Movement) -> Decimal:
        """Return what an execution would cost as the first of its order."""
        return self._commissions.estimate(movement, self._contracted(movement.symbol))

    def settles_daily(self, symbol: str) -> bool:
        """Return whether a contract moves its profit alone, as futures do."""
        listing = self.listing(symbol)
        return listing is not None and listing.sec_type in FUTURE_TYPES

    def multiplier(self, symbol: str) -> Decimal:
        """Return the units of the underlying per contract, 1 for shares."""
        listing = self.listing(symbol)
        return ONE if listing is None else Decimal(listing.multiplier)

    def _contracted(self, symbol: str) -> Contracted:
        return Contracted(kind=kind_of(self.listing(symbol)), multiplier=self.multiplier(symbol))

    def _book(self, order: OrderRow, movement: Movement, fill: Filled) -> ExecutionRow:
        multiplier = self.multiplier(movement.symbol) if movement.role is not Role.COMBO else ONE
        commission, realized, cash_change = ZERO, None, ZERO
        if movement.role is not Role.COMBO:
            if movement.role is not Role.EXERCISE:
                contracted = self._contracted(movement.symbol)
                commission = self._commissions.charge(order.perm_id, movement.symbol, movement, contracted)
            booked = self.account.execute(
                movement.symbol,
                movement.side,
                movement.quantity,
                movement.price,
                commission,
                multiplier=multiplier,
                settles_daily=self.settles_daily(movement.symbol),
            )
            realized, cash_change = booked.realized, booked.cash_change
            self.ledger.put_position(booked.position)
            self.ledger.put_account(self.account.name, self.account.cash)
        of_leg = movement.role is Role.LEG or movement.role is Role.EXERCISE
        execution = ExecutionRow(
            exec_id=self._exec_id(fill.at_us),
            order_ref=order.order_ref,
            perm_id=order.perm_id,
            client_id=order.client_id,
            order_id=order.order_id,
            account=order.account,
            symbol=movement.symbol,
            side=movement.side.value,
            quantity=movement.quantity,
            price=movement.price,
            commission=commission,
            realized_pnl=realized,
            at_us=fill.at_us,
            cumulative_quantity=movement.quantity if of_leg else order.filled,
            average_price=movement.price if of_leg else order.notional / order.filled,
            added_liquidity=fill.added_liquidity,
            exchange=order.exchange,
            multiplier=multiplier,
            role=movement.role.value,
            cash_change=cash_change,
        )
        self.executions.append(execution)
        self.ledger.put_execution(execution)
        return execution

    def _exec_id(self, at_us: int) -> str:
        """Return an id no other execution has: account and seed, second, running number, first version."""
        return f"0000{self._who}.{at_us // 1_000_000:08x}.{len(self.executions) + 1:02x}.01"
