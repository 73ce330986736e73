"""Whole backtests told bar by bar and quietly, and what must be the same about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from daemon.backtest.driver import DAILY, BacktestClock, BacktestDriver, Quietly
from daemon.backtest.market_history import MarketHistory
from daemon.backtest.simulated_broker import SimulatedBroker
from daemon.backtest.tape_history import TapeHistory
from daemon.domain.decision import StrategyId
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.domain.records import AlertRaised, BarSeen, DecisionMade, IntentRecorded, QuoteSeen, Record, RiskChecked
from daemon.domain.timeframe import Timeframe
from daemon.engine.combine import CombinationRule
from daemon.engine.engine import Engine
from daemon.engine.quiet import QuietDecisions
from daemon.engine.quiet_lane import OUTCOMES, SIGNALS, TOLD
from daemon.engine.setup import EngineSetup
from daemon.engine.sizing import SizingRule
from daemon.engine.strategy_slot import StrategySetup
from daemon.execution.paper_executor import ExecutionRules, PaperExecutor
from daemon.journal.bulk import Recorded
from daemon.journal.rows import record_from_row
from daemon.market.sessions import TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from daemon.market.windows import BarSchedule
from daemon.matching.commission import CommissionSchedule, PercentOfNotional
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel
from daemon.risk.limits import AccountGuard, AccountLimits, StrategyLimits
from daemon.strategies.protocol import Strategy

SCHEDULE = BarSchedule(calendar=TradingCalendar("XNYS"))
SYMBOLS = ("SPY", "QQQ", "AAPL")
M1, M5, M15, H1 = (Timeframe.parse(label) for label in ("1m", "5m", "15m", "1h"))
MANY = 1_000_000
_WITHOUT_CONSEQUENCES = (BarSeen, QuoteSeen)


def limits(*, daily_loss: int = 10**8) -> tuple[AccountLimits, StrategyLimits]:
    """Return limits that only bind through the loss of the day."""
    wide: dict[str, Any] = {
        "daily_trades": MANY,
        "position_shares": Decimal(MANY),
        "position_value": Decimal(10**9),
        "position_fraction": Decimal(1),
        "position_loss": None,
        "daily_loss_value": Decimal(daily_loss),
        "daily_loss_fraction": Decimal(1),
        "emergency_loss": Decimal(daily_loss) * 2,
    }
    account = AccountLimits(
        **wide, open_orders=MANY, open_orders_per_instrument=MANY, messages_per_second=MANY, messages_per_minute=MANY
    )
    return account, StrategyLimits(**wide)


def strategy(
    name: str,
    rules: Strategy,
    symbols: Sequence[str],
    *,
    allow_short: bool = False,
    fraction: str = "0.3",
    daily_loss: int = 10**8,
    min_fresh: float = 0.5,
    capital: int = 100_000,
) -> StrategySetup:
    """Return a strategy as configured."""
    return StrategySetup(
        id=StrategyId(name),
        strategy=rules,
        instruments=tuple(InstrumentId(symbol) for symbol in symbols),
        capital=Decimal(capital),
        combination=CombinationRule(weights={M1: 0.3, M5: 0.2, M15: 0.3}, min_fresh_weight=min_fresh),
        sizing=SizingRule(position_fraction=Decimal(fraction), allow_short=allow_short),
        limits=limits(daily_loss=daily_loss)[1],
    )


def setup(
    strategies: Sequence[StrategySetup], *, daily_loss: int = 10**8, dry_run: bool = False, history: int = 200
) -> EngineSetup:
    """Return the heart's fixed part."""
    symbols = dict.fromkeys(instrument for each in strategies for instrument in each.instruments)
    return EngineSetup(
        instance="test",
        schedule=SCHEDULE,
        instruments={symbol: Instrument(symbol=symbol) for symbol in symbols},
        strategies=tuple(strategies),
        account_limits=limits(daily_loss=daily_loss)[0],
        guard=AccountGuard(account="", port=0),
        limits_hash="test",
        history=history,
        dry_run=dry_run,
    )


def synthetic(heart: EngineSetup, *, seed: int, days: int, history: int = 200) -> TapeHistory:
    """Return the synthetic market for everything that `heart` trades."""
    symbols = tuple(heart.instruments)
    return TapeHistory(
        source=SyntheticMarket(seed, SCHEDULE.calendar, symbols),
        schedule=SCHEDULE,
        instruments=symbols,
        timeframes=tuple(sorted({frame for each in heart.strategies for frame in each.strategy.timeframes})),
        first=date(2026, 3, 2),
        days=days,
        history=history,
    )


@dataclass(slots=True)
class Run:
    """What a backtest left behind."""

    records: list[Record] = field(default_factory=list)
    quiet: list[QuietDecisions] = field(default_factory=list)
    bars: int = 0
    digest: str = ""

    def take(self, records: Iterable[Recorded]) -> None:
        """Take records, and rows as the records that they stand for."""
        for record in records:
            self.records.append(record_from_row(*record) if isinstance(record, tuple) else record)

    @property
    def consequences(self) -> list[Record]:
        """Return every record but bars, quotes, and decisions from which nothing followed."""
        followed = {record.decision_id for record in self.records if isinstance(record, (RiskChecked, IntentRecorded))}
        return [
            record
            for record in self.records
            if not isinstance(record, _WITHOUT_CONSEQUENCES)
            and not (isinstance(record, DecisionMade) and record.decision_id not in followed)
        ]

    @property
    def decisions(self) -> dict[str, tuple[str, float, str]]:
        """Return signal, confidence and outcome of every decision, wherever it is kept."""
        found = {
            record.decision_id: (record.signal.value, record.confidence, record.outcome.value)
            for record in self.records
            if isinstance(record, DecisionMade)
        }
        for each in self.quiet:
            for end, signal, confidence, outcome in zip(
                each.bar_end, each.signal, each.confidence, each.outcome, strict=True
            ):
                if outcome == TOLD:
                    continue
                name = f"{each.strategy}:{each.instrument}:{each.timeframe}:{end}"
                assert name not in found, f"{name} was told and filed"
                found[name] = (SIGNALS[int(signal)].value, float(confidence), OUTCOMES[outcome].value)
        return found

    def count(self, kind: type[Record]) -> int:
        """Return how many records of a kind there are."""
        return sum(isinstance(record, kind) for record in self.records)


def run(
    heart: EngineSetup,
    history: MarketHistory,
    quietly: Quietly | None,
    *,
    seed: int = 5,
    fees: CommissionSchedule | None = None,
) -> Run:
    """Run a backtest, with commissions of 0.2 % unless others are given."""
    done = Run()
    engine = Engine(heart)
    clock = BacktestClock(datetime.fromtimestamp(0, UTC))
    broker = SimulatedBroker(
        SimulatedExchange(LatencyModel(seed=seed)), fees or PercentOfNotional(rate=Decimal("0.002"))
    )
    executor = PaperExecutor(
        broker,
        clock,
        quote_of=engine.marks.quote,
        instruments=heart.instruments.get,
        may_send=engine.may_send,
        rules=ExecutionRules(),
    )
    driver = BacktestDriver(
        engine=engine, executor=executor, broker=broker, clock=clock, sink=done.take, cadence=DAILY,
        quietly=quietly, decided=done.quiet.append,
    )  # fmt: skip
    for _ in driver.run(history):
        pass
    done.bars, done.digest = driver.bars, engine.state_hash()
    return done


def assert_same(told: Run, quiet: Run) -> None:
    """Fail at the first difference."""
    for mine, other in zip(quiet.consequences, told.consequences, strict=False):
        assert mine == other
    assert len(quiet.consequences) == len(told.consequences)
    assert quiet.decisions == told.decisions
    assert (quiet.bars, quiet.digest) == (told.bars, told.digest)


def trips(done: Run) -> int:
    """Return how many loss limits acted."""
    return sum(isinstance(record, AlertRaised) and record.name == "breaker.tripped" for record in done.records)
