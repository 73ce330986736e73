"""One best bid and offer out of the quotes of many exchanges, second by second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from daemon.adapters.files.recorded_tape import QuoteColumns
from daemon.adapters.files.tick_rows import QuoteTicks
from daemon.market.sessions import Session
from daemon.market.tape import FloatArray, IntArray

_SECOND_NS: Final = 1_000_000_000
_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """One side of every exchange at the start of each second; arrays of shape (seconds, exchanges)."""

    price: FloatArray  # NaN = absent
    size: IntArray
    since: IntArray  # when it was last said, nanoseconds since the epoch


def best_quotes(session: Session, exchanges: Mapping[str, QuoteTicks]) -> QuoteColumns:
    """Return the best bid and offer over all exchanges at the start of each second.

    The size is the sum over the exchanges at the best price. A tick speaks of one side and leaves the other as it
    was. Exchanges that stop quoting need not say so: where the best bid is above the best offer, whichever was said
    longer ago is left out, until they no longer cross. Two exchanges may not lock each other either (Regulation NMS,
    rule 610), so that the older of two equal quotes goes too; one source that says both means what it says.

    Args:
        session: the session, of n seconds; ticks before its open count, back to the first of the UTC day.
        exchanges: ticks by exchange; one entry for a source that tells the best quote itself.
    """
    if not exchanges:
        absent, nothing = np.full(session.seconds, np.nan), np.zeros(session.seconds, dtype=np.int64)
        return QuoteColumns(bid=absent, ask=absent.copy(), bid_size=nothing, ask_size=nothing.copy())
    at = (session.open_s + np.arange(session.seconds)) * _SECOND_NS
    first_ns = (session.open_s // 86_400) * 86_400 * _SECOND_NS
    bids = _stack([_side(at, first_ns, ticks.at_ns, ticks.bid, ticks.bid_size) for ticks in exchanges.values()])
    asks = _stack([_side(at, first_ns, ticks.at_ns, ticks.ask, ticks.ask_size) for ticks in exchanges.values()])
    _uncross(bids, asks, may_lock=len(exchanges) == 1)
    bid, bid_size = _best(bids, highest=True)
    ask, ask_size = _best(asks, highest=False)
    return QuoteColumns(bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)


def _side(at: IntArray, first_ns: int, when: IntArray, price: FloatArray, size: IntArray) -> _Side:
    """Return one exchange's side in force at each moment, from its ticks of that day up to it; shape (n,)."""
    said = (price > 0) & (when >= first_ns)
    when, price, size = when[said], price[said], size[said]
    last = np.searchsorted(when, at, side="right")  # 0 = none yet
    shown = np.append(0, size)[last]
    return _Side(
        price=np.where(shown > 0, np.append(np.nan, price)[last], np.nan),
        size=shown,
        since=np.append(_NEVER, when)[last],
    )


def _stack(sides: list[_Side]) -> _Side:
    return _Side(
        price=np.column_stack([side.price for side in sides]),
        size=np.column_stack([side.size for side in sides]),
        since=np.column_stack([side.since for side in sides]),
    )


def _uncross(bids: _Side, asks: _Side, *, may_lock: bool) -> None:
    """Take out the older of two quotes that cross, or lock unless they may, until none do."""
    rows = np.arange(bids.price.shape[0])
    while rows.size:
        bid, ask = np.nan_to_num(bids.price[rows], nan=-np.inf), np.nan_to_num(asks.price[rows], nan=np.inf)
        high, low = bid.argmax(axis=1), ask.argmin(axis=1)
        each = np.arange(rows.size)
        best_bid, best_ask = bid[each, high], ask[each, low]
        crossed = (best_bid > best_ask) | ((best_bid == best_ask) & (not may_lock))
        rows, high, low = rows[crossed], high[crossed], low[crossed]
        bid_is_older = bids.since[rows, high] < asks.since[rows, low]
        bids.price[rows[bid_is_older], high[bid_is_older]] = np.nan
        asks.price[rows[~bid_is_older], low[~bid_is_older]] = np.nan


def _best(side: _Side, *, highest: bool) -> tuple[FloatArray, IntArray]:
    """Return the best price of each second and all that is shown at it."""
    worst = -np.inf if highest else np.inf
    prices = np.nan_to_num(side.price, nan=worst)
    best = prices.max(axis=1) if highest else prices.min(axis=1)
    size: IntArray = np.where(side.price == best[:, None], side.size, 0).sum(axis=1)
    return np.where(np.isfinite(best), best, np.nan), size
