"""The link: synchronised means that the connection stood until the end of the synchronisation."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from daemon.domain.callbacks import ConnectionChanged
from daemon.domain.errors import BrokerUnavailable
from daemon.domain.standing import Access, LinkState, Standing
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.link import Link
from tests.fakes.engine_stage import AAA, M5, SCHEDULE

UP, DOWN = ConnectionChanged(up=True, detail=""), ConnectionChanged(up=False, detail="")


class Gate:
    """Stands in for the sequencer: held or released."""

    def __init__(self) -> None:
        self.held = False

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False


class Rehearsal:
    """Stands in for the start-up; `during` happens in its midst, and the feed is up at its end, as in the real one."""

    def __init__(self, assembler: BarAssembler) -> None:
        self.during: Callable[[], Awaitable[None]] | None = None
        self.runs = 0
        self._assembler = assembler

    async def synchronise(self) -> None:
        self.runs += 1
        if self.during is not None:
            await self.during()
        self._assembler.feed_up_since = 1000


class Scene:
    def __init__(self) -> None:
        self.assembler = BarAssembler(SCHEDULE, (AAA,), (M5,))
        self.gate, self.startup = Gate(), Rehearsal(self.assembler)
        self.accesses: list[Access] = []
        self.link = Link(
            startup=self.startup,  # type: ignore[arg-type]
            sequencer=self.gate,  # type: ignore[arg-type]
            assembler=self.assembler,
            host_ns=lambda: 0,
            set_access=self.accesses.append,
        )
        self.ready = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.link.run(self.ready))
        await self.rest()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def rest(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_the_first_connection_makes_it_ready_and_leaves_the_release_to_the_last_service() -> None:
    scene = Scene()
    async with scene.running():
        assert (scene.ready.is_set(), scene.gate.held, scene.startup.runs) == (False, True, 0)
        scene.link.on_change(UP)
        await scene.rest()
        assert (scene.ready.is_set(), scene.gate.held, scene.link.is_synchronised) == (True, True, True)


async def test_a_reconnection_synchronises_again_and_releases() -> None:
    scene = Scene()
    async with scene.running():
        scene.link.on_change(UP)
        await scene.rest()
        scene.gate.release()
        scene.link.on_change(DOWN)
        assert (scene.link.is_synchronised, scene.assembler.feed_up_since) == (False, 0)
        scene.link.on_change(UP)
        await scene.rest()
        assert (scene.link.synchronisations, scene.gate.held, scene.link.is_synchronised) == (2, False, True)


async def test_what_fails_for_now_is_tried_again_with_the_next_connection() -> None:
    scene = Scene()

    async def fail() -> None:
        raise BrokerUnavailable("gone")

    scene.startup.during = fail
    async with scene.running():
        scene.link.on_change(UP)
        await scene.rest()
        assert (scene.ready.is_set(), scene.link.is_synchronised) == (False, False)
        scene.startup.during = None
        scene.link.on_change(UP)
        await scene.rest()
        assert scene.ready.is_set()


async def test_a_connection_lost_in_the_midst_of_it_is_not_taken_for_synchronised() -> None:
    scene = Scene()

    async def drop() -> None:
        scene.link.on_change(DOWN)

    scene.startup.during = drop
    async with scene.running():
        scene.link.on_change(UP)
        await scene.rest()
        assert scene.link.is_synchronised is False
        assert scene.assembler.feed_up_since == 0  # else bars without trades are made up while nothing is heard


@pytest.mark.parametrize("changes", [(UP,), (DOWN, UP)])
async def test_what_changes_in_the_midst_of_it_is_compared_once_more_before_anything_opens(
    changes: tuple[ConnectionChanged, ...],
) -> None:
    scene = Scene()
    scene.link.on_standing(Standing(state=LinkState.CONNECTED))
    opened: list[bool] = []

    async def change() -> None:
        opened.append(not scene.accesses[-1].hindrance(AAA))
        if scene.startup.runs == 2:
            for each in changes:
                scene.link.on_change(each)

    scene.startup.during = change
    async with scene.running():
        scene.link.on_change(UP)
        await scene.rest()
        scene.gate.release()
        scene.link.on_change(UP)
        await scene.rest()
        assert opened == [False, False, False]
        assert (scene.startup.runs, scene.link.synchronisations) == (3, 2)
        assert (scene.gate.held, scene.link.state) == (False, LinkState.CONNECTED)


async def test_the_gate_learns_of_every_change_at_once() -> None:
    scene = Scene()
    connected = Standing(state=LinkState.CONNECTED)

    def opens() -> bool:
        return not scene.accesses[-1].hindrance(AAA)

    assert not opens()
    async with scene.running():
        scene.link.on_standing(connected)
        scene.link.on_change(UP)
        assert (scene.link.state, opens()) == (LinkState.RECONCILING, False)
        await scene.rest()
        assert (scene.link.state, opens()) == (LinkState.CONNECTED, True)
        scene.link.on_standing(Standing(state=LinkState.CONNECTED, suspended={AAA: "no bars"}))
        assert scene.accesses[-1].hindrance(AAA) == "no bars"
        scene.link.on_standing(Standing(state=LinkState.UPSTREAM_LOST))
        scene.link.on_change(DOWN)
        assert (scene.link.state, opens()) == (LinkState.UPSTREAM_LOST, False)
        scene.link.on_standing(connected)
        scene.link.on_change(UP)  # 1102: compared anew
        assert (scene.link.state, opens()) == (LinkState.RECONCILING, False)
        await scene.rest()
        scene.link.on_restart("the gateway restarts at 23:45 EST")
        assert scene.accesses[-1].hindrance(AAA) == "the gateway restarts at 23:45 EST"
        scene.link.on_restart("")
        assert opens()
