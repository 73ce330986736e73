"""Services start in order, stop in reverse, and none dies unseen."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from daemon.runtime.supervisor import ServiceExited, Supervisor


class Part:
    """A service that writes its life into a diary."""

    def __init__(
        self, name: str, diary: list[str], *, after_ready: Callable[[], object] | None = None, ready_late: bool = False
    ) -> None:
        self.name, self.diary, self.after_ready, self.ready_late = name, diary, after_ready, ready_late
        self.go = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        self.diary.append(f"{self.name} starts")
        try:
            if self.ready_late:
                await asyncio.sleep(0.02)
            self.diary.append(f"{self.name} is ready")
            ready.set()
            await self.go.wait()
            if self.after_ready is not None:
                self.after_ready()
        finally:
            self.diary.append(f"{self.name} ends")


class Stubborn(Part):
    """A service that takes no notice of its first cancellation."""

    async def run(self, ready: asyncio.Event) -> None:
        ready.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
        self.diary.append(f"{self.name} ends")


async def bounded(supervisor: Supervisor) -> None:
    async with asyncio.timeout(3):
        await supervisor.run()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - anything may make it true
            await asyncio.sleep(0.005)


async def test_each_service_waits_for_the_one_before_it_and_the_last_ends_first() -> None:
    diary: list[str] = []
    supervisor = Supervisor([Part("a", diary, ready_late=True), Part("b", diary, ready_late=True), Part("c", diary)])
    task = asyncio.create_task(bounded(supervisor))
    await until(lambda: "c is ready" in diary)
    supervisor.stop()
    supervisor.stop()
    await task
    assert diary == [
        "a starts",
        "a is ready",
        "b starts",
        "b is ready",
        "c starts",
        "c is ready",
        "c ends",
        "b ends",
        "a ends",
    ]


def explode() -> None:
    raise RuntimeError("boom")


async def test_a_service_that_fails_stops_all_the_others_in_order() -> None:
    diary: list[str] = []
    a, b, c = Part("a", diary), Part("b", diary, after_ready=explode), Part("c", diary)
    task = asyncio.create_task(bounded(Supervisor([a, b, c])))
    await until(lambda: "c is ready" in diary)
    b.go.set()
    with capture_logs() as logs, pytest.raises(ExceptionGroup) as caught:
        await task
    assert [str(error) for error in caught.value.exceptions] == ["boom"]
    assert diary[-3:] == ["b ends", "c ends", "a ends"]
    assert [(line["event"], line["service"]) for line in logs] == [("service.failed", "b")]


async def test_a_service_that_returns_is_a_failure() -> None:
    diary: list[str] = []
    a, b = Part("a", diary), Part("b", diary)
    task = asyncio.create_task(bounded(Supervisor([a, b])))
    await until(lambda: "b is ready" in diary)
    a.go.set()
    with pytest.raises(ExceptionGroup) as caught:
        await task
    assert [error.name for error in caught.value.exceptions if isinstance(error, ServiceExited)] == ["a"]
    assert "b ends" in diary


async def test_a_service_that_fails_before_it_is_ready_keeps_the_later_ones_from_starting() -> None:
    diary: list[str] = []

    class Broken(Part):
        async def run(self, ready: asyncio.Event) -> None:
            raise RuntimeError("no port")

    with pytest.raises(ExceptionGroup):
        await bounded(Supervisor([Part("a", diary), Broken("b", diary), Part("c", diary)]))
    assert diary == ["a starts", "a is ready", "a ends"]


async def test_a_stop_during_the_start_stops_what_has_started() -> None:
    diary: list[str] = []
    supervisor = Supervisor([Part("a", diary), Part("b", diary, ready_late=True), Part("c", diary)])
    task = asyncio.create_task(bounded(supervisor))
    await until(lambda: "b starts" in diary)
    supervisor.stop()
    await task
    assert "c starts" not in diary
    assert diary[-2:] == ["b ends", "a ends"]


async def test_a_service_that_resists_its_cancellation_is_reported_and_holds_nobody_up() -> None:
    diary: list[str] = []
    supervisor = Supervisor([Part("a", diary), Stubborn("b", diary)], stop_s=0.05)
    task = asyncio.create_task(bounded(supervisor))
    await until(lambda: "a is ready" in diary)
    await asyncio.sleep(0.01)
    with capture_logs() as logs:
        supervisor.stop()
        await task
    assert [(line["event"], line["service"]) for line in logs] == [("service.overran", "b")]
    assert diary[-2:] == ["a ends", "b ends"]


async def test_failures_of_the_stop_are_told_too() -> None:
    diary: list[str] = []

    class BadEnd(Part):
        async def run(self, ready: asyncio.Event) -> None:
            try:
                await super().run(ready)
            finally:
                explode()

    supervisor = Supervisor([BadEnd("a", diary)])
    task = asyncio.create_task(bounded(supervisor))
    await until(lambda: "a is ready" in diary)
    supervisor.stop()
    with pytest.raises(ExceptionGroup):
        await task


async def test_a_service_whose_own_work_was_cancelled_does_not_die_unseen() -> None:
    diary: list[str] = []

    class Lost(Part):
        async def run(self, ready: asyncio.Event) -> None:
            ready.set()
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.02, future.cancel)
            await future

    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(0.5):
            await Supervisor([Part("a", diary), Lost("b", diary)]).run()


async def test_cancelling_the_supervisor_stops_the_services_in_order() -> None:
    diary: list[str] = []
    task = asyncio.create_task(bounded(Supervisor([Part("a", diary), Part("b", diary)])))
    await until(lambda: "b is ready" in diary)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert diary[-2:] == ["b ends", "a ends"]
