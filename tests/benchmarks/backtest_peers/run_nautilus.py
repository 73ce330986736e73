"""NautilusTrader: RATE FILES... OUT. Quotes without spread at each bar's open are its market, bars its signals.

Its statistics after the run are left out: they append to a pandas series trade by trade, which with thousands of trades
takes longer than the trading.
"""
# ruff: noqa: ANN001, ANN201, ANN202, ANN204, B905, E741
# mypy: ignore-errors

import sys
from decimal import Decimal

import bars
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

RATE = sys.argv[1]
FILES = sys.argv[2:-1]
VENUE = Venue("SIM")
DIGITS = 6


class CrossConfig(StrategyConfig, frozen=True):
    bar_type: BarType
    lasts: frozenset


class Cross(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.fast, self.slow = SimpleMovingAverage(bars.FAST), SimpleMovingAverage(bars.SLOW)
        self.fills = []
        self.held = 0

    def on_start(self):
        self.register_indicator_for_bars(self.config.bar_type, self.fast)
        self.register_indicator_for_bars(self.config.bar_type, self.slow)
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        if not self.slow.initialized or bar.ts_event in self.config.lasts:
            return
        fast, slow = self.fast.value, self.slow.value
        if fast > slow and not self.held:
            cash = float(self.portfolio.account(VENUE).balance_total(USD))
            self._order(OrderSide.BUY, bars.shares(cash, float(bar.close)))
        elif fast < slow and self.held:
            self._order(OrderSide.SELL, self.held)

    def _order(self, side, quantity):
        if quantity:
            instrument = self.config.bar_type.instrument_id
            self.submit_order(self.order_factory.market(instrument, side, Quantity.from_int(quantity)))

    def on_order_filled(self, event):
        signed = int(event.last_qty) * (1 if event.order_side == OrderSide.BUY else -1)
        self.held += signed
        self.fills.append(
            [event.ts_event // 1_000_000_000 // 60 * 60, signed, float(event.last_px), float(event.commission)]
        )


CALLED_BY_THE_LIBRARY = (Cross.on_start, Cross.on_bar, Cross.on_order_filled)


def prepare():
    engine = BacktestEngine(config=BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=USD,
        starting_balances=[Money(bars.CASH, USD)],
        bar_execution=False,
        latency_model=LatencyModel(base_latency_nanos=500_000),
    )
    strategies = []
    for number, path in enumerate(FILES):
        frame = bars.read(path)
        identity = InstrumentId(Symbol(f"S{number}"), VENUE)
        engine.add_instrument(
            Equity(
                instrument_id=identity,
                raw_symbol=identity.symbol,
                currency=USD,
                price_precision=DIGITS,
                price_increment=Price.from_str("0.000001"),
                lot_size=Quantity.from_int(1),
                ts_event=0,
                ts_init=0,
                maker_fee=Decimal(RATE),
                taker_fee=Decimal(RATE),
            )
        )
        kind = BarType.from_str(f"{identity}-1-MINUTE-LAST-EXTERNAL")
        size = Quantity.from_int(10_000_000)
        starts = frame.index.as_unit("ns").asi8
        data = []
        lasts = set()
        for start, o, h, l, c, v, last in zip(
            starts.tolist(), frame.open, frame.high, frame.low, frame.close, frame.volume, frame["last"]
        ):
            at = Price(o, DIGITS)
            data.append(QuoteTick(identity, at, at, size, size, start + 1_000_000, start + 1_000_000))
            end = start + 60_000_000_000
            data.append(
                Bar(kind, at, Price(h, DIGITS), Price(l, DIGITS), Price(c, DIGITS), Quantity.from_int(v), end, end)
            )
            if last:
                lasts.add(end)
        engine.add_data(data)
        strategies.append(Cross(CrossConfig(bar_type=kind, lasts=frozenset(lasts), order_id_tag=str(number))))
    engine.add_strategies(strategies)

    def run():
        engine.run()
        return strategies

    return run


bars.say(prepare, lambda strategies: [strategy.fills for strategy in strategies])
