"""Virtual time, and processes that can be killed at any await."""

import asyncio
import gc
import random
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from daemon.simulation.loop import Stalled, VirtualLoop
from daemon.simulation.process import PROCESS, Killed, Process


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop(random.Random(1))
    yield made
    made.close()


def test_private_members_that_the_loop_relies_on_are_there(loop: VirtualLoop) -> None:
    handle = loop.call_soon(lambda: None)
    timer = loop.call_later(1, lambda: None)
    assert list(loop._ready) == [handle]  # type: ignore[attr-defined]
    assert loop._scheduled == [timer]  # type: ignore[attr-defined]
    assert handle._context.get(PROCESS) is None  # type: ignore[attr-defined]


def test_hours_pass_at_once_and_in_order(loop: VirtualLoop) -> None:
    woke: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woke.append((name, loop.time()))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for name, seconds in (("late", 7200.0), ("early", 0.5), ("noon", 3600.0)):
                group.create_task(sleeper(name, seconds))

    began = time.monotonic()
    loop.run_until_complete(main())
    assert woke == [("early", 0.5), ("noon", 3600.0), ("late", 7200.0)]
    assert time.monotonic() - began < 60


def test_loop_with_nothing_left_to_happen_says_so(loop: VirtualLoop) -> None:
    with pytest.raises(Stalled):
        loop.run_until_complete(loop.create_future())


def test_executor_job_runs_here_after_a_while(loop: VirtualLoop) -> None:
    async def main() -> tuple[int, float]:
        return await loop.run_in_executor(None, max, 3, 7), loop.time()

    value, at = loop.run_until_complete(main())
    assert value == 7
    assert 0 < at < 0.1


def test_executor_job_that_fails_fails_where_it_is_awaited(loop: VirtualLoop) -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)

    loop.run_until_complete(main())


def test_a_child_process_cannot_be_started(loop: VirtualLoop) -> None:
    async def main() -> None:
        with pytest.raises(OSError, match="simulated"):
            await asyncio.create_subprocess_exec("true")

    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main())
    finally:
        asyncio.set_event_loop(None)


# ---- processes


class Diary:
    """What a process has done, to the last line it got to write."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.lines: list[str] = []
        self._loop = loop

    async def live(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick())
                await asyncio.sleep(1000)
        finally:
            self.lines.append("closing")
            await asyncio.sleep(1)
            self.lines.append("closed")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.lines.append(f"tick {self._loop.time():g}")


def kill_after(loop: VirtualLoop, process: Process, seconds: float) -> Coroutine[Any, Any, None]:
    async def main() -> None:
        await asyncio.sleep(seconds)
        process.kill()
        await asyncio.sleep(5000)

    return main()


@pytest.mark.parametrize("is_future", [False, True])
def test_what_failed_while_its_process_was_being_killed_is_nobodys_fault(loop: VirtualLoop, *, is_future: bool) -> None:
    faults: list[object] = []
    loop.set_exception_handler(lambda _, context: faults.append(context["message"]))
    process = Process("victim", loop)

    async def fail() -> None:
        raise OSError("the disk")

    async def live() -> None:
        failing: asyncio.Future[None] = loop.create_future() if is_future else asyncio.create_task(fail())
        failing.add_done_callback(lambda _: process.kill())  # before the last line gets it
        if is_future:
            loop.call_soon(failing.set_exception, OSError("the disk"))
        await failing

    main = process.start(live())
    del main
    loop.run_until_complete(kill_after(loop, process, 1.0))
    gc.collect()
    assert faults == []


def test_killed_process_does_nothing_more(loop: VirtualLoop) -> None:
    diary, process = Diary(loop), Process("victim", loop)
    _ = process.start(diary.live())
    loop.run_until_complete(kill_after(loop, process, 2.5))
    assert [line for line in diary.lines if line.startswith("tick")] == ["tick 1", "tick 2"]
    assert "closed" not in diary.lines


def test_killed_process_cannot_use_the_loop_while_it_is_taken_apart(loop: VirtualLoop) -> None:
    done: list[str] = []
    process = Process("victim", loop)

    async def live() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            loop.call_soon(done.append, "soon")
            loop.call_later(1, done.append, "later")
            _ = loop.run_in_executor(None, done.append, "job")
            asyncio.ensure_future(asyncio.sleep(0)).add_done_callback(lambda _: done.append("task"))

    _ = process.start(live())
    loop.run_until_complete(kill_after(loop, process, 1))
    assert done == []


def test_other_processes_live_on(loop: VirtualLoop) -> None:
    dead, alive = Diary(loop), Diary(loop)
    victim, witness = Process("victim", loop), Process("witness", loop)
    _ = victim.start(dead.live())
    _ = witness.start(alive.live())
    loop.run_until_complete(kill_after(loop, victim, 2.5))
    assert "tick 900" in alive.lines
    assert not victim.start(dead.live()).done()  # whoever is dead does not start again
    witness.kill()
    for process in (victim, witness):
        process.dispose()


@pytest.mark.parametrize("steps", range(1, 9))
def test_process_dies_before_the_step_that_was_named(loop: VirtualLoop, steps: int) -> None:
    process = Process("victim", loop)
    taken: list[int] = []

    async def live() -> None:
        for step in range(100):
            taken.append(step)
            await asyncio.sleep(0)

    async def main() -> None:
        process.die_within(steps)
        _ = process.start(live())
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    assert process.is_dead
    assert taken == list(range(steps - 1))


def test_death_in_the_middle_of_a_job_reaches_nobody(loop: VirtualLoop) -> None:
    process = Process("victim", loop)
    seen: list[str] = []

    def die(job: Any) -> None:
        job()
        process.kill()
        raise Killed

    async def live() -> None:
        try:
            await loop.run_in_executor(None, seen.append, "job")
            seen.append("after the job")
        except Exception:
            seen.append("error")
            raise

    async def main() -> None:
        process.do_job = die
        _ = process.start(live())
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    assert seen == ["job"]
