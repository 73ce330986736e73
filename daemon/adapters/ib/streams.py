"""The registry of market data streams: what is wanted, under which request ids it runs, and whether data comes.

Pure state: sending requests is the connection's business. Times called `*_at` are market time.

A quiet instrument is told from a dead stream by asking: a new quote subscription is answered at once wherever the farm
lives, while bars may stay away for as long as nothing trades. What is in doubt counts as suspended until a bar comes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.adapters.ib.stream import Stream
from daemon.domain.broker_codes import CodeKind, classify
from daemon.domain.errors import ConfigError
from daemon.domain.instrument import Instrument, InstrumentId

_MOST_DOUBLINGS: Final = 5
_BAR: Final = timedelta(seconds=5)  # a bar proves what came before it only if all of it lies after the doubt
_QUIET: Final = 4  # times the patience with an instrument that just may not trade


@dataclass(frozen=True, slots=True)
class Overdue:
    """A stream from which data should have come."""

    stream: Stream
    quotes: bool
    bars: bool


class Streams:
    """All streams, in the order of subscription."""

    def __init__(
        self, *, lines: int, silence_s: float, expects_bars: Callable[[datetime], bool], probe_s: float = 5.0
    ) -> None:
        """Want nothing yet.

        Args:
            lines: market data lines of the account.
            silence_s: market seconds without data after which a stream is asked whether it lives.
            expects_bars: whether a session is open at a moment.
            probe_s: market seconds within which it has to answer.
        """
        self._lines = lines
        self._silence = timedelta(seconds=silence_s)
        self._probe = timedelta(seconds=probe_s)
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
            stream.is_halted = False
            stream.last_trade_at = None
            stream.trust()
            stream.forget_quote()

    def distrust(self, at: datetime, cause: str = "") -> None:
        """Expect fresh data of every stream from `at` on; with a cause nothing is believed until they come."""
        doubted = cause and self._expects_bars(at)
        for stream in self:
            stream.asked_at = stream.bars_at = at
            if doubted:
                stream.suspend(cause, at + _BAR)

    def doubt(self, request: int, at: datetime, cause: str) -> None:
        """Believe nothing of the stream that `request` belongs to until a bar comes."""
        stream = self.by_quote_request.get(request) or self.by_bar_request.get(request)
        if stream is not None and self._expects_bars(at):
            stream.suspend(cause, at + _BAR)

    def review(self, now: datetime) -> None:
        """Believe again what has proved itself, no longer what has not answered; outside sessions nothing is due."""
        if not self._expects_bars(now):
            self._expected_since = None
            for stream in self:
                stream.trust()
            return
        self._expected_since = self._expected_since or now
        for stream in self:
            if stream.suspended:
                if stream.is_proven:
                    stream.trust()
            elif stream.lacks_bars:
                stream.suspend("its quotes go on, its bars do not come", now)
            elif stream.probed_at is not None and now - stream.probed_at >= self._probe:
                self._judge(stream, stream.probed_at)

    @staticmethod
    def _judge(stream: Stream, probed_at: datetime) -> None:
        """Suspend a stream that did not answer in time; one that did and shows nothing else is quiet."""
        newest = stream.newest_at
        if newest is None or newest < probed_at:
            stream.suspend("nothing is heard of it, and a new subscription is not answered", probed_at)
        stream.probed_at = None

    def suspended(self, now: datetime) -> dict[InstrumentId, str]:
        """Return whose data cannot be believed at `now`, and why; outside sessions nobody's."""
        if not self._expects_bars(now):
            return {}
        return {stream.instrument.id: why for stream in self if (why := stream.fault or stream.suspended)}

    def silent_s(self, now: datetime) -> float:
        """Return for how many market seconds of the session nothing has been heard of any stream."""
        newest = max((at for stream in self if (at := stream.newest_at) is not None), default=None)
        since = max(filter(None, (newest, self._expected_since)), default=now)
        return max((now - since).total_seconds(), 0.0)

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
        """Return the streams that have to be asked for again at `now`; outside sessions none."""
        self.review(now)
        since = self._expected_since
        if since is None:
            return []
        newest = max((at for stream in self if (at := stream.newest_at) is not None), default=since)
        all_silent = now - max(newest, since) > self._silence
        late = [
            self._lateness(stream, now, since, hurry=all_silent)
            for stream in self
            if not stream.fault and not stream.is_halted
        ]
        return [one for one in late if one.quotes or one.bars]

    def _lateness(self, stream: Stream, now: datetime, since: datetime, *, hurry: bool) -> Overdue:
        """Return what is late of a stream. Where all are silent, each is asked without regard to its habits."""
        if stream.has_revived:
            stream.patience = 0
        patient = self._silence * 2**stream.patience
        quotes = bars = False
        if stream.quote_request and stream.asked_at is not None:
            newest = max(filter(None, (stream.asked_at, since, stream.newest_at)))
            quotes = now - newest > (self._silence if hurry and not stream.suspended else patient)
        if stream.bar_request and stream.bars_at is not None:
            newest = max(filter(None, (stream.bars_at, since, stream.last_bar_at)))
            bars = now - newest > (patient if stream.suspended or stream.lacks_bars else patient * _QUIET)
        return Overdue(stream, quotes, bars)

    def note_resubscription(self, stream: Stream) -> None:
        """Count a resubscription and allow twice the time for the next."""
        stream.resubscriptions += 1
        stream.patience = min(stream.patience + 1, _MOST_DOUBLINGS)
