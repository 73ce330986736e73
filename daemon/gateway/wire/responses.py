"""Server to client: all responses we send, written and read."""

from daemon.gateway.wire.account_responses import ACCOUNT_RESPONSES
from daemon.gateway.wire.group_messages import GROUP_RESPONSES
from daemon.gateway.wire.history_responses import HISTORY_RESPONSES
from daemon.gateway.wire.market_responses import MARKET_RESPONSES
from daemon.gateway.wire.messages import Catalogue, Response, UnknownMessage
from daemon.gateway.wire.order_responses import ORDER_RESPONSES
from daemon.gateway.wire.rare_responses import RARE_RESPONSES
from daemon.gateway.wire.reference_responses import REFERENCE_RESPONSES

RESPONSES: Catalogue[Response] = Catalogue(
    (
        *ORDER_RESPONSES,
        *ACCOUNT_RESPONSES,
        *MARKET_RESPONSES,
        *HISTORY_RESPONSES,
        *REFERENCE_RESPONSES,
        *GROUP_RESPONSES,
        *RARE_RESPONSES,
    )
)


def encode_response(response: Response, version: int) -> list[str]:
    """Write a response by the layouts of the version negotiated with the client.

    Raises:
        WireError: the version has no such response, or a value cannot be written.
    """
    return RESPONSES.encode(response, version)


def decode_response(fields: list[str], version: int) -> Response | UnknownMessage:
    """Read a response as a client of this version would.

    Raises:
        WireError: a field is missing, malformed or too many.
    """
    return RESPONSES.decode(fields, version)
