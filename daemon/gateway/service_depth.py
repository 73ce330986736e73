"""Market depth: order books, which exchanges have them, and the letters that name exchanges in quotes."""

from collections.abc import Mapping

from daemon.gateway.connection import Connection
from daemon.gateway.days import Days
from daemon.gateway.depth import MOST_ROWS, DepthStream
from daemon.gateway.source import MarketSource
from daemon.gateway.subscriptions import Subscriptions
from daemon.gateway.timeline import Timeline
from daemon.gateway.wire.market_requests import (
    CancelMktDepth,
    ReqMktDepth,
    ReqMktDepthExchanges,
    ReqSmartComponents,
)
from daemon.gateway.wire.market_responses import (
    DepthExchange,
    MktDepthExchanges,
    SmartComponent,
    SmartComponents,
)
from daemon.market.listing import Listing

BBO_EXCHANGE = "9c0001"  # the one map of letters
VENUES: Mapping[str, str] = {
    "AMEX": "A",
    "NYSE": "N",
    "ARCA": "P",
    "NASDAQ": "Q",
    "ISLAND": "T",
    "IEX": "V",
    "BATS": "Z",
}
_SMART_VENUES = ("ARCA", "BATS", "IEX", "NASDAQ", "NYSE")
_RESET = "Market depth data has been RESET. Please empty deep book contents before applying any new entries."
_UNSUPPORTED = "Deep market data is not supported for this combination of security type/exchange"


class DepthDesk:
    """Books of all clients."""

    def __init__(self, source: MarketSource, subscriptions: Subscriptions, days: Days, timeline: Timeline) -> None:
        self._source = source
        self._subscriptions = subscriptions
        self._days = days
        self._timeline = timeline

    def begin_session(self) -> None:
        """Have every client empty its books."""
        for connection, streams in self._subscriptions.items():
            for book in streams.books.values():
                book.reset()
                connection.error(book.req_id, 317, _RESET)

    def second(self) -> None:
        """Queue what the whole second that has begun changes."""
        for connection, streams in self._subscriptions.items():
            for book in streams.books.values():
                day = self._days.of(book.symbol, self._timeline.session)
                if day is not None:
                    book.second(day, self._timeline.row, connection.respond)

    def follow(self, connection: Connection, request: ReqMktDepth) -> None:
        """Start a book."""
        books = self._subscriptions.of(connection).books
        if request.rows < 1:
            text = f"Error validating request.-'numRows' : cause - Number of rows must be positive, was {request.rows}."
            connection.error(request.req_id, 321, text)
            return
        listing = self._subscriptions.admit(connection, request.req_id, request.contract, "book", books)
        if listing is None:
            return
        exchange = request.contract.exchange or listing.primary_exchange
        is_smart = exchange == "SMART" and request.is_smart_depth
        if (exchange == "SMART" and not is_smart) or listing.sec_type in {"OPT", "IND"}:
            connection.error(request.req_id, 10092, _UNSUPPORTED)
            return
        if not self._subscriptions.has_room_for_book(connection, request.req_id):
            return
        book = DepthStream(
            req_id=request.req_id,
            listing=listing,
            rows=min(request.rows, MOST_ROWS),
            venues=_SMART_VENUES if is_smart else (exchange,),
            with_venues=listing.sec_type == "STK",
            is_smart=is_smart,
        )
        books[request.req_id] = book
        if is_smart:
            connection.error(request.req_id, 2152, f"Exchanges - Depth: {'; '.join(_SMART_VENUES)}; ")
        day = self._days.of(listing.symbol, self._timeline.session)
        if day is not None:
            book.second(day, min(self._timeline.row, day.seconds - 1), connection.respond, force=True)

    def leave(self, connection: Connection, request: CancelMktDepth) -> None:
        """End a book."""
        if self._subscriptions.of(connection).books.pop(request.req_id, None) is None:
            connection.error(
                request.req_id, 310, f"Can't find the subscribed market depth with tickerId:{request.req_id}"
            )

    def exchanges(self, connection: Connection, request: ReqMktDepthExchanges) -> None:
        """Tell which exchanges have books: those that something listed trades on."""
        del request
        found = sorted({(listing.primary_exchange, listing.sec_type) for listing in self._with_books()})
        connection.respond(
            MktDepthExchanges(
                exchanges=tuple(
                    DepthExchange(
                        exchange=exchange,
                        sec_type=sec_type,
                        service_data_type="Deep2" if sec_type == "STK" else "Deep",
                        agg_group=1 if sec_type == "STK" else 0,
                    )
                    for exchange, sec_type in found
                )
            )
        )

    def smart_components(self, connection: Connection, request: ReqSmartComponents) -> None:
        """Tell which exchange each letter of a quote stands for."""
        known = VENUES.items() if request.bbo_exchange == BBO_EXCHANGE else ()
        components = tuple(
            SmartComponent(bit_number=bit, exchange=exchange, letter=letter)
            for bit, (exchange, letter) in enumerate(known)
        )
        connection.respond(SmartComponents(req_id=request.req_id, components=components))

    def _with_books(self) -> list[Listing]:
        return [listing for listing in self._source.listings.values() if listing.sec_type not in {"OPT", "IND"}]
