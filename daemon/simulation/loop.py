"""The virtual-time event loop: where asyncio would wait, time jumps to the next timer. No socket, no thread, no wall.

`run_in_executor` does the work inline after a delay from the seed. Connections are made in memory (`network`). The loop
uses four private members of asyncio's own loop, which have been there since 3.7; a test names each of them.
"""

import asyncio
import contextvars
import random
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from daemon.simulation.process import PROCESS, Killed, Process

if TYPE_CHECKING:
    from daemon.simulation.network import MemoryServer, Network

T = TypeVar("T")

_JOB_S: Final = (0.000_2, 0.002)  # how long a job of an executor takes, from and to
_SLOW_JOB_S: Final = 0.08  # one of a hundred
_SLOW_SHARE: Final = 0.01


class Stalled(RuntimeError):
    """Nothing is left that could happen, and the main task has not ended."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a number."""

    def __init__(self, chance: random.Random) -> None:
        """Start at second 0; `chance` draws how long jobs take."""
        self._now_s = 0.0
        self._chance = chance
        self.outside = contextvars.copy_context()  # of no process
        self.network: Network | None = None
        super().__init__(_NoFiles(self))
        self.set_task_factory(_task)  # type: ignore[arg-type] # a Protocol that names its arguments otherwise

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds

    # ---- processes

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Schedule a callback, unless its process is dead; the process may die of it."""
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is not None:
            process.steps += 1
            if process.is_dead:
                return _cancelled(super().call_soon(callback, *args, context=context))
            if process.steps == process.dies_at_step:
                super().call_soon(process.kill, context=self.outside)
        return super().call_soon(callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a callback at a virtual time, unless its process is dead."""
        timer = super().call_at(when, callback, *args, context=context)
        process = PROCESS.get() if context is None else context.get(PROCESS)
        return _cancelled(timer) if process is not None and process.is_dead else timer

    def create_future(self) -> "asyncio.Future[Any]":
        """Return a future, known to the process that makes it."""
        future = super().create_future()
        process = PROCESS.get()
        if process is not None:
            process.waits_for(future)
        return future

    def cancel_handles_of(self, process: Process) -> None:
        """Take back everything that was going to run in `process`."""
        for handle in (*self._ready, *self._scheduled):  # type: ignore[attr-defined]
            if handle._context.get(PROCESS) is process:  # noqa: SLF001 - there is no other way to ask
                handle.cancel()

    # ---- what would need a thread, a socket, a signal or a child

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Call `func` in this thread after a while of virtual time."""
        future: asyncio.Future[T] = self.create_future()
        slow = self._chance.random() < _SLOW_SHARE
        self.call_later(_SLOW_JOB_S if slow else self._chance.uniform(*_JOB_S), _do, future, lambda: func(*args))
        return future

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, **_: object
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect in memory.

        Raises:
            ConnectionRefusedError: nothing listens there.
        """
        return await self._networked().connect(protocol_factory, host, port)

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, **_: object
    ) -> "MemoryServer":
        """Listen in memory.

        Raises:
            OSError: somebody listens there already.
        """
        return self._networked().listen(protocol_factory, host, port)

    def _networked(self) -> "Network":
        if self.network is None:
            raise OSError("this loop has no network")
        return self.network

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Take no notice: simulated processes get no signals."""

    async def subprocess_exec(self, *_: Any, **__: Any) -> Any:
        """Refuse: a child would live in another time."""
        raise OSError("a simulated process cannot start a real one")


class _NoFiles(selectors.BaseSelector):
    """A selector on which nothing ever becomes ready; waiting is what moves time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Remember a file and never look at it."""
        self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Forget a file."""
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return nothing, `timeout` later.

        Raises:
            Stalled: there is no timer to wait for.
        """
        if timeout is None:
            raise Stalled("nothing is left to happen")
        if timeout > 0:
            self._loop.advance(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Return what was registered."""
        return self._keys


HandleT = TypeVar("HandleT", bound=asyncio.Handle)


def _cancelled(handle: HandleT) -> HandleT:
    handle.cancel()
    return handle


def _task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], **options: Any) -> asyncio.Task[T]:
    """Make a task that its process knows."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    context = options.get("context")
    process = PROCESS.get() if context is None else context.get(PROCESS)
    if process is not None:
        process.owns(task)
    return task


def _do(future: "asyncio.Future[T]", job: Callable[[], T]) -> None:
    """Do an executor's job, unless nobody waits for it any more."""
    process = PROCESS.get()
    try:
        result = job() if process is None else process.do_job(job)
    except Killed:
        return
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
        if not future.done():
            future.set_exception(error)
        return
    if not future.done():
        future.set_result(result)
