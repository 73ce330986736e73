"""The whole configuration."""

from typing import Literal

from pydantic import Field

from daemon.settings.limits import Limits
from daemon.settings.section import Section
from daemon.settings.sections import (
    Calendar,
    Combination,
    Control,
    Execution,
    Ib,
    Journal,
    Logs,
    Market,
    Monitors,
    Reconciliation,
)
from daemon.settings.strategies import StrategySettings, default_strategies

Mode = Literal["paper", "ibkr_paper", "alpaca_paper", "live"]


class Settings(Section):
    """Configuration of paperd: what a person may set, with the defaults that run when nothing is set."""

    mode: Mode = Field(
        "paper", description="paper (embedded gateway) or ibkr_paper; alpaca_paper and live are refused for now"
    )
    instance: str | None = Field(
        None,
        pattern=r"^[a-z0-9]{1,12}$",
        description="marks this daemon's order references; null = chosen once and kept",
    )
    dry_run: bool = Field(False, description="decide and record everything, send nothing")
    ib: Ib = Field(default_factory=Ib)
    market: Market = Field(default_factory=Market)
    calendar: Calendar = Field(default_factory=Calendar)
    strategies: tuple[StrategySettings, ...] = Field(default_factory=default_strategies, min_length=1)
    combination: Combination = Field(default_factory=Combination)
    limits: Limits = Field(default_factory=Limits)
    execution: Execution = Field(default_factory=Execution)
    reconciliation: Reconciliation = Field(default_factory=Reconciliation)
    monitors: Monitors = Field(default_factory=Monitors)
    journal: Journal = Field(default_factory=Journal)
    logs: Logs = Field(default_factory=Logs)
    control: Control = Field(default_factory=Control)

    def combination_of(self, strategy: StrategySettings) -> Combination:
        """Return the combination that applies to `strategy`: its own overrides over the common values."""
        common = self.combination
        return Combination(
            weights={**common.weights, **strategy.weights},
            other=common.other,
            threshold=common.threshold if strategy.score_threshold is None else strategy.score_threshold,
            min_fresh=common.min_fresh if strategy.min_fresh_weight is None else strategy.min_fresh_weight,
        )
