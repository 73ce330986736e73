"""The bars that all are fed with; imports nothing of ours, so that every venv can."""

import json
import math
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CASH = 100_000.0
SHARE = 0.3 / max(len(sys.argv) - 3, 1)  # of the equity, shared by the files
FAST, SLOW = 10, 30


def read(path: str) -> pd.DataFrame:
    """Return the bars of a CSV file by time, with whether each is the last of its session."""
    frame = pd.read_csv(path, parse_dates=["ts"], index_col="ts")
    seconds = frame.index.to_numpy().astype("datetime64[s]").astype(np.int64)
    frame["last"] = np.append(np.diff(seconds) != 60, True)
    return frame


def shares(equity: float, close: float) -> int:
    """Return how many to buy."""
    return math.floor(equity * SHARE / round(close, 2) + 1e-9)


def fee(rate: float, quantity: float, price: float) -> float:
    """Return the commission, in whole cents, halves up."""
    return math.floor(abs(quantity) * price * rate * 100 + 0.5 + 1e-6) / 100


def say(prepare: Callable[[], Callable[[], Any]], fills: Callable[[Any], list[Any]]) -> None:
    """Run once (the parent starts a process for each round) and print fills, seconds and peak memory as JSON."""
    import time

    run = prepare()
    began = time.perf_counter()
    done = run()
    seconds = time.perf_counter() - began
    found = fills(done)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(sys.argv[-1]).write_text(json.dumps({"seconds": seconds, "peak_mb": peak, "fills": found}))
