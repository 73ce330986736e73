"""The bars that all are fed with; imports nothing of ours, so that every venv can."""

import json
import math
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CASH = float(os.environ.get("PEERS_CASH", "100000"))
SHARE = float(os.environ.get("PEERS_SHARE", "0.3"))  # of the equity, for each symbol
FAST, SLOW = 10, 30


def read(path: str) -> "pd.DataFrame":
    """Return the bars of a CSV file by time, with whether each is the last of its session.

    Times are UTC without saying so: pandas turns an index with a zone into one Python object a row wherever a library
    asks for an array of it, which took vectorbt a hundred times as long as its own work.
    """
    import pandas as pd  # here: paperd's own memory is measured without it

    frame = pd.read_csv(path, parse_dates=["ts"], index_col="ts").tz_localize(None)
    seconds = frame.index.to_numpy().astype("datetime64[s]").astype(np.int64)
    frame["last"] = np.append(np.diff(seconds) != 60, True)
    return frame


def shares(equity: float, close: float) -> int:
    """Return how many to buy."""
    return math.floor(equity * SHARE / round(close, 2) + 1e-9)


def fee(rate: float, quantity: float, price: float) -> float:
    """Return the commission, in whole cents, halves up."""
    return math.floor(abs(quantity) * price * rate * 100 + 0.5 + 1e-6) / 100


def peak_mb() -> float:
    """Return the highest memory of this process so far.

    Linux's own high-water mark, where there is one: `ru_maxrss` of a process that was forked and then became another
    program begins with what its parent held.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(prepare: Callable[[], Callable[[], Any]], fills: Callable[[Any], list[list[Any]]]) -> None:
    """Run once (the parent starts a process for each round) and write what was measured and traded as JSON.

    Args:
        prepare: reads the files into whatever the program takes, and returns what is to be measured.
        fills: returns the executions of each file: second of the bar, signed quantity, price, commission.
    """
    import time

    started = time.perf_counter()
    run = prepare()
    began = time.perf_counter()
    done = run()
    ended = time.perf_counter()
    peak = peak_mb()
    told = {"seconds": ended - began, "with_reading": ended - started, "peak_mb": peak, "fills": fills(done)}
    Path(sys.argv[-1]).write_text(json.dumps(told))
