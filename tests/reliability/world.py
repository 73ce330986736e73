"""One world of the kill runs: a market that lives on, drawn from a seed, and the files of the daemon that is killed."""

import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import yaml

from daemon.gateway.options import GatewayOptions
from daemon.settings.model import Settings
from daemon.settings.output import plain
from daemon.settings.sections import Journal
from daemon.simulation.setting import Setting, calendar

DAY: Final = date(2026, 3, 3)  # the first day of the simulation's markets
_PATIENCE_S: Final = 60.0  # host seconds for a commit: the machine may be busy
_OVER_THE_CLOSE: Final = timedelta(minutes=4)  # how long before the close such a world begins


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPlan:
    """What a world is like; the same seed draws the same one."""

    setting: Setting
    timeframe: str  # of the strategies: each bar may bring an order of each strategy and symbol

    @classmethod
    def drawn(cls, seed: int) -> "WorldPlan":
        """Return the world of a seed.

        Seven of ten keep the daemon in lockstep with a market that goes on while nobody is connected, two of ten with
        one that waits and goes over the close into the next day; one of ten passes for a real gateway, at speed 1.
        """
        chance = random.Random(f"reliability {seed}")
        kind = chance.random()
        return cls.made(
            seed,
            lockstep=kind < 0.9,
            over_night=0.7 <= kind < 0.9,
            speed=chance.choice((10.0, 30.0, 60.0)),
            after_open=timedelta(minutes=chance.randrange(60)),
            order_timeout_s=chance.choice((2, 10, 30)),
        )

    @classmethod
    def made(
        cls,
        seed: int,
        *,
        lockstep: bool = True,
        over_night: bool = False,
        speed: float = 60.0,
        after_open: timedelta = timedelta(),
        order_timeout_s: int = 10,
    ) -> "WorldPlan":
        """Return a world as asked for."""
        session = calendar().session_on(DAY)
        if session is None:
            raise ValueError(f"{DAY} is no trading day")
        setting = Setting(
            seed=seed,
            minutes=0,
            lockstep=lockstep,
            speed=speed if lockstep else 1.0,
            waits_for_nobody=not over_night,
            start=session.close - _OVER_THE_CLOSE if over_night else session.open + after_open,
            over_night=over_night,
            order_timeout_s=order_timeout_s,
            crowded=True,
        )
        return cls(setting=setting, timeframe="5s")

    @property
    def kind(self) -> str:
        """Return what sort of world it is, for people."""
        if not self.setting.lockstep:
            return "free running, as a real gateway"
        return "lockstep, over the close" if self.setting.over_night else "lockstep, market goes on"

    def gateway_options(self, state: Path) -> GatewayOptions:
        """Return what the gateway is started with; its port is any free one."""
        options = self.setting.gateway_options(state, not_before=self.setting.start)
        return replace(options, port=0, pacing="off")

    def settings(self, port: int) -> Settings:
        """Return the daemon's settings."""
        settings = self.setting.settings().settings
        strategies = tuple(each.model_copy(update={"timeframes": (self.timeframe,)}) for each in settings.strategies)
        ib = settings.ib.model_copy(update={"port": port})
        journal = Journal(deadline_s=_PATIENCE_S)  # in the state directory
        return settings.model_copy(update={"strategies": strategies, "ib": ib, "journal": journal})

    def write_config(self, path: Path, port: int) -> None:
        """Write the daemon's configuration file."""
        path.write_text(yaml.safe_dump(_scalars(plain(self.settings(port)))))

    def clock_error(self, now: datetime) -> timedelta:
        """Return what the wall clock must be put forward by to show this market's time; zero in lockstep."""
        return timedelta() if self.setting.lockstep else self.setting.start - now


def _scalars(value: object) -> object:
    """Return a value with nothing in it that YAML does not know."""
    if isinstance(value, dict):
        return {key: _scalars(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scalars(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
