"""From settings to what the heart is built from: plain values that know no file and no environment."""

from decimal import Decimal

from daemon.domain.decision import StrategyId
from daemon.domain.instrument import Instrument, InstrumentId
from daemon.engine.combine import CombinationRule
from daemon.engine.setup import EngineSetup
from daemon.engine.sizing import SizingRule
from daemon.engine.strategy_slot import StrategySetup
from daemon.market.windows import BarSchedule
from daemon.risk.limits import AccountGuard, AccountLimits, StrategyLimits
from daemon.settings.model import Settings
from daemon.settings.output import limits_hash
from daemon.settings.strategies import StrategySettings
from daemon.strategies.registry import build_strategy


def engine_setup(settings: Settings, schedule: BarSchedule, *, instance: str, port: int) -> EngineSetup:
    """Return the heart's fixed part.

    Args:
        settings: validated settings.
        schedule: where the bars of the exchange begin and end.
        instance: marks the order references.
        port: of the gateway, which the paper-only control looks at; 0 where there is none to look at.
    """
    strategies = tuple(_strategy_setup(settings, strategy) for strategy in settings.strategies if strategy.enabled)
    symbols = dict.fromkeys(instrument for strategy in strategies for instrument in strategy.instruments)
    return EngineSetup(
        instance=instance,
        schedule=schedule,
        instruments={symbol: Instrument(symbol=symbol) for symbol in symbols},
        strategies=strategies,
        account_limits=_account_limits(settings),
        guard=AccountGuard(account="", port=port),
        limits_hash=limits_hash(settings),
        history=settings.calendar.history_bars,
        dry_run=settings.dry_run,
    )


def _strategy_setup(settings: Settings, strategy: StrategySettings) -> StrategySetup:
    combination = settings.combination_of(strategy)
    limits = strategy.limits.model_dump()
    limits["position_shares"] = Decimal(limits["position_shares"])
    return StrategySetup(
        id=StrategyId(strategy.id),
        strategy=build_strategy(strategy.type, strategy.parameters, tuple(strategy.timeframes)),
        instruments=tuple(InstrumentId(symbol) for symbol in strategy.symbols),
        capital=strategy.capital,
        combination=CombinationRule(
            weights=combination.weights,
            other_weight=combination.other,
            threshold=combination.threshold,
            min_fresh_weight=combination.min_fresh,
        ),
        sizing=SizingRule(position_fraction=strategy.position_fraction, allow_short=strategy.allow_short),
        limits=StrategyLimits(**limits),
        time_budget_ms=strategy.time_budget_ms,
    )


def _account_limits(settings: Settings) -> AccountLimits:
    values = settings.limits.account.model_dump()
    values["open_orders_per_instrument"] = values.pop("open_orders_per_symbol")
    values["position_shares"] = Decimal(values["position_shares"])
    return AccountLimits(**values)
