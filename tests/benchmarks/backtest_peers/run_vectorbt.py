"""vectorbt: RATE FILES... OUT. Its sizes are a share of the first cash, so only its speed is compared."""
# ruff: noqa: ANN001, ANN201, B905
# mypy: ignore-errors

import sys
import warnings

import bars
import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
import vectorbt as vbt  # noqa: E402

RATE = float(sys.argv[1])
FILES = sys.argv[2:-1]


STAKE = bars.CASH * bars.SHARE  # of every purchase: orders worked out beforehand know no equity


def simulate(close, price, lasts):
    fast, slow = vbt.MA.run(close, bars.FAST), vbt.MA.run(close, bars.SLOW)
    above, below = fast.ma.to_numpy() > slow.ma.to_numpy(), fast.ma.to_numpy() < slow.ma.to_numpy()
    size = np.floor(STAKE / close.to_numpy())
    portfolio = vbt.Portfolio.from_signals(
        close, above & ~lasts, below & ~lasts, price=price, size=size, fees=RATE, init_cash=bars.CASH, freq="1min"
    )
    return portfolio, portfolio.orders.records


def prepare():
    frames = [bars.read(path) for path in FILES]
    close = pd.concat([frame["close"] for frame in frames], axis=1, keys=range(len(frames)))
    price = pd.concat([frame["open"].shift(-1) for frame in frames], axis=1, keys=range(len(frames)))
    lasts = pd.concat([frame["last"] for frame in frames], axis=1, keys=range(len(frames))).to_numpy()
    simulate(close[:200], price[:200], lasts[:200])  # compiles
    return lambda: simulate(close, price, lasts)


def fills(done):
    portfolio, records = done
    seconds = portfolio.wrapper.index.to_numpy().astype("datetime64[s]").astype(np.int64)
    found = [[] for _ in FILES]
    for column, row, size, price, fees, side in zip(*(records[name] for name in FIELDS)):
        found[column].append([int(seconds[row]), float(-size if side else size), float(price), float(fees)])
    return found


FIELDS = ("col", "idx", "size", "price", "fees", "side")
bars.say(prepare, fills)
