"""IB's limits on requests, with host time in the test's hand."""

import pytest

from daemon.gateway.request_limits import HistoryLimits, MessageRate


def test_a_fifty_first_message_within_a_second_is_counted() -> None:
    rate = MessageRate()
    assert [rate.take(0.01 * number) for number in range(51)] == list(range(1, 52))
    assert rate.take(1.005) == 51  # the first is a second old
    assert rate.take(5.0) == 1


def test_the_same_request_is_refused_for_fifteen_seconds() -> None:
    limits = HistoryLimits()
    assert limits.history(0, "a", "AAA", is_double=False)
    assert not limits.history(14.9, "a", "AAA", is_double=False)
    assert limits.history(15, "a", "AAA", is_double=False)


def test_a_sixth_request_of_a_contract_within_two_seconds_is_refused() -> None:
    limits = HistoryLimits()
    assert all(limits.history(0.3 * number, number, "AAA", is_double=False) for number in range(5))
    assert not limits.history(1.9, "x", "AAA", is_double=False)
    assert limits.history(1.9, "x", "BBB", is_double=False)
    assert limits.history(2.0, "y", "AAA", is_double=False)


@pytest.mark.parametrize(("is_double", "most"), [(False, 60), (True, 30)])
def test_sixty_requests_in_ten_minutes_and_bid_ask_counts_twice(is_double: bool, most: int) -> None:
    limits = HistoryLimits()
    assert all(limits.history(3 * number, number, number, is_double=is_double) for number in range(most))
    assert not limits.history(599.9, "x", "x", is_double=is_double)
    assert limits.history(600, "x", "x", is_double=is_double)


def test_a_refused_request_does_not_count() -> None:
    limits = HistoryLimits()
    assert limits.history(0, "a", "AAA", is_double=False)
    for _ in range(100):
        assert not limits.history(1, "a", "AAA", is_double=False)
    assert limits.history(1.5, "b", "AAA", is_double=False)


def test_sixty_real_time_bars_in_ten_minutes() -> None:
    limits = HistoryLimits()
    assert all(limits.bars(number) for number in range(60))
    assert not limits.bars(599)
    assert limits.bars(600)


def test_what_no_longer_counts_is_forgotten() -> None:
    limits = HistoryLimits()
    assert limits.is_idle(0)
    assert limits.once(0, "ticks")
    assert not limits.once(14, "ticks")
    assert not limits.is_idle(14)
    assert limits.is_idle(15)
    limits.history(20, "a", "AAA", is_double=False)
    assert not limits.is_idle(619)
    assert limits.is_idle(620)
