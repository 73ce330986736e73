"""Names and numbers of options."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.market.listing import Listing, Terms
from daemon.market.option_contract import OptionKey, OptionNumbers, parse_option

FRIDAY = date(2026, 3, 20)


def test_symbol_is_written_as_the_clearing_house_does() -> None:
    key = OptionKey(root="SPY", expiry=FRIDAY, right="C", strike=500.0)
    assert key.symbol == "SPY   260320C00500000"
    assert OptionKey(root="F", expiry=FRIDAY, right="P", strike=11.5).symbol == "F     260320P00011500"
    assert parse_option(key.symbol) == key
    assert parse_option("SPY260320C00500000") == key


@pytest.mark.parametrize(
    "text", ["SPY", "", "SPY   261320C00500000", "SPY   260320X00500000", "SPY   260320C00000000", "spy260320C00500000"]
)
def test_what_is_no_option_symbol_is_refused(text: str) -> None:
    assert parse_option(text) is None


@given(
    root=st.sampled_from(["AAA", "BBB", "CC"]),
    week=st.integers(0, 2_000),
    right=st.sampled_from(["C", "P"]),
    step=st.integers(1, 2047),
)
def test_number_is_read_back(root: str, week: int, right: str, step: int) -> None:
    units = {"AAA": 0.5, "BBB": 1.0, "CC": 5.0}
    numbers = OptionNumbers(units, [1_234_567, 99_000_001])
    monday = date(1999, 12, 27) + timedelta(weeks=week)
    strike = step * units[root]
    expiry = monday + timedelta(days=4)
    number = numbers.number(OptionKey(root=root, expiry=expiry, right="C" if right == "C" else "P", strike=strike))
    assert 0 < number < 2**31
    assert numbers.week_of(number) == (root, monday, strike, right)


def test_number_that_belongs_to_a_share_is_never_an_options() -> None:
    free = OptionNumbers({"AAA": 1.0}, [])
    key = OptionKey(root="AAA", expiry=FRIDAY, right="P", strike=77.0)
    taken = free.number(key)
    numbers = OptionNumbers({"AAA": 1.0}, [taken])
    moved = numbers.number(key)
    assert moved != taken
    assert numbers.week_of(taken) is None
    found = numbers.week_of(moved)
    assert found is not None
    assert found[2:] == (77.0, "P")
    with pytest.raises(ValueError, match="meets another"):
        OptionNumbers({"AAA": 1.0}, [taken, taken + 2])


def test_strike_off_the_grid_has_no_number() -> None:
    numbers = OptionNumbers({"AAA": 2.5}, [])
    assert not numbers.has_strike(OptionKey(root="AAA", expiry=FRIDAY, right="C", strike=101.0))
    with pytest.raises(ValueError, match=r"multiples of 2\.5"):
        numbers.number(OptionKey(root="AAA", expiry=FRIDAY, right="C", strike=101.0))
    assert numbers.week_of(2**31 - 1) is None


def test_there_is_room_for_so_many_classes_only() -> None:
    with pytest.raises(ValueError, match="257 option classes"):
        OptionNumbers({f"A{at}": 1.0 for at in range(257)}, [])


def test_listing_of_an_option_tells_the_brokers_names_and_a_share_its_own() -> None:
    terms = Terms(
        ticker="SPY", local_symbol="SPY   260320C00500000", trading_class="SPY", multiplier=100,
        underlying="SPY", expiry=FRIDAY, strike=500.0, right="C",
    )  # fmt: skip
    option = Listing(
        symbol=terms.local_symbol, con_id=1, name="x", primary_exchange="CBOE", sec_type="OPT",
        average_daily_volume=0, market_rule=32, terms=terms,
    )  # fmt: skip
    assert (option.ticker, option.multiplier, option.increments) == ("SPY", 100, ((0.0, 0.01), (3.0, 0.05)))
    share = Listing(symbol="SPY", con_id=2, name="x", primary_exchange="ARCA", average_daily_volume=1)
    assert (share.ticker, share.local_symbol, share.trading_class, share.multiplier) == ("SPY", "SPY", "SPY", 1)
    with pytest.raises(ValueError, match="right and strike together"):
        Terms(ticker="SPY", local_symbol="x", trading_class="SPY", strike=500.0)
