"""What has to be known to reach a gateway and to stay within its limits."""

from dataclasses import dataclass

from daemon.domain.restart_schedule import RestartSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class IbSettings:
    """All durations are seconds of host time unless they say market time."""

    host: str = "127.0.0.1"
    port: int = 4002
    client_id: int = 1
    account: str = ""  # empty: the only account there is
    connect_timeout_s: float = 15.0  # TCP, handshake and account together
    request_timeout_s: float = 30.0  # until an end marker
    history_timeout_s: float = 60.0
    heartbeat_s: float = 6.0  # silence after which the gateway is asked whether it lives
    backoff_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 30.0)
    steady_s: float = 30.0  # a connection this old starts the back-off anew
    farm_wait_s: float = 3.0  # IB leaves requests unanswered that come before its data farms are up
    market_data_lines: int = 100
    messages_per_second: int = 40  # orders included; IB's limit is 50
    order_reserve: int = 5  # messages that only orders may use at once
    new_bar_streams: int = 60  # per ten minutes, IB's limit
    silence_s: float = 15.0  # market time without data after which a stream is asked whether it lives
    probe_s: float = 5.0  # market time within which it has to answer
    check_s: float = 3.0  # how often the streams are looked at
    restart: RestartSchedule | None = None  # of the gateway, where one is set
    market_data_type: int = 1  # 1 live, 2 frozen, 3 delayed, 4 delayed-frozen
    timezone: str = "UTC"  # of execution times that name none
