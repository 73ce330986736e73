"""What expiry, exercise and assignment book."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.matching.options_expiry import (
    Booking,
    Ending,
    ExerciseRefused,
    OptionStyle,
    OptionTerms,
    Right,
    Settlement,
    assign,
    exercise,
    expire,
)
from tests.unit.matching.stage import decimals


def terms(right: Right = Right.CALL, **changes: Any) -> OptionTerms:
    values: dict[str, Any] = {"symbol": "AAA C100", "underlying": "AAA", "right": right, "strike": Decimal(100)}
    return OptionTerms(**(values | changes))


INDEX: dict[str, Any] = {"settlement": Settlement.CASH, "style": OptionStyle.EUROPEAN}


@pytest.mark.parametrize(
    ("right", "contracts", "price", "ending", "units", "cash"),
    [
        (Right.CALL, 2, "100.01", Ending.EXERCISED, 200, -20_000),
        (Right.CALL, 2, "100.009", Ending.EXPIRED, 0, 0),
        (Right.CALL, -2, "105", Ending.ASSIGNED, -200, 20_000),
        (Right.CALL, -2, "99", Ending.EXPIRED, 0, 0),
        (Right.PUT, 2, "99.99", Ending.EXERCISED, -200, 20_000),
        (Right.PUT, -2, "90", Ending.ASSIGNED, 200, -20_000),
        (Right.PUT, 2, "100", Ending.EXPIRED, 0, 0),
    ],
)
def test_options_end_by_the_cent_they_are_in_the_money(
    right: Right, contracts: int, price: str, ending: Ending, units: int, cash: int
) -> None:
    (booked,) = expire(terms(right), Decimal(contracts), Decimal(price))
    assert booked == Booking(
        ending=ending,
        option="AAA C100",
        contracts=Decimal(-contracts),
        underlying="AAA",
        units=Decimal(units),
        price=Decimal(100),
        cash=Decimal(cash),
    )


def test_index_options_settle_the_difference_in_cash() -> None:
    (long,) = expire(terms(**INDEX), Decimal(3), Decimal("104.255"))
    (short,) = expire(terms(Right.PUT, **INDEX), Decimal(-1), Decimal("97.5"))
    assert (long.units, long.cash) == decimals(0, "1276.50")
    assert (short.units, short.cash) == decimals(0, "-250.00")
    assert short.ending is Ending.ASSIGNED


def test_a_contrary_instruction_lets_an_option_expire_unless_it_is_settled_in_cash() -> None:
    (kept,) = expire(terms(), Decimal(1), Decimal(105), do_not_exercise=True)
    (settled,) = expire(terms(**INDEX), Decimal(1), Decimal(105), do_not_exercise=True)
    assert (kept.ending, settled.ending) == (Ending.EXPIRED, Ending.EXERCISED)


def test_a_part_of_a_short_position_can_be_assigned() -> None:
    assigned, rest = expire(terms(), Decimal(-5), Decimal(99), assigned=Decimal(2))
    assert (assigned.contracts, assigned.units) == decimals(2, -200)
    assert assigned.ending is Ending.ASSIGNED
    assert (rest.ending, rest.contracts) == (Ending.EXPIRED, Decimal(3))
    with pytest.raises(ValueError, match="assigned must be between 0 and 5"):
        expire(terms(), Decimal(-5), Decimal(99), assigned=Decimal(6))


def test_nothing_held_books_nothing() -> None:
    assert expire(terms(), Decimal(0), Decimal(150)) == ()


def test_an_american_option_can_be_exercised_early() -> None:
    booked = exercise(terms(), Decimal(5), Decimal(2), Decimal(110))
    assert isinstance(booked, Booking)
    assert (booked.contracts, booked.units, booked.cash) == decimals(-2, 200, -20_000)


@pytest.mark.parametrize(
    ("option", "contracts", "price", "said"),
    [
        (terms(style=OptionStyle.EUROPEAN), 1, 110, "european"),
        (terms(), 6, 110, "at most the 5 held"),
        (terms(), 0, 110, "must be > 0"),
        (terms(), 1, 100, "not in the money"),
    ],
)
def test_an_exercise_that_cannot_be_is_refused(option: OptionTerms, contracts: int, price: int, said: str) -> None:
    refused = exercise(option, Decimal(5), Decimal(contracts), Decimal(price))
    assert isinstance(refused, ExerciseRefused)
    assert said in refused.reason


def test_an_exercise_out_of_the_money_has_to_be_meant() -> None:
    assert isinstance(exercise(terms(), Decimal(5), Decimal(1), Decimal(90), override=True), Booking)


def test_a_writer_can_be_assigned_early() -> None:
    booked = assign(terms(Right.PUT), Decimal(-3), Decimal(1), Decimal(80))
    assert (booked.contracts, booked.units, booked.cash) == decimals(1, 100, -10_000)
    with pytest.raises(ValueError, match="at most the 3 written"):
        assign(terms(), Decimal(-3), Decimal(4), Decimal(120))
    with pytest.raises(ValueError, match="european"):
        assign(terms(**INDEX), Decimal(-3), Decimal(1), Decimal(120))


def test_terms_without_meaning_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="strike must be > 0"):
        terms(strike=Decimal(0))
    with pytest.raises(ValueError, match="multiplier must be > 0"):
        terms(multiplier=Decimal("NaN"))


@given(
    st.sampled_from(Right),
    st.sampled_from(Settlement),
    st.integers(-50, 50),
    st.integers(1, 30_000).map(lambda cents: Decimal(cents) / 100),
)
def test_value_at_expiry_is_the_intrinsic_value(
    right: Right, settlement: Settlement, contracts: int, price: Decimal
) -> None:
    option = terms(right, settlement=settlement)
    booked = expire(option, Decimal(contracts), price)
    worth = sum(each.cash + each.units * price for each in booked)
    assert worth == contracts * 100 * max(option.intrinsic(price), Decimal(0))
    assert sum(each.contracts for each in booked) == -contracts
