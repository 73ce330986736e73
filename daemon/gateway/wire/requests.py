"""Client to server: all requests we understand, written and read."""

from daemon.gateway.wire.account_requests import ACCOUNT_REQUESTS
from daemon.gateway.wire.group_messages import GROUP_REQUESTS
from daemon.gateway.wire.history_requests import HISTORY_REQUESTS
from daemon.gateway.wire.market_requests import MARKET_REQUESTS
from daemon.gateway.wire.messages import Catalogue, Request, UnknownMessage
from daemon.gateway.wire.order_request import PLACE_ORDER
from daemon.gateway.wire.reference_requests import REFERENCE_REQUESTS
from daemon.gateway.wire.session_requests import SESSION_REQUESTS

REQUESTS: Catalogue[Request] = Catalogue(
    (
        PLACE_ORDER,
        *SESSION_REQUESTS,
        *ACCOUNT_REQUESTS,
        *MARKET_REQUESTS,
        *HISTORY_REQUESTS,
        *REFERENCE_REQUESTS,
        *GROUP_REQUESTS,
    )
)


def decode_request(fields: list[str], version: int) -> Request | UnknownMessage:
    """Read what a client sent, by the layouts of the version negotiated with it.

    Returns:
        The request, or UnknownMessage for an id that this version does not have (answer 505).

    Raises:
        WireError: a field is missing, malformed or too many.
    """
    return REQUESTS.decode(fields, version)


def encode_request(request: Request, version: int) -> list[str]:
    """Write a request as a client of this version would.

    Raises:
        WireError: the version has no such request, or a value cannot be written.
    """
    return REQUESTS.encode(request, version)
