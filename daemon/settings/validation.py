"""Raw values to settings; where some are faulty, the rest still becomes settings, so that it can be checked too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from daemon.settings.checks import Numbered
from daemon.settings.faults import Fault, Key, from_pydantic
from daemon.settings.model import Settings

_DECISIVE: Final = frozenset({"id", "type", "symbols", "timeframes", "capital"})  # a strategy is not checked without


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """Settings without the faulty keys, and the faults."""

    settings: Settings
    strategies: Numbered  # those worth checking further, with their places in the list
    faults: tuple[Fault, ...] = ()


def validated(values: Mapping[str, object]) -> Validated:
    """Return `values` as settings; each faulty key is left at its default and named in the faults."""
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        return _repaired(values, tuple(from_pydantic(error.errors(include_url=False))))
    return Validated(settings=settings, strategies=tuple(enumerate(settings.strategies)))


def _repaired(values: Mapping[str, object], faults: tuple[Fault, ...]) -> Validated:
    keys = frozenset(fault.key for fault in faults)
    rest = _without(values, keys, ())
    places: list[int] = []
    listed = rest.pop("strategies", None)
    if isinstance(listed, list):
        places = [place for place in range(len(listed)) if not _is_lost(place, keys)]
        kept = [_without(listed[place], keys, ("strategies", place)) for place in places]
        rest |= {"strategies": kept} if kept else {}
    try:
        settings = Settings.model_validate(rest)
    except ValidationError:  # what is left depended on what was taken out: the faults found must do
        return Validated(settings=Settings(), strategies=(), faults=faults)
    checked = tuple(zip(places, settings.strategies, strict=False))
    return Validated(settings=settings, strategies=checked, faults=faults)


def _is_lost(place: int, keys: frozenset[Key]) -> bool:
    """Return whether a strategy lacks what nothing can stand in for."""
    return any(key[:2] == ("strategies", place) and (len(key) == 2 or key[2] in _DECISIVE) for key in keys)


def _without(values: Mapping[str, object], keys: frozenset[Key], prefix: Key) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in values.items():
        key = (*prefix, name)
        if key not in keys and not _has_faulty_item(key, keys):
            kept[name] = _without(value, keys, key) if isinstance(value, Mapping) else value
    return kept


def _has_faulty_item(key: Key, keys: frozenset[Key]) -> bool:
    if key == ("strategies",):
        return False  # its items are looked at one by one
    return any(
        len(fault) > len(key) and fault[: len(key)] == key and isinstance(fault[len(key)], int) for fault in keys
    )
