"""Finds strategy types by name and builds them from validated parameters."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Protocol

from pydantic import BaseModel, ValidationError

from daemon.domain.timeframe import Timeframe
from daemon.strategies.protocol import Strategy
from daemon.strategies.sma_cross import SmaCross

_GROUP = "paperd.strategies"


class StrategyType(Protocol):
    """A class that builds strategies of one kind."""

    Parameters: type[BaseModel]

    def __call__(self, parameters: BaseModel, timeframes: tuple[Timeframe, ...]) -> Strategy:
        """Return a strategy with these parameters on these timeframes."""
        ...


_SHIPPED: Mapping[str, object] = {"sma_cross": SmaCross}


def strategy_types() -> dict[str, StrategyType]:
    """Return the types by name: those that ship, and installed ones from the entry points `paperd.strategies`."""
    types: dict[str, object] = dict(_SHIPPED)
    for point in entry_points(group=_GROUP):
        types[point.name] = point.load()
    return types  # type: ignore[return-value]  # classes are checked against the protocol where they are built


def parameter_faults(kind: str, parameters: Mapping[str, object]) -> list[str]:
    """Return what is wrong with a strategy's type or parameters, one line a fault; empty when nothing is."""
    types = strategy_types()
    if kind not in types:
        return [f"type: {kind!r} is no known strategy; use one of {', '.join(sorted(types))}"]
    try:
        types[kind].Parameters.model_validate(dict(parameters))
    except ValidationError as error:
        return [_fault(detail) for detail in error.errors()]
    return []


def build_strategy(kind: str, parameters: Mapping[str, object], timeframes: tuple[Timeframe, ...]) -> Strategy:
    """Return the strategy.

    Raises:
        KeyError: no such type; `parameter_faults` says so in words.
        ValidationError: the parameters are wrong, likewise.
    """
    strategy_type = strategy_types()[kind]
    return strategy_type(strategy_type.Parameters.model_validate(dict(parameters)), timeframes)


def _fault(detail: Mapping[str, object]) -> str:
    location = detail["loc"]
    path = ".".join(str(part) for part in location) if isinstance(location, tuple) and location else ""
    return f"parameters{'.' if path else ''}{path}: {detail['msg']}, was {detail.get('input')!r}"
