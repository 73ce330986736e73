"""Live market data: quotes, bars and ticks of all clients, and what each second owes them."""

from daemon.gateway.bars import FIVE, boundaries
from daemon.gateway.connection import Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.days import Days
from daemon.gateway.generic_ticks import GenericTicks, UnknownGenericTick, wanted_ticks
from daemon.gateway.history import BadRequest, live_what
from daemon.gateway.history_wire import wire_bar
from daemon.gateway.option_stream import quote_stream
from daemon.gateway.options import GatewayOptions
from daemon.gateway.quotes import (
    DELAY_S,
    DELAYED_DATA,
    DELAYED_FROZEN_DATA,
    FROZEN_DATA,
    LIVE_DATA,
    DelayedTouch,
    Quotes,
)
from daemon.gateway.service_depth import BBO_EXCHANGE, VENUES
from daemon.gateway.session_ticks import DELAYED, LIVE, HaltSource, SessionTicks
from daemon.gateway.source import MarketSource
from daemon.gateway.streams import BarStream, UpdatingBars
from daemon.gateway.subscriptions import ClientStreams, Subscriptions
from daemon.gateway.symbol_facts import SymbolFacts
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.history_responses import HistoricalDataUpdate
from daemon.gateway.wire.market_requests import (
    CancelMktData,
    CancelRealTimeBars,
    ReqMarketDataType,
    ReqMktData,
    ReqRealTimeBars,
)
from daemon.gateway.wire.market_responses import MarketDataType, TickReqParams, TickSnapshotEnd
from daemon.market.listing import Listing

_SNAPSHOT_PERMISSIONS = 3
_NOT_SUBSCRIBED = "Requested market data is not subscribed. Delayed market data is not enabled."
_SHOWN_DELAYED = "Requested market data is not subscribed. Displaying delayed market data."


class MarketDesk:
    """Subscriptions of all clients."""

    def __init__(
        self,
        options: GatewayOptions,
        source: MarketSource,
        contracts: Contracts,
        days: Days,
        timeline: Timeline,
        *,
        facts: SymbolFacts,
    ) -> None:
        self._is_subscribed = options.market_data == "live"
        self._source = source
        self._halts = source if isinstance(source, HaltSource) else None
        self._days = days
        self._timeline = timeline
        self._facts = facts
        self.subscriptions = Subscriptions(contracts, lines=options.market_data_lines)

    def streams(self, connection: Connection) -> ClientStreams:
        """Return a client's subscriptions."""
        return self.subscriptions.of(connection)

    def forget(self, connection: Connection) -> None:
        """End all subscriptions of a client."""
        self.subscriptions.forget(connection)

    def begin_session(self) -> None:
        """Point the bars that are kept up to date at the new session, and count its prices anew."""
        for connection, streams in self.subscriptions.items():
            for bars in streams.updating.values():
                bars.starts = self.bar_starts(bars.bar_s)
                bars.at, bars.forming = 0, None
            for quotes in streams.quotes.values():
                quotes.session.next_session()
                self._tell_type(connection, quotes, is_over=False)

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
        for connection, streams in self.subscriptions.items():
            send = connection.send
            for quotes in streams.quotes.values():
                day = days.of(quotes.touch.symbol, session)
                if day is not None:
                    quotes.second(day, row, now_s, send)
            for tick in streams.ticks.values():
                day = days.of(tick.symbol, session)
                if day is not None:
                    tick.second(day, row, now_s, connection.respond)
            if row % FIVE == 0:
                self._five(connection, streams, row, now_s)

    def market_data(self, connection: Connection, request: ReqMktData) -> None:
        """Start a quote stream, or answer a snapshot."""
        is_snapshot = request.snapshot or request.regulatory_snapshot
        if is_snapshot and request.generic_ticks:
            text = "Error validating request.-'snapshot' : cause - Snapshots are not applicable to generic ticks."
            connection.error(request.req_id, 321, text)
            return
        streams = self.streams(connection)
        listing = self.subscriptions.admit(connection, request.req_id, request.contract, "quote", streams.quotes)
        if listing is None:
            return
        try:
            wanted = wanted_ticks(request.generic_ticks, listing.sec_type)
        except UnknownGenericTick as error:
            connection.error(request.req_id, 321, f"Error validating request.-'genericTickList' : cause - {error}")
            return
        is_live = self._is_subscribed or request.regulatory_snapshot
        if not is_live and streams.data_type in {LIVE_DATA, FROZEN_DATA}:
            connection.error(request.req_id, 10168, _NOT_SUBSCRIBED)
            return
        quotes = self._quotes(connection, request.req_id, listing, wanted, is_live=is_live)
        self._begin(connection, quotes, listing)
        if is_snapshot:
            connection.respond(TickSnapshotEnd(req_id=request.req_id))
        else:
            streams.quotes[request.req_id] = quotes

    def cancel_market_data(self, connection: Connection, request: CancelMktData) -> None:
        """End a quote stream."""
        self.subscriptions.end(connection, request.req_id, self.streams(connection).quotes)

    def real_time_bars(self, connection: Connection, request: ReqRealTimeBars) -> None:
        """Start a stream of five-second bars."""
        try:
            what = live_what(request.what_to_show)
        except BadRequest as error:
            connection.error(request.req_id, 321, f"Error validating request.-'whatToShow' : cause - {error}")
            return
        streams = self.streams(connection)
        listing = self.subscriptions.admit(connection, request.req_id, request.contract, f"bars {what}", streams.bars)
        if listing is not None and not self._is_subscribed:
            text = (
                f"Invalid Real-time Query:No market data permissions for {listing.primary_exchange} {listing.sec_type}"
            )
            connection.error(request.req_id, 420, text)
        elif listing is not None:
            streams.bars[request.req_id] = BarStream(
                req_id=request.req_id, symbol=listing.symbol, what=what, version=connection.version
            )

    def cancel_real_time_bars(self, connection: Connection, request: CancelRealTimeBars) -> None:
        """End a stream of bars."""
        self.subscriptions.end(connection, request.req_id, self.streams(connection).bars)

    def market_data_type(self, connection: Connection, request: ReqMarketDataType) -> None:
        """Take the wish for later subscriptions."""
        if request.data_type not in {LIVE_DATA, FROZEN_DATA, DELAYED_DATA, DELAYED_FROZEN_DATA}:
            text = "Error validating request.-'marketDataType' : cause - Invalid market data type."
            connection.error(-1, 321, text)
            return
        self.streams(connection).data_type = request.data_type

    def _quotes(
        self, connection: Connection, req_id: int, listing: Listing, wanted: frozenset[int], *, is_live: bool
    ) -> Quotes:
        wish = self.streams(connection).data_type
        may_freeze = wish in {FROZEN_DATA, DELAYED_FROZEN_DATA}
        is_frozen = may_freeze and self._timeline.row >= self._timeline.session.seconds
        live = FROZEN_DATA if is_frozen else LIVE_DATA
        late = DELAYED_FROZEN_DATA if is_frozen else DELAYED_DATA
        symbol, respond = listing.symbol, connection.respond
        return Quotes(
            touch=quote_stream(connection, req_id, listing, self._source)
            if is_live
            else DelayedTouch(req_id=req_id, symbol=symbol, version=connection.version),
            session=SessionTicks(
                req_id=req_id,
                symbol=symbol,
                letter=VENUES.get(listing.primary_exchange, ""),
                names=LIVE if is_live else DELAYED,
                halts=self._halts,
                respond=respond,
            ),
            generic=GenericTicks(req_id=req_id, wanted=wanted, listing=listing, facts=self._facts, respond=respond)
            if wanted and is_live
            else None,
            may_freeze=may_freeze,
            data_type=live if is_live else late,
            delay_s=0 if is_live else DELAY_S,
        )

    def _begin(self, connection: Connection, quotes: Quotes, listing: Listing) -> None:
        """Say what kind of data it is, then everything that is known now."""
        if quotes.delay_s:
            connection.error(
                quotes.req_id, 10167, f"{_SHOWN_DELAYED}{listing.ticker} {listing.primary_exchange}/TOP/ALL"
            )
        connection.respond(MarketDataType(req_id=quotes.req_id, data_type=quotes.data_type))
        connection.respond(
            TickReqParams(
                req_id=quotes.req_id,
                min_tick=listing.tick_size,
                bbo_exchange=BBO_EXCHANGE,
                snapshot_permissions=_SNAPSHOT_PERMISSIONS,
            )
        )
        day = self._days.of(listing.symbol, self._timeline.session)
        if day is not None:
            quotes.begin(day, self._timeline.row, self._timeline.now_us // SECOND_US, connection.send)

    def _five(self, connection: Connection, streams: ClientStreams, row: int, now_s: int) -> None:
        """Queue the bars that end, and at the close which quotes freeze."""
        for bar in streams.bars.values():
            day = self._days.of(bar.symbol, self._timeline.session)
            if day is not None:
                bar.second(day, row, now_s - FIVE, connection.send)
        for updating in streams.updating.values():
            self._update(updating, row, now_s, connection)
        if row == self._timeline.session.seconds:
            for quotes in streams.quotes.values():
                self._tell_type(connection, quotes, is_over=True)

    @staticmethod
    def _tell_type(connection: Connection, quotes: Quotes, *, is_over: bool) -> None:
        """Tell who asked for frozen data when it freezes and when it moves again."""
        if not quotes.may_freeze:
            return
        moving, frozen = (DELAYED_DATA, DELAYED_FROZEN_DATA) if quotes.delay_s else (LIVE_DATA, FROZEN_DATA)
        quotes.data_type = frozen if is_over else moving
        connection.respond(MarketDataType(req_id=quotes.req_id, data_type=quotes.data_type))

    def _update(self, bars: UpdatingBars, row: int, now_s: int, connection: Connection) -> None:
        day = self._days.of(bars.symbol, self._timeline.session)
        five = day.five(bars.what, now_s - FIVE) if day is not None and 0 < row <= day.seconds else None
        if five is not None:
            bar = wire_bar(bars.add(five), bars.bar_s, bars.format_date, self._source.calendar.timezone)
            connection.respond(HistoricalDataUpdate(req_id=bars.req_id, bar=bar))
