"""One configured strategy with everything that is its own: rules, ledger, signals, memory, state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from daemon.domain.cheap import cheaply_made
from daemon.domain.decision import Decision, Reason, Signal, StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.timeframe import Timeframe
from daemon.domain.trading_state import TradingState
from daemon.engine.combine import CombinationRule, Combined, TimeframeSignal, combine
from daemon.engine.ledger import Ledger
from daemon.engine.marks import Marks
from daemon.engine.series import SeriesStore
from daemon.engine.sizing import SizingRule
from daemon.engine.trading_switch import TradingSwitch
from daemon.market.windows import BarColumns
from daemon.risk.limits import StrategyLimits
from daemon.strategies.protocol import Features, Moment, Strategy

_NO_MEMORY: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySetup:
    """A strategy as configured."""

    id: StrategyId
    strategy: Strategy
    instruments: tuple[InstrumentId, ...]
    capital: Decimal
    combination: CombinationRule
    sizing: SizingRule
    limits: StrategyLimits
    time_budget_ms: float | None = None  # host time a decision may take; None = no bound


@cheaply_made
@dataclass(frozen=True, slots=True)
class LatestSignal:
    """The last signal of one instrument and timeframe."""

    signal: Signal
    confidence: float
    bar_end: int


@dataclass(slots=True)
class StrategySlot:
    """The running state of one strategy."""

    setup: StrategySetup
    ledger: Ledger
    switch: TradingSwitch = field(default_factory=TradingSwitch)
    day_start_equity: Decimal = Decimal(0)
    orders_today: int = 0
    signals: dict[InstrumentId, dict[Timeframe, LatestSignal]] = field(default_factory=dict)
    memory: dict[InstrumentId, Mapping[str, object]] = field(default_factory=dict)
    failure: str = ""  # why it was stopped, empty while it is well
    features: dict[InstrumentId, dict[Timeframe, tuple[int, Features]]] = field(
        default_factory=dict
    )  # with their row count
    foreseen: dict[InstrumentId, dict[Timeframe, Features]] = field(
        default_factory=dict
    )  # of rows laid down beforehand
    moment: Moment = field(default_factory=Moment)
    _valued: tuple[int, int] = (-1, -1)  # versions of marks and ledger of which `_equity` is
    _equity: Decimal = Decimal(0)

    @classmethod
    def of(cls, setup: StrategySetup) -> "StrategySlot":
        """Return a slot that has not traded yet."""
        return cls(setup=setup, ledger=Ledger(capital=setup.capital), day_start_equity=setup.capital)

    @property
    def id(self) -> StrategyId:
        """Return the strategy's name."""
        return self.setup.id

    @property
    def state(self) -> TradingState:
        """Return what this strategy may send."""
        return self.switch.state

    def equity(self, marks: Marks) -> Decimal:
        """Return what the ledger is worth, worked out anew only where a price or the ledger has changed."""
        versions = (marks.version, self.ledger.version)
        if versions != self._valued:
            self._valued, self._equity = versions, self.ledger.equity(marks.prices())
        return self._equity

    def decide(
        self, series: SeriesStore, instrument: InstrumentId, timeframe: Timeframe, at: datetime, equity: Decimal
    ) -> Decision:
        """Return the strategy's decision on the bar that has just closed; remember its signal.

        Raises:
            Exception: whatever the strategy raises; the engine stops it alone.
        """
        strategy = self.setup.strategy
        bars = series.columns(instrument, strategy.timeframes)
        if len(bars[timeframe]) < strategy.warmup:
            note = f"{len(bars[timeframe])} of {strategy.warmup} bars"
            return Decision(signal=Signal.HOLD, reason=Reason.WARMUP, note=note)
        moment = self.moment
        moment.at, moment.instrument, moment.timeframe = at, instrument, timeframe
        moment.bars = bars
        moment.features = self._features(bars, instrument, timeframe)
        moment.position, moment.equity = self.ledger.position(instrument).quantity, equity
        moment.memory = self.memory.get(instrument, _NO_MEMORY)
        return strategy.decide(moment)

    def _features(
        self, bars: Mapping[Timeframe, BarColumns], instrument: InstrumentId, closed: Timeframe
    ) -> Mapping[Timeframe, Features]:
        """Return the features of all timeframes, of the same rows as their bars; only what grew is worked out anew."""
        strategy = self.setup.strategy
        foreseen = self.foreseen.get(instrument)
        if foreseen is not None:
            return {timeframe: heads(foreseen[timeframe], len(bars[timeframe])) for timeframe in strategy.timeframes}
        known = self.features.setdefault(instrument, {})
        for timeframe in strategy.timeframes:
            count = len(bars[timeframe])
            if timeframe == closed or timeframe not in known or known[timeframe][0] != count:
                known[timeframe] = (count, strategy.features(bars[timeframe], timeframe))
        return {timeframe: features for timeframe, (_, features) in known.items()}

    def forget_features(self, instrument: InstrumentId | None = None) -> None:
        """Drop what was worked out of windows that have changed, of one instrument or all."""
        if instrument is None:
            self.features.clear()
            self.foreseen.clear()
        else:
            self.features.pop(instrument, None)
            self.foreseen.pop(instrument, None)

    def remember(
        self,
        instrument: InstrumentId,
        timeframe: Timeframe,
        decision: Decision,
        bar_end: int,
        *,
        with_memory: bool = True,
    ) -> None:
        """Keep a decision's signal and memory; one made without enough history leaves no signal."""
        if decision.reason is not Reason.WARMUP:
            latest = LatestSignal(decision.signal, decision.confidence, bar_end)
            self.signals.setdefault(instrument, {})[timeframe] = latest
        if with_memory and decision.memory is not None:
            self.memory[instrument] = decision.memory

    def combined(self, instrument: InstrumentId, due_ends: Mapping[Timeframe, int]) -> Combined:
        """Return the side over all timeframes; a signal is fresh while its bar is the last that should have closed.

        Args:
            instrument: which one.
            due_ends: timeframe -> end of the last bar that should have closed, epoch seconds.
        """
        latest = self.signals.get(instrument, {})
        nothing = LatestSignal(Signal.HOLD, 0.0, 0)
        return combine(
            (
                TimeframeSignal(timeframe, known.signal, known.confidence, fresh=known.bar_end >= due_ends[timeframe])
                for timeframe in self.setup.strategy.timeframes
                for known in (latest.get(timeframe, nothing),)
            ),
            self.setup.combination,
        )


def heads(features: Features, count: int) -> Features:
    """Return the oldest `count` rows."""
    return {name: values[:count] for name, values in features.items()}
