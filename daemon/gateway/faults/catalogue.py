"""Every fault there is, by name."""

from typing import Final

from daemon.gateway.faults.data import DATA_FAULTS
from daemon.gateway.faults.executions import EXECUTION_FAULTS
from daemon.gateway.faults.halts import MARKET_FAULTS
from daemon.gateway.faults.history import HISTORY_FAULTS
from daemon.gateway.faults.messages import MESSAGE_FAULTS
from daemon.gateway.faults.model import Fault
from daemon.gateway.faults.order_ends import ORDER_END_FAULTS
from daemon.gateway.faults.orders import ORDER_FAULTS
from daemon.gateway.faults.session import SESSION_FAULTS
from daemon.gateway.faults.sockets import SOCKET_FAULTS

FAULTS: Final[dict[str, type[Fault]]] = {
    str(kind.model_fields["name"].default): kind
    for group in (
        SOCKET_FAULTS,
        SESSION_FAULTS,
        MESSAGE_FAULTS,
        ORDER_FAULTS,
        ORDER_END_FAULTS,
        EXECUTION_FAULTS,
        DATA_FAULTS,
        HISTORY_FAULTS,
        MARKET_FAULTS,
    )
    for kind in group
}
