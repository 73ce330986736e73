"""The thread for blocking work: in order, with its errors, and no reason for a process to stay."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daemon.runtime.worker_thread import WorkerThread

ROOT = Path(__file__).parents[3]

NEVER_DONE = """
import threading
from daemon.runtime.worker_thread import WorkerThread
begun = threading.Event()
WorkerThread("stuck").submit(lambda: (begun.set(), threading.Event().wait()))
begun.wait()
print("the end", flush=True)
"""


def test_jobs_are_done_one_after_the_other_on_one_thread() -> None:
    worker = WorkerThread("work")
    done: list[tuple[int, str]] = []

    def job(number: int) -> None:
        done.append((number, threading.current_thread().name))

    for number in range(100):
        worker.submit(job, number)
    worker.shutdown()
    assert done == [(number, "work") for number in range(100)]


def test_a_result_or_an_error_comes_back() -> None:
    worker = WorkerThread("work")
    assert worker.submit(divmod, 7, 2).result() == (3, 1)
    with pytest.raises(ZeroDivisionError):
        worker.submit(divmod, 7, 0).result()
    assert worker.submit(divmod, 9, 2).result() == (4, 1)
    worker.shutdown()


def test_a_job_that_was_cancelled_is_not_done() -> None:
    worker, gate, done = WorkerThread("work"), threading.Event(), list[str]()
    worker.submit(gate.wait)
    waiting = worker.submit(done.append, "x")
    assert waiting.cancel()
    gate.set()
    worker.shutdown()
    assert done == []


def test_nothing_is_taken_after_the_end() -> None:
    worker = WorkerThread("work")
    worker.shutdown()
    worker.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        worker.submit(print)


def test_a_job_that_never_ends_keeps_no_process_from_ending() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NEVER_DONE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "the end\n"
