"""The sections of the configuration that are neither strategies nor limits."""

from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr

from daemon.domain.restart_schedule import RestartSchedule
from daemon.domain.timeframe import Timeframe
from daemon.settings.fields import (
    Amount,
    Count,
    Delay,
    Frame,
    Location,
    Natural,
    Port,
    Rate,
    Seconds,
    Share,
    Speed,
    TimeOfDay,
    Weight,
    Zone,
)
from daemon.settings.section import Section

SYNTHETIC_START: Final = date(2026, 3, 2)  # a full NYSE session, a Monday
_SOCKET_PATH_BYTES: Final = 107  # Linux: sun_path with its closing zero holds 108
_JOURNAL_SCHEMES: Final = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


def _socket_path(value: Path) -> Path:
    if len(str(value).encode()) > _SOCKET_PATH_BYTES:
        raise ValueError(f"must be at most {_SOCKET_PATH_BYTES} bytes long; choose a shorter path")
    return value


def _journal_url(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(_JOURNAL_SCHEMES):
        raise ValueError(f"must be a database URL; begin it with {' or '.join(_JOURNAL_SCHEMES)}")
    return value


class Ib(Section):
    """The one connection to a TWS or IB Gateway, used by mode ibkr_paper."""

    host: str = Field("127.0.0.1", min_length=1, description="where the Gateway listens")
    port: Port = Field(4002, description="4002 Gateway paper, 7497 TWS paper; 4001 and 7496 (live) are refused")
    client_id: Natural = Field(17, description="one per program that is connected at the same time")
    account: str | None = Field(
        None, min_length=1, description="the only account to trade; null = the only one there is"
    )
    connect_timeout_s: Seconds = Field(15.0, description="host seconds for one attempt to connect")
    request_timeout_s: Seconds = Field(30.0, description="host seconds for the answer to one request")
    heartbeat_s: Seconds = Field(
        6.0, description="host seconds between heartbeats, and the deadline of each; two misses = lost"
    )
    backoff_s: tuple[Seconds, ...] = Field(
        (1.0, 2.0, 5.0, 10.0, 30.0), min_length=1, description="host seconds between attempts; the last one repeats"
    )
    market_data_lines: Count = Field(100, description="lines the account has, shared by quotes and bars")
    messages_per_second: Count = Field(
        40, le=45, description="own pace, orders included: the Gateway ends connections at 50"
    )
    silence_s: Seconds = Field(
        15.0, le=20, description="market seconds of a session without data until a stream is asked if it lives"
    )
    restart_at: TimeOfDay | None = Field(
        None, description='the Gateway\'s daily restart, such as "23:45"; null = not known'
    )
    restart_timezone: Zone = Field("America/New_York", description="of restart_at, as set in the Gateway")
    restart_blackout_s: Seconds = Field(60.0, description="before the restart, from when on nothing is opened")
    restart_expected_s: Seconds = Field(600.0, description="after it, within which the Gateway's absence is no alert")
    alert_after_s: Seconds = Field(
        30.0, le=40, description="host seconds an unexpected outage may last until the alert"
    )

    @property
    def restart(self) -> RestartSchedule | None:
        """Return the daily restart, None where no time is set."""
        if self.restart_at is None:
            return None
        return RestartSchedule(
            at=time.fromisoformat(self.restart_at),
            zone=ZoneInfo(self.restart_timezone),
            blackout=timedelta(seconds=self.restart_blackout_s),
            expected=timedelta(seconds=self.restart_expected_s),
        )


class Market(Section):
    """The market of the embedded gateway (mode paper)."""

    source: Literal["synthetic", "replay"] = Field(
        "synthetic", description="synthetic (seeded) or replay (recorded data)"
    )
    data: Location | None = Field(None, description="directory of recorded data; replay needs it")
    speed: Speed = Field(60.0, description="market seconds per host second, or max")
    seed: Natural = Field(1, description="the same seed gives the same market, to the bit")
    start: date | None = Field(
        None, description=f"first trading day; null = {SYNTHETIC_START} (synthetic) or the first recorded day (replay)"
    )
    account: str = Field("DU1000001", min_length=1, description="the simulated account's id; paper ids begin with D")
    commission_rate: Rate = Field(Decimal("0.002"), description="fraction of the traded value; 0.002 = 0.2 %")
    initial_cash: Amount = Field(Decimal(100_000), description="account currency")

    @property
    def first_day(self) -> date | None:
        """Return the day to begin on; None = the first recorded one."""
        if self.start is not None or self.source == "replay":
            return self.start
        return SYNTHETIC_START


class Calendar(Section):
    """Sessions and bars."""

    exchange: str = Field("XNYS", pattern=r"^[A-Z0-9]{4}$", description="ISO 10383 code of the exchange")
    bar_anchor: Literal["clock", "open"] = Field(
        "clock", description="bars end on the exchange's clock, or count from its open"
    )
    grace_s: Delay = Field(2.0, description="market seconds a bar stays open for late parts")
    history_bars: Count = Field(200, description="bars before the session that features may use, per timeframe")


class Combination(Section):
    """How one strategy's timeframes become one signal; a strategy may override each key."""

    weights: Mapping[Frame, Weight] = Field(
        default_factory=lambda: {
            Timeframe.parse(label): weight for label, weight in (("5m", 0.1), ("15m", 0.2), ("1h", 0.3), ("4h", 0.4))
        },
        description="weight by timeframe; renormalised over the fresh ones",
    )
    other: Weight = Field(0.1, description="weight of any timeframe not named")
    threshold: Share = Field(0.6, description="a side wins with a score above this and above the other side")
    min_fresh: Share = Field(0.5, description="fraction of the weight that must be fresh to decide at all")

    def weight(self, timeframe: Timeframe) -> float:
        """Return the weight of `timeframe`."""
        return self.weights.get(timeframe, self.other)


class Execution(Section):
    """The executor."""

    order_timeout_s: Seconds = Field(30.0, description="market seconds until a working order is cancelled")
    max_attempts: Annotated[Count, Field(le=10)] = Field(3, description="tries, only where nothing can have been sent")
    lag_warning_s: Seconds = Field(5.0, description="market seconds from decision to fill that are worth a warning")
    slippage_warning_fraction: Rate = Field(Decimal("0.002"), description="of the expected price; 0.002 = 0.2 %")


class Reconciliation(Section):
    """How often our books are compared with the broker's, in market seconds."""

    orders_s: Seconds = Field(10.0, description="while an order works or a position differs")
    positions_s: Seconds = Field(30.0, description="in any case: orders, executions and positions")
    mismatch_s: Seconds = Field(60.0, description="how long a position may differ before nothing opens there")


class Monitors(Section):
    """How often the monitors look, in market seconds."""

    positions_s: Seconds = Field(30.0, description="positions valued")
    performance_s: Seconds = Field(60.0, description="equity recorded")
    health_s: Seconds = Field(300.0, description="system health recorded")
    report_offset_s: Delay = Field(30.0, description="from the session's close to the day's report")


class Journal(Section):
    """Where everything that happens is kept."""

    url: Annotated[SecretStr, AfterValidator(_journal_url)] | None = Field(
        None, description="database URL (secret); null = journal.db in the state directory"
    )
    deadline_s: Seconds = Field(4.0, description="host seconds for a commit; after that the daemon stops (exit 74)")
    opening_s: Seconds = Field(60.0, description="host seconds for the journal to open at the start (exit 74)")


class Logs(Section):
    """What is told to people and machines."""

    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto = console on a terminal, else JSON lines"
    )
    level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        "info", description="the least that is shown"
    )
    paper_log: bool = Field(True, description="keep trade lines in a file of their own too")
    paper_log_file: Location | None = Field(None, description="that file; null = logs/paper.log in the state directory")


class Control(Section):
    """The commands' way to the running daemon."""

    socket: Annotated[Location, AfterValidator(_socket_path)] | None = Field(
        None, description="Unix socket; null = paperd.sock in the state directory"
    )
