"""Errors as RFC 9457 problem JSON, whoever found them: aiohttp, a handler or the daemon behind it."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import orjson
from aiohttp import web

from daemon.domain.errors import ConfigError, ForbiddenError, PaperdError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with what the handler answers, or with the problem it met."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        response = problem(error.status, error.text or "")
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except ConfigError as error:
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), faults=list(error.faults))
    except ForbiddenError as error:
        return problem(HTTPStatus.FORBIDDEN, error.cause, cure=error.cure)
    except PaperdError as error:
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


def problem(status: int, detail: str, **more: object) -> web.Response:
    """Return a problem; its title is the status in words."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail, **more}
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/problem+json")
