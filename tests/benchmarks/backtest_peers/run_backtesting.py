"""backtesting.py: RATE FILES... OUT."""
# ruff: noqa: ANN001, ANN201, PERF401
# mypy: ignore-errors

import sys
import warnings

import bars
import pandas as pd
from backtesting import Backtest, Strategy

warnings.simplefilter("ignore")
RATE = float(sys.argv[1])
FILES = sys.argv[2:-1]


class Cross(Strategy):
    def init(self):
        close = pd.Series(self.data.Close)
        self.fast = self.I(lambda: close.rolling(bars.FAST).mean())
        self.slow = self.I(lambda: close.rolling(bars.SLOW).mean())

    def next(self):
        if self.data.last[-1]:
            return
        fast, slow = self.fast[-1], self.slow[-1]
        if fast > slow and not self.position:
            size = bars.shares(self.equity, self.data.Close[-1])
            if size:
                self.buy(size=size)
        elif fast < slow and self.position:
            self.position.close()


CALLED_BY_THE_LIBRARY = (Cross.init, Cross.next)


def prepare():
    frames = [bars.read(path).rename(columns=str.capitalize).rename(columns={"Last": "last"}) for path in FILES]
    fee = (lambda size, price: bars.fee(RATE, size, price)) if RATE else 0.0
    tests = [Backtest(frame, Cross, cash=bars.CASH, commission=fee, finalize_trades=False) for frame in frames]
    return lambda: [test.run() for test in tests]


def fills(results):
    return [traded(result) for result in results]


def traded(result):
    found = []
    for row in result._trades.itertuples():
        found.append([int(row.EntryTime.timestamp()), int(row.Size), row.EntryPrice])
        found.append([int(row.ExitTime.timestamp()), -int(row.Size), row.ExitPrice])
    for trade in result._strategy.trades:
        found.append([int(trade.entry_time.timestamp()), int(trade.size), trade.entry_price])
    return [[*fill, bars.fee(RATE, fill[1], fill[2])] for fill in found]


bars.say(prepare, fills)
