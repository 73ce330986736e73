"""What can be chosen about a gateway."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from daemon.gateway.commission_plan import CommissionPlan, plan_named
from daemon.matching.orders import FillModel

MIN_SERVER_VERSION = 157
MAX_SERVER_VERSION = 178
FILL_MODELS = {
    "optimistic": FillModel.OPTIMISTIC,
    "quote": FillModel.QUOTE_BOUNDED,
    "queue": FillModel.QUEUE_CONSERVATIVE,
}
MARKET_DATA = ("live", "delayed")
PACING = ("auto", "on", "off")
_LEAST_BUFFER = 1 << 12
FREE_RUNNING_SPEED = 600.0  # market seconds per host second when only clients without lockstep are connected


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """A gateway's address, account, market time and limits; every default fits the embedded gateway."""

    host: str = "127.0.0.1"
    port: int = 0  # 0 = any free one
    account: str = "DU1234567"
    initial_cash: Decimal = Decimal(1_000_000)  # account currency; only for a new account
    seed: int = 7  # of the latency model and the execution ids
    speed: float | None = None  # market seconds per host second; None = as fast as lockstep clients answer
    start: date | None = None  # first session on or after it; a later time in the state wins
    not_before_us: int = 0  # market time, µs since the epoch, that a client has journaled already
    state_path: Path | None = None  # gateway.db; None = in memory
    commission_rate: Decimal = Decimal("0.002")  # of notional: 0.002 is 0.2 %; for the schedule "percent"
    commission_schedule: str = "percent"  # percent, percent:RATE, ib-fixed, ib-tiered or alpaca
    fill_model: str = "quote"  # of `FILL_MODELS`
    master_client_id: int | None = None  # sees every client's orders and executions; None = nobody
    server_version: int = 176  # highest protocol version offered
    market_data_lines: int = 100  # concurrent quote, bar and tick subscriptions of all clients
    market_data: str = "live"  # of `MARKET_DATA`: what the login is subscribed to
    pacing: str = "auto"  # of `PACING`: IB's limits on requests in host time; auto = at speed 1; never for lockstep
    max_clients: int = 32
    max_frame_bytes: int = 1 << 20  # of a request
    write_buffer_bytes: int = 64 << 20  # unsent bytes after which a client that does not read is dropped
    hold_when_idle: bool = True  # no client connected: market time stands still
    answer_timeout_s: float = 10.0  # host seconds a lockstep client may take before the market runs free
    after_close_s: int = 120  # market seconds a session runs on after its close

    def __post_init__(self) -> None:
        """Refuse what no gateway can be."""
        faults = [
            text
            for wrong, text in (
                (not 0 <= self.port <= 65535, f"port must be 0..65535, was {self.port}"),
                (not self.account.startswith("D"), f"account {self.account!r} must be a paper account (D...)"),
                (self.speed is not None and not self.speed > 0, f"speed must be > 0, was {self.speed}"),
                (
                    not MIN_SERVER_VERSION <= self.server_version <= MAX_SERVER_VERSION or self.server_version == 158,
                    f"server_version must be 157 or 159..178, was {self.server_version}",
                ),
                (not 0 <= self.commission_rate < 1, f"commission_rate must be 0..1, was {self.commission_rate}"),
                (
                    self.fill_model not in FILL_MODELS,
                    f"fill_model {self.fill_model!r} is unknown; use one of {', '.join(FILL_MODELS)}",
                ),
                (
                    self.master_client_id is not None and self.master_client_id < 0,
                    f"master_client_id must be 0 or more, was {self.master_client_id}",
                ),
                *self._unknown_words(),
                (
                    self.write_buffer_bytes < _LEAST_BUFFER,
                    f"write_buffer_bytes must be {_LEAST_BUFFER} or more, was {self.write_buffer_bytes}",
                ),
                (not self.initial_cash > 0, f"initial_cash must be > 0, was {self.initial_cash}"),
                (self.market_data_lines < 1 or self.max_clients < 1, "limits must be at least 1"),
            )
            if wrong
        ]
        if faults:
            raise ValueError("; ".join(faults))
        self.commission_plan()

    def _unknown_words(self) -> list[tuple[bool, str]]:
        """Return for each choice among words whether it is none of them, and what to say then."""
        return [
            (value not in known, f"{name} {value!r} is unknown; use one of {', '.join(known)}")
            for name, value, known in (
                ("market_data", self.market_data, MARKET_DATA),
                ("pacing", self.pacing, PACING),
            )
        ]

    def commission_plan(self) -> CommissionPlan:
        """Return what executions cost; raise ValueError for an unknown schedule."""
        name = self.commission_schedule
        return plan_named(f"percent:{self.commission_rate}" if name == "percent" else name)
