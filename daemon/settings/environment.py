"""Settings from the environment and from `.env`.

`PAPERD_MODE`, `PAPERD_IB__PORT` and so on name a key, two underscores for each dot; lists and mappings are written as
JSON. An empty value counts as not set. The names that earlier systems used (4.13, 2.9) are understood where the
setting exists already:

    MAX_DAILY_LOSS_PCT         limits.account.daily_loss_fraction (a fraction in spite of its name: 0.03 is 3 %)
    MAX_SINGLE_POSITION_PCT    limits.account.position_fraction
    STARTING_CAPITAL           market.initial_cash
    LOG_FILE                   logs.paper_log_file
    DRY_RUN                    dry_run
    PAPER_TRADING              true changes nothing; false is refused: the mode is never inferred

A `PAPERD_` name wins over one of these. The environment wins over `.env`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

from daemon.settings.layers import Layer, single

PREFIX: Final = "PAPERD_"
RESERVED: Final = frozenset({"PAPERD_CONFIG", "PAPERD_STATE"})  # options of the command line, no settings
KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "MAX_DAILY_LOSS_PCT": ("limits", "account", "daily_loss_fraction"),
    "MAX_SINGLE_POSITION_PCT": ("limits", "account", "position_fraction"),
    "STARTING_CAPITAL": ("market", "initial_cash"),
    "LOG_FILE": ("logs", "paper_log_file"),
    "DRY_RUN": ("dry_run",),
}
UNUSED: Final = (
    "ALPACA_API_KEY",
    "ALPACA_SECRET_KEY",
    "ALPACA_API_SECRET",
    "ALPACA_ACCOUNT_ID",
    "ALPACA_BASE_URL",
    "MAX_LEVERAGED_ETF_PCT",
    "REGIME_CONFIRMATION_DAYS",
    "REBALANCE_TIME",
)
_SECRET: Final = ("ALPACA_API_KEY", "ALPACA_SECRET_KEY", "ALPACA_API_SECRET")
_FALSE: Final = frozenset({"false", "0", "no", "off"})


def read_env_file(path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the variables of a `.env` file, and the faults in it; a file that is not there has none of either."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except FileNotFoundError:
        return {}, ()
    except UnicodeDecodeError:
        return {}, (f"{path}: … is not UTF-8; save the file as UTF-8",)
    except OSError as error:
        return {}, (f"{path}: … cannot be read: {error.strerror}; make it a readable file",)
    faults = tuple(
        f"{path}: line {binding.original.line} … is no NAME=value; mend it" for binding in bindings if binding.error
    )
    return {b.key: b.value for b in bindings if b.key is not None and b.value is not None}, faults


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Return the layer of the variables that name settings."""
    layer = Layer()
    for name, key in KNOWN.items():
        if environ.get(name):
            layer = single(key, environ[name], f"environment {name}").over(layer)
    for name in sorted(environ, key=lambda name: (name.count("__"), name)):
        if name.startswith(PREFIX) and name not in RESERVED and environ[name]:
            layer = _named(name, environ[name]).over(layer)
    return layer


def asks_for_live(environ: Mapping[str, str]) -> bool:
    """Return whether PAPER_TRADING says no."""
    return environ.get("PAPER_TRADING", "").strip().lower() in _FALSE


def unused_names(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a note for each variable that is understood but has nothing to act on yet."""
    for name in UNUSED:
        if environ.get(name):
            yield f"{name} is set, but nothing in this version uses it"


def secrets_in(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the values that no log may ever show."""
    yield from (environ[name] for name in _SECRET if environ.get(name))


def _named(name: str, text: str) -> Layer:
    key = tuple(name.removeprefix(PREFIX).lower().split("__"))
    origin = f"environment {name}"
    if text == "null":
        return single(key, None, origin)
    if not text.lstrip().startswith(("[", "{")):
        return single(key, text, origin)
    try:
        return single(key, json.loads(text), origin)
    except ValueError as error:
        return Layer(faults=(f"{name}: … is not JSON ({error}); lists and mappings are written as JSON",))
