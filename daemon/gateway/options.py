"""What can be chosen about a gateway."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

MIN_SERVER_VERSION = 157
MAX_SERVER_VERSION = 178
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
    commission_rate: Decimal = Decimal("0.002")  # of notional: 0.002 is 0.2 %
    server_version: int = 176  # highest protocol version offered
    market_data_lines: int = 100  # concurrent quote, bar and tick subscriptions of all clients
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
                (not self.initial_cash > 0, f"initial_cash must be > 0, was {self.initial_cash}"),
                (self.market_data_lines < 1 or self.max_clients < 1, "limits must be at least 1"),
            )
            if wrong
        ]
        if faults:
            raise ValueError("; ".join(faults))
