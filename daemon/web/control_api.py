"""The control API: reads what was asked, calls the port, answers in JSON."""

import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

import orjson
from aiohttp import web

from daemon.domain.errors import ConfigError
from daemon.ports import Control
from daemon.web.problems import problems

_LARGEST_BODY: Final = 64 << 10  # bytes
_LONGEST_NAME: Final = 64
_PEER: Final = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED
_KEYS: Final = ("strategy", "who")
_ADJUSTMENT_KEYS: Final = ("id", "price", "order", "who")


def control_application(control: Control) -> web.Application:
    """Return the application that serves `control`."""
    api = _ControlApi(control)
    application = web.Application(middlewares=[problems], client_max_size=_LARGEST_BODY)
    application.router.add_get("/healthz", api.alive)
    application.router.add_get("/api/v1/status", api.status)
    application.router.add_post("/api/v1/pause", api.pause)
    application.router.add_post("/api/v1/resume", api.resume)
    application.router.add_post("/api/v1/stop", api.stop)
    application.router.add_get("/api/v1/adjustments", api.adjustments)
    application.router.add_post("/api/v1/adjustments/confirm", api.confirm)
    application.router.add_post("/api/v1/adjustments/reject", api.reject)
    return application


class _ControlApi:
    """One handler for each route."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def alive(self, request: web.Request) -> web.Response:
        """Say that the event loop answers; nothing more."""
        del request
        return _answer({"status": "alive"})

    async def status(self, request: web.Request) -> web.Response:
        del request
        return _answer(self._control.status())

    async def pause(self, request: web.Request) -> web.Response:
        return await self._switch(request, self._control.pause)

    async def resume(self, request: web.Request) -> web.Response:
        return await self._switch(request, self._control.resume)

    async def stop(self, request: web.Request) -> web.Response:
        asked = await _asked(request)
        if "strategy" in asked:
            raise ConfigError("strategy: the daemon stops as a whole; pause a strategy instead")
        return _answer(self._control.stop(_who(request, asked)))

    async def adjustments(self, request: web.Request) -> web.Response:
        del request
        return _answer(self._control.adjustments())

    async def confirm(self, request: web.Request) -> web.Response:
        asked = await _asked(request, _ADJUSTMENT_KEYS)
        who, named = _who(request, asked), _named(asked)
        return _answer(await self._control.confirm(who, named, _price(asked.get("price")), asked.get("order")))

    async def reject(self, request: web.Request) -> web.Response:
        asked = await _asked(request, ("id", "who"))
        return _answer(await self._control.reject(_who(request, asked), _named(asked)))

    async def _switch(
        self, request: web.Request, switch: Callable[[str, str | None], Awaitable[Mapping[str, object]]]
    ) -> web.Response:
        asked = await _asked(request)
        return _answer(await switch(_who(request, asked), asked.get("strategy")))


def _named(asked: Mapping[str, str]) -> str:
    if "id" not in asked:
        raise ConfigError("id: is missing; GET /api/v1/adjustments lists the adjustments that wait")
    return asked["id"]


def _price(text: str | None) -> Decimal:
    """Return the price per unit that a person has named, exactly as written."""
    try:
        price = Decimal(text or "")
    except InvalidOperation as error:
        raise ConfigError(f'price: must be a decimal number as text, such as "412.07", was {text!r}') from error
    if not (price.is_finite() and price > 0):
        raise ConfigError(f"price: must be above 0, was {text}")
    return price


async def _asked(request: web.Request, keys: tuple[str, ...] = _KEYS) -> dict[str, str]:
    """Return the body's values that are given.

    Raises:
        ConfigError: the body is no JSON object, or holds what nobody reads.
    """
    body = await request.read()
    if not body.strip():
        return {}
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"body: is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise ConfigError('body: must be a JSON object such as {"strategy": "trend"}')
    faults = [fault for name, value in values.items() if (fault := _fault(name, value, keys))]
    if faults:
        raise ConfigError(*faults)
    return {name: value for name, value in values.items() if value is not None}


def _fault(name: str, value: object, keys: tuple[str, ...]) -> str | None:
    if name not in keys:
        return f"{name[:_LONGEST_NAME]!r}: unknown key; use {' or '.join(keys)}"
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
        return f"{name}: must be printable text of 1 to {_LONGEST_NAME} characters"
    return None


def _who(request: web.Request, asked: Mapping[str, str]) -> str:
    """Return who asks: the name given, with the user id that the kernel vouches for."""
    peer = _peer_uid(request)
    name = asked.get("who")
    if peer is None:
        return name or "unknown"
    return f"{name} (uid {peer})" if name else f"uid {peer}"


def _peer_uid(request: web.Request) -> int | None:
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is None or connection.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return None
    _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(uid)


def _answer(values: Mapping[str, object]) -> web.Response:
    body = orjson.dumps(dict(values), option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    return web.Response(body=body, content_type="application/json")
