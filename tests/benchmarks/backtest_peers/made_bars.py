"""Minutes of random walks on the sessions of the New York exchange, as CSV files."""

from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from daemon.adapters.files.bars_file import BarRows
from daemon.market.sessions import TradingCalendar


def walk(bars: int, seed: int, *, digits: int = 6) -> BarRows:
    """Return minutes of a random walk, session after session from 2000 on.

    Opens, which are traded at, lie on the cent grid. Closes have `digits` decimals: on the grid too, the two averages
    are now and then exactly equal, and then every program's rounding errors decide which is above.
    """
    rng = np.random.default_rng(seed)
    middle = 300 * np.exp(np.cumsum(rng.normal(0, 3e-4, bars) - 1e-6 * np.sin(np.arange(bars) / 20_000)))
    opens, closes = np.round(middle, 2), np.round(middle * np.exp(rng.normal(0, 2e-4, bars)), digits)
    high = np.round(np.maximum(opens, closes) + np.abs(rng.normal(0, 0.03, bars)) + 0.005, 2)
    low = np.maximum(np.round(np.minimum(opens, closes) - np.abs(rng.normal(0, 0.03, bars)) - 0.005, 2), 0.01)
    return BarRows(
        row=np.arange(1, bars + 1), at=_minutes(bars), open=opens, high=high, low=low, close=closes,
        volume=rng.integers(10_000, 50_000, bars).astype(np.float64),
    )  # fmt: skip


def write_bars(path: Path, bars: int, seed: int, *, digits: int = 6) -> Path:
    """Write them to `path` and return it."""
    import pandas as pd

    rows = walk(bars, seed, digits=digits)
    times = pd.to_datetime(rows.at, unit="s", utc=True).strftime("%Y-%m-%dT%H:%M:%SZ")
    columns = {name: getattr(rows, name) for name in ("open", "high", "low", "close")}
    pd.DataFrame({"ts": times, **columns, "volume": rows.volume.astype(np.int64)}).to_csv(path, index=False)
    return path


def _minutes(bars: int) -> NDArray[np.int64]:
    """Return the starts of so many minutes, epoch seconds."""
    calendar, starts, count = TradingCalendar("XNYS"), list[NDArray[np.int64]](), 0
    session = calendar.session_on(date(2000, 1, 3))
    while count < bars and session is not None:
        starts.append(np.arange(session.open_s, session.close_s, 60))
        count += starts[-1].size
        session = calendar.session_after(session)
    return np.concatenate(starts)[:bars]
