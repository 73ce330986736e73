"""The gateway as a process of its own: event loop, signals, one line on standard output when it is ready."""

import asyncio
import json
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime

import uvloop

from daemon.gateway.faults.http import ControlApi
from daemon.gateway.faults.scenario import Scenario
from daemon.gateway.log import GatewayLog
from daemon.gateway.options import GatewayOptions
from daemon.gateway.server import GatewayServer
from daemon.gateway.source import MarketSource
from daemon.gateway.timeline import SECOND_US


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultOptions:
    """Faults that a gateway begins with, and how more can be started."""

    scenario: Scenario | None = None
    control_port: int | None = None  # of the control API on loopback; 0 = any free one, None = no control API
    control_token: str = field(default="", repr=False)


def main(
    options: GatewayOptions,
    source: MarketSource,
    log: GatewayLog,
    *,
    stop_on_stdin_eof: bool = False,
    faults: FaultOptions = FaultOptions(),
) -> None:
    """Serve until SIGTERM or SIGINT, or until standard input ends when `stop_on_stdin_eof`.

    A daemon that starts a gateway keeps the other end of that pipe: however the daemon dies, the gateway ends too.

    Raises:
        ConfigError: the state cannot be used, or the control token is too short.
        OSError: a port cannot be used.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options, source, log, faults, stop_on_stdin_eof=stop_on_stdin_eof))


async def _serve(
    options: GatewayOptions, source: MarketSource, log: GatewayLog, faults: FaultOptions, *, stop_on_stdin_eof: bool
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if stop_on_stdin_eof:
        await loop.connect_read_pipe(lambda: _UntilEof(stop), sys.stdin)
    gateway = GatewayServer(options, source, log)
    api, control_port = None, None
    if faults.control_port is not None:
        api = ControlApi(gateway.faults, token=faults.control_token, port=faults.control_port)
        control_port = await api.start()

    def announce(port: int) -> None:
        if faults.scenario is not None:
            gateway.faults.load(faults.scenario)
        market_time = datetime.fromtimestamp(gateway.market_us / SECOND_US, UTC).isoformat()
        line = {"event": "gateway.listening", "host": options.host, "port": port, "market_time": market_time}
        if control_port is not None:
            line["control_port"] = control_port
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    serving = asyncio.create_task(gateway.run(announce), name="gateway")
    stopping = asyncio.create_task(stop.wait(), name="gateway stop")
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if api is not None:
        await api.close()
    if serving.done():
        serving.result()
    serving.cancel()
    await asyncio.wait({serving})


class _UntilEof(asyncio.Protocol):
    """Sets an event when a pipe ends; what comes through it is ignored."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is gone."""
        del exc
        self._stop.set()
