"""What an engine is built from."""

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.domain.instrument import Instrument, InstrumentId
from daemon.engine.strategy_slot import StrategySetup
from daemon.market.windows import BarSchedule
from daemon.risk.limits import AccountGuard, AccountLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSetup:
    """The fixed part of an engine: nothing of it changes while it runs."""

    instance: str  # part of every order reference
    schedule: BarSchedule
    instruments: Mapping[InstrumentId, Instrument]
    strategies: tuple[StrategySetup, ...]
    account_limits: AccountLimits
    guard: AccountGuard
    limits_hash: str
    history: int = 200  # bars before the session's first one
    dry_run: bool = False  # decide and record everything, order nothing
