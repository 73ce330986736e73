"""From a file, the environment and the command line to settings, or to every fault in them at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from daemon.domain.errors import ConfigError
from daemon.settings import checks
from daemon.settings.environment import asks_for_live, environment_layer, read_env_file, secrets_in, unused_names
from daemon.settings.faults import Fault
from daemon.settings.layers import Layer, from_options
from daemon.settings.model import Settings
from daemon.settings.output import config_hash
from daemon.settings.validation import Validated, validated
from daemon.settings.yaml_file import read_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings that may be run."""

    settings: Settings
    source: str  # the file's path, or "defaults"
    hash: str
    notes: tuple[str, ...]  # what a person should know, each a sentence
    secrets: tuple[str, ...]  # values no log may show


def load_settings(
    path: Path | None,
    overrides: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    env_file: Path | None = None,
    validate_strategy: checks.StrategyCheck | None = None,
    is_trading_day: checks.TradingDayCheck | None = None,
) -> LoadedSettings:
    """Return the defaults overlaid by the file `path`, then `.env` and the environment, then `overrides`.

    Args:
        path: the YAML file; None = the defaults.
        overrides: from the command line, nested or with dotted keys ("ib.port"); only what was really given.
        environ: the environment; it wins over `env_file`.
        env_file: a `.env` file, which need not exist.
        validate_strategy: returns the faults of a type, its parameters and timeframes (`checks.strategy_faults`).
        is_trading_day: whether an exchange trades on a day; it raises ValueError for an unknown exchange and
            LookupError for a day beyond its calendar.

    Raises:
        ConfigError: with every fault found.
        ForbiddenError: nothing is wrong but what was asked for is not allowed.
    """
    variables, env_faults = read_env_file(env_file) if env_file else ({}, ())
    variables.update(environ)
    layer = read_yaml(path, variables) if path else Layer()
    layer = environment_layer(variables).over(layer)
    layer = from_options(overrides).over(layer)
    valid = validated(layer.values)
    found = [*valid.faults, *_cross_checked(valid, validate_strategy, is_trading_day)]
    refusal = checks.forbidden(valid.settings, asks_for_live=asks_for_live(variables))
    faults = [*env_faults, *layer.faults, *(layer.line(fault) for fault in found if fault.key not in layer.broken)]
    if faults:
        raise ConfigError(*dict.fromkeys(faults), *([str(refusal)] if refusal else []))
    if refusal:
        raise refusal
    return LoadedSettings(
        settings=valid.settings,
        source=str(path) if path else "defaults",
        hash=config_hash(valid.settings),
        notes=tuple(unused_names(variables)),
        secrets=(*secrets_in(variables), *_secrets_of(valid.settings)),
    )


def _cross_checked(
    valid: Validated, validate_strategy: checks.StrategyCheck | None, is_trading_day: checks.TradingDayCheck | None
) -> list[Fault]:
    """Return what is wrong beyond single keys, without what only follows from a key already named."""
    further = list(checks.contradictions(valid.settings, valid.strategies))
    if validate_strategy:
        further += checks.strategy_faults(valid.strategies, validate_strategy)
    if is_trading_day:
        further += checks.trading_day(valid.settings, is_trading_day)
    named = {fault.key for fault in valid.faults}
    return [fault for fault in further if fault.key not in named]


def _secrets_of(settings: Settings) -> tuple[str, ...]:
    if settings.journal.url is None:
        return ()
    url = settings.journal.url.get_secret_value()
    password = urlsplit(url).password
    return (url, password) if password else ()
