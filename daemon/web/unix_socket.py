"""A listening Unix socket that only its owner can connect to, from the first moment on."""

import socket
import stat
from pathlib import Path
from typing import Final

from daemon.domain.errors import ConfigError
from daemon.web.socket_path import checked_socket_path

_MODE: Final = 0o600
_BACKLOG: Final = 64


class OwnedSocket:
    """The socket and its file; the file is removed again only while it is this one."""

    def __init__(self, path: Path) -> None:
        """Remove what a dead daemon left at `path`, and listen there.

        Raises:
            ConfigError: nothing can listen there; it says why and what to do.
        """
        self._path = checked_socket_path(path)
        _clear(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.bind(str(path))
            path.chmod(_MODE)  # before `listen`: until then nobody can connect
            self.socket.listen(_BACKLOG)
        except OSError as error:
            self.socket.close()
            raise _unusable(path, error) from error
        self.socket.settimeout(0)
        self._inode = path.stat().st_ino

    def remove(self) -> None:
        """Close the socket and remove its file."""
        self.socket.close()
        try:
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            return


def _clear(path: Path) -> None:
    """Remove the socket of a daemon that is gone; refuse to touch anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, error) from error
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"control.socket: {path} … is there and is no socket; remove it or choose another path")
    if _answers(path):
        raise ConfigError(
            f"control.socket: {path} … a running daemon listens there; stop it with `paperd stop`, "
            "or give this one another --state directory or control.socket"
        )
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)  # a daemon whose queue is full is alive too
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


def _unusable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"control.socket: {path} … cannot be used: {error.strerror}; "
        f"make {path.parent} a directory that this user may write to, or set control.socket to another path"
    )
