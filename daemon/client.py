"""The other end of the control socket: what the commands, and scripts, say to a running daemon.

Standard library only, so that a command starts quickly. One request, one connection.
"""

import http.client
import json
import os
import select
import socket
import struct
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, NoReturn

from daemon.domain.errors import ConfigError, ForbiddenError, PaperdError, Transient
from daemon.web.socket_path import checked_socket_path

_PEER: Final = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED


class DaemonNotRunning(PaperdError):
    """There is no daemon at the socket: cause and cure in words (exit 69)."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause}. {cure}")
        self.cause = cause
        self.cure = cure


class DaemonNotAnswering(Transient):
    """A daemon is there but does not do what it was asked now (exit 75)."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause}. {cure}")
        self.cause = cause
        self.cure = cure


class ControlClient:
    """Speaks to the daemon whose control socket is at `path`."""

    def __init__(self, path: Path, *, answer_s: float = 10.0) -> None:
        """Each answer may take `answer_s` host seconds.

        Raises:
            ConfigError: `path` is too long for a socket.
        """
        self._path = checked_socket_path(path)
        self._answer_s = answer_s

    def status(self) -> dict[str, object]:
        """Return the state of the daemon.

        Raises:
            DaemonNotRunning: there is none (every method of this class may raise it).
            DaemonNotAnswering: it does not answer in time, or not now (likewise).
        """
        return self._ask("GET", "/api/v1/status")

    def pause(self, who: str, strategy: str | None = None) -> dict[str, object]:
        """Stop opening positions, everywhere or for one strategy.

        Raises:
            ConfigError: there is no such strategy.
        """
        return self._ask("POST", "/api/v1/pause", {"who": who, "strategy": strategy})

    def resume(self, who: str, strategy: str | None = None) -> dict[str, object]:
        """Allow opening positions again.

        Raises:
            ConfigError: there is no such strategy.
        """
        return self._ask("POST", "/api/v1/resume", {"who": who, "strategy": strategy})

    def stop(self, who: str) -> dict[str, object]:
        """Begin the orderly shutdown and return at once."""
        return self._ask("POST", "/api/v1/stop", {"who": who})

    def adjustments(self) -> dict[str, object]:
        """Return the adjustments that wait for a person."""
        return self._ask("GET", "/api/v1/adjustments")

    def confirm_adjustment(self, who: str, adjustment_id: str, *, price: str, order: str | None) -> dict[str, object]:
        """Book an adjustment at `price` per unit, for `order` where the daemon cannot name one.

        Raises:
            ConfigError: no such adjustment waits, there is no order to book it for, or the price is none.
        """
        body = {"who": who, "id": adjustment_id, "price": price, "order": order}
        return self._ask("POST", "/api/v1/adjustments/confirm", body)

    def reject_adjustment(self, who: str, adjustment_id: str) -> dict[str, object]:
        """Count an adjustment as somebody else's.

        Raises:
            ConfigError: no such adjustment waits.
        """
        return self._ask("POST", "/api/v1/adjustments/reject", {"who": who, "id": adjustment_id})

    def stop_and_wait(self, who: str, *, within_s: float) -> dict[str, object]:
        """Begin the orderly shutdown and return when the daemon's process has ended.

        Raises:
            DaemonNotAnswering: it has not ended `within_s` host seconds later.
        """
        with self._connected(timeout_s=within_s) as held:
            process = _process_of(held)
            try:
                answer = self.stop(who)
                gone = _ended(process, within_s) if process is not None else _closed(held)
            finally:
                if process is not None:
                    os.close(process)
        if not gone:
            raise DaemonNotAnswering(
                f"the daemon at {self._path} is still stopping after {within_s:g} s",
                "Wait and look again with `paperd status`; its log says what it waits for.",
            )
        return answer

    def _ask(self, method: str, route: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
        given = {name: value for name, value in (body or {}).items() if value is not None}
        headers = {"Content-Type": "application/json"} if given else {}
        connection = _UnixHttp(self._connected(timeout_s=self._answer_s))
        try:
            connection.request(method, route, body=json.dumps(given).encode() if given else None, headers=headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise DaemonNotAnswering(
                f"the daemon at {self._path} took the request but did not answer: {str(error) or type(error).__name__}",
                "Try again; if it stays like this, its log says what it is doing.",
            ) from error
        finally:
            connection.close()
        values = _json_object(content)
        if response.status != HTTPStatus.OK:
            _raise_problem(response.status, values)
        return values

    def _connected(self, *, timeout_s: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            self._raise_unreachable(error)
        return connection

    def _raise_unreachable(self, error: OSError) -> NoReturn:
        """Raise what a failed connect means."""
        cure = "Start it with `paperd run`, or name the state directory of a running one with --state."
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise DaemonNotRunning(f"no daemon is running here: there is no {self._path}", cure) from error
        if isinstance(error, ConnectionRefusedError):
            cause = f"no daemon is running here: nobody listens at {self._path}, a daemon ended without removing it"
            raise DaemonNotRunning(cause, cure) from error
        if isinstance(error, PermissionError):
            cause = f"{self._path} may be opened only by the user who runs the daemon"
            raise DaemonNotRunning(cause, "Run the command as that user.") from error
        raise DaemonNotAnswering(
            f"the daemon at {self._path} does not take connections ({error})", "Try again in a moment."
        ) from error


class _UnixHttp(http.client.HTTPConnection):
    """HTTP over a socket that is already connected."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__("localhost")
        self.sock = connected


def _process_of(connected: socket.socket) -> int | None:
    """Return a handle on the process that listens at the other end, None where the system gives none."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    pid, _, _ = _PEER.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    try:
        return os.pidfd_open(pid) if pid > 0 else None  # 0: it lives in another namespace
    except OSError:
        return None


def _ended(process: int, within_s: float) -> bool:
    readable, _, _ = select.select([process], [], [], within_s)
    return bool(readable)


def _closed(held: socket.socket) -> bool:
    """Return whether the other end closes the connection within its timeout."""
    try:
        return held.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def _json_object(content: bytes) -> dict[str, object]:
    try:
        values = json.loads(content)
    except ValueError:
        return {"detail": content.decode("utf-8", "replace")[:200]}
    return values if isinstance(values, dict) else {"detail": str(values)}


def _raise_problem(status: int, values: Mapping[str, object]) -> NoReturn:
    detail = str(values.get("detail") or HTTPStatus(status).phrase)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        faults = values.get("faults")
        raise ConfigError(*(map(str, faults) if isinstance(faults, list) and faults else (detail,)))
    if status == HTTPStatus.FORBIDDEN:
        raise ForbiddenError(detail, str(values.get("cure", "")))
    raise DaemonNotAnswering(f"the daemon answered {status}: {detail}", "Its log says more; try again.")
