"""The gateway of a drill: its process, and faults over its control API."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from daemon.drills.program import Program, Unseen
from daemon.drills.settings import gateway_arguments

_START_S: Final = 120.0  # host seconds; the machine may be busy
_ANSWER: Final = aiohttp.ClientTimeout(total=10)


class DrillGateway:
    """A `paperd gateway` that can be killed and started again on the same port."""

    def __init__(self, folder: Path, arguments: tuple[str, ...]) -> None:
        """Take where its files go and what it is started with beyond the usual."""
        self._folder = folder
        self._arguments = arguments
        self._token = secrets.token_hex(16)
        self._control = 0
        self._starts = 0
        self._program: Program | None = None
        self.port = 0
        self.ledger = folder / "gateway.db"

    @property
    def program(self) -> Program:
        """Return its process, the last one that was started."""
        if self._program is None:
            raise RuntimeError("the gateway has not been started")
        return self._program

    async def start(self) -> None:
        """Start it; return when it listens."""
        self._starts += 1
        self._program = await Program.start(
            f"gateway-{self._starts}",
            gateway_arguments(self.port, self._control, self.ledger, self._arguments),
            folder=self._folder,
            environment={"GATEWAY_CONTROL_TOKEN": self._token},
        )
        line = await self._program.wait_for("gateway.listening", within_s=_START_S)
        self.port, self._control = int(line["port"]), int(line["control_port"])

    async def fault(self, entry: Mapping[str, Any]) -> int:
        """Start a fault, spelt as a scenario's entry; return its number."""
        return int((await self._ask("POST", "/faults", entry))["id"])

    async def stop_fault(self, number: int) -> None:
        """End a fault."""
        await self._ask("DELETE", f"/faults/{number}")

    async def stop_faults(self) -> None:
        """End every fault that is armed or in force."""
        for fault in await self._ask("GET", "/active"):
            await self.stop_fault(int(fault["id"]))

    async def books(self) -> dict[str, Any]:
        """Return orders, executions, positions and cash as they really are."""
        return dict(await self._ask("GET", "/ledger"))

    async def _ask(self, method: str, route: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"http://127.0.0.1:{self._control}{route}"
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=_ANSWER) as session,
                session.request(method, url, json=body, headers=headers) as answer,
            ):
                if not answer.ok:
                    raise Unseen(f"the gateway answered {method} {route} with {answer.status}: {await answer.text()}")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unseen(f"the gateway did not answer {method} {route}: {error!r}") from error
