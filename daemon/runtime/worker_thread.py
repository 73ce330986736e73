"""One thread for blocking work, which an exit of the process does not wait for.

The threads of `concurrent.futures` are joined when the interpreter ends: a disk or server that never answers would
keep a process that has decided to end from ending.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkerThread(Executor):
    """Does one job after the other, in the order in which they were given."""

    def __init__(self, name: str) -> None:
        """Start the thread."""
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._is_shut = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have `fn` called, and return its future."""
        if self._is_shut:
            raise RuntimeError("the worker thread has been shut down")
        future: Future[T] = Future()
        self._jobs.put(lambda: _do(future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as Executor
        """Take no more jobs, and with `wait` return when those that were given are done."""
        del cancel_futures
        if not self._is_shut:
            self._is_shut = True
            self._jobs.put(None)
        if wait:
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _do(future: "Future[Any]", work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the job gets it
        future.set_exception(error)
    else:
        future.set_result(result)
