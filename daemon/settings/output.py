"""The configuration going out: hashes that identify it, YAML for people, JSON Schema for editors."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import yaml
from pydantic import BaseModel, SecretStr
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from daemon.runtime.redaction import MASK
from daemon.settings.model import Settings
from daemon.settings.yaml_core import CoreDumper

_WIDTH: Final = 118
_COMMENT_COLUMN: Final = 36
_TITLE: Final = """\
# Configuration of paperd: every key, its meaning and its default. Leave out what you do not change.
#
# Precedence: these defaults < this file < .env and the environment (PAPERD_IB__PORT=7497) < the command line.
# A value may be ${VAR} or ${VAR:-default}, taken from the environment or .env: the place for secrets.
# Times ending in _s are market seconds unless the comment says host; amounts are in the account's currency.
# `paperd config check` names every fault; nothing is read again while the daemon runs.

"""


def config_hash(settings: Settings) -> str:
    """Return the SHA-256 of the whole configuration; a secret counts only as being set."""
    return _hash(settings.model_dump(mode="json"))


def limits_hash(settings: Settings) -> str:
    """Return the SHA-256 of all risk limits, the account's and each strategy's."""
    own = {strategy.id: strategy.limits.model_dump(mode="json") for strategy in settings.strategies}
    return _hash({"account": settings.limits.model_dump(mode="json"), "strategies": own})


def to_yaml(settings: Settings) -> str:
    """Return the configuration as the YAML that would give it; secrets are masked."""
    return _dumped(plain(settings))


def to_commented_yaml(settings: Settings) -> str:
    """Return the same with what each key means; a second item of a list is left without."""
    return _TITLE + "\n".join(_lines(settings, 0, comments=True)) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration file."""
    return Settings.model_json_schema(schema_generator=_FileSchema)


def plain(value: object) -> object:
    """Return settings as what JSON and YAML can hold; secrets are masked."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _number(value: Decimal) -> int | float | str:
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _hash(values: object) -> str:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _dumped(values: object, *, flow: bool = False) -> str:
    text = yaml.dump(
        values, Dumper=CoreDumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=flow
    )
    return text.removesuffix("...\n") if flow else text


class _FileSchema(GenerateJsonSchema):
    """Amounts are numbers in the file."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        bounds = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
        return {"type": "number"} | {word: float(schema[name]) for name, word in bounds.items() if name in schema}  # type: ignore[literal-required]


def _lines(section: BaseModel, indent: int, *, comments: bool) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if not _is_nested(value):
            yield from _entry(name, value, (field.description or "") if comments else "", indent)
            continue
        if comments:
            yield from _heading(value, indent)
        yield f"{' ' * indent}{name}:"
        if isinstance(value, BaseModel):
            yield from _lines(value, indent + 2, comments=comments)
        else:
            yield from _items(value, indent + 2)


def _is_nested(value: object) -> bool:
    return isinstance(value, BaseModel) or (
        isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel)
    )


def _items(sections: tuple[BaseModel, ...], indent: int) -> Iterator[str]:
    for section in sections:
        first, *rest = _lines(section, indent + 2, comments=section is sections[0])
        yield f"{' ' * indent}- {first.lstrip()}"
        yield from rest


def _heading(value: BaseModel | tuple[BaseModel, ...], indent: int) -> Iterator[str]:
    section = value if isinstance(value, BaseModel) else value[0]
    if not indent:
        yield ""
    yield f"{' ' * indent}# {(type(section).__doc__ or '').splitlines()[0]}"


def _entry(name: str, value: object, description: str, indent: int) -> Iterator[str]:
    entry = f"{' ' * indent}{name}: {_dumped(plain(value), flow=True).strip()}"
    commented = f"{entry:<{_COMMENT_COLUMN}} # {description}"
    if not description:
        yield entry
    elif len(commented) <= _WIDTH:
        yield commented
    else:
        yield f"{' ' * indent}# {description}"
        yield entry
