"""Where a Unix socket may be: what the kernel asks of its path."""

from pathlib import Path
from typing import Final

from daemon.domain.errors import ConfigError

LONGEST_BYTES: Final = 107  # Linux: sun_path with its closing zero holds 108


def checked_socket_path(path: Path) -> Path:
    """Return `path`.

    Raises:
        ConfigError: it is too long for the address of a Unix socket.
    """
    length = len(bytes(path))
    if length > LONGEST_BYTES:
        raise ConfigError(
            f"control.socket: {path} … is {length} bytes long and a Unix socket's path may have {LONGEST_BYTES}; "
            "set control.socket (or PAPERD_CONTROL__SOCKET) to a shorter path, or choose a shorter --state directory"
        )
    return path
