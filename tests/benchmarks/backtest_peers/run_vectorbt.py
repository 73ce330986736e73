"""vectorbt: RATE FILES... OUT. Its sizes are a fixed share of the cash, so only its speed is compared."""
# ruff: noqa: ANN001, ANN201
# mypy: ignore-errors

import sys
import warnings

import bars
import pandas as pd

warnings.simplefilter("ignore")
import vectorbt as vbt  # noqa: E402

RATE = float(sys.argv[1])
FILES = sys.argv[2:-1]


def simulate(close, price, lasts):
    fast, slow = vbt.MA.run(close, bars.FAST), vbt.MA.run(close, bars.SLOW)
    above, below = fast.ma.to_numpy() > slow.ma.to_numpy(), fast.ma.to_numpy() < slow.ma.to_numpy()
    return vbt.Portfolio.from_signals(
        close, above & ~lasts, below & ~lasts, price=price, size=100, fees=RATE, init_cash=bars.CASH, freq="1min"
    ).orders.records_readable


def prepare():
    frames = [bars.read(path) for path in FILES]
    close = pd.concat([frame["close"] for frame in frames], axis=1, keys=range(len(frames)))
    price = pd.concat([frame["open"].shift(-1) for frame in frames], axis=1, keys=range(len(frames)))
    lasts = pd.concat([frame["last"] for frame in frames], axis=1, keys=range(len(frames))).to_numpy()
    simulate(close[:200], price[:200], lasts[:200])  # compiles
    return lambda: simulate(close, price, lasts)


bars.say(prepare, lambda records: [])
