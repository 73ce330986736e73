"""Market time by steps: alarms, waking, and settling, cancellations included."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from daemon.runtime.clock import Alarm, MarketClock

T0 = datetime(2024, 3, 5, 15, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def stepped() -> MarketClock:
    clock = MarketClock()
    clock.step(T0)
    return clock


async def settle(clock: MarketClock) -> None:
    await asyncio.wait_for(clock.settle(), 30)


class Sleeper:
    """A participant that sleeps from mark to mark and writes down when it woke."""

    def __init__(self, clock: MarketClock, *marks: float) -> None:
        self.clock, self.marks, self.log = clock, marks, list[tuple[float, bool]]()
        self.alarm = clock.alarm()

    async def run(self) -> None:
        with self.clock.participant():
            for mark in self.marks:
                early = await self.alarm.sleep_until(at(mark))
                self.log.append(((self.clock.now() - T0).total_seconds(), early))
                await asyncio.sleep(0)  # some work


async def end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_time_follows_the_wall_until_it_is_stepped_and_never_goes_back() -> None:
    clock = MarketClock()
    assert not clock.is_stepped
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1
    clock.step(at(10))
    assert clock.is_stepped
    clock.step(at(5))
    assert clock.now() == at(10)


async def test_sleepers_wake_at_their_times_and_settling_waits_for_their_work() -> None:
    clock = stepped()
    one, two = Sleeper(clock, 1, 3), Sleeper(clock, 2, 3)
    tasks = [asyncio.create_task(one.run()), asyncio.create_task(two.run())]
    await asyncio.sleep(0)
    for second in (1, 2, 3):
        clock.step(at(second))
        clock.release_due()
        await settle(clock)
        assert clock.is_settled
    assert (one.log, two.log) == ([(1, False), (3, False)], [(2, False), (3, False)])
    await asyncio.gather(*tasks)


async def test_nobody_wakes_before_release() -> None:
    clock = stepped()
    sleeper = Sleeper(clock, 1)
    task = asyncio.create_task(sleeper.run())
    await asyncio.sleep(0)
    clock.step(at(5))
    await asyncio.sleep(0)
    assert sleeper.log == []
    clock.release_due()
    await settle(clock)
    assert sleeper.log == [(5, False)]
    await task


async def test_a_time_that_has_come_already_does_not_wait() -> None:
    clock = stepped()
    assert await asyncio.wait_for(clock.alarm().sleep_until(at(0)), 30) is False


async def test_waking_ends_a_sleep_early_and_the_old_time_does_no_harm() -> None:
    clock = stepped()
    sleeper = Sleeper(clock, 10, 20)
    task = asyncio.create_task(sleeper.run())
    await asyncio.sleep(0)
    sleeper.alarm.wake()
    assert not clock.is_settled
    await settle(clock)
    clock.step(at(10))
    clock.release_due()
    await settle(clock)
    assert sleeper.log == [(0, True)]
    clock.step(at(20))
    clock.release_due()
    await settle(clock)
    assert sleeper.log == [(0, True), (20, False)]
    await task


async def test_a_wake_while_nobody_sleeps_ends_the_next_sleep_once() -> None:
    clock = stepped()
    alarm = clock.alarm()
    alarm.wake()
    assert await asyncio.wait_for(alarm.sleep_until(at(10)), 30) is True
    with pytest.raises(TimeoutError), clock.participant():
        await asyncio.wait_for(alarm.sleep_until(at(10)), 0.01)


async def test_a_participant_that_is_cancelled_asleep_is_waited_for_no_longer() -> None:
    clock = stepped()
    gone, stays = Sleeper(clock, 10), Sleeper(clock, 10)
    tasks = [asyncio.create_task(gone.run()), asyncio.create_task(stays.run())]
    await asyncio.sleep(0)
    await end(tasks[0])
    await settle(clock)
    assert clock.is_settled
    clock.step(at(10))
    clock.release_due()
    assert not clock.is_settled
    await settle(clock)
    assert stays.log == [(10, False)]
    await tasks[1]


async def test_a_participant_that_is_cancelled_at_work_is_waited_for_no_longer() -> None:
    clock = stepped()

    async def work() -> None:
        with clock.participant():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    assert not clock.is_settled
    await end(task)
    await settle(clock)


@pytest.mark.parametrize("how", ["wake", "expire"])
async def test_an_alarm_that_rings_for_a_task_already_cancelled_does_not_upset_the_count(how: str) -> None:
    # At shutdown a loop is cancelled, and before it runs again the sequencer wakes its alarm.
    clock = stepped()
    gone, stays = Sleeper(clock, 10), Sleeper(clock, 10, 20)
    tasks = [asyncio.create_task(gone.run()), asyncio.create_task(stays.run())]
    await asyncio.sleep(0)
    tasks[0].cancel()
    if how == "wake":
        gone.alarm.wake()
    else:
        clock.step(at(10))
        clock.release_due()
    await asyncio.gather(tasks[0], return_exceptions=True)
    try:
        clock.step(at(10))
        clock.release_due()
        await settle(clock)
        clock.step(at(20))
        clock.release_due()
        assert not clock.is_settled  # the other one is at work now
        await settle(clock)
        assert stays.log == [(10, False), (20, False)]
    finally:
        await end(tasks[1])


async def test_a_participant_cancelled_after_its_alarm_rang_is_counted_once() -> None:
    clock = stepped()
    sleeper = Sleeper(clock, 10)
    task = asyncio.create_task(sleeper.run())
    await asyncio.sleep(0)
    clock.step(at(10))
    clock.release_due()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.is_settled
    await settle(clock)


async def test_in_free_running_alarms_follow_the_wall() -> None:
    clock = MarketClock()
    alarm: Alarm = clock.alarm()
    with clock.participant():
        began = clock.now()
        assert await asyncio.wait_for(alarm.sleep_until(began + timedelta(seconds=0.02)), 30) is False
        assert (clock.now() - began).total_seconds() >= 0.015


async def test_a_crowd_of_sleepers_wakes_in_the_order_of_its_times() -> None:
    clock, woken = stepped(), list[int]()

    async def sleep(number: int) -> None:
        with clock.participant():
            await clock.alarm().sleep_until(at(number))
            woken.append(number)

    tasks = [asyncio.create_task(sleep(number)) for number in (5, 3, 4, 1, 2)]
    await asyncio.sleep(0)
    clock.step(at(10))
    clock.release_due()
    await settle(clock)
    assert woken == [1, 2, 3, 4, 5]
    await asyncio.gather(*tasks)
