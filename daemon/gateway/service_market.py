"""Live market data: who is subscribed to what, and what each second owes them."""

from collections.abc import Container, MutableMapping
from dataclasses import dataclass, field
from typing import TypeVar

from daemon.gateway.bars import FIVE, boundaries
from daemon.gateway.connection import Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.days import Days
from daemon.gateway.history import BadRequest, what_to_show
from daemon.gateway.history_wire import wire_bar
from daemon.gateway.options import GatewayOptions
from daemon.gateway.source import MarketSource
from daemon.gateway.streams import BarStream, QuoteStream, TickStream, UpdatingBars
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.history_responses import HistoricalDataUpdate
from daemon.gateway.wire.market_requests import (
    CancelMktData,
    CancelRealTimeBars,
    CancelTickByTick,
    ReqMarketDataType,
    ReqMktData,
    ReqRealTimeBars,
    ReqTickByTick,
)
from daemon.gateway.wire.market_responses import MarketDataType, TickReqParams, TickSnapshotEnd
from daemon.market.listing import Listing

_TICK_KINDS = frozenset({"Last", "AllLast", "BidAsk", "MidPoint"})
Stream = TypeVar("Stream")
UNKNOWN_CONTRACT = "No security definition has been found for the request"


@dataclass(slots=True, kw_only=True)
class ClientStreams:
    """Everything one client is subscribed to, by request id."""

    quotes: dict[int, QuoteStream] = field(default_factory=dict)
    bars: dict[int, BarStream] = field(default_factory=dict)
    updating: dict[int, UpdatingBars] = field(default_factory=dict)
    ticks: dict[int, TickStream] = field(default_factory=dict)


class MarketDesk:
    """Subscriptions of all clients."""

    def __init__(
        self, options: GatewayOptions, source: MarketSource, contracts: Contracts, days: Days, timeline: Timeline
    ) -> None:
        self._options = options
        self._source = source
        self._contracts = contracts
        self._days = days
        self._timeline = timeline
        self._clients: dict[Connection, ClientStreams] = {}

    def streams(self, connection: Connection) -> ClientStreams:
        """Return a client's subscriptions."""
        return self._clients.setdefault(connection, ClientStreams())

    def forget(self, connection: Connection) -> None:
        """End all subscriptions of a client."""
        self._clients.pop(connection, None)

    def begin_session(self) -> None:
        """Point the bars that are kept up to date at the new session."""
        for streams in self._clients.values():
            for bars in streams.updating.values():
                bars.starts = self.bar_starts(bars.bar_s)
                bars.at, bars.forming = 0, None

    def bar_starts(self, bar_s: int) -> list[int]:
        """Return the starts of the current session's bars."""
        starts, _ = boundaries(self._timeline.session, bar_s, self._source.calendar.timezone)
        return [int(start) for start in starts]

    def second(self) -> None:
        """Queue for every client what the whole second that has begun brings."""
        row, now_s = self._timeline.row, self._timeline.now_us // SECOND_US
        session, days = self._timeline.session, self._days
        if row > session.seconds:
            return
        for connection, streams in self._clients.items():
            send = connection.send
            for quote in streams.quotes.values():
                day = days.of(quote.symbol, session)
                if day is not None:
                    quote.second(day, row, send)
            for tick in streams.ticks.values():
                day = days.of(tick.symbol, session)
                if day is not None:
                    tick.second(day, row, now_s, connection.respond)
            if row % FIVE == 0:
                for bar in streams.bars.values():
                    day = days.of(bar.symbol, session)
                    if day is not None:
                        bar.second(day, row, now_s - FIVE, send)
                for updating in streams.updating.values():
                    self._update(updating, row, now_s, connection)

    def market_data(self, connection: Connection, request: ReqMktData) -> None:
        """Start a quote stream, or answer a snapshot."""
        if request.snapshot and request.generic_ticks:
            text = "Error validating request.-'snapshot' : cause - Snapshots are not applicable to generic ticks."
            connection.error(request.req_id, 321, text)
            return
        listing = self._admit(connection, request.req_id, request.contract, "quote", self.streams(connection).quotes)
        if listing is None:
            return
        connection.respond(MarketDataType(req_id=request.req_id, data_type=1))
        connection.respond(
            TickReqParams(
                req_id=request.req_id, min_tick=listing.tick_size, bbo_exchange="9c0001", snapshot_permissions=3
            )
        )
        stream = QuoteStream(req_id=request.req_id, symbol=listing.symbol, version=connection.version)
        day = self._days.of(listing.symbol, self._timeline.session)
        if day is not None:
            row = min(self._timeline.row, day.seconds - 1)
            stream.second(day, row, connection.send, force=True)
        if request.snapshot:
            connection.respond(TickSnapshotEnd(req_id=request.req_id))
        else:
            self.streams(connection).quotes[request.req_id] = stream

    def cancel_market_data(self, connection: Connection, request: CancelMktData) -> None:
        """End a quote stream."""
        self._end(connection, request.req_id, self.streams(connection).quotes)

    def real_time_bars(self, connection: Connection, request: ReqRealTimeBars) -> None:
        """Start a stream of five-second bars."""
        try:
            what = what_to_show(request.what_to_show)
        except BadRequest as error:
            connection.error(request.req_id, 321, f"Error validating request.-'whatToShow' : cause - {error}")
            return
        streams = self.streams(connection)
        listing = self._admit(connection, request.req_id, request.contract, f"bars {what}", streams.bars)
        if listing is not None:
            streams.bars[request.req_id] = BarStream(
                req_id=request.req_id, symbol=listing.symbol, what=what, version=connection.version
            )

    def cancel_real_time_bars(self, connection: Connection, request: CancelRealTimeBars) -> None:
        """End a stream of bars."""
        self._end(connection, request.req_id, self.streams(connection).bars)

    def tick_by_tick(self, connection: Connection, request: ReqTickByTick) -> None:
        """Start tick-by-tick data."""
        if request.tick_type not in _TICK_KINDS:
            text = f"Error validating request.-'tickType' : cause - Unknown tick type '{request.tick_type[:40]}'."
            connection.error(request.req_id, 321, text)
            return
        streams = self.streams(connection)
        listing = self._admit(connection, request.req_id, request.contract, f"ticks {request.tick_type}", streams.ticks)
        if listing is not None:
            streams.ticks[request.req_id] = TickStream(
                req_id=request.req_id, symbol=listing.symbol, kind=request.tick_type
            )

    def cancel_tick_by_tick(self, connection: Connection, request: CancelTickByTick) -> None:
        """End tick-by-tick data."""
        self._end(connection, request.req_id, self.streams(connection).ticks)

    def market_data_type(self, connection: Connection, request: ReqMarketDataType) -> None:
        """Take note of the wish; everything here is live, which serves every wish."""
        if request.data_type not in {1, 2, 3, 4}:
            text = "Error validating request.-'marketDataType' : cause - Invalid market data type."
            connection.error(-1, 321, text)

    def _admit(
        self, connection: Connection, req_id: int, contract: Contract, kind: str, running: Container[int]
    ) -> Listing | None:
        """Return what to stream, or answer why not: unknown contract, id in use, too many lines."""
        listing = self._contracts.find(contract)
        if listing is None:
            connection.error(req_id, 200, UNKNOWN_CONTRACT)
        elif req_id in running:
            connection.error(req_id, 102, "Duplicate ticker id")
            return None
        elif (kind, listing.symbol) not in self._lines() and len(self._lines()) >= self._options.market_data_lines:
            connection.error(req_id, 101, "Max number of tickers has been reached")
            return None
        return listing

    def _lines(self) -> set[tuple[str, str]]:
        """Return what counts against the lines: each kind of stream of each symbol once, whoever has it."""
        lines: set[tuple[str, str]] = set()
        for streams in self._clients.values():
            lines.update(("quote", stream.symbol) for stream in streams.quotes.values())
            lines.update((f"bars {stream.what}", stream.symbol) for stream in streams.bars.values())
            lines.update((f"ticks {stream.kind}", stream.symbol) for stream in streams.ticks.values())
        return lines

    @staticmethod
    def _end(connection: Connection, req_id: int, running: MutableMapping[int, Stream]) -> None:
        if running.pop(req_id, None) is None:
            connection.error(req_id, 300, f"Can't find EId with tickerId:{req_id}")

    def _update(self, bars: UpdatingBars, row: int, now_s: int, connection: Connection) -> None:
        day = self._days.of(bars.symbol, self._timeline.session)
        five = day.five(bars.what, now_s - FIVE) if day is not None and 0 < row <= day.seconds else None
        if five is not None:
            bar = wire_bar(bars.add(five), bars.bar_s, bars.format_date, self._source.calendar.timezone)
            connection.respond(HistoricalDataUpdate(req_id=bars.req_id, bar=bar))
