"""A process that serves a control socket at the path it is given until it is asked to stop."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from daemon.web.control_socket import ControlSocket
from tests.fakes.recording_control import RecordingControl


class _Stopping(RecordingControl):
    """Ends the process a moment after it was asked to."""

    def __init__(self, stop: asyncio.Event) -> None:
        super().__init__()
        self._stop = stop

    def stop(self, who: str) -> Mapping[str, object]:
        asyncio.get_running_loop().call_later(0.3, self._stop.set)
        return super().stop(who)


async def _serve(path: Path) -> None:
    stop = asyncio.Event()
    ready = asyncio.Event()
    serving = asyncio.create_task(ControlSocket(_Stopping(stop), path).run(ready))
    await ready.wait()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    serving.cancel()
    await asyncio.wait({serving})


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    asyncio.run(_serve(Path(sys.argv[1])))
