"""Where the daemon keeps what must outlive it."""

from collections.abc import Mapping
from pathlib import Path


def state_directory(option: Path | None, environ: Mapping[str, str]) -> Path:
    """Return `option` (--state), else $STATE_DIRECTORY, else paperd under $XDG_STATE_HOME or ~/.local/state.

    systemd may name several directories, separated by colons: the first counts. A relative $XDG_STATE_HOME is ignored,
    as its specification asks.
    """
    if option is not None:
        return option.expanduser()
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    xdg = Path(environ.get("XDG_STATE_HOME", ""))
    if xdg.is_absolute():
        return xdg / "paperd"
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / ".local" / "state" / "paperd"
