"""What can go wrong between us and a gateway, with cause and cure in words. The codes are in domain.broker_codes."""

from dataclasses import dataclass
from typing import Final

from daemon.domain.broker_codes import classify
from daemon.domain.errors import BrokerUnavailable

LOST_UPSTREAM: Final = frozenset({1100, 2110})
REGAINED_WITHOUT_DATA: Final = 1101
REGAINED_WITH_DATA: Final = 1102
PORT_CHANGED: Final = 1300
CLIENT_ID_IN_USE: Final = 326
BARS_BUSTED: Final = 10225
VALIDATION_FAILED: Final = 321
FARMS_UP: Final = frozenset({2104, 2106, 2107, 2108, 2158})
FARM_BACK: Final = 2104
FARMS_BROKEN: Final = frozenset({2103, 2105})
"""Market data and history farms: IB serves quotes from the one kind and real-time bars from the other."""
CONTRACT_FARM_BROKEN: Final = 2157
RETRIED_DATA_CODES: Final = frozenset({420, 10197, 10225})
"""Codes after which a stream may come back by itself; every other DATA code ends it until the next connection."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem as a person needs to hear it."""

    cause: str
    cure: str

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.cause}: {self.cure}" if self.cure else self.cause


class ConnectFailed(BrokerUnavailable):
    """A connection could not be made."""

    def __init__(self, trouble: Trouble, code: int = 0, *, no_session: bool = False) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble
        self.code = code
        self.no_session = no_session  # the handshake was answered, and then neither account nor order id came


class RequestFailed(BrokerUnavailable):
    """The gateway answered a request with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} (code {code}: {classify(code).meaning})")
        self.code = code
        self.text = text


class RequestTimedOut(BrokerUnavailable):
    """The gateway did not answer a request in time."""


REFUSED: Final = "nothing listens at {where}"
START_GATEWAY: Final = (
    "start IB Gateway (or `paperd gateway`), enable its API (Configure > Settings > API > Enable ActiveX and Socket "
    "Clients), and check ib.host and ib.port: 4002 is a Gateway with paper money, 7497 a TWS"
)


def refused(where: str, error: OSError) -> ConnectFailed:
    """Return the failure of a TCP connect that was refused or had no way to go."""
    if isinstance(error, ConnectionRefusedError):
        return ConnectFailed(Trouble(REFUSED.format(where=where), START_GATEWAY))
    return ConnectFailed(Trouble(f"{where} cannot be reached ({error})", "check ib.host, the network and firewalls"))


def no_tcp_answer(where: str) -> ConnectFailed:
    """Return the failure of a TCP connect without any answer."""
    return ConnectFailed(Trouble(f"no answer from {where}", "check ib.host, the network and firewalls"))


def silent(where: str) -> ConnectFailed:
    """Return the failure of a server that takes connections and says nothing."""
    cure = (
        "confirm the 'accept incoming connection' dialog, add this host to the gateway's trusted IPs, or restart the "
        "gateway; if another program uses that port, correct ib.port"
    )
    return ConnectFailed(Trouble(f"{where} takes the connection but does not answer the handshake", cure))


def half_alive(where: str) -> ConnectFailed:
    """Return the failure of a gateway that told its version and then neither account nor order id."""
    cure = "finish the gateway's login (two-factor confirmation), or restart it"
    return ConnectFailed(
        Trouble(f"the gateway at {where} answers but does not start the session", cure), no_session=True
    )


def not_a_gateway(where: str, detail: str) -> ConnectFailed:
    """Return the failure of a server that does not speak the protocol."""
    return ConnectFailed(Trouble(f"what listens at {where} is no IB gateway ({detail})", "correct ib.port"))


def closed_early(where: str) -> ConnectFailed:
    """Return the failure of a server that closed the connection before the session began."""
    cure = "enable the API in the gateway, add this host to its trusted IPs, or wait until its restart is over"
    return ConnectFailed(Trouble(f"{where} closed the connection during the handshake", cure))


def id_in_use(where: str, client_id: int) -> ConnectFailed:
    """Return the failure of a client id that another connection holds."""
    cure = (
        "end the other program that uses this id (an old paperd?), or set ib.client_id to another; it is tried again "
        "with the same id, because orders belong to it. After an unclean end the gateway may need a minute to let go"
    )
    return ConnectFailed(Trouble(f"client id {client_id} is in use at {where} (code 326)", cure), CLIENT_ID_IN_USE)


def code_trouble(code: int, text: str) -> Trouble:
    """Return a code as cause and cure."""
    return Trouble(f"{text} (code {code})", classify(code).cure)


def trouble_of(error: BrokerUnavailable) -> Trouble:
    """Return cause and cure of a failure of this folder."""
    if isinstance(error, ConnectFailed):
        return error.trouble
    if isinstance(error, RequestFailed):
        return code_trouble(error.code, error.text)
    return Trouble(str(error), "it is tried again")
