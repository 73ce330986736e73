"""Answers about contracts and the past: contract details, symbol search, price rules, historical bars."""

from datetime import UTC, datetime

from daemon.gateway.bars import FIVE, Row, What
from daemon.gateway.connection import Connection
from daemon.gateway.contracts import EXCHANGE_ZONE, Contracts, answer_exchange, full_contract
from daemon.gateway.days import Days
from daemon.gateway.history import (
    DAY_S,
    BadRequest,
    History,
    HistoryRequest,
    bar_seconds,
    check_size,
    duration,
    live_what,
    moment,
    what_to_show,
)
from daemon.gateway.history_wire import clock_text, wire_bar
from daemon.gateway.service_market import MarketDesk
from daemon.gateway.source import MarketSource
from daemon.gateway.streams import UpdatingBars
from daemon.gateway.subscriptions import UNKNOWN_CONTRACT
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire.history_requests import (
    CancelHeadTimestamp,
    CancelHistoricalData,
    ReqHeadTimestamp,
    ReqHistoricalData,
)
from daemon.gateway.wire.history_responses import HeadTimestamp, HistoricalData, HistoricalSchedule, TradingSession
from daemon.gateway.wire.reference_requests import (
    ReqContractDetails,
    ReqMarketRule,
    ReqMatchingSymbols,
)
from daemon.gateway.wire.reference_responses import (
    ContractData,
    ContractDataEnd,
    MarketRule,
    PriceIncrement,
    SymbolSample,
    SymbolSamples,
)
from daemon.market.listing import MARKET_RULES
from daemon.market.sessions import OutOfCalendar, Session

_HISTORY_ERROR = "Historical Market Data Service error message:"
_NO_DATA = "HMDS query returned no data"
_SCHEDULE = "SCHEDULE"
_SCHEDULE_VERSION = 165
_HEAD_SESSIONS = 2520  # how far back a head timestamp looks: ten years


class ReferenceDesk:
    """Requests that are answered at once, at the frozen market time."""

    def __init__(
        self,
        *,
        source: MarketSource,
        contracts: Contracts,
        history: History,
        days: Days,
        timeline: Timeline,
        market: MarketDesk,
    ) -> None:
        self._source = source
        self._contracts = contracts
        self._history = history
        self._days = days
        self._timeline = timeline
        self._market = market

    def contract_details(self, connection: Connection, request: ReqContractDetails) -> None:
        """Describe every contract that fits: for an option without strike, right or expiry, the chain."""
        found = self._contracts.matches(request.contract)
        if not found:
            connection.error(request.req_id, 200, UNKNOWN_CONTRACT)
            return
        for listing in found:
            contract = full_contract(listing, answer_exchange(listing, request.contract.exchange))
            details = self._contracts.describe(listing, self._now())
            connection.respond(ContractData(req_id=request.req_id, contract=contract, details=details))
        connection.respond(ContractDataEnd(req_id=request.req_id))

    def matching_symbols(self, connection: Connection, request: ReqMatchingSymbols) -> None:
        """Search symbols and names."""
        samples = tuple(
            SymbolSample(
                con_id=listing.con_id,
                symbol=listing.ticker,
                sec_type=listing.sec_type,
                primary_exchange=listing.primary_exchange,
                currency=listing.currency,
                derivative_sec_types=("OPT",) if self._contracts.has_options(listing) else (),
                description=listing.name,
            )
            for listing in self._contracts.matching(request.pattern)
        )
        connection.respond(SymbolSamples(req_id=request.req_id, samples=samples))

    def market_rule(self, connection: Connection, request: ReqMarketRule) -> None:
        """Tell the price increments."""
        rule = MARKET_RULES.get(request.rule_id)
        if rule is None:
            connection.error(
                -1, 321, f"Error validating request.-'marketRuleId' : cause - Unknown rule {request.rule_id}."
            )
            return
        increments = tuple(PriceIncrement(low_edge=edge, increment=step) for edge, step in rule)
        connection.respond(MarketRule(rule_id=request.rule_id, increments=increments))

    def historical_data(self, connection: Connection, request: ReqHistoricalData) -> None:
        """Answer with bars, and go on with updates if asked to."""
        listing = self._contracts.find(request.contract)
        if listing is None:
            connection.error(request.req_id, 200, UNKNOWN_CONTRACT)
            return
        streams = self._market.streams(connection)
        if request.req_id in streams.updating:
            connection.error(request.req_id, 322, "Error processing request.-'ReqId' : cause - Duplicate ticker id")
            return
        if request.keep_up_to_date and not self._market.subscriptions.has_room_for_updates(connection):
            connection.error(request.req_id, 101, "Max number of tickers has been reached")
            return
        try:
            wanted = self._read(request, listing.symbol)
            if request.what_to_show.strip().upper() == _SCHEDULE:
                self._schedule(connection, request, wanted)
                return
            found = self._history.bars(wanted)
        except BadRequest as error:
            connection.error(request.req_id, 321, f"Error validating request.-'historicalData' : cause - {error}")
            return
        if not found:
            connection.error(request.req_id, 162, f"{_HISTORY_ERROR}{_NO_DATA}: {listing.symbol}@SMART {wanted.what}")
            return
        self._answer(connection, request, wanted, found)
        if request.keep_up_to_date:
            streams.updating[request.req_id] = self._keep(request, wanted)

    def cancel_historical_data(self, connection: Connection, request: CancelHistoricalData) -> None:
        """End the updates of a history."""
        if self._market.streams(connection).updating.pop(request.req_id, None) is None:
            connection.error(request.req_id, 366, f"No historical data query found for ticker id:{request.req_id}")
            return
        connection.error(request.req_id, 162, f"{_HISTORY_ERROR}API historical data query cancelled: {request.req_id}")

    def head_timestamp(self, connection: Connection, request: ReqHeadTimestamp) -> None:
        """Tell the first moment with data, as far as ten years back."""
        listing = self._contracts.find(request.contract)
        if listing is None:
            connection.error(request.req_id, 200, UNKNOWN_CONTRACT)
            return
        first = self._first_open(listing.symbol)
        if first is None:
            connection.error(request.req_id, 162, f"{_HISTORY_ERROR}No head time stamp")
            return
        text = str(first) if request.format_date == 2 else f"{datetime.fromtimestamp(first, UTC):%Y%m%d-%H:%M:%S}"
        connection.respond(HeadTimestamp(req_id=request.req_id, text=text))

    def cancel_head_timestamp(self, connection: Connection, request: CancelHeadTimestamp) -> None:
        """Take back what has been answered already."""

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._timeline.now_us // SECOND_US, UTC)

    def _read(self, request: ReqHistoricalData, symbol: str) -> HistoryRequest:
        if request.keep_up_to_date and request.end:
            raise BadRequest("End date not supported with keepUpToDate.")
        if request.format_date not in {1, 2}:
            raise BadRequest("formatDate must be 1 or 2.")
        count, unit = duration(request.duration)
        bar_s = bar_seconds(request.bar_size)
        if request.keep_up_to_date and bar_s < FIVE:
            raise BadRequest("keepUpToDate needs bars of 5 secs or more.")
        check_size(bar_s, count, unit)
        now = self._now()
        end = min(now, moment(request.end, self._source.calendar.timezone)) if request.end else now
        is_schedule = request.what_to_show.strip().upper() == _SCHEDULE
        if is_schedule and bar_s != DAY_S:
            raise BadRequest("A schedule needs bars of 1 day.")
        read_what = live_what if request.keep_up_to_date else what_to_show
        what = What.TRADES if is_schedule else read_what(request.what_to_show)
        return HistoryRequest(symbol=symbol, what=what, bar_s=bar_s, count=count, unit=unit, end=end)

    def _schedule(self, connection: Connection, request: ReqHistoricalData, wanted: HistoryRequest) -> None:
        """Answer with the sessions of the span instead of bars."""
        if connection.version < _SCHEDULE_VERSION:
            raise BadRequest(f"SCHEDULE needs server version {_SCHEDULE_VERSION}.")
        zone = self._source.calendar.timezone
        found = self._history.sessions(wanted)

        def text(moment_s: int) -> str:
            return f"{datetime.fromtimestamp(moment_s, UTC).astimezone(zone):%Y%m%d-%H:%M:%S}"

        sessions = tuple(
            TradingSession(start=text(session.open_s), end=text(session.close_s), ref_date=f"{session.day:%Y%m%d}")
            for session in found
        )
        if not sessions:
            connection.error(request.req_id, 162, f"{_HISTORY_ERROR}{_NO_DATA}: {wanted.symbol}@SMART SCHEDULE")
            return
        connection.respond(
            HistoricalSchedule(
                req_id=request.req_id,
                start=sessions[0].start,
                end=sessions[-1].end,
                time_zone=EXCHANGE_ZONE,
                sessions=sessions,
            )
        )

    def _answer(
        self, connection: Connection, request: ReqHistoricalData, wanted: HistoryRequest, found: list[Row]
    ) -> None:
        zone = self._source.calendar.timezone
        bars = tuple(wire_bar(row, wanted.bar_s, request.format_date, zone) for row in found)
        start, end = clock_text(found[0].start, zone), clock_text(int(wanted.end.timestamp()), zone)
        connection.respond(HistoricalData(req_id=request.req_id, start=start, end=end, bars=bars))

    def _keep(self, request: ReqHistoricalData, wanted: HistoryRequest) -> UpdatingBars:
        """Return the stream of updates, with the session so far folded into the forming bar."""
        bars = UpdatingBars(
            req_id=request.req_id,
            symbol=wanted.symbol,
            what=wanted.what,
            bar_s=wanted.bar_s,
            format_date=request.format_date,
            starts=self._market.bar_starts(wanted.bar_s),
        )
        day = self._days.of(wanted.symbol, self._timeline.session)
        now_s, opened = int(wanted.end.timestamp()), self._timeline.session.open_s
        begun = max((start for start in bars.starts if start < now_s), default=opened)
        if day is not None:
            for start in range(begun, min(now_s, self._timeline.session.close_s) - FIVE + 1, FIVE):
                five = day.five(wanted.what, start)
                if five is not None:
                    bars.add(five)
        return bars

    def _first_open(self, symbol: str) -> int | None:
        """Return the open of the first session with data, found by halving: a market has no holes in its past."""
        latest = self._source.calendar.last_open_before(self._now())
        if latest is None or not self._has(symbol, latest):
            return None
        low, high = 0, 1  # sessions back: there is data at `low`
        while high <= _HEAD_SESSIONS and self._has(symbol, self._back(latest, high)):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._has(symbol, self._back(latest, middle)) else (low, middle)
        first = self._back(latest, low)
        return None if first is None else first.open_s

    def _back(self, session: Session, count: int) -> Session | None:
        try:
            return self._source.calendar.sessions_before(session, count)[0] if count else session
        except OutOfCalendar:
            return None

    def _has(self, symbol: str, session: Session | None) -> bool:
        if session is None:
            return False
        try:
            self._source.tape(symbol, session)
        except LookupError:
            return False
        return True
