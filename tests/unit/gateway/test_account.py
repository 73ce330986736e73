"""The gateway's own arithmetic of positions and profit."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.order import Side
from daemon.gateway.account import ZERO, Account, Position, book

trades = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 300), st.integers(9_000, 11_000), st.integers(0, 500)), max_size=25
)


def test_a_round_trip_realizes_price_difference_less_both_commissions() -> None:
    bought = book(Position(symbol="A"), Side.BUY, Decimal(100), Decimal(10), Decimal(2))
    assert (bought.realized, bought.position.average_cost, bought.cash_change) == (
        None,
        Decimal("10.02"),
        Decimal(-1002),
    )
    sold = book(bought.position, Side.SELL, Decimal(100), Decimal(11), Decimal(3))
    assert (sold.realized, sold.position.quantity, sold.position.cost) == (Decimal(95), ZERO, ZERO)


def test_turning_a_position_closes_first_and_shares_the_commission() -> None:
    long = Position(symbol="A", quantity=Decimal(10), cost=Decimal(100))
    turned = book(long, Side.SELL, Decimal(30), Decimal(12), Decimal(3))
    assert turned.realized == Decimal(19)
    assert turned.position.quantity == Decimal(-20)
    assert turned.position.cost == Decimal(-238)


@given(trades, st.integers(9_000, 11_000))
def test_profit_always_equals_the_change_of_net_liquidation(
    trades: list[tuple[Side, int, int, int]], mark: int
) -> None:
    price = Decimal(mark) / 100
    account = Account(name="DU1", cash=Decimal(1_000_000))
    account.begin_day(lambda _symbol: price)
    for side, quantity, cents, commission in trades:
        account.execute("A", side, Decimal(quantity), Decimal(cents) / 100, Decimal(commission) / 100)
    value = account.valuation(lambda _symbol: price)
    change = value.net_liquidation - Decimal(1_000_000)
    assert abs(value.realized + value.unrealized - change) < Decimal("1e-15")
    assert abs(account.daily_of("A", lambda _symbol: price) - change) < Decimal("1e-15")
    signed = sum((side.sign * quantity for side, quantity, *_ in trades), 0)
    assert account.positions.get("A", Position(symbol="A")).quantity == signed
