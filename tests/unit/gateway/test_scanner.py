"""Scanner rankings and their filters over the tiny market."""

from datetime import UTC, datetime
from math import nan
from typing import Any

import numpy as np
import pytest

from daemon.gateway.scanner import SCANS, BadScan, Scanner, Standing
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.reference_requests import ReqScannerSubscription
from daemon.market.sessions import Session
from daemon.market.tape import BarArrays, aggregate
from tests.fakes.tiny_market import TinyMarket, calendar

SESSION = calendar().next_session(datetime(2024, 3, 5, tzinfo=UTC))


class MinuteMarket(TinyMarket):
    """The same with minutes."""

    def minute_bars(self, symbol: str, session: Session) -> BarArrays:
        """Return the minutes of a session."""
        ends = np.arange(session.open_s + 60, session.close_s + 1, 60, dtype=np.int64)
        return aggregate(self.tape(symbol, session), ends)


def scanner(market: TinyMarket, at_s: int) -> Scanner:
    return Scanner(market, Timeline(calendar(), at_s * SECOND_US, after_close_s=120))


def request(code: str = "MOST_ACTIVE", **more: Any) -> ReqScannerSubscription:
    return ReqScannerSubscription(
        **{"req_id": 1, "instrument": "STK", "location_code": "STK.US", "scan_code": code, **more}
    )


def symbols(market: TinyMarket, wanted: ReqScannerSubscription, at_s: int = SESSION.open_s + 600) -> list[str]:
    return [listing.symbol for listing in scanner(market, at_s).rank(wanted)]


@pytest.mark.parametrize("code", SCANS)
def test_minutes_and_seconds_rank_alike(code: str) -> None:
    assert symbols(TinyMarket(), request(code)) == symbols(MinuteMarket(), request(code))


def test_a_symbol_that_has_not_traded_yet_is_not_ranked_by_its_change() -> None:
    assert symbols(TinyMarket(), request("TOP_PERC_GAIN"), SESSION.open_s) == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("", ["AAA", "BBB"]),
        ("priceAbove=50;", ["AAA"]),
        ("priceBelow=50", ["BBB"]),
        ("volumeAbove=1e9", []),
        ("changePercAbove=100", []),
        ("changePercBelow=100", ["AAA", "BBB"]),
        ("priceAbove=nan", ["AAA", "BBB"]),
    ],
)
def test_filters_of_the_tags_are_kept(filters: str, found: list[str]) -> None:
    assert symbols(TinyMarket(), request(filter_options=filters)) == found


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_as_many_rows_as_asked_for(rows: int) -> None:
    assert len(symbols(TinyMarket(), request(number_of_rows=rows))) == rows


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"scan_code": "X"}, "code X"),
        ({"instrument": "BOND"}, "Instrument BOND"),
        ({"location_code": "STK.MOON"}, "Location code STK.MOON"),
        ({"filter_options": "priceAbove=dear"}, "needs a number, was 'dear'"),
        ({"filter_options": "colour=3"}, "Filter colour"),
    ],
)
def test_what_there_is_not_is_named(wrong: dict[str, str], text: str) -> None:
    with pytest.raises(BadScan, match=text):
        symbols(TinyMarket(), request(**wrong))


def test_changes_are_fractions_of_the_session_before() -> None:
    listing = TinyMarket().listings["AAA"]
    found = Standing(listing=listing, before=100.0, open=101.0, last=95.0, volume=1, trades=1, recent_volume=1)
    assert found.change == pytest.approx(-0.05)
    assert found.gap == pytest.approx(0.01)
    none = Standing(listing=listing, before=100.0, open=nan, last=nan, volume=0, trades=0, recent_volume=0)
    assert none.change != none.change
