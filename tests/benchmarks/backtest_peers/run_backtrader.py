"""backtrader: RATE FILES... OUT."""
# ruff: noqa: ANN001, ANN003, ANN201, ANN202, ANN204, B905, DTZ006, ICN001, UP017
# mypy: ignore-errors

import sys

import backtrader as bt
import bars

RATE = float(sys.argv[1])
FILES = sys.argv[2:-1]


class Feed(bt.feeds.PandasData):
    lines = ("last",)
    params = (("last", "last"), ("openinterest", None))


class Fee(bt.CommInfoBase):
    params = (("stocklike", True), ("commtype", bt.CommInfoBase.COMM_PERC))

    def _getcommission(self, size, price, **others):
        return bars.fee(RATE, size, price)


class Cross(bt.Strategy):
    def __init__(self):
        self.averages = [
            (bt.ind.SMA(data.close, period=bars.FAST), bt.ind.SMA(data.close, period=bars.SLOW)) for data in self.datas
        ]
        self.fills = {data: [] for data in self.datas}

    def next(self):
        for data, (fast, slow) in zip(self.datas, self.averages):
            if data.last[0]:
                continue
            held = self.getposition(data).size
            if fast[0] > slow[0] and not held:
                size = bars.shares(self.broker.getvalue(), data.close[0])
                if size:
                    self.buy(data, size=size)
            elif fast[0] < slow[0] and held:
                self.close(data)

    def notify_order(self, order):
        if order.status == order.Completed:
            done = order.executed
            self.fills[order.data].append(
                [int(bt.num2date(done.dt).timestamp()), int(done.size), done.price, done.comm]
            )


CALLED_BY_THE_LIBRARY = (Feed.lines, Feed.params, Fee.params, Fee._getcommission, Cross.next, Cross.notify_order)


def prepare():
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(bars.CASH)
    cerebro.broker.addcommissioninfo(Fee())
    cerebro.addstrategy(Cross)
    for path in FILES:
        cerebro.adddata(Feed(dataname=bars.read(path)))
    return cerebro.run


def local_fills(done):
    return [[[whole_minute(at), *rest] for at, *rest in each] for each in done[0].fills.values()]


def whole_minute(at):
    import datetime

    local = datetime.datetime.fromtimestamp(at).replace(tzinfo=datetime.timezone.utc)
    return int(local.timestamp() + 0.5) // 60 * 60


bars.say(prepare, local_fills)
