"""Marks: bad quotes are counted and withdraw the good one; prices are exact."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.bar import flat_bar
from daemon.domain.events import QuoteChanged
from daemon.domain.quote import QuoteFault
from daemon.engine.marks import Marks
from tests.fakes.engine_stage import AAA, BBB, make_bar

AT = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)
END = int(AT.timestamp())


def quote(bid: float, ask: float, at: datetime = AT) -> QuoteChanged:
    return QuoteChanged(at=at, instrument=AAA, bid=bid, ask=ask, bid_size=1, ask_size=1)


@pytest.mark.parametrize(
    ("bid", "ask", "fault"),
    [
        (math.nan, 100.0, QuoteFault.NOT_FINITE),
        (100.0, math.nan, QuoteFault.NOT_FINITE),
        (100.0, math.inf, QuoteFault.NOT_FINITE),
        (-math.inf, 100.0, QuoteFault.NOT_FINITE),
        (0.0, 100.0, QuoteFault.NOT_POSITIVE),
        (100.0, 0.0, QuoteFault.NOT_POSITIVE),
        (-1.0, -1.0, QuoteFault.NOT_POSITIVE),
        (100.02, 100.01, QuoteFault.CROSSED),
    ],
)
def test_a_bad_quote_is_counted_and_withdraws_the_last_one(bid: float, ask: float, fault: QuoteFault) -> None:
    marks = Marks()
    marks.on_quote(quote(99.0, 101.0))
    assert marks.on_quote(quote(bid, ask)) is fault
    assert marks.bad_quotes[fault] == 1
    assert sum(marks.bad_quotes.values()) == 1
    assert marks.quote(AAA) is None
    assert marks.price(AAA) is None


def test_a_locked_quote_is_good() -> None:
    marks = Marks()
    assert marks.on_quote(quote(100.0, 100.0)) is None
    assert marks.price(AAA) == 100


def test_without_a_quote_the_last_close_is_the_mark() -> None:
    marks = Marks()
    marks.on_bar(AAA, make_bar(END, 60, 101.5), AT)
    marks.on_quote(quote(99.0, 100.0))
    assert marks.price(AAA) == Decimal("99.5")
    marks.on_quote(quote(math.nan, 100.0))
    assert marks.price(AAA) == Decimal("101.5")
    assert marks.prices()[AAA] == Decimal("101.5")


def test_an_older_bar_does_not_take_the_place_of_a_newer_close() -> None:
    marks = Marks()
    marks.on_bar(AAA, make_bar(END, 60, 101.5), AT)
    marks.on_bar(AAA, make_bar(END - 60, 60, 90.0), AT)
    marks.on_history(AAA, make_bar(END, 300, 80.0))
    assert marks.price(AAA) == Decimal("101.5")


def test_an_unknown_instrument_has_neither_quote_nor_price() -> None:
    marks = Marks()
    assert (marks.quote(BBB), marks.confirmed_at(BBB), marks.price(BBB), dict(marks.prices())) == (None, None, None, {})


def test_a_bar_with_trades_confirms_the_quote_and_one_without_does_not() -> None:
    marks, later = Marks(), AT + timedelta(seconds=60)
    marks.on_quote(quote(99.0, 101.0))
    marks.on_bar(AAA, make_bar(END, 60, trades=0), later)
    assert marks.confirmed_at(AAA) == AT
    marks.on_bar(AAA, make_bar(END + 60, 60), later)
    assert marks.confirmed_at(AAA) == later


def test_a_bar_does_not_bring_a_withdrawn_quote_back() -> None:
    marks = Marks()
    marks.on_quote(quote(99.0, 101.0))
    marks.on_quote(quote(0.0, 101.0))
    marks.on_bar(AAA, make_bar(END, 60), AT + timedelta(seconds=60))
    assert marks.quote(AAA) is None


def test_history_proves_nothing_about_the_quote() -> None:
    marks = Marks()
    marks.on_quote(quote(99.0, 101.0))
    marks.on_history(AAA, make_bar(END + 3600, 60))
    assert marks.confirmed_at(AAA) == AT


@given(st.integers(1, 100_000), st.integers(0, 500))
def test_the_mark_is_the_exact_middle_of_the_quote(bid_cents: int, spread_cents: int) -> None:
    bid, ask = Decimal(bid_cents) / 100, Decimal(bid_cents + spread_cents) / 100
    marks = Marks()
    marks.on_quote(quote(float(bid), float(ask)))
    assert marks.price(AAA) == (bid + ask) / 2


def test_the_version_tells_whether_a_price_may_have_moved() -> None:
    marks = Marks()
    versions = [marks.version]
    marks.on_bar(AAA, flat_bar(start=0, end=60, close=100.0), AT)  # the mark itself, while there is no quote
    versions.append(marks.version)
    marks.on_quote(QuoteChanged(at=AT, instrument=AAA, bid=99.0, ask=101.0, bid_size=1, ask_size=1))
    versions.append(marks.version)
    assert len(set(versions)) == 3
    marks.on_bar(AAA, flat_bar(start=60, end=120, close=120.0), AT)  # the quote stays the mark
    assert (marks.version, marks.price(AAA)) == (versions[-1], 100)
