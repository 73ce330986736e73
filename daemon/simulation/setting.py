"""What a simulated world looks like: drawn from the seed, with settings under which a few minutes bring many orders."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from daemon.gateway.options import GatewayOptions
from daemon.gateway.source import MarketSource
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from daemon.market.tape import SecondTape
from daemon.settings.loading import LoadedSettings, load_settings
from daemon.simulation import restless
from daemon.simulation.ear import CANARY

SYMBOLS: Final = ("SPY", "QQQ")
PORT: Final = 4002
ACCOUNT: Final = "DU1000001"
CLIENT_ID: Final = 17
CAPITAL: Final = Decimal(400_000)
_HOST: Final = "127.0.0.1"
_MARKETS: Final = 4  # different ones over all seeds: making one takes longer than a simulation
_DAY: Final = date(2026, 3, 3)
_CASH: Final = Decimal(2_000_000)
_KIND: Final = f"{restless.__file__}:{restless.Restless.__name__}"
LIMITS: Final[Mapping[str, object]] = {
    "position_fraction": "1",
    "position_shares": 1_000_000,
    "position_value": "100000000",
    "position_loss": None,
    "daily_trades": 100_000,
    "daily_loss_fraction": "1",
    "daily_loss_value": "100000000",
    "emergency_loss": "100000000",
    "emergency_stop": False,
    "auto_stop_on_daily_limit": False,
}
ACCOUNT_LIMITS: Final[Mapping[str, object]] = {
    **LIMITS,
    "messages_per_second": 1000,
    "messages_per_minute": 100_000,
    "open_orders": 100,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The fixed part of one world."""

    seed: int
    minutes: int  # of market, while faults strike
    lockstep: bool  # False: the daemon takes the gateway for a real one
    speed: float  # market seconds per virtual second
    waits_for_nobody: bool  # the market goes on while nobody is connected
    start: datetime  # market time, UTC
    over_night: bool  # the close, and the open of the next day, are part of it
    order_timeout_s: int  # market seconds
    crowded: bool  # whether a second strategy trades the same symbols

    @classmethod
    def drawn(cls, seed: int, *, minutes: int) -> "Setting":
        """Return the setting of a seed."""
        chance = random.Random(f"setting {seed}")
        lockstep = chance.random() < 0.7
        session = calendar().session_on(_DAY)
        if session is None:
            raise ValueError(f"{_DAY} is no trading day")
        # Over the close, into the next day; what fills in an outage across midnight is for the operator.
        late = lockstep and chance.random() < 0.1
        offset = timedelta(minutes=chance.randrange(20))
        return cls(
            seed=seed,
            minutes=minutes,
            lockstep=lockstep,
            speed=1.0 if not lockstep else 2.0 if late else chance.choice((2.0, 10.0, 30.0)),
            waits_for_nobody=not lockstep or chance.random() < 0.4,
            start=session.close - timedelta(minutes=minutes // 2) if late else session.open + offset,
            over_night=late,
            order_timeout_s=chance.choice((1, 2, 10, 30) if lockstep else (1, 1, 2, 30)),
            crowded=chance.random() < 0.8,
        )

    def gateway_options(self, state: Path, *, not_before: datetime) -> GatewayOptions:
        """Return what the gateway is started with."""
        return GatewayOptions(
            host=_HOST,
            port=PORT,
            account=ACCOUNT,
            initial_cash=_CASH,
            seed=self.seed,
            speed=self.speed,
            start=_DAY,
            not_before_us=int(not_before.timestamp() * 1_000_000),
            state_path=state / "gateway.db",
            hold_when_idle=not self.waits_for_nobody,
        )

    def market(self) -> MarketSource:
        """Return the market of this world."""
        return _market(self.seed % _MARKETS)

    def settings(self) -> LoadedSettings:
        """Return the daemon's settings."""
        return _settings(self.seed, self.order_timeout_s, crowded=self.crowded)


@lru_cache(maxsize=1)
def calendar() -> TradingCalendar:
    """Return the exchange's calendar."""
    return TradingCalendar("XNYS")


class YoungMarket:
    """A synthetic market without a past: to send the history of days would take most of a simulation's time."""

    def __init__(self, seed: int) -> None:
        self._market = SyntheticMarket(seed, calendar(), SYMBOLS, tapes_kept=24)
        self.listings = self._market.listings
        self.calendar = self._market.calendar

    def tape(self, symbol: str, session: Session) -> SecondTape:
        """Return a session; raise LookupError before the first one."""
        if session.day < _DAY:
            raise LookupError(f"{symbol} was not listed on {session.day}")
        return self._market.tape(symbol, session)


@lru_cache(maxsize=_MARKETS)
def _market(seed: int) -> MarketSource:
    return YoungMarket(seed)


@lru_cache(maxsize=8)
def _settings(seed: int, order_timeout_s: int, *, crowded: bool) -> LoadedSettings:
    strategies = [restless_strategy("restless", SYMBOLS, {"seed": seed})]
    if crowded:
        strategies.append(restless_strategy("other", SYMBOLS, {"seed": seed + 1}))
    overrides: dict[str, object] = {
        "mode": "ibkr_paper",
        "instance": f"s{seed}",
        "ib": {
            "host": _HOST,
            "port": PORT,
            "client_id": CLIENT_ID,
            "account": ACCOUNT,
            "backoff_s": [0.2, 0.5, 1, 2],
            "request_timeout_s": 10,
        },
        "calendar": {"history_bars": 20},
        "strategies": strategies,
        "limits": {"account": dict(ACCOUNT_LIMITS)},
        "execution": {"order_timeout_s": order_timeout_s},
        "logs": {"paper_log": False},
        "journal": {"url": f"postgresql://paperd:{CANARY}@127.0.0.1/not-used"},  # the machine opens a file of its own
    }
    return load_settings(None, overrides, {})


def restless_strategy(name: str, symbols: tuple[str, ...], parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the settings of a strategy that trades on nearly every bar of 30 s, with limits that do not bind."""
    return {
        "id": name,
        "type": _KIND,
        "symbols": list(symbols),
        "timeframes": ["30s"],
        "capital": str(CAPITAL),
        "position_fraction": "0.3",
        "allow_short": True,
        "parameters": dict(parameters),
        "limits": dict(LIMITS),
    }


def utc(moment_us: int) -> datetime:
    """Return microseconds since the epoch as a time."""
    return datetime.fromtimestamp(moment_us // 1_000_000, UTC) + timedelta(microseconds=moment_us % 1_000_000)
