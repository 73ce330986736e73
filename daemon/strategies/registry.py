"""Finds strategy types by name, and builds strategies from validated parameters.

A type is one that ships, an installed entry point of the group `paperd.strategies`, or a class in a person's own file,
named as `path/to/file.py:ClassName`.
"""

import importlib.util
import inspect
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ValidationError

from daemon.domain.timeframe import Timeframe
from daemon.strategies.protocol import Strategy
from daemon.strategies.sma_cross import SmaCross

_GROUP = "paperd.strategies"
_FILE_MARK = ".py:"
_MEMBERS = ("features", "decide", "warmup")


class StrategyType(Protocol):
    """A class that builds strategies of one kind."""

    Parameters: type[BaseModel]

    def __call__(self, parameters: BaseModel, timeframes: tuple[Timeframe, ...]) -> Strategy:
        """Return a strategy with these parameters on these timeframes."""
        ...


class NoStrategyType(LookupError):
    """A type was named that is not there, or is none; the message says what would do."""


_SHIPPED: Mapping[str, object] = {"sma_cross": SmaCross}


def strategy_names() -> tuple[str, ...]:
    """Return the names of the types that ship or are installed."""
    return tuple(sorted({*_SHIPPED, *(point.name for point in entry_points(group=_GROUP))}))


def strategy_type(name: str) -> StrategyType:
    """Return the type called `name`.

    Raises:
        NoStrategyType: there is none of that name, or what is there is no strategy.
    """
    if _FILE_MARK in name:
        found = _from_file(name)
    elif name in _SHIPPED:
        found = _SHIPPED[name]
    else:
        points = [point for point in entry_points(group=_GROUP) if point.name == name]
        if not points:
            known = ", ".join(strategy_names())
            raise NoStrategyType(f"{name!r} is no known strategy; use one of {known}, or your own as file.py:ClassName")
        found = points[0].load()
    return _checked(name, found)


def parameter_faults(kind: str, parameters: Mapping[str, object]) -> list[str]:
    """Return what is wrong with a strategy's type or parameters, one line a fault; empty when nothing is."""
    try:
        strategy_type(kind).Parameters.model_validate(dict(parameters))
    except NoStrategyType as error:
        return [f"type: {error}"]
    except ValidationError as error:
        return [_fault(detail) for detail in error.errors()]
    return []


def build_strategy(kind: str, parameters: Mapping[str, object], timeframes: tuple[Timeframe, ...]) -> Strategy:
    """Return the strategy.

    Raises:
        NoStrategyType: no such type; `parameter_faults` says so in words.
        ValidationError: the parameters are wrong, likewise.
    """
    found = strategy_type(kind)
    return found(found.Parameters.model_validate(dict(parameters)), timeframes)


@lru_cache(maxsize=64)
def _from_file(name: str) -> object:
    """Return the class of a person's own file; the file is run once."""
    path_text, _, class_name = name.rpartition(":")
    path = Path(path_text)
    if not path.is_file():
        raise NoStrategyType(f"{path_text} is no file; name it as path/to/file.py:ClassName")
    spec = importlib.util.spec_from_file_location(f"paperd_strategy_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise NoStrategyType(f"{path_text} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # A person's file may raise anything while it is run.
        raise NoStrategyType(f"{path_text} fails when it is loaded: {type(error).__name__}: {error}") from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = ", ".join(name for name, member in vars(module).items() if inspect.isclass(member)) or "none"
        raise NoStrategyType(f"{path_text} has no {class_name}; its classes are {classes}")
    return found


def _checked(name: str, found: object) -> StrategyType:
    missing = [member for member in _MEMBERS if not hasattr(found, member)]
    parameters = getattr(found, "Parameters", None)
    if missing or not (inspect.isclass(parameters) and issubclass(parameters, BaseModel)):
        lacks = ", ".join([*missing, *([] if parameters else ["Parameters (a pydantic model)"])])
        raise NoStrategyType(f"{name} is no strategy: it lacks {lacks or 'Parameters as a pydantic model'}")
    return found  # type: ignore[return-value]  # the members were looked at just now


def _fault(detail: Mapping[str, object]) -> str:
    location = detail["loc"]
    path = ".".join(str(part) for part in location) if isinstance(location, tuple) and location else ""
    return f"parameters{'.' if path else ''}{path}: {detail['msg']}, was {detail.get('input')!r}"
