"""Ticks one by one, past ones, and how often each price traded."""

import re
from datetime import UTC, datetime
from typing import Final

from daemon.gateway.connection import Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.history import BadRequest, moment
from daemon.gateway.source import MarketSource
from daemon.gateway.streams import TickStream
from daemon.gateway.subscriptions import UNKNOWN_CONTRACT, Subscriptions
from daemon.gateway.tick_history import KINDS, MOST_TICKS, Tick, TickHistory, TickQuery
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.history_requests import (
    CancelHistogramData,
    ReqHistogramData,
    ReqHistoricalTicks,
)
from daemon.gateway.wire.history_responses import (
    BidAskTick,
    HistogramData,
    HistoricalTicks,
    HistoricalTicksBidAsk,
    HistoricalTicksLast,
    MidPointTick,
    TradeTick,
)
from daemon.gateway.wire.market_requests import CancelTickByTick, ReqTickByTick
from daemon.gateway.wire.messages import Response
from daemon.market.listing import Listing

# Kinds of tick-by-tick data and the past ticks that can precede them.
_KINDS: Final = {"Last": "TRADES", "AllLast": "TRADES", "BidAsk": "BID_ASK", "MidPoint": "MIDPOINT"}
_PERIOD: Final = re.compile(r"(\d{1,5}) ?(second|minute|hour|day|week|month|year)s?", re.ASCII | re.IGNORECASE)
_SESSIONS: Final = {"second": 0, "minute": 0, "hour": 0, "day": 1, "week": 5, "month": 21, "year": 252}
_MOST_SESSIONS: Final = 252
_NO_PERMISSION: Final = "Failed to request tick-by-tick data:No market data permissions for"


class TickDesk:
    """Requests about single ticks."""

    def __init__(
        self,
        source: MarketSource,
        contracts: Contracts,
        subscriptions: Subscriptions,
        timeline: Timeline,
        *,
        is_subscribed: bool,
    ) -> None:
        """Take the market; without a subscription to live data there are no ticks one by one."""
        self._source = source
        self._contracts = contracts
        self._subscriptions = subscriptions
        self._timeline = timeline
        self._history = TickHistory(source)
        self._is_subscribed = is_subscribed

    def follow(self, connection: Connection, request: ReqTickByTick) -> None:
        """Start tick-by-tick data, after as many past ticks as were asked for."""
        if request.tick_type not in _KINDS:
            text = f"Error validating request.-'tickType' : cause - Unknown tick type '{request.tick_type[:40]}'."
            connection.error(request.req_id, 321, text)
            return
        if not 0 <= request.number_of_ticks <= MOST_TICKS:
            text = f"Error validating request.-'numberOfTicks' : cause - Must be from 0 to {MOST_TICKS}."
            connection.error(request.req_id, 321, text)
            return
        ticks = self._subscriptions.of(connection).ticks
        kind = f"ticks {request.tick_type}"
        listing = self._subscriptions.admit(connection, request.req_id, request.contract, kind, ticks)
        if listing is None:
            return
        if not self._is_subscribed:
            text = f"{_NO_PERMISSION} {listing.primary_exchange} {listing.sec_type}"
            connection.error(request.req_id, 10189, text)
            return
        if not self._subscriptions.has_room_for_ticks(connection, request.req_id):
            return
        if request.number_of_ticks:
            self._tell_past(connection, request, listing)
        ticks[request.req_id] = TickStream(
            req_id=request.req_id,
            symbol=listing.symbol,
            kind=request.tick_type,
            exchange=listing.primary_exchange,
            ignore_size=request.ignore_size,
        )

    def leave(self, connection: Connection, request: CancelTickByTick) -> None:
        """End tick-by-tick data."""
        self._subscriptions.end(connection, request.req_id, self._subscriptions.of(connection).ticks)

    def past_ticks(self, connection: Connection, request: ReqHistoricalTicks) -> None:
        """Answer with past ticks."""
        listing = self._contracts.find(request.contract)
        if listing is None:
            connection.error(request.req_id, 200, UNKNOWN_CONTRACT)
            return
        try:
            query = self._read(request, listing)
        except BadRequest as error:
            connection.error(request.req_id, 10187, f"Failed to request historical ticks:{error}")
            return
        connection.respond(_answer(request.req_id, query.kind, self._history.ticks(query, self._now_s())))

    def histogram(self, connection: Connection, request: ReqHistogramData) -> None:
        """Answer how often each price traded."""
        listing = self._contracts.find(request.contract)
        if listing is None:
            connection.error(request.req_id, 200, UNKNOWN_CONTRACT)
            return
        found = _PERIOD.fullmatch(request.period.strip())
        if found is None or int(found[1]) == 0:
            text = f"Error validating request.-'period' : cause - Invalid time period '{request.period[:40]}'."
            connection.error(request.req_id, 321, text)
            return
        sessions = max(1, int(found[1]) * _SESSIONS[found[2].lower()])
        entries = self._history.histogram(listing.symbol, min(sessions, _MOST_SESSIONS), self._now_s())
        connection.respond(HistogramData(req_id=request.req_id, entries=entries))

    def cancel_histogram(self, connection: Connection, request: CancelHistogramData) -> None:
        """Take back what has been answered already."""

    def _now_s(self) -> int:
        return self._timeline.now_us // SECOND_US

    def _tell_past(self, connection: Connection, request: ReqTickByTick, listing: Listing) -> None:
        query = TickQuery(
            symbol=listing.symbol,
            kind=_KINDS[request.tick_type],
            count=request.number_of_ticks,
            ignore_size=request.ignore_size,
            exchange=listing.primary_exchange,
        )
        connection.respond(_answer(request.req_id, query.kind, self._history.ticks(query, self._now_s())))

    def _read(self, request: ReqHistoricalTicks, listing: Listing) -> TickQuery:
        kind = request.what_to_show.strip().upper()
        if kind not in KINDS:
            raise BadRequest(f"whatToShow must be one of {', '.join(KINDS)}, was '{request.what_to_show[:40]}'.")
        if not 1 <= request.number_of_ticks <= MOST_TICKS:
            raise BadRequest(f"numberOfTicks must be from 1 to {MOST_TICKS}, was {request.number_of_ticks}.")
        if bool(request.start) == bool(request.end):
            raise BadRequest("Exactly one of startDateTime and endDateTime must be given.")
        zone = self._source.calendar.timezone
        start = moment(request.start, zone) if request.start else None
        end = moment(request.end, zone) if request.end else None
        return TickQuery(
            symbol=listing.symbol,
            kind=kind,
            count=request.number_of_ticks,
            start_s=_seconds(start),
            end_s=_seconds(end),
            ignore_size=request.ignore_size,
            exchange=listing.primary_exchange,
        )


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.astimezone(UTC).timestamp())


def _answer(req_id: int, kind: str, ticks: list[Tick]) -> Response:
    if kind == "TRADES":
        trades = tuple(tick for tick in ticks if isinstance(tick, TradeTick))
        return HistoricalTicksLast(req_id=req_id, ticks=trades, done=True)
    if kind == "BID_ASK":
        quotes = tuple(tick for tick in ticks if isinstance(tick, BidAskTick))
        return HistoricalTicksBidAsk(req_id=req_id, ticks=quotes, done=True)
    mids = tuple(tick for tick in ticks if isinstance(tick, MidPointTick))
    return HistoricalTicks(req_id=req_id, ticks=mids, done=True)
