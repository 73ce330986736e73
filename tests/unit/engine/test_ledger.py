"""Ledgers: any split of the same fills gives the same book, and corrections are exact."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.fill import Fill
from daemon.domain.instrument import InstrumentId
from daemon.domain.order import OrderRef, Side
from daemon.domain.position import Position
from daemon.engine.ledger import Ledger, apply_fill

SPY = InstrumentId("SPY")
AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def fill(exec_id: str, side: Side, quantity: int, price: str) -> Fill:
    return Fill(
        exec_id=exec_id,
        order_ref=OrderRef("pd-t-1"),
        instrument=SPY,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        at=AT,
        executed_at=AT,
    )


def ledger() -> Ledger:
    return Ledger(capital=Decimal(10_000))


def test_a_round_trip_realises_the_difference_and_leaves_no_cost() -> None:
    book = ledger()
    book.book_fill(fill("1", Side.BUY, 10, "100"))
    position = book.book_fill(fill("2", Side.SELL, 10, "101.5"))
    assert (position.quantity, position.total_cost, position.realized_pnl) == (Decimal(0), Decimal(0), Decimal("15.0"))
    assert book.cash == Decimal("10015.0")


def test_a_flip_realises_what_it_closes_and_opens_the_rest_at_its_price() -> None:
    book = ledger()
    book.book_fill(fill("1", Side.BUY, 10, "100"))
    position = book.book_fill(fill("2", Side.SELL, 25, "102"))
    assert position.quantity == -15
    assert position.total_cost == Decimal(-15 * 102)
    assert position.realized_pnl == 20


def test_a_short_position_gains_when_the_price_falls() -> None:
    book = ledger()
    book.book_fill(fill("1", Side.SELL, 10, "100"))
    assert book.position(SPY).unrealized_pnl(Decimal(90)) == 100
    assert book.equity({SPY: Decimal(90)}) == Decimal(10_100)


def test_a_correction_takes_the_place_of_the_execution_it_corrects() -> None:
    book, plain = ledger(), ledger()
    wrong, right = fill("a.01", Side.BUY, 10, "100"), fill("a.02", Side.BUY, 8, "99")
    book.book_fill(wrong)
    book.book_fill(fill("b.01", Side.SELL, 3, "103"))
    book.book_fill(right, replaces=wrong)
    plain.book_fill(right)
    plain.book_fill(fill("b.01", Side.SELL, 3, "103"))
    assert book.position(SPY) == plain.position(SPY)
    assert book.cash == plain.cash


def test_a_commission_told_twice_counts_once_and_the_newer_amount_counts() -> None:
    book = ledger()
    book.book_commission("1", Decimal("1.00"))
    book.book_commission("1", Decimal("1.25"))
    assert book.commission == Decimal("1.25")
    assert book.cash == Decimal("9998.75")


def test_an_instrument_without_a_mark_is_valued_at_cost() -> None:
    book = ledger()
    book.book_fill(fill("1", Side.BUY, 10, "100"))
    assert book.equity({}) == Decimal(10_000)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(9_000, 11_000)), min_size=1, max_size=20),
    st.data(),
)
def test_any_split_of_the_fills_gives_the_same_position(
    trades: list[tuple[bool, int, int]], data: st.DataObject
) -> None:
    whole, split = Position(instrument=SPY), Position(instrument=SPY)
    for is_buy, quantity, cents in trades:
        sign, price = (1 if is_buy else -1), Decimal(cents) / 100
        whole = apply_fill(whole, Decimal(sign * quantity), price)
        first = data.draw(st.integers(0, quantity))
        for part in (first, quantity - first):
            if part:
                split = apply_fill(split, Decimal(sign * part), price)
    assert split.quantity == whole.quantity
    assert abs(split.total_cost - whole.total_cost) < Decimal("1e-12")
    assert abs(split.realized_pnl - whole.realized_pnl) < Decimal("1e-12")


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(9_000, 11_000)), min_size=1, max_size=30))
def test_cash_and_cost_and_gain_always_add_up(trades: list[tuple[bool, int, int]]) -> None:
    book = ledger()
    for number, (is_buy, quantity, cents) in enumerate(trades):
        book.book_fill(fill(str(number), Side.BUY if is_buy else Side.SELL, quantity, str(Decimal(cents) / 100)))
    position = book.position(SPY)
    assert abs(book.cash - (book.capital + position.realized_pnl - position.total_cost)) < Decimal("1e-12")


def at(moment: datetime, booked: Fill) -> Fill:
    return replace(booked, at=moment)


def test_forgetting_old_fills_changes_nothing_but_that_they_are_gone() -> None:
    book, plain = ledger(), ledger()
    old = [fill("a.01", Side.BUY, 10, "100"), fill("b.01", Side.SELL, 25, "102")]
    late = [at(AT + timedelta(days=6), fill("c.01", Side.BUY, 20, "101"))]
    wrong = at(AT + timedelta(days=6), fill("d.01", Side.SELL, 2, "103"))
    right = at(AT + timedelta(days=7), fill("d.02", Side.SELL, 3, "104"))
    for each in (*old, *late, wrong):
        book.book_fill(each)
        book.book_commission(each.exec_id, Decimal("0.5"))
    book.forget_before(AT + timedelta(days=5))
    book.book_fill(right, replaces=wrong)
    book.book_commission("d.02", Decimal("0.7"))
    for each in (*old, *late, right):
        plain.book_fill(each)
    assert book.position(SPY) == plain.position(SPY)
    assert book.commission == Decimal("2.2")
    assert book.cash == plain.cash - book.commission
    assert [list(kept) for kept in book._booked.values()] == [["c.01", "d.02"]]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(9_000, 11_000)), min_size=2, max_size=20),
    st.data(),
)
def test_a_correction_is_exact_whatever_was_forgotten_before(
    trades: list[tuple[bool, int, int]], data: st.DataObject
) -> None:
    fills = [
        at(
            AT + timedelta(days=number),
            fill(f"{number}.01", Side.BUY if buys else Side.SELL, quantity, str(Decimal(cents) / 100)),
        )
        for number, (buys, quantity, cents) in enumerate(trades)
    ]
    corrected = data.draw(st.integers(1, len(fills) - 1))
    right = replace(fills[corrected], exec_id=f"{corrected}.02", quantity=Decimal(7))
    book, plain = ledger(), ledger()
    for each in fills:
        book.book_fill(each)
    book.forget_before(AT + timedelta(days=data.draw(st.integers(0, corrected))))
    book.book_fill(right, replaces=fills[corrected])
    for number, each in enumerate(fills):
        plain.book_fill(right if number == corrected else each)
    assert book.position(SPY) == plain.position(SPY)
    assert book.cash == plain.cash
