"""Shares to borrow, splits and dividends."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.instrument import InstrumentId
from daemon.domain.position import Position
from daemon.matching.corporate_actions import Split, dividend, split_position
from daemon.matching.shorts import Located, Locating, ShortBook
from tests.unit.matching.stage import decimals


def held(quantity: int, cost: int) -> Position:
    return Position(instrument=InstrumentId("AAA"), quantity=Decimal(quantity), total_cost=Decimal(cost))


@pytest.mark.parametrize(
    ("position", "sale", "working", "short"),
    [(100, 100, 0, 0), (100, 150, 0, 50), (0, 50, 0, 50), (-40, 50, 0, 50), (100, 60, 80, 40), (10, 20, 0, 10)],
)
def test_only_what_opens_or_increases_a_short_is_borrowed(position: int, sale: int, working: int, short: int) -> None:
    book = ShortBook({"AAA": Decimal(1000)})
    verdict = book.judge("AAA", Decimal(sale), position=Decimal(position), working=Decimal(working))
    assert verdict == Located(short=Decimal(short))


def test_a_sale_beyond_what_can_be_borrowed_waits_for_a_locate() -> None:
    book = ShortBook({"AAA": Decimal(50)})
    assert book.judge("AAA", Decimal(50), position=Decimal(0)) == Located(short=Decimal(50))
    held_up = book.judge("AAA", Decimal(161), position=Decimal(110))
    assert held_up == Locating(short=Decimal(51), available=Decimal(50))
    assert isinstance(held_up, Locating)
    assert held_up.why_held == "locate"


def test_other_working_sales_claim_their_shares_first() -> None:
    book = ShortBook({"AAA": Decimal(50)})
    verdict = book.judge("AAA", Decimal(20), position=Decimal(10), working=Decimal(45))
    assert verdict == Locating(short=Decimal(20), available=Decimal(15))


def test_an_execution_takes_from_the_pool_and_a_cover_gives_back() -> None:
    book = ShortBook({"AAA": Decimal(50)})
    book.executed("AAA", Decimal(10), Decimal(-30))
    assert book.available("AAA") == 20
    book.executed("AAA", Decimal(-30), Decimal(-10))
    assert book.available("AAA") == 40
    book.executed("BBB", Decimal(0), Decimal(-10))
    assert book.available("BBB") is None


def test_a_symbol_without_a_number_has_no_limit_and_a_wrong_number_is_refused() -> None:
    book = ShortBook()
    assert book.judge("AAA", Decimal(10**9), position=Decimal(0)) == Located(short=Decimal(10**9))
    with pytest.raises(ValueError, match="available shares of AAA"):
        book.offer("AAA", Decimal(-1))


def test_a_forward_split_multiplies_shares_and_keeps_the_cost() -> None:
    after = split_position(held(100, 5000), Split(new=3, old=2), price_after=Decimal(33))
    assert (after.position.quantity, after.position.total_cost, after.cash) == decimals(150, 5000, 0)
    assert Split(new=3, old=2).price(Decimal(60)) == 40


def test_a_reverse_split_pays_for_the_fraction() -> None:
    after = split_position(held(105, 1050), Split(new=1, old=10), price_after=Decimal("120.01"))
    assert (after.position.quantity, after.position.total_cost) == decimals(10, 1000)
    assert (after.cash, after.position.realized_pnl) == decimals("60.01", "10.01")  # cost 50


def test_a_short_position_pays_for_its_fraction() -> None:
    after = split_position(held(-105, -1050), Split(new=1, old=10), price_after=Decimal(120))
    assert (after.position.quantity, after.cash, after.position.realized_pnl) == decimals(-10, -60, -10)


@given(st.integers(-10_000, 10_000), st.integers(1, 20), st.integers(1, 20), st.integers(1, 100_000))
def test_a_split_changes_no_value_beyond_the_cent(quantity: int, new: int, old: int, cents: int) -> None:
    before, price = held(quantity, quantity * 7), Decimal(cents) / 100
    after = split_position(before, Split(new=new, old=old), price_after=price)
    worth = after.position.quantity * price + after.cash
    assert abs(worth - before.quantity * price * new / old) <= Decimal("0.0051")
    gain = after.position.realized_pnl + after.position.unrealized_pnl(price)
    assert abs(gain - (before.quantity * price * new / old - before.total_cost)) <= Decimal("0.0051")


def test_longs_receive_dividends_and_shorts_pay_them() -> None:
    assert dividend(Decimal(33), Decimal("0.125")) == Decimal("4.13")
    assert dividend(Decimal(-33), Decimal("0.125")) == Decimal("-4.13")
    with pytest.raises(ValueError, match="per_share"):
        dividend(Decimal(1), Decimal("NaN"))
    with pytest.raises(ValueError, match="split's numbers"):
        Split(new=0, old=1)
