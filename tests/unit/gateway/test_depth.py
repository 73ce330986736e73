"""The simulated book: levels that stay where they are, and the steps that keep a client's copy equal to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.gateway.depth import ASK, BID, DELETE, INSERT, UPDATE, Level, changes, levels
from daemon.market.listing import Listing

VENUES = ("ARCA", "BATS", "NYSE")


def listing(market_rule: int = 26) -> Listing:
    return Listing(
        symbol="AAA", con_id=1, name="AAA", primary_exchange="NYSE", average_daily_volume=1, market_rule=market_rule
    )


def side(side: int, price: float, rows: int = 5, market_rule: int = 26) -> list[Level]:
    return levels(listing(market_rule), side, price, 60, rows=rows, venues=VENUES)


def test_levels_lead_away_from_the_touch_by_the_price_step() -> None:
    assert [price for price, _, _ in side(ASK, 100.0, 3)] == [100.0, 100.01, 100.02]
    assert [price for price, _, _ in side(BID, 100.0, 3)] == [100.0, 99.99, 99.98]
    assert side(ASK, 100.0)[0][1] == side(BID, 100.0)[0][1] == 60


def test_the_step_changes_at_the_edge_of_a_price_rule() -> None:
    assert [price for price, _, _ in side(ASK, 2.99, 3, market_rule=32)] == [2.99, 3.0, 3.05]
    assert [price for price, _, _ in side(BID, 3.05, 3, market_rule=32)] == [3.05, 3.0, 2.99]


def test_bids_end_above_zero_and_an_absent_touch_is_an_empty_side() -> None:
    assert [price for price, _, _ in side(BID, 0.02)] == [0.02, 0.01]
    assert side(BID, float("nan")) == side(ASK, float("inf")) == side(BID, -1.0) == []


def test_what_rests_at_a_level_stays_when_the_touch_moves() -> None:
    before, after = side(ASK, 100.0), side(ASK, 100.01)
    assert before[2:] == after[1:4]
    sizes = {size for _, size, _ in side(ASK, 50.0, 10)[1:]}
    assert len(sizes) > 3
    assert all(size % 100 == 0 and size > 0 for size in sizes)
    assert {venue for _, _, venue in side(ASK, 50.0, 10)} == set(VENUES)


_LEVELS = st.lists(st.tuples(st.sampled_from([1.0, 2.0]), st.integers(1, 2), st.sampled_from(VENUES)), max_size=6)


@given(_LEVELS, _LEVELS)
def test_a_client_that_follows_the_changes_has_the_new_book(old: list[Level], new: list[Level]) -> None:
    book = list(old)
    for position, operation, level in changes(old, new):
        if operation == INSERT:
            book.insert(position, level)
        elif operation == UPDATE:
            book[position] = level
        else:
            assert operation == DELETE
            del book[position]
    assert book == new


@pytest.mark.parametrize("rows", [1, 10])
def test_no_more_rows_than_asked_for(rows: int) -> None:
    assert len(side(ASK, 10.0, rows)) == rows
