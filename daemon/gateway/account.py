"""Positions, cash and profit of the one account: the gateway's own arithmetic, shared with nobody."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from daemon.domain.order import Side

ZERO = Decimal(0)
INITIAL_MARGIN = Decimal("0.25")  # of gross position value; a margin account during the session
MAINTENANCE_MARGIN = Decimal("0.25")
LEVERAGE = Decimal(4)  # buying power per unit of available funds

Mark = Callable[[str], Decimal | None]  # symbol to price, None = unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Holding of one symbol. Cost includes commissions, as IB's average cost does."""

    symbol: str
    quantity: Decimal = ZERO  # units, negative = short
    cost: Decimal = ZERO  # signed like quantity: what the open units cost, never rounded
    realized: Decimal = ZERO  # profit of what was closed, after commissions

    @property
    def average_cost(self) -> Decimal:
        """Return the cost of one unit; 0 when flat."""
        return self.cost / self.quantity if self.quantity else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What one execution did to a position."""

    position: Position
    cash_change: Decimal
    realized: Decimal | None  # None = nothing was closed


def book(position: Position, side: Side, quantity: Decimal, price: Decimal, commission: Decimal) -> Booked:
    """Return the position after an execution; average cost method, commission shared by closed and opened units."""
    signed = quantity * side.sign
    cash_change = -signed * price - commission
    closing = ZERO
    if position.quantity * signed < 0:
        closing = min(quantity, abs(position.quantity))
    opening = quantity - closing
    closed_commission = commission if opening == 0 else commission * closing / quantity
    cost, realized = position.cost, None
    if closing:
        held = abs(position.quantity)
        released = position.cost if closing == held else position.cost * closing / held
        realized = -closing * side.sign * price - closed_commission - released
        cost -= released
    if opening:
        cost += opening * side.sign * price + (commission - closed_commission)
    return Booked(
        position=Position(
            symbol=position.symbol,
            quantity=position.quantity + signed,
            cost=cost,
            realized=position.realized + (realized or ZERO),
        ),
        cash_change=cash_change,
        realized=realized,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """The account at one instant; account currency."""

    cash: Decimal
    gross: Decimal
    net: Decimal  # signed value of positions
    unrealized: Decimal
    realized: Decimal  # since the session began

    @property
    def net_liquidation(self) -> Decimal:
        """Return cash plus positions."""
        return self.cash + self.net

    @property
    def initial_margin(self) -> Decimal:
        """Return what must be covered to open positions."""
        return self.gross * INITIAL_MARGIN

    @property
    def maintenance_margin(self) -> Decimal:
        """Return what must be covered to keep them."""
        return self.gross * MAINTENANCE_MARGIN

    @property
    def available_funds(self) -> Decimal:
        """Return equity not bound by margin, never below 0."""
        return max(ZERO, self.net_liquidation - self.initial_margin)


@dataclass(slots=True, kw_only=True)
class Account:
    """The account as it stands; changes with every execution."""

    name: str
    cash: Decimal
    positions: dict[str, Position] = field(default_factory=dict)  # flat ones stay, for their realised profit
    day_realized: dict[str, Decimal] = field(default_factory=dict)  # by symbol, since the session began
    day_start_net: Decimal = ZERO  # net liquidation when the session began
    day_start_value: dict[str, Decimal] = field(default_factory=dict)  # position value at that time, by symbol
    day_flow: dict[str, Decimal] = field(default_factory=dict)  # cash that executions moved since, by symbol

    def execute(self, symbol: str, side: Side, quantity: Decimal, price: Decimal, commission: Decimal) -> Booked:
        """Book an execution and return what it did."""
        booked = book(self.positions.get(symbol, Position(symbol=symbol)), side, quantity, price, commission)
        self.positions[symbol] = booked.position
        self.cash += booked.cash_change
        self.day_flow[symbol] = self.day_flow.get(symbol, ZERO) + booked.cash_change
        if booked.realized is not None:
            self.day_realized[symbol] = self.day_realized.get(symbol, ZERO) + booked.realized
        return booked

    def begin_day(self, mark: Mark) -> None:
        """Start counting the day's profit from here."""
        self.day_realized.clear()
        self.day_flow.clear()
        self.day_start_value = {symbol: self.value_of(symbol, mark) for symbol in self.positions}
        self.day_start_net = self.cash + sum(self.day_start_value.values(), ZERO)

    def price_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return the price a holding is valued at: the mark, else its average cost."""
        price = mark(symbol)
        if price is not None:
            return price
        held = self.positions.get(symbol)
        return held.average_cost if held is not None else ZERO

    def value_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return what a holding is worth, negative when short."""
        held = self.positions.get(symbol)
        return ZERO if held is None or not held.quantity else held.quantity * self.price_of(symbol, mark)

    def unrealized_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return a holding's open profit."""
        held = self.positions.get(symbol)
        return ZERO if held is None else self.value_of(symbol, mark) - held.cost

    def daily_of(self, symbol: str, mark: Mark) -> Decimal:
        """Return a symbol's profit since the session began."""
        flow = self.day_flow.get(symbol, ZERO)
        return self.value_of(symbol, mark) - self.day_start_value.get(symbol, ZERO) + flow

    def valuation(self, mark: Mark) -> Valuation:
        """Return the account at the given prices."""
        values = [self.value_of(symbol, mark) for symbol in self.positions]
        net = sum(values, ZERO)
        return Valuation(
            cash=self.cash,
            gross=sum(map(abs, values), ZERO),
            net=net,
            unrealized=net - sum((held.cost for held in self.positions.values()), ZERO),
            realized=sum(self.day_realized.values(), ZERO),
        )
