"""Listings and the built-in universe."""

import pytest

from daemon.market.listing import Listing, UnknownSymbol, con_id_of
from daemon.market.universe import FACTOR_DAILY_VOLATILITY, UNIVERSE


def test_universe_lists_more_than_110_names_with_the_leveraged_funds() -> None:
    assert len(UNIVERSE) >= 110
    assert {"SPY", "QQQ", "IWM", "AAPL", "MSFT", "TQQQ", "SPXL", "SOXL", "SQQQ", "SPXU", "SOXS"} <= set(UNIVERSE)


def test_universe_is_keyed_by_symbol_and_its_factors_exist() -> None:
    for symbol, profile in UNIVERSE.items():
        assert profile.listing.symbol == symbol
        assert profile.base_price > 1
        assert profile.own_volatility > 0
        assert {name for name, _ in profile.loadings} <= set(FACTOR_DAILY_VOLATILITY)


def test_contract_numbers_are_positive_distinct_and_stay_what_they_are() -> None:
    numbers = {profile.listing.con_id for profile in UNIVERSE.values()}
    assert len(numbers) == len(UNIVERSE)
    assert all(0 < number < 2**31 for number in numbers)
    assert con_id_of("SPY") == UNIVERSE["SPY"].listing.con_id == 1774104102


def test_unknown_symbol_offers_the_nearest() -> None:
    error = UnknownSymbol("APPL", UNIVERSE)
    assert isinstance(error, LookupError)
    assert "AAPL" in error.near
    assert "did you mean" in str(error)
    assert "no listed symbol is near it" in str(UnknownSymbol("ZZZZZZZZ", ["SPY"]))


@pytest.mark.parametrize(("con_id", "symbol", "volume"), [(0, "A", 1), (1, "", 1), (1, "A", -1)])
def test_listing_refuses_numbers_out_of_range(con_id: int, symbol: str, volume: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Listing(symbol=symbol, con_id=con_id, name="A", primary_exchange="NYSE", average_daily_volume=volume)
