"""When a fault begins: at a market time, or at the n-th of something that happens. Pure; chance comes from a seed."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, model_validator

from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.requests import REQUESTS

_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?) ?(us|ms|s|m|h)", re.ASCII)
REQUEST_NAMES: Final = {row.layout.cls.__name__: str(row.msg_id) for row in REQUESTS.rows}


def seconds(value: object) -> float:
    """Return a length of time in seconds: 30, "30s", "500ms", "2m" or "1h".

    Raises:
        ValueError: it is something else, or negative.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    found = _LENGTH.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a length of time such as 30s, 500ms, 2m or 1h")
    return float(found[1]) * _UNITS[found[2]]


Length = Annotated[float, BeforeValidator(seconds)]  # seconds
Trigger = Literal["order", "fill", "connect", "request", "subscription"]
_TRIGGERS: Final[tuple[Trigger, ...]] = ("order", "fill", "connect", "request", "subscription")


def _request_name(value: object) -> object:
    """Take one request by name or number, with how many of it: {ReqMktData: 2}."""
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("must be one request with a count, such as {ReqMktData: 1}")
    ((key, count),) = value.items()
    names = [name for name, number in REQUEST_NAMES.items() if str(key) in {name, number}]
    if not names:
        raise ValueError(f"unknown request {str(key)!r}; use one of {', '.join(sorted(REQUEST_NAMES))}")
    return {names[0]: count}


def _moment(value: object) -> object:
    """Take 10:15, 10:15:30 or an ISO date and time with its zone."""
    if not isinstance(value, str):
        return value
    wrong = (
        "must be a time of day on the exchange's clock such as 10:15, or an ISO time with zone such as "
        "2026-03-02T10:15-05:00"
    )
    try:
        moment = datetime.fromisoformat(value.strip()) if "-" in value else time.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(wrong) from None
    if isinstance(moment, datetime) == (moment.tzinfo is None):
        raise ValueError(wrong)
    return moment


class When(BaseModel):
    """One trigger at most (none = at once), whom it concerns, and how often it may fire."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Annotated[AwareDatetime | time | None, BeforeValidator(_moment)] = Field(
        None, description="market time: 10:15 on the exchange's clock, or ISO with zone"
    )
    after: Length | None = Field(None, description="market time since the first client was ready")
    order: PositiveInt | None = Field(None, description="the n-th new order; the fault is on before it is handled")
    fill: PositiveInt | None = Field(None, description="the n-th execution; the fault is on before it is reported")
    connect: PositiveInt | None = Field(None, description="the n-th connection, before its first byte")
    subscription: PositiveInt | None = Field(None, description="the n-th request for a stream of market data")
    request: Annotated[dict[str, PositiveInt] | None, BeforeValidator(lambda v: v and _request_name(v))] = Field(
        None, description="the n-th request of a name, such as {ReqHistoricalData: 2}"
    )
    client: int | None = Field(None, ge=0, description="only this client id counts and is hit")
    symbol: str | None = Field(None, min_length=1, description="only this symbol counts and is hit")
    times: PositiveInt = Field(1, description="how often it may fire: at n, 2n, 3n, ...; times of day need `every`")
    every: Length | None = Field(None, description="market time between two firings of `at` or `after`")
    probability: float = Field(1.0, gt=0, le=1, description="chance of each firing, drawn from the seed")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Refuse two triggers at once and repetitions without an interval."""
        given = [name for name in ("at", "after", *_TRIGGERS) if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"one trigger is allowed, found {' and '.join(given)}")
        timed = self.at is not None or self.after is not None
        if timed and self.times > 1 and not self.every:
            raise ValueError("times above 1 with `at` or `after` needs `every`, such as every: 60s")
        if self.every is not None and not timed:
            raise ValueError("every goes with `at` or `after` only")
        if not given and (self.times > 1 or self.probability < 1):
            raise ValueError("times and probability need a trigger")
        if self.connect is not None and (self.client is not None or self.symbol is not None):
            raise ValueError("connect counts connections before they have a client id: leave out client and symbol")
        return self

    @property
    def trigger(self) -> Trigger | None:
        """Return what is counted, None for a time and for at once."""
        return next((name for name in _TRIGGERS if getattr(self, name) is not None), None)

    @property
    def is_timed(self) -> bool:
        """Return whether it waits for a market time."""
        return self.at is not None or self.after is not None


ALWAYS: Final = When()  # at once, for everybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that triggers count."""

    kind: Trigger
    client: int = -1
    symbol: str | None = None
    request: str = ""  # its name


class Armed:
    """A trigger that counts."""

    def __init__(self, when: When, rng: Random) -> None:
        self._when = when
        self._rng = rng
        self._count = 0
        self._left = when.times
        self._due_us: int | None = None

    @property
    def is_spent(self) -> bool:
        """Return whether it will never fire again."""
        return self._left == 0

    def sees(self, event: Happening) -> bool:
        """Count something that happens; return whether it fires."""
        when = self._when
        if event.kind != when.trigger or when.client not in {None, event.client}:
            return False
        if when.symbol not in {None, event.symbol}:
            return False
        every: int = when.order or when.fill or when.connect or when.subscription or 0
        if when.request is not None:
            ((name, every),) = when.request.items()
            if name != event.request:
                return False
        self._count += 1
        return self._count % every == 0 and self._fires()

    def due_us(self, now_us: int, first_client_us: int | None, zone: ZoneInfo) -> int | None:
        """Return the market time it fires at next, None when there is none or it is not known yet."""
        when = self._when
        if self._due_us is None and not self.is_spent:
            if when.after is not None and first_client_us is not None:
                self._due_us = first_client_us + round(when.after * SECOND_US)
            elif isinstance(when.at, datetime):
                self._due_us = round(when.at.timestamp() * SECOND_US)
            elif when.at is not None:
                self._due_us = _next_time_of_day(when.at, now_us, zone)
        return None if self.is_spent else self._due_us

    def strikes(self) -> bool:
        """Take note that its market time has come; return whether it fires."""
        every = self._when.every
        if self._due_us is not None and every:
            self._due_us += round(every * SECOND_US)
        return self._fires()

    def _fires(self) -> bool:
        if self.is_spent:
            return False
        if self._when.is_timed:
            self._left -= 1
            return self._rng.random() < self._when.probability
        if self._rng.random() >= self._when.probability:
            return False
        self._left -= 1
        return True


def _next_time_of_day(wanted: time, now_us: int, zone: ZoneInfo) -> int:
    now = datetime.fromtimestamp(now_us / SECOND_US, UTC).astimezone(zone)
    due = datetime.combine(now.date(), wanted, tzinfo=zone)
    if due < now:
        due = datetime.combine(now.date() + timedelta(days=1), wanted, tzinfo=zone)
    return round(due.timestamp() * SECOND_US)
