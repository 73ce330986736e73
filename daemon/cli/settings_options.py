"""The options that name a configuration and a state directory, and what they lead to."""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from daemon.domain.timeframe import Timeframe
    from daemon.settings.loading import LoadedSettings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "-c", "--config", metavar="FILE", envvar="PAPERD_CONFIG", help="Configuration file; without one, the defaults."
    ),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        envvar="PAPERD_STATE",
        help="State directory: journal, reports, logs, socket.  [default: $STATE_DIRECTORY or ~/.local/state/paperd]",
    ),
]

_ENV_FILE: Final = Path(".env")
_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # set by systemd for LoadCredential=
_CREDENTIALS_FILE: Final = "paperd.env"
_SOCKET: Final = "paperd.sock"
_SOCKET_VARIABLE: Final = "PAPERD_CONTROL__SOCKET"


def loaded(path: Path | None, overrides: Mapping[str, object]) -> "LoadedSettings":
    """Return the settings of `path`, `.env`, the environment and the command line, checked in whole.

    Args:
        path: the configuration file; None = the defaults.
        overrides: from the command line, with dotted keys; None stands for an option that was not given.

    Raises:
        ConfigError: with every fault found.
        ForbiddenError: nothing is wrong but what was asked for is not allowed.
    """
    from daemon.settings.loading import load_settings

    return load_settings(
        path,
        given(overrides),
        os.environ,
        env_file=_env_file(),
        validate_strategy=_strategy_faults,
        is_trading_day=_is_trading_day,
    )


def given(overrides: Mapping[str, object]) -> dict[str, object]:
    """Return the options that were really given."""
    return {key: value for key, value in overrides.items() if value is not None}


def state_of(option: Path | None) -> Path:
    """Return the state directory that the option or the environment names."""
    from daemon.settings.places import state_directory

    return state_directory(option, os.environ)


def socket_path(config: Path | None, state: Path | None) -> Path:
    """Return where the control socket is.

    A configuration is read only when one is named: a faulty default file must not keep anyone from stopping a daemon.

    Raises:
        ConfigError: the file that was named is faulty.
    """
    named = os.environ.get(_SOCKET_VARIABLE)
    if config is not None:
        from daemon.settings.loading import load_settings

        socket = load_settings(config, {}, os.environ, env_file=_env_file()).settings.control.socket
        return socket or state_of(state) / _SOCKET
    return Path(named) if named else state_of(state) / _SOCKET


def journal_location(config: Path | None, state: Path | None) -> str | Path:
    """Return where the journal is: a URL that may hold a password, or a file of the state directory."""
    from daemon.settings.loading import load_settings

    url = load_settings(config, {}, os.environ, env_file=_env_file()).settings.journal.url
    return url.get_secret_value() if url is not None else state_of(state) / "journal.db"


def _env_file() -> Path:
    """Return the file of variables: the service's credential where systemd has loaded one, else `.env` here."""
    credential = Path(os.environ.get(_CREDENTIALS, "")) / _CREDENTIALS_FILE
    return credential if os.environ.get(_CREDENTIALS) and credential.is_file() else _ENV_FILE


def _strategy_faults(kind: str, parameters: Mapping[str, object], timeframes: "tuple[Timeframe, ...]") -> list[str]:
    from daemon.strategies.registry import parameter_faults

    del timeframes  # every type there is takes any
    return parameter_faults(kind, parameters)


def _is_trading_day(exchange: str, day: date) -> bool:
    from daemon.market.sessions import TradingCalendar

    return TradingCalendar(exchange).session_on(day) is not None
