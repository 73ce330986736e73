"""An order book around the touch: levels made from symbol and price alone, and what a client is owed of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from math import inf

from daemon.gateway.days import SymbolDay
from daemon.gateway.wire.market_responses import MktDepth, MktDepthL2
from daemon.gateway.wire.messages import Response
from daemon.market.listing import Increments, Listing

ASK, BID = 0, 1  # the protocol's sides
INSERT, UPDATE, DELETE = 0, 1, 2
MOST_ROWS = 10
_LOT = 100
_MOST_LOTS = 12  # resting at a level behind the touch
_DIGITS = 10  # prices are sums of steps

Level = tuple[float, int, str]  # price, size in units, venue


def levels(listing: Listing, side: int, price: float, size: int, *, rows: int, venues: tuple[str, ...]) -> list[Level]:
    """Return a side of the book from the touch outwards, best first.

    What rests behind the touch depends on symbol, side and price alone: as the touch moves, levels stay where they are.

    Args:
        listing: what is traded; its price steps part the levels.
        side: ASK or BID.
        price: the touch, currency per unit; anything but a positive number is an empty side.
        size: units at the touch.
        rows: how many levels at most.
        venues: where orders can rest; each level lies at one of them.
    """
    found: list[Level] = []
    while len(found) < rows and 0 < price < inf:
        lots, venue = _resting(listing.symbol, side, price, len(venues))
        found.append((price, size if not found else lots * _LOT, venues[venue]))
        price = _beyond(listing.increments, side, price)
    return found


def _resting(symbol: str, side: int, price: float, venues: int) -> tuple[int, int]:
    drawn = blake2b(f"{symbol}|{side}|{price:.{_DIGITS}f}".encode(), digest_size=4).digest()
    return 1 + int.from_bytes(drawn[:2], "big") % _MOST_LOTS, drawn[2] % venues


def _beyond(increments: Increments, side: int, price: float) -> float:
    """Return the next price away from the touch."""
    if side == ASK:
        step = next(step for edge, step in reversed(increments) if price >= edge)
        return round(price + step, _DIGITS)
    step = next((step for edge, step in reversed(increments) if price > edge), increments[0][1])
    return round(price - step, _DIGITS)


@dataclass(slots=True, kw_only=True)
class DepthStream:
    """One client's book: the rows it was sent, and how they differ from the rows there are."""

    req_id: int
    listing: Listing
    rows: int
    venues: tuple[str, ...]
    with_venues: bool  # message 13 with a venue a row, else 12
    is_smart: bool
    sent: dict[int, list[Level]] = field(default_factory=lambda: {ASK: [], BID: []})

    @property
    def symbol(self) -> str:
        """Return whose book it is."""
        return self.listing.symbol

    def second(self, day: SymbolDay, row: int, respond: Callable[[Response], None], *, force: bool = False) -> None:
        """Send what the second `row` of the session changes."""
        if not 0 <= row < day.seconds or not (force or day.changed[row]):
            return
        for side, price, size in ((ASK, day.ask[row], day.ask_size[row]), (BID, day.bid[row], day.bid_size[row])):
            wanted = levels(self.listing, side, price, size, rows=self.rows, venues=self.venues)
            for position, operation, level in changes(self.sent[side], wanted):
                respond(self._message(side, position, operation, level))
            self.sent[side] = wanted

    def reset(self) -> None:
        """Know that the client empties its book."""
        self.sent = {ASK: [], BID: []}

    def _message(self, side: int, position: int, operation: int, level: Level) -> Response:
        price, size, venue = level
        if not self.with_venues:
            return MktDepth(
                req_id=self.req_id, position=position, operation=operation, side=side, price=price, size=Decimal(size)
            )
        return MktDepthL2(
            req_id=self.req_id,
            position=position,
            market_maker=venue,
            operation=operation,
            side=side,
            price=price,
            size=Decimal(size),
            is_smart_depth=self.is_smart,
        )


def changes(old: list[Level], new: list[Level]) -> list[tuple[int, int, Level]]:
    """Return position, operation and row of each step that turns the old rows into the new ones, in order."""
    steps = [
        (position, UPDATE if position < len(old) else INSERT, level)
        for position, level in enumerate(new)
        if position >= len(old) or old[position] != level
    ]
    gone: Level = (0.0, 0, "")
    return steps + [(position, DELETE, gone) for position in range(len(old) - 1, len(new) - 1, -1)]
