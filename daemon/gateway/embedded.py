"""The embedded gateway as the daemon sees it: a child process that it starts, waits for, and never outlives."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from daemon.domain.errors import ConfigError, Transient

log = structlog.get_logger()

_START_S: Final = 60.0  # host time until it must listen
_STOP_S: Final = 3.0
_EX_CONFIG: Final = 78


class GatewayFailed(Transient):
    """The embedded gateway could not be started, or died."""


class EmbeddedGateway:
    """A service: `paperd gateway` in a process of its own, so that only a socket lies between it and the daemon."""

    name = "embedded-gateway"

    def __init__(self, arguments: Sequence[str], *, on_listening: Callable[[int], None]) -> None:
        """Take the command line after `paperd gateway`; `on_listening` gets the port."""
        self._arguments = tuple(arguments)
        self._on_listening = on_listening

    async def run(self, ready: asyncio.Event) -> None:
        """Start the process, wait until it listens, and end it when cancelled.

        Raises:
            ConfigError: it refused its options.
            GatewayFailed: it did not start in time, or ended by itself.
        """
        # A process group of its own: Ctrl-C must reach the daemon first, which then ends the gateway in its turn.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "daemon", "gateway", *self._arguments, "--stop-with-parent",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=dict(os.environ), start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.TaskGroup() as group:
                complaints: list[str] = []
                reader = group.create_task(_collect(process.stderr, complaints), name="gateway-stderr")
                port = await self._port(process)
                if port is None:
                    await reader
                    raise _failure(await process.wait(), complaints)
                self._on_listening(port)
                ready.set()
                code = await process.wait()
                await reader
                raise _failure(code, complaints)
        finally:
            await _end(process)

    async def _port(self, process: asyncio.subprocess.Process) -> int | None:
        """Return the port it says it listens on, None when it ends instead."""
        if process.stdout is None:
            raise GatewayFailed("the embedded gateway has no standard output")
        try:
            async with asyncio.timeout(_START_S):
                line = await process.stdout.readline()
        except TimeoutError as error:
            raise GatewayFailed(f"the embedded gateway did not listen within {_START_S:g} s") from error
        if not line:
            return None
        facts = json.loads(line)
        log.info("gateway.started", port=facts["port"], market_time=facts["market_time"])
        return int(facts["port"])


async def _collect(stream: asyncio.StreamReader | None, lines: list[str]) -> None:
    """Pass on what the gateway logs, and keep the last lines for an explanation."""
    if stream is None:
        return
    while line := await stream.readline():
        text = line.decode(errors="replace").rstrip()
        lines.append(text)
        del lines[:-20]
        log.debug("gateway.said", text=text)


def _failure(code: int, complaints: Sequence[str]) -> Exception:
    said = [line.removeprefix("error: ") for line in complaints if line.strip()] or [f"it ended with code {code}"]
    if code == _EX_CONFIG:
        return ConfigError(*said)
    return GatewayFailed(f"the embedded gateway ended with code {code}: {said[-1]}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let the process save and end; kill it when it does not."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        log.warning("gateway.killed", limit_s=_STOP_S)
        process.kill()
        await process.wait()
