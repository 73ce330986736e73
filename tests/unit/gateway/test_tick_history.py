"""Past ticks and price histograms against the tape they come from."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from daemon.gateway.tick_history import TickHistory, TickQuery
from daemon.gateway.wire.history_responses import BidAskTick, MidPointTick, TradeTick
from tests.fakes.tiny_market import TinyMarket, calendar

SESSION = calendar().next_session(datetime(2024, 3, 5, tzinfo=UTC))
BEFORE = calendar().session_before(SESSION)
MARKET = TinyMarket()
TAPE = MARKET.tape("AAA", SESSION)
NOW = SESSION.open_s + 1000


def ticks(kind: str, count: int = 1000, *, now: int = NOW, **more: object) -> list[object]:
    query = TickQuery(symbol="AAA", kind=kind, count=count, **more)  # type: ignore[arg-type]
    return list(TickHistory(MARKET).ticks(query, now))


def test_trades_from_a_moment_on_are_those_of_the_tape_up_to_now() -> None:
    found = ticks("TRADES", start_s=SESSION.open_s)
    rows = np.flatnonzero(TAPE.volume[:1000])
    assert len(found) == rows.size > 100
    assert found[-1] == TradeTick(
        time=SESSION.open_s + int(rows[-1]), price=float(TAPE.close[rows[-1]]), size=Decimal(int(TAPE.volume[rows[-1]]))
    )


def test_ticks_before_a_moment_reach_back_into_the_session_before() -> None:
    found = ticks("TRADES", 10, end_s=SESSION.open_s + 3)
    times = [tick.time for tick in found if isinstance(tick, TradeTick)]
    assert len(times) == 10
    assert times == sorted(times)
    assert times[-2:] == [SESSION.open_s, SESSION.open_s + 1]
    assert BEFORE.open_s < times[0] < BEFORE.close_s


def test_quotes_are_the_changes_and_sizes_can_be_ignored() -> None:
    everything, prices = (
        ticks("BID_ASK", start_s=SESSION.open_s),
        ticks("BID_ASK", start_s=SESSION.open_s, ignore_size=True),
    )
    assert 0 < len(prices) < len(everything)
    first = everything[0]
    assert isinstance(first, BidAskTick)
    assert (first.bid, first.ask, first.bid_size) == (TAPE.bid[0], TAPE.ask[0], Decimal(int(TAPE.bid_size[0])))
    mids = ticks("MIDPOINT", start_s=SESSION.open_s)
    assert isinstance(mids[0], MidPointTick)
    assert mids[0].price == pytest.approx((TAPE.bid[0] + TAPE.ask[0]) / 2)
    assert len(mids) == len(prices)


def test_nothing_lies_in_the_future_or_before_the_market_began() -> None:
    assert ticks("TRADES", start_s=NOW + 5) == []
    assert ticks("TRADES", end_s=int(datetime(2023, 1, 5, tzinfo=UTC).timestamp())) == []
    assert ticks("TRADES", start_s=0, now=int(datetime(2023, 1, 5, tzinfo=UTC).timestamp())) == []
    late = ticks("TRADES", 5, end_s=NOW + 10**9)
    assert max(tick.time for tick in late if isinstance(tick, TradeTick)) < NOW


def test_a_histogram_sums_the_volume_at_each_price() -> None:
    entries = TickHistory(MARKET).histogram("AAA", 1, NOW)
    assert sum(entry.count for entry in entries) == int(TAPE.volume[:1000].sum())
    assert [entry.price for entry in entries] == sorted({float(price) for price in TAPE.close[:1000] if price > 0})
    two = TickHistory(MARKET).histogram("AAA", 2, NOW)
    earlier = MARKET.tape("AAA", BEFORE)
    assert sum(entry.count for entry in two) == int(TAPE.volume[:1000].sum()) + int(earlier.volume.sum())
    assert TickHistory(MARKET).histogram("ZZZ", 1, NOW) == ()
