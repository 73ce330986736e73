"""sd_notify, to a real socket."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.runtime.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Listen as systemd does; yield the socket and what $NOTIFY_SOCKET says."""
    path = str(tmp_path / "notify")
    address, name = (path, path) if request.param == "path" else ("\0" + path, "@" + path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)
        listening.settimeout(5)
        yield listening, name


def test_each_message_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": name})
    assert notifier.ready()
    assert notifier.status("trading\nREADY=0\t 3 symbols ")
    assert notifier.watchdog()
    assert notifier.extend_timeout(2.5)
    assert notifier.stopping()
    assert [listening.recv(4096) for _ in range(5)] == [
        b"READY=1",
        b"STATUS=trading READY=0 3 symbols",
        b"WATCHDOG=1",
        b"EXTEND_TIMEOUT_USEC=2500000",
        b"STOPPING=1",
    ]
    notifier.close()
    assert not notifier.watchdog()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_socket_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier.from_environ(environ)
    assert not notifier.ready()
    notifier.close()


def test_a_manager_that_is_gone_or_does_not_listen_is_no_error(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": name})
    assert not notifier.ready()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        sent = [notifier.watchdog() for _ in range(10_000)]
        assert sent[0]
        assert not sent[-1]
    notifier.close()
