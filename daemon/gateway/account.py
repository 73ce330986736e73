"""Positions, cash and profit of the one account: the gateway's own arithmetic, shared with nobody."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from daemon.domain.order import Side

ZERO = Decimal(0)
ONE = Decimal(1)
INITIAL_MARGIN = Decimal("0.25")  # of gross position value; a margin account during the session
MAINTENANCE_MARGIN = Decimal("0.25")
LEVERAGE = Decimal(4)  # buying power per unit of available funds

Mark = Callable[[str], Decimal | None]  # symbol to price, None = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Holding of one symbol. Cost includes commissions, as IB's average cost does."""

    symbol: str
    quantity: Decimal = ZERO  # units or contracts, negative = short
    cost: Decimal = ZERO  # signed like quantity: what the open units cost, multiplier included, never rounded
    realized: Decimal = ZERO  # profit of what was closed, after commissions
    multiplier: Decimal = ONE  # currency per point and contract
    financed: Decimal = ZERO  # signed notional that was never paid: all of a future's, nothing of anything else's

    @property
    def average_cost(self) -> Decimal:
        """Return the cost of one unit or contract; 0 when flat."""
        return self.cost / self.quantity if self.quantity else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What one execution did to a position."""

    position: Position
    cash_change: Decimal
    realized: Decimal | None  # None = nothing was closed


def book(
    position: Position,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    commission: Decimal,
    *,
    settles_daily: bool = False,
) -> Booked:
    """Return the position after an execution; average cost method, commission shared by closed and opened units.

    Cash pays for everything but what `settles_daily`: a future moves its profit alone, when it is closed.
    """
    signed, multiplier = quantity * side.sign, position.multiplier
    closing = min(quantity, abs(position.quantity)) if position.quantity * signed < 0 else ZERO
    opening = quantity - closing
    closed_commission = commission if opening == 0 else commission * closing / quantity
    cost, financed, realized = position.cost, position.financed, None
    if closing:
        share = ONE if closing == abs(position.quantity) else None
        released = cost if share else cost * closing / abs(position.quantity)
        freed = financed if share else financed * closing / abs(position.quantity)
        realized = -closing * side.sign * price * multiplier - closed_commission - released
        cost, financed = cost - released, financed - freed
    if opening:
        opened = opening * side.sign * price * multiplier
        cost += opened + (commission - closed_commission)
        financed += opened if settles_daily else ZERO
    return Booked(
        position=Position(
            symbol=position.symbol,
            quantity=position.quantity + signed,
            cost=cost,
            realized=position.realized + (realized or ZERO),
            multiplier=multiplier,
            financed=financed,
        ),
        cash_change=-signed * price * multiplier - commission + financed - position.financed,
        realized=realized,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """The account at one instant; account currency."""

    cash: Decimal
    gross: Decimal  # of what is paid for in full, both signs as positive
    net: Decimal  # what positions add to the cash, signed
    unrealized: Decimal
    realized: Decimal  # since the session began
    stocks: Decimal = ZERO  # signed value by kind of instrument
    options: Decimal = ZERO
    futures_profit: Decimal = ZERO  # not settled yet
    initial_margin: Decimal = ZERO  # what must be covered to open positions
    maintenance_margin: Decimal = ZERO  # what must be covered to keep them

    @property
    def net_liquidation(self) -> Decimal:
        """Return cash plus positions."""
        return self.cash + self.net

    @property
    def equity_with_loan(self) -> Decimal:
        """Return what margin is measured against: options lend nothing."""
        return self.net_liquidation - self.options

    @property
    def available_funds(self) -> Decimal:
        """Return equity not bound by margin, never below 0."""
        return max(ZERO, self.equity_with_loan - self.initial_margin)

    @property
    def excess_liquidity(self) -> Decimal:
        """Return equity above what keeps the positions, never below 0."""
        return max(ZERO, self.equity_with_loan - self.maintenance_margin)


@dataclass(slots=True, kw_only=True)
class Account:
    """The account as it stands; changes with every execution."""

    name: str
    cash: Decimal
    positions: dict[str, Position] = field(default_factory=dict)  # flat ones stay, for their realised profit
    day_realized: dict[str, Decimal] = field(default_factory=dict)  # by symbol, since the session began
    day_start_net: Decimal = ZERO  # net liquidation when the session began
    day_start_value: dict[str, Decimal] = field(default_factory=dict)  # position value at that time, by symbol
    day_flow: dict[str, Decimal] = field(default_factory=dict)  # cash moved since, by symbol

    def execute(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        commission: Decimal,
        *,
        multiplier: Decimal = ONE,
        settles_daily: bool = False,
    ) -> Booked:
        """Book an execution and return what it did."""
        held = self.positions.get(symbol, Position(symbol=symbol, multiplier=multiplier))
        booked = book(held, side, quantity, price, commission, settles_daily=settles_daily)
        self.positions[symbol] = booked.position
        self.pay(symbol, booked.cash_change)
        if booked.realized is not None:
            self.day_realized[symbol] = self.day_realized.get(symbol, ZERO) + booked.realized
        return booked

    def pay(self, symbol: str, amount: Decimal) -> None:
        """Move cash on account of a symbol: a dividend, a fee, the price of an execution."""
        self.cash += amount
        self.day_flow[symbol] = self.day_flow.get(symbol, ZERO) + amount

    def begin_day(self, mark: Mark) -> None:
        """Start counting the day's profit from here."""
        self.day_realized.clear()
        self.day_flow.clear()
        self.day_start_value = {symbol: self.equity_of(symbol, mark) for symbol in self.positions}
        self.day_start_net = self.cash + sum(self.day_start_value.values(), ZERO)

    def price_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return the price a holding is valued at: the mark, else its average cost."""
        price = mark(symbol)
        if price is not None:
            return price
        held = self.positions.get(symbol)
        return held.average_cost / held.multiplier if held is not None else ZERO

    def value_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return a holding's market value, negative when short."""
        held = self.positions.get(symbol)
        if held is None or not held.quantity:
            return ZERO
        return held.quantity * self.price_of(symbol, mark) * held.multiplier

    def equity_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return what a holding adds to the cash: its value, less what of it was never paid."""
        held = self.positions.get(symbol)
        return ZERO if held is None else self.value_of(symbol, mark) - held.financed

    def unrealized_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return a holding's open profit."""
        held = self.positions.get(symbol)
        return ZERO if held is None else self.value_of(symbol, mark) - held.cost

    def daily_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return a symbol's profit since the session began."""
        flow = self.day_flow.get(symbol, ZERO)
        return self.equity_of(symbol, mark) - self.day_start_value.get(symbol, ZERO) + flow

    def valuation(self, mark: Mark) -> Valuation:
        """Return the account at the given prices; margins are `margin.py`'s to add."""
        paid = {symbol: self.equity_of(symbol, mark) for symbol in self.positions}
        return Valuation(
            cash=self.cash,
            gross=sum((abs(paid[symbol]) for symbol, held in self.positions.items() if not held.financed), ZERO),
            net=sum(paid.values(), ZERO),
            unrealized=sum((self.unrealized_of(symbol, mark) for symbol in self.positions), ZERO),
            realized=sum(self.day_realized.values(), ZERO),
        )
