"""The registry of market data streams: what is wanted, under which request ids it runs, and whether data comes.

Pure state: sending requests is the connection's business. Times called `*_at` are market time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.broker_codes import CodeKind, classify
from daemon.domain.errors import ConfigError
from daemon.domain.instrument import Instrument, InstrumentId

_MOST_DOUBLINGS: Final = 5
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
        "last_bar_at",
        "last_quote_at",
        "patience",
        "quote_request",
        "resubscriptions",
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
        self.data_type = 1
        self.forget_quote()

    def forget_quote(self) -> None:
        """Know no price until the stream tells one again."""
        self.bid: float | None = None
        self.ask: float | None = None
        self.bid_size = 0.0
        self.ask_size = 0.0
        self.told: tuple[float, float, float, float] | None = None

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
        )


@dataclass(frozen=True, slots=True)
class Overdue:
    """A stream from which data should have come."""

    stream: Stream
    quotes: bool
    bars: bool


class Streams:
    """All streams, in the order of subscription."""

    def __init__(self, *, lines: int, verify_s: float, expects_bars: Callable[[datetime], bool]) -> None:
        self._lines = lines
        self._verify_s = verify_s
        self._expects_bars = expects_bars
        self._streams: dict[InstrumentId, Stream] = {}
        self._expected_since: datetime | None = None
        self.by_quote_request: dict[int, Stream] = {}
        self.by_bar_request: dict[int, Stream] = {}

    def __iter__(self) -> Iterator[Stream]:
        """Iterate over the streams."""
        return iter(self._streams.values())

    def __len__(self) -> int:
        """Return how many instruments are subscribed to."""
        return len(self._streams)

    def add(self, instruments: Sequence[Instrument]) -> None:
        """Want the streams of `instruments`; those already wanted stay as they are.

        Raises:
            ConfigError: they are more than there are market data lines; none is added.
        """
        new = {instrument.id: instrument for instrument in instruments if instrument.id not in self._streams}
        wanted = len(self._streams) + len(new)
        if wanted > self._lines:
            raise ConfigError(
                f"{wanted} instruments need {wanted} market data lines, the account has {self._lines}: "
                "trade fewer symbols, or set ib.market_data_lines to what the account really has"
            )
        self._streams.update({name: Stream(instrument) for name, instrument in new.items()})

    def knows(self, request: int) -> bool:
        """Return whether `request` is the id of a running stream."""
        return request in self.by_quote_request or request in self.by_bar_request

    def quotes_started(self, stream: Stream, request: int, at: datetime) -> int:
        """Note a new quote request; return the id it replaces, 0 for none."""
        old = stream.quote_request
        self.by_quote_request.pop(old, None)
        self.by_quote_request[request] = stream
        stream.quote_request, stream.asked_at = request, at
        stream.forget_quote()
        return old

    def bars_started(self, stream: Stream, request: int, at: datetime) -> int:
        """Note a new request for bars; return the id it replaces, 0 for none."""
        old = stream.bar_request
        self.by_bar_request.pop(old, None)
        self.by_bar_request[request] = stream
        stream.bar_request, stream.bars_at = request, at
        return old

    def all_lost(self) -> None:
        """Forget every request: the other side no longer knows them. Faults get another chance."""
        self.by_quote_request.clear()
        self.by_bar_request.clear()
        for stream in self:
            stream.quote_request = stream.bar_request = stream.patience = 0
            stream.fault = ""
            stream.forget_quote()

    def distrust(self, at: datetime) -> None:
        """Expect fresh data of every stream from `at` on."""
        for stream in self:
            stream.asked_at = stream.bars_at = at

    def failed(self, request: int, code: int, text: str) -> Stream | None:
        """Give up the stream that `request` belongs to, if it is one; return it."""
        stream = self.by_quote_request.get(request) or self.by_bar_request.get(request)
        if stream is None or classify(code).kind is CodeKind.NOTICE:
            return None
        stream.fault = f"{text} (code {code}: {classify(code).meaning})"
        return stream

    def without_quotes(self) -> list[Stream]:
        """Return the streams whose quotes have to be asked for."""
        return [stream for stream in self if not stream.quote_request and not stream.fault]

    def without_bars(self) -> list[Stream]:
        """Return the streams whose bars have to be asked for."""
        return [stream for stream in self if not stream.bar_request and not stream.fault]

    def overdue(self, now: datetime) -> list[Overdue]:
        """Return the streams from which data should have come by `now`; outside sessions none."""
        if not self._expects_bars(now):
            self._expected_since = None
            return []
        if self._expected_since is None:
            self._expected_since = now
        late = [self._lateness(stream, now, self._expected_since) for stream in self if not stream.fault]
        return [one for one in late if one.quotes or one.bars]

    def _lateness(self, stream: Stream, now: datetime, since: datetime) -> Overdue:
        if stream.bars_at is not None and stream.last_bar_at is not None and stream.last_bar_at > stream.bars_at:
            stream.patience = 0
        allowed = timedelta(seconds=self._verify_s * 2**stream.patience)
        quotes = bars = False
        if stream.quote_request and stream.asked_at is not None:
            told = stream.last_quote_at is not None and stream.last_quote_at >= stream.asked_at
            quotes = not told and now - max(stream.asked_at, since) > allowed
        if stream.bar_request and stream.bars_at is not None:
            newest = max(filter(None, (stream.bars_at, since, stream.last_bar_at)))
            bars = now - newest > allowed
        return Overdue(stream, quotes, bars)

    def note_resubscription(self, stream: Stream) -> None:
        """Count a resubscription and allow twice the time for the next."""
        stream.resubscriptions += 1
        stream.patience = min(stream.patience + 1, _MOST_DOUBLINGS)
