"""The control API: faults and the market of a running gateway over HTTP, on loopback only."""

from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import ValidationError

from daemon.domain.errors import ConfigError
from daemon.gateway.faults.control import FaultControl, UnknownFault
from daemon.market.listing import UnknownSymbol

CONTROL_HOST: Final = "127.0.0.1"
_LARGEST_BODY: Final = 64 << 10  # bytes
_SAFE: Final = frozenset({"GET", "HEAD"})
_MARKET: Final = "use {halt: SYMBOL}, {release: SYMBOL} or {quote: SYMBOL, bid: 99.5, ask: 99.6, size: 100}"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlApi:
    """Serves a gateway's `FaultControl`.

    Reading is free on this machine; changing needs the token as `Authorization: Bearer ...`. Every request must name
    this host and port in `Host`, so that no web page can reach it by a name of its own.
    """

    def __init__(self, control: FaultControl, *, token: str, port: int) -> None:
        """Take who does the work, what changes need, and the port to listen on; 0 = any free one."""
        if len(token) < 16:  # characters
            raise ConfigError("control: the token must have at least 16 characters; use openssl rand -hex 32")
        self._control = control
        self._token = token
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listen and return the port.

        Raises:
            ConfigError: the port cannot be used.
        """
        application = web.Application(middlewares=[self._guarded], client_max_size=_LARGEST_BODY)
        application.router.add_get("/healthz", self._alive)
        application.router.add_get("/faults", self._catalogue)
        application.router.add_post("/faults", self._start)
        application.router.add_delete("/faults/{number:\\d+}", self._stop)
        application.router.add_get("/active", self._active)
        application.router.add_get("/ledger", self._ledger)
        application.router.add_post("/market", self._market)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, CONTROL_HOST, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"--control: {CONTROL_HOST}:{self._port} cannot be used: {error.strerror or error}; choose another port"
            ) from error
        self._port = self._runner.addresses[0][1]
        return self._port

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Check host and token; turn what is wrong with a request into an answer that says it."""
        if request.headers.get("Host") not in {f"{CONTROL_HOST}:{self._port}", f"localhost:{self._port}"}:
            return _wrong(HTTPStatus.FORBIDDEN, f"Host must be {CONTROL_HOST}:{self._port}")
        if request.method not in _SAFE and not self._may(request):
            return _wrong(
                HTTPStatus.UNAUTHORIZED, "changes need Authorization: Bearer with the gateway's control token"
            )
        try:
            return await handler(request)
        except ConfigError as error:
            return _wrong(HTTPStatus.UNPROCESSABLE_ENTITY, *error.faults)
        except ValidationError as error:
            return _wrong(HTTPStatus.UNPROCESSABLE_ENTITY, *(f"{_place(item)}{item['msg']}" for item in error.errors()))
        except UnknownFault as error:
            return _wrong(HTTPStatus.NOT_FOUND, f"fault {error} is unknown or has ended")
        except UnknownSymbol as error:
            return _wrong(HTTPStatus.NOT_FOUND, str(error))
        except web.HTTPException as error:
            return _wrong(HTTPStatus(error.status), error.reason)

    def _may(self, request: web.Request) -> bool:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return kind == "Bearer" and compare_digest(token.encode(), self._token.encode())

    async def _alive(self, request: web.Request) -> web.Response:
        return _answer({"status": "alive", "market_us": self._control.stage.now_us})

    async def _catalogue(self, request: web.Request) -> web.Response:
        return _answer(self._control.catalogue())

    async def _active(self, request: web.Request) -> web.Response:
        return _answer(self._control.active())

    async def _ledger(self, request: web.Request) -> web.Response:
        return _answer(self._control.ledger())

    async def _start(self, request: web.Request) -> web.Response:
        return _answer({"id": self._control.start_from(await _body(request))}, HTTPStatus.CREATED)

    async def _stop(self, request: web.Request) -> web.Response:
        self._control.stop(int(request.match_info["number"]))
        return _answer({"stopped": int(request.match_info["number"])})

    async def _market(self, request: web.Request) -> web.Response:
        match await _body(request):
            case {"halt": str(symbol), **rest} if not rest:
                return _answer({"id": self._control.halt(symbol)}, HTTPStatus.CREATED)
            case {"release": str(symbol), **rest} if not rest:
                self._control.release(symbol)
                return _answer({"released": symbol})
            case {"quote": str(symbol), "bid": int() | float() as bid, "ask": int() | float() as ask, **rest}:
                size = rest.pop("size", 100)
                if rest or not isinstance(size, int):
                    raise ConfigError(f"market: {_MARKET}")
                return _answer({"id": self._control.quote(symbol, bid, ask, size=size)}, HTTPStatus.CREATED)
        raise ConfigError(f"market: {_MARKET}")


async def _body(request: web.Request) -> Mapping[str, Any]:
    try:
        values = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"body: is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise ConfigError("body: must be a JSON object")
    return values


def _place(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}: " if place else ""


def _answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _wrong(status: HTTPStatus, *problems: str) -> web.Response:
    return _answer({"problems": problems}, status)
