"""The bar loops over whole sessions: each bar exactly once, at its end or after the grace, never before."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import pytest

from daemon.domain.events import BarsClosed, Event
from daemon.domain.timeframe import Timeframe
from daemon.market.sessions import Session
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.bar_loop import BarLoop
from daemon.runtime.clock import MarketClock
from tests.fakes.engine_stage import AAA, BBB, H1, H4, M1, M5, M15, SCHEDULE, SESSION, make_bar
from tests.fakes.tiny_market import calendar

GRACE = timedelta(seconds=2)
ALL = (M1, M5, M15, H1, H4)


class Watch:
    """Loops on a stepped clock, and what they posted."""

    def __init__(self, timeframes: Sequence[Timeframe], begin: datetime) -> None:
        self.clock = MarketClock()
        self.clock.step(begin)
        self.assembler = BarAssembler(SCHEDULE, (AAA, BBB), timeframes)
        self.assembler.feed_up_since = int(begin.timestamp())
        self.posted: list[BarsClosed] = []
        self.caught_up = asyncio.Event()
        self.caught_up.set()
        self.loops = [
            BarLoop(
                frame,
                clock=self.clock,
                schedule=SCHEDULE,
                assembler=self.assembler,
                grace=GRACE,
                caught_up=self.caught_up.wait,
                post=self._post,
            )
            for frame in timeframes
        ]

    def _post(self, event: Event) -> None:
        assert isinstance(event, BarsClosed)
        self.posted.append(event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(loop.run(asyncio.Event())) for loop in self.loops]
        await asyncio.sleep(0)
        await self.settled()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settled(self) -> None:
        async with asyncio.timeout(30):
            await self.clock.settle()

    async def to(self, moment: datetime) -> None:
        """Let time move to `moment`, as the sequencer does it."""
        self.clock.step(moment)
        self.clock.release_due()
        if not self.clock.is_settled:
            await self.settled()

    def parts(self, end_s: int, names: Sequence[str] = (AAA, BBB)) -> None:
        for name in names:
            self.assembler.add(name, make_bar(end_s, 5), 1)  # type: ignore[arg-type]

    def ends(self, timeframe: Timeframe) -> list[int]:
        return [event.end for event in self.posted if event.timeframe == timeframe]


def session_on(day: date) -> Session:
    (session,) = calendar().sessions_between(day, day)
    return session


async def play(watch: Watch, session: Session, chance: random.Random) -> None:
    """Play a session in steps of five seconds; some parts come seconds late, some twice, some never."""
    late: list[tuple[int, int, str]] = []
    for end in range(session.open_s + 5, session.close_s + 30, 5):
        watch.clock.step(datetime.fromtimestamp(end, UTC))
        if end <= session.close_s:
            for name in (AAA, BBB):
                fate = chance.random()
                if fate < 0.1:
                    late.append((end + chance.choice([5, 10]), end, name))
                elif fate < 0.95:
                    watch.parts(end, (name,))
                    if fate < 0.15:
                        watch.parts(end, (name,))
        for due in [item for item in late if item[0] <= end]:
            late.remove(due)
            watch.parts(due[1], (due[2],))
        await watch.to(datetime.fromtimestamp(end, UTC))


@pytest.mark.parametrize("seed", range(3))
async def test_each_bar_of_a_session_is_posted_exactly_once_whatever_the_arrivals(seed: int) -> None:
    watch = Watch(ALL, SESSION.open)
    async with watch.running():
        await play(watch, SESSION, random.Random(seed))
    for timeframe in ALL:
        assert watch.ends(timeframe) == SCHEDULE.ends(SESSION, timeframe).tolist()
    assert [len(watch.ends(frame)) for frame in ALL] == [390, 78, 26, 7, 2]
    assert all(event.at.timestamp() >= event.end for event in watch.posted)
    assert all(event.at <= datetime.fromtimestamp(event.end, UTC) + timedelta(seconds=5) for event in watch.posted)
    for event in watch.posted:
        assert sorted([*event.missing, *(name for name, _ in event.bars)]) == [AAA, BBB]
        assert all(bar.end == event.end for _, bar in event.bars)


async def test_an_early_close_has_its_own_number_of_bars() -> None:
    short = session_on(date(2024, 11, 29))
    watch = Watch(ALL, short.open)
    async with watch.running():
        await play(watch, short, random.Random(1))
    assert [len(watch.ends(frame)) for frame in ALL] == [210, 42, 14, 4, 2]


async def test_a_loop_that_joins_in_the_middle_posts_what_ends_from_then_on() -> None:
    begin = SESSION.open + timedelta(minutes=32, seconds=30)
    watch = Watch((M5, H1), begin)
    async with watch.running():
        for end in range(int(begin.timestamp()) + 5, SESSION.open_s + 45 * 60 + 1, 5):
            watch.clock.step(datetime.fromtimestamp(end, UTC))
            watch.parts(end)
            await watch.to(datetime.fromtimestamp(end, UTC))
    assert watch.ends(M5) == [SESSION.open_s + minutes * 60 for minutes in (35, 40, 45)]
    assert watch.ends(H1) == []


async def test_a_loop_that_begins_at_a_bar_end_does_not_post_that_bar() -> None:
    begin = SESSION.open + timedelta(minutes=5)
    watch = Watch((M5,), begin)
    async with watch.running():
        await watch.to(begin + timedelta(seconds=10))
    assert watch.posted == []


async def test_a_loop_goes_on_after_the_bars_that_were_had_from_history() -> None:
    begin = SESSION.open + timedelta(minutes=10, seconds=1)
    watch = Watch((M5,), begin)
    watch.assembler.begin_session(SESSION)
    watch.assembler.final_until[M5] = SESSION.open_s + 300  # 14:40 ended a second ago, and nobody has seen it
    async with watch.running():
        await watch.to(begin + GRACE)
    assert watch.ends(M5) == [SESSION.open_s + 600]


async def test_a_complete_bar_is_posted_at_its_end_and_an_incomplete_one_after_the_grace() -> None:
    watch, end = Watch((M1,), SESSION.open), SESSION.open_s + 60
    async with watch.running():
        watch.clock.step(datetime.fromtimestamp(end, UTC))
        watch.parts(end)
        await watch.to(datetime.fromtimestamp(end, UTC))
        assert [(event.end, event.at.timestamp()) for event in watch.posted] == [(end, end)]
        watch.parts(end + 55)
        await watch.to(datetime.fromtimestamp(end + 60, UTC))
        await watch.to(datetime.fromtimestamp(end + 61.999, UTC))
        assert len(watch.posted) == 1
        await watch.to(datetime.fromtimestamp(end + 62, UTC))
    assert [(event.end, event.at.timestamp()) for event in watch.posted[1:]] == [(end + 60, end + 62)]


async def test_after_the_close_the_loop_waits_for_the_next_session() -> None:
    (after,) = calendar().sessions_between(date(2024, 3, 6), date(2024, 3, 6))
    watch = Watch((H4,), SESSION.close - timedelta(seconds=5))
    async with watch.running():
        watch.parts(SESSION.close_s)
        await watch.to(SESSION.close)
        await watch.to(SESSION.close + timedelta(hours=5))
        assert watch.ends(H4) == [SESSION.close_s]
        await watch.to(after.open)
        watch.parts(after.open_s + 5)
        await watch.to(after.open + timedelta(hours=3))
    assert watch.ends(H4) == [SESSION.close_s, SCHEDULE.ends(after, H4).tolist()[0]]


async def test_a_last_part_that_comes_with_the_deadline_does_not_close_the_next_bar_early() -> None:
    # Free running: the deadline's timer has fired, and before the loop runs the last missing part arrives.
    watch, end = Watch((M1,), SESSION.open), SESSION.open_s + 60
    async with watch.running():
        watch.parts(end, (AAA,))
        await watch.to(datetime.fromtimestamp(end, UTC))
        watch.clock.step(datetime.fromtimestamp(end, UTC) + GRACE)
        watch.clock.release_due()
        watch.parts(end, (BBB,))
        await watch.settled()
        await watch.to(datetime.fromtimestamp(end + 5, UTC))
    assert watch.ends(M1) == [end]


async def test_a_session_that_only_begins_is_waited_for() -> None:
    watch = Watch((M1,), SESSION.open - timedelta(minutes=10))
    async with watch.running():
        await watch.to(SESSION.open - timedelta(seconds=1))
        assert watch.posted == []
        await watch.to(SESSION.open)
        watch.parts(SESSION.open_s + 60)
        await watch.to(SESSION.open + timedelta(seconds=60))
    assert watch.ends(M1) == [SESSION.open_s + 60]


async def test_a_bar_is_not_closed_while_parts_of_it_wait_to_be_worked_off() -> None:
    watch = Watch((M5,), SESSION.open)
    end = SESSION.open_s + 300
    async with watch.running():
        watch.caught_up.clear()  # everything is compared with the broker
        watch.clock.step(SESSION.open + timedelta(seconds=303))
        watch.clock.release_due()
        for _ in range(5):
            await asyncio.sleep(0)
        assert watch.posted == []
        watch.parts(end)
        watch.caught_up.set()
        await watch.settled()
        (closed,) = watch.posted
        assert [name for name, _ in closed.bars] == [AAA, BBB]


async def test_bars_that_were_had_from_history_meanwhile_are_not_closed_again() -> None:
    watch = Watch((M5,), SESSION.open)
    async with watch.running():
        watch.caught_up.clear()  # until the session after is open
        monday = SCHEDULE.calendar.session_after(SESSION)
        assert monday is not None
        watch.clock.step(monday.open + timedelta(seconds=600))
        watch.clock.release_due()
        for _ in range(5):
            await asyncio.sleep(0)
        watch.assembler.begin_session(monday)
        watch.assembler.final_until[M5] = monday.open_s + 600
        watch.assembler.backfill(AAA, [make_bar(monday.open_s + 660, 60)])
        watch.caught_up.set()
        await watch.settled()
        assert watch.posted == []
        watch.parts(monday.open_s + 900)
        await watch.to(monday.open + timedelta(seconds=900))
        (closed,) = watch.posted
        assert (closed.end, dict(closed.bars)[AAA].start) == (monday.open_s + 900, monday.open_s + 600)
        assert dict(closed.bars)[AAA].volume == make_bar(0, 60).volume + make_bar(0, 5).volume
