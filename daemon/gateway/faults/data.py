"""Faults of streams of market data: denied, delayed, taken away, busted, wrong."""

from collections.abc import Iterable
from typing import ClassVar, Final, Literal

from pydantic import Field

from daemon.gateway.faults.frames import QUOTES, STREAMED, Frame
from daemon.gateway.faults.link import Link
from daemon.gateway.faults.model import Counted, EachFrame, Effect, Fault
from daemon.gateway.faults.when import Length
from daemon.gateway.session_ticks import DELAYED
from daemon.gateway.timeline import SECOND_US
from daemon.gateway.wire.market_requests import (
    CancelMktData,
    CancelRealTimeBars,
    CancelTickByTick,
    ReqMktData,
    ReqRealTimeBars,
    ReqTickByTick,
)
from daemon.gateway.wire.messages import Request

_DENIALS: Final = {
    101: "Max number of tickers has been reached",
    200: "No security definition has been found for the request",
    354: "Requested market data is not subscribed. Delayed market data is available.",
    420: "Invalid Real-time Query:Historical data request pacing violation",
    10089: "Requested market data requires additional subscription for API. Delayed market data is available.",
    10090: "Part of requested market data is not subscribed. Subscription-independent ticks are still active.",
    10091: "Part of requested market data requires additional subscription for API.",
    10168: "Requested market data is not subscribed. Delayed market data is not enabled.",
    10186: "Requested market data is not subscribed. Delayed market data is not enabled.",
    10189: "Failed to request tick-by-tick data.",
    10190: "Max number of tick-by-tick requests has been reached.",
    10197: "No market data during competing live session",
}
_STREAM_REQUESTS: Final = {"quotes": ReqMktData, "bars": ReqRealTimeBars, "ticks": ReqTickByTick}
StreamName = Literal["quotes", "bars", "ticks"]


class _MarketDataDenied(Effect["MarketDataDenied"]):
    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, ReqMktData | ReqRealTimeBars | ReqTickByTick) or not self.scope.hits(link):
            return False
        if not isinstance(request, tuple(_STREAM_REQUESTS[name] for name in self.fault.streams)):
            return False
        if not self.scope.wants(self.scope.stage.symbol_of(request.contract)) or not self._is_over(link, request):
            return False
        if not self.strikes():
            return False
        link.streams.pop(request.req_id, None)
        link.error(self.fault.code, _DENIALS[self.fault.code], request.req_id)
        return True

    def _is_over(self, link: Link, request: ReqMktData | ReqRealTimeBars | ReqTickByTick) -> bool:
        lines = self.fault.above_lines
        others = [number for number, stream in link.streams.items() if stream.kind in _STREAM_REQUESTS]
        return lines is None or len([number for number in others if number != request.req_id]) >= lines


class MarketDataDenied(Counted):
    """Requests for streams get an error instead: 354, 10089, 10197, 101, 420, 10190, ..."""

    effect: ClassVar = _MarketDataDenied
    name: Literal["market_data_denied"] = "market_data_denied"
    code: Literal[101, 200, 354, 420, 10089, 10090, 10091, 10168, 10186, 10189, 10190, 10197] = 354
    streams: tuple[StreamName, ...] = Field(("quotes", "bars", "ticks"), min_length=1)
    above_lines: int | None = Field(None, ge=0, description="only when the client has this many streams already")


class _CompetingSession(Effect["CompetingSession"]):
    def begin(self) -> None:
        for link in self.scope.links():
            for req_id, stream in link.streams.items():
                if stream.kind in _STREAM_REQUESTS and self.scope.wants(stream.symbol):
                    link.error(10197, _DENIALS[10197], req_id)

    def request(self, link: Link, request: Request) -> bool:
        if isinstance(request, ReqMktData | ReqRealTimeBars | ReqTickByTick) and self.scope.hits(link):
            link.error(10197, _DENIALS[10197], request.req_id)
        return False

    def outgoing(self, link: Link, frames: list[Frame]) -> list[Frame]:
        if not self.scope.hits(link):
            return frames
        return [frame for frame in frames if frame.kind not in STREAMED or not self.scope.is_about(link, frame)]


class CompetingSession(Fault):
    """10197: somebody logged in elsewhere. Every stream gets it and stops; when that ends, the streams go on."""

    effect: ClassVar = _CompetingSession
    name: Literal["competing_session"] = "competing_session"


class _BarsBusted(Effect["BarsBusted"]):
    def begin(self) -> None:
        for link in self.scope.links():
            for req_id, stream in tuple(link.streams.items()):
                if stream.kind == "bars" and self.scope.wants(stream.symbol):
                    del link.streams[req_id]
                    self.scope.stage.desk.streams(link.connection).bars.pop(req_id, None)
                    text = "Bust event occurred, current subscription is deactivated. "
                    link.error(10225, f"{text}Please resubscribe real-time bars immediately.", req_id)
        self.scope.finish()


class BarsBusted(Fault):
    """10225: a bust event ends every subscription of real-time bars."""

    effect: ClassVar = _BarsBusted
    name: Literal["bars_busted"] = "bars_busted"


_DELAYED_TICKS: Final = {str(live): str(late) for live, late in DELAYED.items()}


class _DelayedData(EachFrame["DelayedData"]):
    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, ReqMktData) or not self._concerns(
            link, self.scope.stage.symbol_of(request.contract)
        ):
            return False
        if link.data_type in {3, 4}:
            text = "Requested market data is not subscribed. Displaying delayed market data."
            link.error(10167, text, request.req_id)
            return False
        link.streams.pop(request.req_id, None)
        link.error(10168, _DENIALS[10168], request.req_id)
        return True

    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        if not self._concerns(link, link.symbol_of(frame)) or link.data_type not in {3, 4}:
            return (frame,)
        if frame.kind == "marketDataType":
            return (frame.changed(f3=str(link.data_type)),)
        if frame.kind in QUOTES:
            delayed = frame.changed(f3=_DELAYED_TICKS.get(frame.fields[3], frame.fields[3]))
            link.hold(delayed, self.scope.stage.now_us + round(self.fault.by * SECOND_US))
            return ()
        return (frame,)

    def _concerns(self, link: Link, symbol: str | None) -> bool:
        return self.scope.hits(link) and self.scope.wants(symbol)


class DelayedData(Fault):
    """No live data: 10168 unless the client asked for delayed data, then 10167, type 3 and ticks 66 to 76."""

    effect: ClassVar = _DelayedData
    name: Literal["delayed_data"] = "delayed_data"
    by: Length = Field(900.0, description="market time")


_PRICE_FIELDS: Final = {"realtimeBar": (4, 5, 6, 7, 9), "tickPrice": (4,)}
_BID = "1"  # tick type


class _BadQuotes(EachFrame["BadQuotes"]):
    def each(self, link: Link, frame: Frame) -> Iterable[Frame]:
        if frame.kind not in _PRICE_FIELDS or not self.scope.hits(link):
            return (frame,)
        if frame.kind == "realtimeBar" and (not self.fault.bars or self.fault.kind == "crossed"):
            return (frame,)
        if not self.scope.is_about(link, frame):
            return (frame,)
        if self.fault.kind == "crossed":
            return (self._crossed(frame),)
        if not self.strikes():
            return (frame,)
        return (frame.changed(**{f"f{at}": self._bad(frame.fields[at]) for at in _PRICE_FIELDS[frame.kind]}),)

    def _bad(self, price: str) -> str:
        match self.fault.kind:
            case "zero":
                return "0"
            case "nan":
                return "NaN"
            case "infinite":
                return "1.7976931348623157E308"
            case "negative":
                return repr(-abs(float(price)))
            case "tenfold":
                return repr(float(price) * 10)
            case _:
                return "-1"

    def _crossed(self, frame: Frame) -> Frame:
        """Swap the sides by lifting the bid above any ask nearby."""
        if frame.fields[3] != _BID or not self.strikes():
            return frame
        return frame.changed(f4=repr(round(float(frame.fields[4]) * 1.01, 2)))


class BadQuotes(Counted):
    """Prices of quotes (and bars) are nonsense: crossed, zero, NaN, negative, infinite, tenfold or absent (-1)."""

    effect: ClassVar = _BadQuotes
    name: Literal["bad_quotes"] = "bad_quotes"
    kind: Literal["crossed", "zero", "nan", "negative", "infinite", "tenfold", "absent"] = "crossed"
    bars: bool = Field(default=False, description="also the prices of real-time bars")


class _CancelUnknown(Effect["StreamUnknown"]):
    def request(self, link: Link, request: Request) -> bool:
        if not isinstance(request, CancelMktData | CancelRealTimeBars | CancelTickByTick) or not self.scope.hits(link):
            return False
        if not self.strikes():
            return False
        link.error(300, f"Can't find EId with tickerId:{request.req_id}", request.req_id)
        return True


class StreamUnknown(Counted):
    """300: cancels of a stream find nothing, and the stream goes on."""

    effect: ClassVar = _CancelUnknown
    name: Literal["stream_unknown"] = "stream_unknown"


DATA_FAULTS: tuple[type[Fault], ...] = (
    MarketDataDenied,
    CompetingSession,
    BarsBusted,
    DelayedData,
    BadQuotes,
    StreamUnknown,
)
