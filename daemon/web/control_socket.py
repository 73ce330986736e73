"""The control socket: the control API over HTTP on a Unix socket that only the daemon's user can open."""

import asyncio
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from daemon.ports import Control
from daemon.web.control_api import control_application
from daemon.web.unix_socket import OwnedSocket

log = structlog.get_logger()

_SHUTDOWN_S: Final = 1.0  # host seconds for answers that are under way


class ControlSocket:
    """A service (see `runtime.supervisor`) that serves `control` at `path`."""

    name = "control"

    def __init__(self, control: Control, path: Path) -> None:
        self._control = control
        self._path = path

    async def run(self, ready: asyncio.Event) -> None:
        """Serve until cancelled; then answer what is under way and remove the socket's file.

        Raises:
            ConfigError: nothing can listen at the path.
        """
        owned = OwnedSocket(self._path)
        runner = web.AppRunner(
            control_application(self._control),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_S,
        )
        try:
            await runner.setup()
            await web.SockSite(runner, owned.socket).start()
            log.info("control.opened", socket=str(self._path))
            ready.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await runner.cleanup()
            owned.remove()
