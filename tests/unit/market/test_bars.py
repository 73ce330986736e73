"""Folding parts into bars: order, repetition, corrections and revisions."""

import random

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.bar import Bar
from daemon.market.bars import BarBuilder, PartFate, fold

MINUTE_STARTS = [0, 60, 120]
MINUTE_ENDS = [60, 120, 180]


def part(start: int, close: float = 10.0, *, volume: float = 100.0, trades: int = 1, length: int = 5) -> Bar:
    return Bar(
        start=start,
        end=start + length,
        open=close,
        high=close + 0.5,
        low=close - 0.5,
        close=close,
        volume=volume if trades else 0.0,
        wap=close,
        trades=trades,
    )


def builder() -> BarBuilder:
    return BarBuilder(MINUTE_STARTS, MINUTE_ENDS)


def test_a_bar_takes_open_from_the_first_part_and_close_from_the_last() -> None:
    build = builder()
    for start in range(0, 60, 5):
        assert build.add(part(start, 10.0 + start)) is PartFate.USED
    bar = build.take(60)
    assert bar is not None
    assert (bar.open, bar.high, bar.low, bar.close) == (10.0, 65.5, 9.5, 65.0)
    assert (bar.volume, bar.trades) == (1200.0, 12)


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_parts_come_does_not_matter(rng: random.Random) -> None:
    parts = [part(start, 10.0 + start % 7) for start in range(0, 60, 5)]
    in_order, shuffled = builder(), builder()
    for each in parts:
        in_order.add(each)
    rng.shuffle(parts)
    for each in parts:
        shuffled.add(each)
    assert in_order.take(60) == shuffled.take(60)


def test_the_same_part_again_counts_once() -> None:
    build = builder()
    build.add(part(0))
    assert build.add(part(0)) is PartFate.DUPLICATE
    bar = build.take(60)
    assert bar is not None
    assert bar.volume == 100.0


def test_a_corrected_part_replaces_the_first_version_before_the_bar_is_final() -> None:
    build = builder()
    build.add(part(0, 10.0))
    assert build.add(part(0, 11.0)) is PartFate.CORRECTED
    bar = build.take(60)
    assert bar is not None
    assert bar.close == 11.0


def test_a_late_part_revises_the_final_bar_and_never_changes_it_silently() -> None:
    build = builder()
    build.add(part(0, 10.0))
    first = build.take(60)
    assert build.add(part(55, 12.0)) is PartFate.REVISES
    assert first is not None
    assert first.close == 10.0
    assert build.revision is not None
    assert build.revision.close == 12.0


def test_a_part_too_old_to_revise_anything_is_outside() -> None:
    build = builder()
    build.add(part(0))
    build.take(60)
    build.add(part(60))
    build.take(120)
    assert build.add(part(5)) is PartFate.OUTSIDE


def test_a_bar_is_complete_with_its_last_part_or_with_a_newer_one() -> None:
    build = builder()
    build.add(part(0))
    assert not build.is_complete(60)
    build.add(part(60))
    assert build.is_complete(60)


def test_a_bar_of_which_no_part_came_is_none() -> None:
    build = builder()
    build.add(part(60))
    assert build.take(60) is None


def test_parts_without_trades_make_a_flat_bar_without_trades() -> None:
    build = builder()
    build.add(part(0, 10.0, trades=0))
    build.add(part(5, 10.0, trades=0))
    bar = build.take(60)
    assert bar is not None
    assert bar.no_trades
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (10.0, 10.0, 10.0, 10.0, 0.0)


def test_quiet_parts_lend_no_price_to_a_bar_that_traded() -> None:
    bar = fold([part(0, 99.0, trades=0), part(5, 10.0)], start=0, end=60)
    assert bar is not None
    assert (bar.open, bar.high) == (10.0, 10.5)


def test_a_part_outside_the_session_is_refused() -> None:
    assert builder().add(part(-5)) is PartFate.OUTSIDE
    assert builder().add(part(180)) is PartFate.OUTSIDE


def test_bars_had_from_history_are_final() -> None:
    build = builder()
    build.skip_to(60)
    assert build.add(part(0)) is PartFate.OUTSIDE
    assert build.add(part(60)) is PartFate.USED


def test_the_wap_is_weighted_by_volume() -> None:
    bar = fold([part(0, 10.0, volume=300), part(5, 20.0, volume=100)], start=0, end=60)
    assert bar is not None
    assert bar.wap == 12.5


def test_what_was_heard_of_a_time_that_history_covers_counts_once() -> None:
    build = builder()
    build.add(part(0))
    build.fill_forming([part(0, 10.0, volume=1200, trades=12, length=60), part(60, 11.0)])
    assert build.add(part(30)) is PartFate.DUPLICATE  # it had waited while history was fetched
    assert build.add(part(60, 12.0)) is PartFate.DUPLICATE
    assert build.add(part(65, 12.0)) is PartFate.USED
    first, second = build.take(60), build.take(120)
    assert first is not None
    assert second is not None
    assert (first.volume, second.volume, second.close) == (1200.0, 200.0, 12.0)
    build.fill_forming([part(120), part(125)])  # and once more
    bar = build.take(180)
    assert bar is not None
    assert bar.volume == 200.0


def test_what_history_does_not_cover_is_taken_from_what_was_heard() -> None:
    build = builder()
    hole = [part(0, length=60), part(65, 11.0)]  # history has not got the part from 60 to 65
    build.fill_forming(hole)
    assert build.add(part(60, 11.0)) is PartFate.USED
    assert build.add(part(65, 12.0)) is PartFate.DUPLICATE
    short = BarBuilder([0, 30], [30, 60])
    short.fill_forming([part(0, length=60)])  # a whole minute is no part of half of one
    assert short.add(part(25)) is PartFate.USED
