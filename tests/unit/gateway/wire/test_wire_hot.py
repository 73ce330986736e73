"""The fast encoders write the same bytes as the tables."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from daemon.gateway.wire.account_responses import CurrentTime
from daemon.gateway.wire.framing import encode_frame
from daemon.gateway.wire.hot import current_time_frame, real_time_bar_frame, tick_price_frame, tick_size_frame
from daemon.gateway.wire.market_responses import RealTimeBar, TickPrice, TickSize
from daemon.gateway.wire.responses import encode_response

SIZES = st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=3)
PRICES = st.floats(-1, 1e6, allow_nan=False)
HOT_VERSIONS = st.sampled_from([157, 162, 163, 176, 178])


@given(st.integers(0, 99), PRICES, SIZES, st.integers(0, 7), HOT_VERSIONS)
def test_fast_ticks_equal_the_tables(tick_type: int, price: float, size: Decimal, mask: int, version: int) -> None:
    by_table = TickPrice(req_id=9, tick_type=tick_type, price=price, size=size, attrib_mask=mask)
    fast = tick_price_frame(9, tick_type, price, size=size, attrib_mask=mask, version=version)
    assert fast == encode_frame(encode_response(by_table, version))
    size_only = TickSize(req_id=9, tick_type=tick_type, size=size)
    assert tick_size_frame(9, tick_type, size, version=version) == encode_frame(encode_response(size_only, version))


@given(st.tuples(PRICES, PRICES, PRICES, PRICES), SIZES, PRICES, st.integers(0, 10**6), HOT_VERSIONS)
def test_fast_bars_and_clock_equal_the_tables(
    prices: tuple[float, float, float, float], volume: Decimal, wap: float, count: int, version: int
) -> None:
    bar = RealTimeBar(
        req_id=9,
        time=1_760_000_000,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=volume,
        wap=wap,
        count=count,
    )
    fast = real_time_bar_frame(9, bar.time, prices, volume=volume, wap=wap, count=count, version=version)
    assert fast == encode_frame(encode_response(bar, version))
    assert current_time_frame(bar.time) == encode_frame(encode_response(CurrentTime(time=bar.time), version))
