"""How things stand between the daemon, its gateway and the broker, in one word, and what it may do meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from daemon.domain.cheap import cheaply_made
from daemon.domain.instrument import InstrumentId


class LinkState(StrEnum):
    """The state of the connection, for people and for the gate."""

    CONNECTED = "CONNECTED"  # connected and in step with the broker
    DISCONNECTED = "DISCONNECTED"  # no session with the gateway
    AWAITING_REAUTH = "AWAITING_REAUTH"  # the gateway waits for a login or for its second factor: a person is needed
    UPSTREAM_LOST = "UPSTREAM_LOST"  # the gateway has lost the broker (1100)
    DATA_SUSPENDED = "DATA_SUSPENDED"  # connected, but no market data can be believed
    RECONCILING = "RECONCILING"  # connected; orders and positions are being compared with the broker's


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the connection knows of itself: never RECONCILING, which is the orchestrator's to say."""

    state: LinkState
    cause: str = ""  # empty while CONNECTED
    cure: str = ""  # what a person can do, empty where nothing
    silent_s: float = 0.0  # for how long nothing had been heard when it was noticed
    suspended: Mapping[InstrumentId, str] = field(default_factory=dict)  # whose data cannot be believed, and why


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Why positions may not be opened at the moment; exits are never held up by any of it."""

    state: LinkState = LinkState.CONNECTED
    restart: str = ""  # the gateway's restart that is near, empty while none is
    suspended: Mapping[InstrumentId, str] = field(default_factory=dict)

    def hindrance(self, instrument: InstrumentId) -> str:
        """Return what stands in the way of opening a position, empty where nothing does."""
        if self.state is not LinkState.CONNECTED:
            return f"the connection is {self.state.value}"
        return self.restart or self.suspended.get(instrument, "")


OPEN_ACCESS = Access()
"""Nothing stands in the way: a backtest, or a connection in order."""
