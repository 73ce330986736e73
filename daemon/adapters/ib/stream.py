"""One instrument's market data: its two requests, what was heard last, and whether the data are in doubt.

Pure state. Times called `*_at` are market time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.instrument import Instrument, InstrumentId

_ECHO: Final = timedelta(seconds=2)  # the last trade told right after subscribing is an old one
_LATE_BAR: Final = timedelta(seconds=10)  # after a trade, within which the bar that holds it has to come
DELAYED_TYPES: Final = frozenset({3, 4})


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """One instrument's streams, for people."""

    instrument: InstrumentId
    quotes_requested: bool
    bars_requested: bool
    last_quote_at: datetime | None
    last_bar_at: datetime | None
    resubscriptions: int
    delayed: bool
    fault: str  # why it was given up; empty while it is not
    suspended: str  # why its data are in doubt; empty while they are not
    halted: bool


class Stream:
    """The quote stream and the bar stream of one instrument. 0 is no request id."""

    __slots__ = (
        "ask",
        "ask_size",
        "asked_at",
        "bar_request",
        "bars_at",
        "bid",
        "bid_size",
        "data_type",
        "fault",
        "instrument",
        "is_halted",
        "last_bar_at",
        "last_quote_at",
        "last_trade_at",
        "patience",
        "probed_at",
        "proof_at",
        "quote_request",
        "resubscriptions",
        "suspended",
        "told",
    )  # fmt: skip

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.quote_request = 0
        self.bar_request = 0
        self.asked_at: datetime | None = None  # from when on quotes are expected
        self.bars_at: datetime | None = None  # from when on bars are expected
        self.last_quote_at: datetime | None = None
        self.last_bar_at: datetime | None = None
        self.resubscriptions = 0  # since the start of the daemon
        self.patience = 0  # doublings of the time allowed
        self.fault = ""
        self.suspended = ""  # why the data are in doubt
        self.proof_at: datetime | None = None  # a bar after this moment ends the doubt
        self.probed_at: datetime | None = None  # of the question that is still open
        self.last_trade_at: datetime | None = None  # by the quote stream, which need not wait for a bar
        self.is_halted = False
        self.data_type = 1
        self.forget_quote()

    def forget_quote(self) -> None:
        """Know no price until the stream tells one again."""
        self.bid: float | None = None
        self.ask: float | None = None
        self.bid_size = 0.0
        self.ask_size = 0.0
        self.told: tuple[float, float, float, float] | None = None

    def note_trade(self, at: datetime) -> None:
        """Know that something traded: a bar has to follow."""
        if self.asked_at is not None and at > self.asked_at + _ECHO:
            self.last_trade_at = at

    def suspend(self, cause: str, proof_at: datetime) -> None:
        """Doubt the data until a bar comes after `proof_at`."""
        self.suspended, self.proof_at = cause, proof_at

    @property
    def is_proven(self) -> bool:
        """Return whether a bar has ended the doubt."""
        return self.proof_at is not None and self.last_bar_at is not None and self.last_bar_at > self.proof_at

    def trust(self) -> None:
        """End the doubt."""
        self.suspended, self.proof_at, self.probed_at = "", None, None

    @property
    def newest_at(self) -> datetime | None:
        """Return when anything was last heard."""
        return max((at for at in (self.last_quote_at, self.last_bar_at) if at is not None), default=None)

    @property
    def lacks_bars(self) -> bool:
        """Return whether trades have come for a while, by the quotes, and no bar that holds them."""
        since = max(filter(None, (self.last_bar_at, self.bars_at)), default=None)
        return since is not None and self.last_trade_at is not None and self.last_trade_at > since + _LATE_BAR

    @property
    def has_revived(self) -> bool:
        """Return whether data have come by themselves since something was asked for, beyond the answer to that."""
        asked = max(filter(None, (self.asked_at, self.bars_at)), default=None)
        bar_came = self.last_bar_at is not None and asked is not None and self.last_bar_at > asked
        ticks = self.last_quote_at is not None and asked is not None and self.last_quote_at > asked + _ECHO
        return bar_came or (ticks and not self.suspended)

    @property
    def state(self) -> StreamState:
        """Return a copy for people."""
        return StreamState(
            instrument=self.instrument.id,
            quotes_requested=bool(self.quote_request),
            bars_requested=bool(self.bar_request),
            last_quote_at=self.last_quote_at,
            last_bar_at=self.last_bar_at,
            resubscriptions=self.resubscriptions,
            delayed=self.data_type in DELAYED_TYPES,
            fault=self.fault,
            suspended=self.suspended,
            halted=self.is_halted,
        )
