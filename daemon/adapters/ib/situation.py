"""What is known of the gateway and of the broker behind it: up or not since when, the last trouble, how things stand.

Pure state: nothing here sends or waits. Moments are market time, silences are seconds of host time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from daemon.adapters.ib.errors import ConnectFailed, Trouble, trouble_of
from daemon.adapters.ib.streams import Streams
from daemon.domain.errors import BrokerUnavailable
from daemon.domain.restart_schedule import RestartSchedule
from daemon.domain.standing import LinkState, Standing

log = structlog.get_logger()

_NO_SESSIONS: Final = 2  # handshakes in a row without a session before a login is taken for the reason
_SUNDAY: Final = 6
_SUNDAY_OUTAGE: Final = timedelta(minutes=10)
_HOME: Final = ZoneInfo("America/New_York")  # IB ends the week's authentication on Sundays at one in the morning there
_LOG_IN: Final = "log the gateway in and confirm the second factor; the daemon connects by itself"
_PROVES_UPSTREAM: Final = timedelta(seconds=10)
_CONNECTING: Final = Trouble("connecting", "")
_CLOSED: Final = Trouble("the daemon closed the connection", "")


class Situation:
    """The connection's picture of itself."""

    def __init__(self, streams: Streams, *, host_now: Callable[[], float], restart: RestartSchedule | None) -> None:
        self._streams = streams
        self._host_now = host_now
        self._restart = restart
        self.up = False
        self.upstream_up = True
        self.since: datetime | None = None
        self.last_error: Trouble | None = None
        self.attempts = 0
        self.connections = 0
        self.farms: dict[str, str] = {}  # those that are broken, with IB's words
        self._no_sessions = 0
        self._down_since: datetime | None = None
        self._silent_s = 0.0
        self._upstream_lost_at: datetime | None = None
        self._upstream_text = ""

    # ---- what happens

    def begins(self) -> None:
        """Know that a session is being made: of IB and its farms counts what is said from now on."""
        self.upstream_up, self._upstream_lost_at = True, None
        self.farms.clear()

    def went_up(self, now: datetime) -> None:
        """Know that a session stands and the broker's picture has been taken."""
        self.up, self.last_error, self.attempts = True, None, 0
        self.connections += 1
        self._no_sessions, self._silent_s, self._down_since = 0, 0.0, None
        self.since = now

    def went_down(self, now: datetime, *, heard_at: float) -> bool:
        """Know that the session is over; return whether there was one. `heard_at` is host time of the last bytes."""
        was_up, self.up = self.up, False
        if was_up:
            self.since, self._silent_s = now, self._host_now() - heard_at
            self.last_error = self.last_error or _CLOSED
        self._down_since = self._down_since or now
        return was_up

    def failed(self, error: BrokerUnavailable) -> None:
        """Take a failed attempt, or the end of a connection; the same trouble is told once."""
        trouble = trouble_of(error)
        self.attempts += 1
        self._no_sessions = self._no_sessions + 1 if isinstance(error, ConnectFailed) and error.no_session else 0
        if trouble != self.last_error:
            log.warning("connection.failed", cause=trouble.cause, cure=trouble.cure, attempt=self.attempts)
        self.last_error = trouble

    def upstream_changed(self, now: datetime, text: str, *, up: bool) -> None:
        """Know that the gateway has lost the broker, or has it back."""
        self.upstream_up, self._upstream_text = up, text
        if up:
            self._upstream_lost_at = None
        else:
            self._upstream_lost_at = self._upstream_lost_at or now

    def farm_changed(self, text: str, *, up: bool) -> None:
        """Know that a data farm is broken or back; IB names it behind a colon or a full stop."""
        farm = text.replace(".", ":").rsplit(":", 1)[-1].strip()
        if up:
            self.farms.pop(farm, None)
        else:
            self.farms[farm] = text

    # ---- what follows

    @property
    def is_tradable(self) -> bool:
        """Return whether orders can be sent."""
        return self.up and self.upstream_up

    @property
    def is_upstream_proven(self) -> bool:
        """Return whether bars flow although IB is said to be lost: nobody has told that it is back."""
        lost_at = self._upstream_lost_at
        newest = max((stream.last_bar_at for stream in self._streams if stream.last_bar_at is not None), default=None)
        return lost_at is not None and newest is not None and newest > lost_at + _PROVES_UPSTREAM

    def standing(self, now: datetime) -> Standing:
        """Return how things stand at `now`."""
        if not self.up:
            return self._standing_while_down(now)
        suspended = self._streams.suspended(now)
        if not self.upstream_up:
            cause = f"the gateway has lost its connection to IB: {self._upstream_text}"
            return Standing(
                state=LinkState.UPSTREAM_LOST,
                cause=cause,
                cure="wait: orders at the exchange go on; if it lasts, check IBKR's system status",
                suspended=suspended,
            )
        if suspended and len(suspended) == len(self._streams):
            return Standing(
                state=LinkState.DATA_SUSPENDED,
                cause=f"no market data: {next(iter(suspended.values()))}",
                cure="log out other sessions of this login, and check the gateway's data farms and subscriptions",
                silent_s=self._streams.silent_s(now),
                suspended=suspended,
            )
        return Standing(state=LinkState.CONNECTED, suspended=suspended)

    def _standing_while_down(self, now: datetime) -> Standing:
        trouble = self.last_error or _CONNECTING
        waiting = self._login_is_awaited(now)
        return Standing(
            state=LinkState.AWAITING_REAUTH if waiting else LinkState.DISCONNECTED,
            cause=waiting or trouble.cause,
            cure=_LOG_IN if waiting else trouble.cure,
            silent_s=self._silent_s,
        )

    def _login_is_awaited(self, now: datetime) -> str:
        """Return why the gateway is taken to wait for a person, empty if it is not."""
        if self._no_sessions >= _NO_SESSIONS:
            return "the gateway answers but starts no session: its login or second factor is pending"
        since = self._down_since
        if since is None or not self.attempts:
            return ""
        if self._restart is not None:
            restart = self._restart.near(since)
            if restart is not None and now >= restart + self._restart.expected:
                return f"the gateway has not come back from its restart at {self._restart.at:%H:%M}"
        if since.astimezone(_HOME).weekday() == _SUNDAY and now - since >= _SUNDAY_OUTAGE:
            return "the gateway has been gone since Sunday, when IB wants the week's new login"
        return ""
