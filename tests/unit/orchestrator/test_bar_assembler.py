"""Bars of many instruments: waking when the last is complete, flat bars only where the feed was up, revisions."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from daemon.domain.bar import Bar, flat_bar
from daemon.domain.timeframe import Timeframe
from daemon.market.bars import PartFate
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.runtime.clock import Alarm, MarketClock
from tests.fakes.engine_stage import AAA, BBB, H1, M1, M5, NEXT_SESSION, SCHEDULE, SESSION, make_bar
from tests.fakes.tiny_market import calendar

OPEN = SESSION.open_s


def part(end: int, close: float = 100.0, *, trades: int = 10) -> Bar:
    return make_bar(end, 5, close, trades=trades)


def assembler(*timeframes: Timeframe) -> BarAssembler:
    made = BarAssembler(SCHEDULE, (AAA, BBB), timeframes or (M1, M5))
    made.begin_session(SESSION)
    made.feed_up_since = OPEN
    return made


def alarm() -> Alarm:
    clock = MarketClock()
    clock.step(SESSION.open)
    return clock.alarm()


def woken(bell: Alarm) -> bool:
    return bell._woken


def test_the_loop_is_woken_once_the_last_instrument_is_complete() -> None:
    bars, bell = assembler(M1), alarm()
    assert bars.expect(M1, OPEN + 60, bell) is False
    for end in range(OPEN + 5, OPEN + 61, 5):
        bars.add(AAA, part(end), 1)
    assert not woken(bell)
    for end in range(OPEN + 5, OPEN + 56, 5):
        bars.add(BBB, part(end), 2)
    assert not woken(bell)
    bars.add(BBB, part(OPEN + 60), 3)
    assert woken(bell)
    assert bars.last_part_host_ns == 3


def test_what_is_complete_already_is_not_waited_for() -> None:
    bars = assembler(M1)
    for name in (AAA, BBB):
        bars.add(name, part(OPEN + 60), 1)
    assert bars.expect(M1, OPEN + 60, alarm()) is True


def test_a_newer_part_completes_the_bar_before_it() -> None:
    bars, bell = assembler(M1), alarm()
    bars.expect(M1, OPEN + 60, bell)
    for name in (AAA, BBB):
        bars.add(name, part(OPEN + 65), 1)
    assert woken(bell)


def test_the_bar_is_the_sum_of_its_parts_whatever_their_order() -> None:
    bars = assembler(M1)
    for end, close in ((OPEN + 60, 103.0), (OPEN + 5, 101.0), (OPEN + 30, 99.0)):
        bars.add(AAA, part(end, close), 1)
    ((name, bar),), missing = bars.take(M1, OPEN + 60)
    assert (name, missing) == (AAA, (BBB,))
    assert (bar.start, bar.end, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades) == (
        OPEN,
        OPEN + 60,
        101.0,
        103.5,
        98.5,
        103.0,
        300.0,
        30,
    )


def test_without_any_part_the_bar_is_flat_where_the_feed_was_up_and_missing_elsewhere() -> None:
    bars = assembler(M1)
    bars.remember_close(AAA, 99.0)
    (flat,), missing = bars.take(M1, OPEN + 60)
    assert flat == (AAA, flat_bar(start=OPEN, end=OPEN + 60, close=99.0))
    assert missing == (BBB,)  # no close is known of it
    bars.remember_close(BBB, 50.0)
    bars.feed_up_since = OPEN + 61  # the feed came back within this minute
    assert bars.take(M1, OPEN + 120) == ((), (AAA, BBB))
    bars.feed_up_since = 0  # it is down
    assert bars.take(M1, OPEN + 180) == ((), (AAA, BBB))
    bars.feed_up_since = OPEN + 180  # up exactly from the beginning of the bar
    assert bars.take(M1, OPEN + 240)[1] == ()


def test_a_flat_bar_takes_the_close_of_the_bar_before_it() -> None:
    bars = assembler(M1)
    bars.add(AAA, part(OPEN + 60, 101.25), 1)
    bars.take(M1, OPEN + 60)
    assert bars.take(M1, OPEN + 120)[0][0][1].close == 101.25


def test_the_first_bar_of_the_clock_is_short_and_its_flat_one_too() -> None:
    bars = assembler(H1)
    bars.remember_close(AAA, 99.0)
    ((_, bar),), _ = bars.take(H1, OPEN + 1800)
    assert (bar.start, bar.end) == (OPEN, OPEN + 1800)


def test_a_late_part_revises_the_bar_it_belongs_to() -> None:
    bars = assembler(M1, M5)
    bars.add(AAA, part(OPEN + 30, 100.0), 1)
    bars.take(M1, OPEN + 60)
    (revision,) = bars.add(AAA, part(OPEN + 45, 105.0), 1)
    assert (revision.instrument, revision.timeframe, revision.bar.close, revision.bar.end) == (
        AAA,
        M1,
        105.0,
        OPEN + 60,
    )
    assert bars.add(AAA, part(OPEN + 45, 105.0), 1) == []
    assert bars.take(M5, OPEN + 300)[0][0][1].close == 105.0


def test_the_same_part_twice_counts_once() -> None:
    bars = assembler(M1)
    for _ in range(2):
        bars.add(AAA, part(OPEN + 60), 1)
    assert bars.take(M1, OPEN + 60)[0][0][1].volume == 100.0
    assert bars.fates[PartFate.DUPLICATE] == 1


@pytest.mark.parametrize(
    "bad",
    [{"close": float("nan")}, {"low": 0.0}, {"high": -1.0}, {"open": float("inf")}, {"volume": -1.0}, {"low": 101.0}],
)
def test_a_bad_part_is_dropped_and_counted(bad: dict[str, float]) -> None:
    bars = assembler(M1)
    assert bars.add(AAA, replace(part(OPEN + 60), **bad), 1) == []  # type: ignore[arg-type]
    assert bars.bad_parts == 1
    assert bars.take(M1, OPEN + 60) == ((), (AAA, BBB))


def test_parts_of_other_times_and_instruments_are_left_out() -> None:
    bars = assembler(M1)
    assert bars.add("CCC", part(OPEN + 60), 1) == []  # type: ignore[arg-type]
    bars.add(AAA, part(OPEN), 1)
    bars.add(AAA, part(SESSION.close_s + 5), 1)
    assert bars.fates[PartFate.OUTSIDE] == 2


def test_the_same_session_again_keeps_what_is_forming_and_another_does_not() -> None:
    bars = assembler(M1)
    bars.add(AAA, part(OPEN + 30), 1)
    bars.begin_session(SESSION)
    assert bars.take(M1, OPEN + 60)[0]
    bars.begin_session(NEXT_SESSION)
    bars.add(AAA, part(NEXT_SESSION.open_s + 60), 1)
    assert bars.take(M1, NEXT_SESSION.open_s + 60)[0]


def test_a_bar_of_the_session_before_can_still_be_taken_after_the_next_was_begun() -> None:
    # A reconnect within the grace after the close begins the next session while the loops wait for their last bars.
    bars = assembler(M1)
    bars.begin_session(NEXT_SESSION)
    _, missing = bars.take(M1, SESSION.close_s)
    assert missing == (AAA, BBB)


def test_an_early_close_ends_the_last_bars() -> None:
    (short,) = calendar().sessions_between(date(2024, 11, 29), date(2024, 11, 29))
    bars = BarAssembler(SCHEDULE, (AAA,), (H1,))
    bars.begin_session(short)
    bars.add(AAA, part(short.close_s), 1)
    ((_, bar),), _ = bars.take(H1, short.close_s)
    assert (datetime.fromtimestamp(bar.end, UTC), bar.end - bar.start) == (short.close, 3600)
