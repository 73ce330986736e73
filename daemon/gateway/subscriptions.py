"""Who is subscribed to what, and whether there is room for more: the lines that all clients share."""

from collections.abc import ItemsView, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TypeVar

from daemon.gateway.connection import Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.depth import DepthStream
from daemon.gateway.quotes import Quotes
from daemon.gateway.streams import BarStream, TickStream, UpdatingBars
from daemon.gateway.wire.contract import Contract
from daemon.market.listing import Listing

Stream = TypeVar("Stream")
UNKNOWN_CONTRACT = "No security definition has been found for the request"
_LEAST_DEPTH = 3  # books at a time, however few lines there are
_LINES_PER_BOOK = 100
_LINES_PER_TICKS = 20  # tick-by-tick streams are five per cent of the lines


@dataclass(slots=True, kw_only=True)
class ClientStreams:
    """Everything one client is subscribed to, by request id."""

    quotes: dict[int, Quotes] = field(default_factory=dict)
    bars: dict[int, BarStream] = field(default_factory=dict)
    updating: dict[int, UpdatingBars] = field(default_factory=dict)
    ticks: dict[int, TickStream] = field(default_factory=dict)
    books: dict[int, DepthStream] = field(default_factory=dict)
    data_type: int = 1  # wished for later subscriptions: 1 live, 2 frozen, 3 delayed, 4 delayed frozen


class Subscriptions:
    """The streams of all clients."""

    def __init__(self, contracts: Contracts, *, lines: int) -> None:
        """Take the contracts, and how many lines (a kind of data of a symbol) all clients may have together."""
        self._contracts = contracts
        self._limit = lines
        self._clients: dict[Connection, ClientStreams] = {}

    def of(self, connection: Connection) -> ClientStreams:
        """Return a client's streams."""
        return self._clients.setdefault(connection, ClientStreams())

    def forget(self, connection: Connection) -> None:
        """End all streams of a client."""
        self._clients.pop(connection, None)

    def items(self) -> ItemsView[Connection, ClientStreams]:
        """Return every client with its streams."""
        return self._clients.items()

    def admit(
        self, connection: Connection, req_id: int, contract: Contract, kind: str, running: Mapping[int, object]
    ) -> Listing | None:
        """Return what to stream, or answer why not: unknown contract, id in use, too many lines."""
        listing = self._contracts.find(contract)
        if listing is None:
            connection.error(req_id, 200, UNKNOWN_CONTRACT)
        elif req_id in running:
            connection.error(req_id, 102, "Duplicate ticker id")
            return None
        elif len(running) >= self._limit or self._is_full(kind, listing.symbol):
            connection.error(req_id, 101, "Max number of tickers has been reached")
            return None
        return listing

    def has_room_for_updates(self, connection: Connection) -> bool:
        """Return whether one more history of a client may be kept up to date."""
        return len(self.of(connection).updating) < self._limit

    def has_room_for_book(self, connection: Connection, req_id: int) -> bool:
        """Return whether one more book may be followed, or answer that none may."""
        most = max(_LEAST_DEPTH, self._limit // _LINES_PER_BOOK)
        if sum(len(streams.books) for streams in self._clients.values()) < most:
            return True
        connection.error(req_id, 309, f"Max number ({most}) of market depth requests has been reached")
        return False

    def has_room_for_ticks(self, connection: Connection, req_id: int) -> bool:
        """Return whether one more tick-by-tick stream may begin, or answer that none may."""
        most = max(1, self._limit // _LINES_PER_TICKS)
        if sum(len(streams.ticks) for streams in self._clients.values()) < most:
            return True
        connection.error(req_id, 10190, "Max number of tick-by-tick requests has been reached")
        return False

    @staticmethod
    def end(connection: Connection, req_id: int, running: MutableMapping[int, Stream]) -> None:
        """End a stream, or answer that there is none."""
        if running.pop(req_id, None) is None:
            connection.error(req_id, 300, f"Can't find EId with tickerId:{req_id}")

    def _is_full(self, kind: str, symbol: str) -> bool:
        lines = self._lines()
        return len(lines) >= self._limit and (kind, symbol) not in lines

    def _lines(self) -> set[tuple[str, str]]:
        """Return what counts against the lines: each kind of stream of each symbol once, whoever has it."""
        lines: set[tuple[str, str]] = set()
        for streams in self._clients.values():
            lines.update(("quote", stream.symbol) for stream in streams.quotes.values())
            lines.update((f"bars {stream.what}", stream.symbol) for stream in streams.bars.values())
            lines.update((f"ticks {stream.kind}", stream.symbol) for stream in streams.ticks.values())
            lines.update(("book", stream.symbol) for stream in streams.books.values())
        return lines
