"""Tells systemd how the daemon is: the sd_notify protocol, one datagram a message.

Without a socket, as when a person runs the daemon, it does nothing. It never blocks and never raises: a service
manager that does not listen is no reason to stop trading.
"""

import socket
from collections.abc import Mapping
from typing import Self


class Notifier:
    """The way to the service manager; each call returns whether the message went out."""

    def __init__(self, address: str | None) -> None:
        self._socket = None if address is None else _datagram_socket()
        self._address = "" if address is None else address

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Return the notifier for $NOTIFY_SOCKET: a path, or an abstract name that begins with @."""
        given = environ.get("NOTIFY_SOCKET", "")
        if given.startswith("@"):
            return cls("\0" + given[1:])
        return cls(given if given.startswith("/") else None)

    def ready(self) -> bool:
        """Say that start-up is complete."""
        return self._send("READY=1")

    def stopping(self) -> bool:
        """Say that shutdown has begun."""
        return self._send("STOPPING=1")

    def status(self, text: str) -> bool:
        """Set the line that `systemctl status` shows."""
        return self._send(f"STATUS={' '.join(text.split())}")

    def watchdog(self) -> bool:
        """Say that the daemon is alive and well."""
        return self._send("WATCHDOG=1")

    def extend_timeout(self, seconds: float) -> bool:
        """Ask for `seconds` more, from now, before starting or stopping counts as hung."""
        return self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}")

    def close(self) -> None:
        """Release the socket; further messages go nowhere."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> bool:
        if self._socket is None:
            return False
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:  # gone, full or not ours: the manager's own time limits decide
            return False
        return True


def _datagram_socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    made.settimeout(0)  # never blocks
    return made
