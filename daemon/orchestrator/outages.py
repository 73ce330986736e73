"""Outages of the connection and of the data: which are worth an alert, when, and that each is told once and ended once.

`Outages` is the rule, told both times; `OutageWatch` is the service that asks it and makes its answers durable.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from daemon.domain.records import AlertRaised
from daemon.domain.restart_schedule import RestartSchedule
from daemon.domain.standing import LinkState, Standing
from daemon.orchestrator.link import Link
from daemon.orchestrator.sequencer import Sequencer
from daemon.runtime.clock import MarketClock

log = structlog.get_logger()

_FIRST_RECONCILING_S: Final = 300.0  # host time for the first comparison with the broker, all of history included
_RECONCILING_S: Final = 50.0  # for each later one: nothing opens meanwhile, and a person is told within a minute
_NS_PER_S: Final = 1_000_000_000


@dataclass(slots=True)
class _Outage:
    began_s: float  # host time
    worst: LinkState
    cause: str
    expected: bool  # it is the gateway's restart
    alert_after_s: float
    alerted: bool = False

    def wait_s(self, host_s: float) -> float:
        """Return how long it may still last until somebody has to be told."""
        return self.began_s + self.alert_after_s - host_s


class Outages:
    """Decides about alerts. Host times are monotonic seconds."""

    def __init__(self, *, alert_after_s: float, restart: RestartSchedule | None) -> None:
        self._alert_after_s = alert_after_s
        self._restart = restart
        self._outage: _Outage | None = None
        self._was_connected = False

    def look(self, state: LinkState, standing: Standing, *, host_s: float, at: datetime) -> AlertRaised | None:
        """Take how things stand now and return the alert that follows, if one does."""
        if state is LinkState.CONNECTED:
            return self._ended(host_s, at)
        outage = self._outage
        is_reconciling = state is LinkState.RECONCILING
        if outage is None or self._starts_anew(outage, is_reconciling=is_reconciling):
            outage = self._outage = self._begun(state, standing, host_s, at)
        if not is_reconciling:
            if outage.worst is LinkState.RECONCILING:
                lasts_s = host_s - outage.began_s
                restart_s = self._restart_takes_s(state, at)
                outage.expected = restart_s is not None
                outage.alert_after_s = max(self._alert_after_s, lasts_s + restart_s if restart_s is not None else 0.0)
            outage.worst, outage.cause = state, standing.cause
        if outage.alerted or outage.wait_s(host_s) > 0:
            return None
        outage.alerted = True
        return self._alert(at, "CRITICAL", _told(outage, state, standing, host_s - outage.began_s))

    def due_in_s(self, host_s: float) -> float | None:
        """Return in how many seconds to look again though nothing changes, None if there is no need."""
        outage = self._outage
        return None if outage is None or outage.alerted else max(outage.wait_s(host_s), 0.0)

    def _starts_anew(self, outage: _Outage, *, is_reconciling: bool) -> bool:
        """Return whether waiting for the first connection has ended, or begun again: that it came is no recovery."""
        was_reconciling = outage.worst is LinkState.RECONCILING
        return not self._was_connected and not outage.alerted and is_reconciling != was_reconciling

    def _begun(self, state: LinkState, standing: Standing, host_s: float, at: datetime) -> _Outage:
        """Return a new outage; one of the gateway's own restart is given the time that a restart takes."""
        wait_s = self._alert_after_s
        if state is LinkState.RECONCILING:
            wait_s = _RECONCILING_S if self._was_connected else _FIRST_RECONCILING_S
        restart_s = self._restart_takes_s(state, at)
        return _Outage(
            began_s=host_s - standing.silent_s,
            worst=state,
            cause=standing.cause,
            expected=restart_s is not None,
            alert_after_s=max(wait_s, restart_s or 0.0),
        )

    def _restart_takes_s(self, state: LinkState, at: datetime) -> float | None:
        """Return how long the gateway's own restart may still take, None where there is none now."""
        near = self._restart.near(at) if self._restart is not None and state is not LinkState.DATA_SUSPENDED else None
        if near is None or self._restart is None:
            return None
        return (near + self._restart.expected - at).total_seconds()

    def _ended(self, host_s: float, at: datetime) -> AlertRaised | None:
        outage, self._outage = self._outage, None
        was_connected, self._was_connected = self._was_connected, True
        if outage is None:
            return None
        lasted_s = host_s - outage.began_s
        if outage.alerted:
            return self._alert(at, "INFO", f"in step again after {lasted_s:.0f} s", name="connection.restored")
        if not was_connected or outage.expected or outage.worst is LinkState.RECONCILING:
            return None
        text = f"{outage.worst.value} for {lasted_s:.0f} s, in step again: {outage.cause}"
        return self._alert(at, "WARNING", text, name="connection.interrupted")

    @staticmethod
    def _alert(at: datetime, level: str, text: str, *, name: str = "connection.lost") -> AlertRaised:
        return AlertRaised(at=at, level=level, name=name, text=text, strategy=None)


def _told(outage: _Outage, state: LinkState, standing: Standing, lasted_s: float) -> str:
    shown = f"{state.value} for {lasted_s:.0f} s, nothing is opened: {standing.cause or outage.cause}"
    return f"{shown}; {standing.cure}" if standing.cure else shown


class OutageWatch:
    """Raises the alerts. The journal needs no connection, so an alert is durable while everything else is gone."""

    name = "outage-watch"

    def __init__(self, rules: Outages, *, link: Link, sequencer: Sequencer, clock: MarketClock) -> None:
        self._rules = rules
        self._link = link
        self._sequencer = sequencer
        self._clock = clock
        self._news = asyncio.Event()
        self._owed: list[AlertRaised] = []
        link.on_news = self._news.set

    async def run(self, ready: asyncio.Event) -> None:
        """Watch until cancelled."""
        ready.set()
        while True:
            self._news.clear()
            at, host_s = self._clock.now(), self._clock.host_ns() / _NS_PER_S
            alert = self._rules.look(self._link.state, self._link.standing, host_s=host_s, at=at)
            if alert is not None:
                await self._raise(alert)
            try:
                async with asyncio.timeout(self._rules.due_in_s(host_s)):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _raise(self, alert: AlertRaised) -> None:
        """Make an alert durable, which also tells it.

        Until the first connection market time is not known for sure, and rows may not go back in time: until then
        alerts are told at once and become rows afterwards.
        """
        self._owed.append(alert)
        if self._link.synchronisations:
            owed, self._owed = self._owed, []
            await self._sequencer.apply((), [replace(one, at=alert.at) for one in owed])
        elif alert.level == "CRITICAL":
            log.critical("connection.lost", text=alert.text)
