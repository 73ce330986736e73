"""What the orchestrator is built from: the parts that `daemon.app` hands in, and how often things are looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from daemon.domain.callbacks import Callback
from daemon.domain.events import Event
from daemon.domain.instrument import InstrumentId
from daemon.domain.restart_schedule import RestartSchedule
from daemon.domain.timeframe import Timeframe
from daemon.engine.engine import Engine
from daemon.market.windows import BarSchedule
from daemon.orchestrator.reconciliation import Pace
from daemon.ports import Broker, DayReporter, Executor, Feed, Journal
from daemon.runtime.clock import MarketClock
from daemon.runtime.inbox import Inbox
from daemon.runtime.supervisor import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Market time between looks; host time where it says so."""

    positions: timedelta = timedelta(seconds=30)
    performance: timedelta = timedelta(seconds=60)
    health: timedelta = timedelta(seconds=300)
    bar_grace: timedelta = timedelta(seconds=2)
    report_after_close: timedelta = timedelta(seconds=30)
    alert_after_s: float = 30.0  # host time that an outage may last until it is alerted
    reconciliation: Pace = field(default_factory=Pace)
    cancel_wait_s: float = 5.0  # host time that a shutdown waits for cancels to be confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The implementations of the ports and the shared machinery."""

    engine: Engine
    executor: Executor
    journal: Journal
    broker: Broker
    feed: Feed
    reporter: DayReporter
    clock: MarketClock
    schedule: BarSchedule
    inbox: Inbox[Callback | Event, Event]
    timeframes: tuple[Timeframe, ...]
    connection: Service  # keeps the broker connected
    connection_state: Callable[[], Mapping[str, object]]  # for `status`
    mode: str
    history: int
    bars_until: Mapping[Timeframe, int]  # bars that earlier runs have seen, by the end of the newest
    history_until: Mapping[tuple[InstrumentId, Timeframe], int]  # bars that the journal has, however they came
    restart: RestartSchedule | None = None  # of the gateway, where one is set
