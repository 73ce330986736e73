"""Forked processes: each measurement starts from the same warm state and leaves nothing behind for the next."""

import gc
import multiprocessing
import os
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Self, TypeVar

_FORK = multiprocessing.get_context("fork")
_PATIENCE_S = 120.0
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

T = TypeVar("T")


class MeasurementFailed(Exception):
    """A child process could not measure; holds its traceback."""


def pin(core: int, pid: int = 0) -> None:
    """Keep a process (this one) on one core, counted from the end for negative numbers, where the system allows it."""
    if len(_CORES) > 1:
        os.sched_setaffinity(pid, {_CORES[core]})


def measured(work: Callable[..., T], *arguments: object) -> T:
    """Return what `work` returns, run in a fork of this process on the first core.

    Raises:
        MeasurementFailed: it raised, or took longer than two minutes.
    """
    ours, theirs = _FORK.Pipe()
    child = _FORK.Process(target=_run, args=(theirs, work, arguments), daemon=False)
    child.start()
    theirs.close()
    try:
        if not ours.poll(_PATIENCE_S):
            raise MeasurementFailed(f"{work.__name__} took longer than {_PATIENCE_S:g} s")
        went_well, result = ours.recv()
    except EOFError as error:
        raise MeasurementFailed(f"{work.__name__} ended without a word") from error
    finally:
        if child.is_alive():
            child.join(5.0)
        child.kill()
        child.join()
    if not went_well:
        raise MeasurementFailed(result)
    return result  # type: ignore[no-any-return]


def _run(pipe: Connection, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    pin(0)
    gc.collect()
    try:
        pipe.send((True, work(*arguments)))
    except BaseException:  # noqa: BLE001 - the parent is told, whatever it was
        pipe.send((False, traceback.format_exc()))


class Server:
    """A server in a fork of this process on the last core: `serve(pipe, *arguments)` sends its port first."""

    def __init__(self, serve: Callable[..., None], *arguments: object) -> None:
        self._pipe, theirs = _FORK.Pipe()
        self._child = _FORK.Process(target=_serve, args=(theirs, serve, arguments), daemon=True)
        self._child.start()
        theirs.close()
        self.port: int = self.told()

    def told(self) -> Any:
        """Return the next thing the server says."""
        if not self._pipe.poll(_PATIENCE_S):
            raise MeasurementFailed("the server says nothing")
        return self._pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.join()


def _serve(pipe: Connection, serve: Callable[..., None], arguments: tuple[object, ...]) -> None:
    pin(-1)
    serve(pipe, *arguments)
