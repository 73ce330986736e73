"""What can be said about the connection at one moment, for `status` and the web page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from daemon.adapters.ib.errors import Trouble
from daemon.adapters.ib.stream import StreamState
from daemon.domain.instrument import InstrumentId
from daemon.domain.standing import LinkState


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionState:
    """A picture of the connection; nothing in it changes."""

    state: LinkState
    cause: str  # of a state that is not CONNECTED
    cure: str
    suspended: Mapping[InstrumentId, str]  # whose data cannot be believed, and why
    farms_broken: tuple[str, ...]
    up: bool  # connected, account checked, synchronised
    upstream_up: bool  # the gateway itself is connected to IB
    lockstep: bool
    server_version: int  # 0 while not connected
    host: str
    port: int
    client_id: int
    account: str  # empty before the first connection
    since: datetime | None  # market time of the last change of `up`
    last_error: Trouble | None  # kept until the next successful connection
    attempts: int  # failed attempts since the last successful one
    reconnects: int  # connections after the first
    undecodable: int  # messages of this connection that could not be read
    bar_streams_wait_s: float  # how long IB's pacing delays the bar streams still missing
    streams: tuple[StreamState, ...]
