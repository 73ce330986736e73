"""What systemd is for the daemon: a socket that takes its signs of life."""

import socket
from pathlib import Path
from typing import Final, Self

_LONGEST: Final = 4096  # bytes of a message


class ServiceManager:
    """Listens at a Unix socket and never blocks."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind(str(path))
        self.path = path

    def heard(self) -> list[str]:
        """Return what has been said since the last call, such as READY=1 or WATCHDOG=1."""
        said: list[str] = []
        while True:
            try:
                said += self._socket.recv(_LONGEST).decode().splitlines()
            except BlockingIOError:
                return said

    def environment(self) -> dict[str, str]:
        """Return what tells the daemon of this socket."""
        return {"NOTIFY_SOCKET": str(self.path)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Take the socket away."""
        self._socket.close()
        self.path.unlink()
