"""Numbers, names and orders in both directions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_insync import Contract
from ib_insync.util import UNSET_DOUBLE

from daemon.adapters.ib.translate import exact, instant, instrument_id


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_decimals_survive_the_float_of_the_wire(value: Decimal) -> None:
    assert exact(float(str(value))) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), UNSET_DOUBLE])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="number"):
        exact(value)


def test_whole_numbers_have_no_point() -> None:
    assert str(exact(100.0)) == "100"


def test_instant_keeps_its_microseconds() -> None:
    assert instant(1_700_000_000_123_457).microsecond == 123457


def test_contracts_are_named_so_that_no_two_collide() -> None:
    assert instrument_id(Contract(symbol="SPY", secType="STK", localSymbol="SPY")) == "SPY"
    option = Contract(symbol="SPY", secType="OPT", localSymbol="SPY   261218C00450000")
    assert instrument_id(option) == "SPY   261218C00450000"
