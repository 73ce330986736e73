"""Scenarios: which faults begin when, read from YAML or JSON and checked as a whole before anything begins."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from daemon.domain.errors import ConfigError
from daemon.gateway.faults.catalogue import FAULTS
from daemon.gateway.faults.model import Fault
from daemon.gateway.faults.when import ALWAYS, When, seconds

_ENTRY_KEYS: Final = ("when", "fault", "for", "seed")
_SCENARIO_KEYS: Final = ("description", "seed", "faults")


class BadScenario(ConfigError):
    """A scenario or a fault is written wrongly; every mistake is listed with its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One fault of a scenario."""

    fault: Fault
    when: When = ALWAYS
    lasting_s: float | None = None  # market or host seconds, as the fault's clock says; None = until it is ended
    seed: int | None = None  # of its chance; None = made from the scenario's seed and the entry's number


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Faults and the seed that their chance is drawn from."""

    entries: tuple[Entry, ...]
    seed: int = 0
    description: str = ""


def read_scenario(path: Path) -> Scenario:
    """Read a YAML file.

    Raises:
        BadScenario: it cannot be read, is no YAML, or says what no fault can be.
    """
    try:
        raw = _PlainLoader(path.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise BadScenario(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadScenario(f"{path}: is no YAML: {' '.join(str(error).split())}") from error
    try:
        return scenario(raw)
    except BadScenario as error:
        raise BadScenario(*(f"{path}: {fault}" for fault in error.faults)) from error


def scenario(raw: object) -> Scenario:
    """Return the scenario that plain values spell: a list of entries, or a mapping with `faults`.

    Raises:
        BadScenario: something is wrong; all of it is listed.
    """
    wrong: list[str] = []
    head: Mapping[Any, Any] = {"faults": raw} if isinstance(raw, list) else raw if isinstance(raw, Mapping) else {}
    if not isinstance(head.get("faults"), list) or not head["faults"]:
        raise BadScenario("faults: must be a list of at least one entry {when: ..., fault: ..., for: ...}")
    wrong += _unknown("", head, _SCENARIO_KEYS)
    seed = head.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        wrong.append(f"seed: must be a whole number, was {seed!r}")
    found: list[Entry] = []
    for number, item in enumerate(head["faults"]):
        try:
            found.append(entry(item, where=f"faults[{number}]"))
        except BadScenario as error:
            wrong += error.faults
    if wrong:
        raise BadScenario(*wrong)
    return Scenario(entries=tuple(found), seed=int(seed), description=str(head.get("description", "")))


def entry(raw: object, *, where: str = "entry") -> Entry:
    """Return one fault with its `when` and `for`, from plain values.

    Raises:
        BadScenario: something is wrong; all of it is listed.
    """
    if not isinstance(raw, Mapping):
        raise BadScenario(f"{where}: must be a mapping with {', '.join(_ENTRY_KEYS)}, was {raw!r}")
    wrong = list(_unknown(f"{where}.", raw, _ENTRY_KEYS))
    fault, when, lasting, seed = None, ALWAYS, None, raw.get("seed")
    try:
        fault = _fault(raw.get("fault"), f"{where}.fault")
    except BadScenario as error:
        wrong += error.faults
    try:
        when = When.model_validate(raw.get("when") or {})
    except ValidationError as error:
        wrong += _told(error, f"{where}.when")
    if raw.get("for") is not None:
        try:
            lasting = seconds(raw["for"])
        except ValueError as error:
            wrong.append(f"{where}.for: {error}, was {raw['for']!r}")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        wrong.append(f"{where}.seed: must be a whole number, was {seed!r}")
    if fault is not None and fault.spares_nobody and when.client is not None and when.trigger is None:
        wrong.append(f"{where}.when.client: {fault.name} is about every client, leave it out, was {when.client}")
    if wrong or fault is None:
        raise BadScenario(*wrong)
    return Entry(fault=fault, when=when, lasting_s=lasting, seed=seed)


def _fault(raw: object, where: str) -> Fault:
    values = {"name": raw} if isinstance(raw, str) else raw
    if not isinstance(values, Mapping) or "name" not in values:
        raise BadScenario(f"{where}: must be a name, or a mapping with name and parameters, was {raw!r}")
    kind = FAULTS.get(str(values["name"]))
    if kind is None:
        raise BadScenario(f"{where}.name: {values['name']!r} is unknown; use one of {', '.join(FAULTS)}")
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise BadScenario(*_told(error, where)) from error


def _unknown(prefix: str, given: Mapping[Any, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in given:
        if key not in known:
            yield f"{prefix}{key}: is unknown; use {', '.join(known)}"


def _told(error: ValidationError, where: str) -> list[str]:
    """Return each mistake with its place, its value and what is allowed."""
    lines = []
    for item in error.errors():
        place = ".".join([where, *(str(part) for part in item["loc"])])
        text = re.sub(r"^(Value error|Assertion failed), ", "", item["msg"])
        text = text[0].lower() + text[1:]
        if item["type"] == "extra_forbidden":
            text = "is no parameter of this"
        lines.append(f"{place}: {text}, was {item['input']!r}" if item["loc"] else f"{place}: {text}")
    return lines


class _PlainLoader(yaml.SafeLoader):
    """YAML without its surprises: 10:15 is a text, not 615, and dates stay texts."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?\d+$"), list("-+0123456789"))
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+\.\d*$"), list("-+0123456789"))
