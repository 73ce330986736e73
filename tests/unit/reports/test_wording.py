"""Numbers as a reader wants them."""

from decimal import Decimal

import pytest

from daemon.domain.decision import Outcome
from daemon.reports import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [("1234567.005", "1,234,567.00"), ("-0.004", "0.00"), ("-12.5", "−12.50"), ("0", "0.00")],
)
def test_money_has_two_decimals(value: str, text: str) -> None:
    assert wording.money(Decimal(value)) == text


def test_a_gain_may_carry_its_sign() -> None:
    assert wording.money(Decimal("3.1"), sign=True) == "+3.10"
    assert wording.money(Decimal(0), sign=True) == "0.00"
    assert wording.percent(0.0123, sign=True) == "+1.23 %"
    assert wording.percent(-0.00001, sign=True) == "0.00 %"


def test_what_is_not_known_is_a_dash() -> None:
    assert wording.money(None) == wording.percent(None) == wording.figure(None) == "–"


@pytest.mark.parametrize(("value", "text"), [("100", "100"), ("100.00", "100"), ("0.5", "0.5"), ("-1E+3", "−1,000")])
def test_quantities_have_no_needless_zeros(value: str, text: str) -> None:
    assert wording.quantity(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"), [("500", "500.00"), ("5.0125", "5.0125"), ("5.10", "5.10"), ("1.23456", "1.2346")]
)
def test_prices_keep_their_ticks(value: str, text: str) -> None:
    assert wording.price(Decimal(value)) == text


def test_every_outcome_has_words_of_its_own() -> None:
    assert len({wording.outcome(outcome) for outcome in Outcome}) == len(Outcome)
    unworded = [outcome for outcome in Outcome if wording.outcome(outcome) == outcome.lower() and outcome != "ORDER"]
    assert unworded == []
