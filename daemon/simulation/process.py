"""A simulated process of the operating system: what runs in it can be killed at any await, and nothing runs after that.

A process is a mark in the context of everything it starts. The loop looks at the mark: callbacks of a dead process are
never called, its jobs never run, its sockets are closed by the network as a kernel does it.
"""

import asyncio
import contextvars
import weakref
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from daemon.simulation.loop import VirtualLoop

T = TypeVar("T")

_THROWS: Final = 100  # awaits a coroutine may still have in its `finally` blocks
Job = Callable[[], Any]


class Killed(BaseException):
    """The process that runs this was killed; nothing may catch it."""


class Process:
    """One process: alive until it is killed, or until its main task has ended."""

    def __init__(self, name: str, loop: "VirtualLoop") -> None:
        self.name = name
        self.is_dead = False
        self.steps = 0  # callbacks that it has had scheduled
        self.dies_at_step = 0  # 0 = it does not
        self.on_death: list[Callable[[], None]] = []
        self.do_job: Callable[[Job], Any] = _simply
        self._loop = loop
        self._tasks: dict[asyncio.Task[Any], None] = {}  # ordered, unlike a set
        self._ever: weakref.WeakSet[asyncio.Future[Any]] = weakref.WeakSet()  # those that are done as well
        self._context = contextvars.copy_context()
        self._context.run(PROCESS.set, self)

    def start(self, main: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `main` in this process."""
        return self._loop.create_task(main, name=self.name, context=self._context)

    @property
    def tasks(self) -> tuple[asyncio.Task[Any], ...]:
        """Return the tasks that have not ended."""
        return tuple(self._tasks)

    def do_soon(self, act: Callable[[], object]) -> None:
        """Have something done in this process, unless it dies before."""
        self._loop.call_soon(act, context=self._context)

    def owns(self, task: asyncio.Task[Any]) -> None:
        """Remember a task that was started in this process."""
        self._tasks[task] = None
        self._ever.add(task)
        task.add_done_callback(self._forget, context=self._loop.outside)

    def waits_for(self, future: asyncio.Future[Any]) -> None:
        """Remember a future that was made in this process."""
        self._ever.add(future)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def die_within(self, steps: int) -> None:
        """Have it killed before the callback that is `steps` after this one."""
        self.dies_at_step = self.steps + steps

    def kill(self) -> None:
        """End it here and now, as SIGKILL does: no handler runs, nothing is written, sockets are closed."""
        if self.is_dead:
            return
        self.is_dead = True
        self._loop.cancel_handles_of(self)
        for act in self.on_death:
            act()
        self._loop.call_soon(self.dispose, context=self._loop.outside)

    def dispose(self) -> None:
        """Take the dead process's coroutines apart, so that its memory is free; whatever they do has no effect."""
        self._context.run(self._throw_away)

    def _throw_away(self) -> None:
        for future in list(self._ever):
            if future.done() and not future.cancelled():
                future.exception()  # it had failed, and who would have dealt with that was killed in the same moment
        for _ in range(_THROWS):
            waiting = [task for task in self._tasks if not task.done()]
            self._tasks = {}
            for task in waiting:
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - it was killed
                _unwind(task.get_coro())
            if not waiting:
                return


def _unwind(coroutine: Any) -> None:
    for _ in range(_THROWS):
        try:
            coroutine.throw(Killed())
        except (Killed, StopIteration):
            return
        except BaseException:  # noqa: BLE001 - what a dead process fails with is nobody's concern
            return


def _simply(job: Job) -> Any:
    return job()


PROCESS: Final[contextvars.ContextVar[Process | None]] = contextvars.ContextVar("simulated process", default=None)
