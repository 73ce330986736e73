"""Values for every message of the wire, drawn from its field table: what a reader could have read."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from daemon.gateway.wire import kinds
from daemon.gateway.wire.messages import Message
from daemon.gateway.wire.tables import (
    Constant,
    Field,
    Layout,
    Many,
    ManyOf,
    Maybe,
    OptionsTail,
    Part,
    Table,
    Variants,
    When,
)

Strategies = Mapping[str, st.SearchStrategy[object]]

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)
_INTS = st.integers(-(2**40), 2**40).filter(lambda number: number != kinds.UNSET_INT)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False, max_value=1e300)
_WHOLE = st.integers(-(10**6), 10**9).map(Decimal)
_DECIMALS = st.decimals(-(10**6), 10**9, allow_nan=False, allow_infinity=False, places=4)
_BY_KIND: dict[kinds.Kind, st.SearchStrategy[object]] = {
    kinds.IDENTIFIER: st.integers(-1, 2**62),
    kinds.INT: _INTS,
    kinds.OPTIONAL_INT: st.none() | _INTS,
    kinds.FLOAT: _FLOATS,
    kinds.OPTIONAL_FLOAT: st.none() | _FLOATS | st.just(float("inf")),
    kinds.SENTINEL_FLOAT: st.none() | _FLOATS,
    kinds.CLIENT_FLOAT: st.sampled_from([None, 0.25, float("inf")]),
    kinds.BOOL: st.booleans(),
    kinds.WORD_BOOL: st.booleans(),
    kinds.OPTIONAL_BOOL: st.sampled_from([None, False, True]),
    kinds.DECIMAL: _DECIMALS,
    kinds.SIZE: _DECIMALS,
    kinds.TEXT: _TEXT,
    kinds.ESCAPED: _TEXT | st.sampled_from(["\\", "\\u00e9", "a\\\\b\n", "é😀"]),
    kinds.ORDER_TYPE: st.sampled_from(["LMT", "TRAIL", "PEG BENCH", "PEG BEST", "PEG MID"]),
}
_BY_PATH: Strategies = {
    "contract.sec_type": st.sampled_from(["STK", "OPT", "BAG"]),
    "contract.exchange": st.sampled_from(["SMART", "IBKRATS"]),
    "order.scale_price_increment": st.sampled_from([None, 0.0, 0.05]),
}


class _Filler:
    """Builds a message the way a reader would, with drawn values in place of fields."""

    def __init__(self, data: st.DataObject, version: int, by_path: Strategies) -> None:
        self._data = data
        self._version = version
        self._by_path = by_path

    def layout(self, layout: Layout[object]) -> object:
        draft: dict[str, object] = {}
        self._table(layout.table, draft)
        return layout.build(draft)

    def _table(self, table: Table, draft: dict[str, object]) -> None:
        for part in table:
            if part.since <= self._version <= part.until:
                self._part(part, draft)

    def _part(self, part: Part, draft: dict[str, object]) -> None:
        match part:
            case Field():
                draft[part.path] = self._value(part.path, part.kind)
            case When():
                if part.test(draft[part.path]):
                    self._table(part.table, draft)
            case Maybe():
                draft[part.path] = self.layout(part.layout) if self._data.draw(st.booleans()) else None
            case Many():
                draft[part.path] = tuple(self.layout(part.layout) for _ in range(self._count()))
            case ManyOf():
                draft[part.path] = tuple(self._value(part.path, part.kind) for _ in range(self._count()))
            case Variants():
                layouts = list(part.layouts.values())
                chosen = self._data.draw(st.lists(st.sampled_from(layouts), max_size=3))
                draft[part.path] = tuple(self.layout(layout) for layout in chosen)
            case OptionsTail():
                draft[part.path] = self._data.draw(st.sampled_from(["", "a=1;", "a=1;b=2;"]))
            case _:
                assert isinstance(part, Constant)

    def _count(self) -> int:
        return self._data.draw(st.integers(0, 2))

    def _value(self, path: str, kind: kinds.Kind) -> object:
        if path in self._by_path:
            return self._data.draw(self._by_path[path])
        if kind is kinds.SIZE and self._version < kinds.FRACTIONAL_SIZES:
            return self._data.draw(_WHOLE)
        return self._data.draw(_BY_KIND[kind])


# Words that the tiny market and the gateway's desks know, so that a request gets past the door.
KNOWN: Strategies = {
    "contract.con_id": st.sampled_from([0, 0, 0, 1000, 1001, 5]),
    "contract.symbol": st.sampled_from(["AAA", "AAA", "BBB", "ZZZ", ""]),
    "contract.sec_type": st.sampled_from(["STK", "STK", "STK", "OPT", "BAG"]),
    "contract.exchange": st.sampled_from(["SMART", "NYSE", ""]),
    "contract.currency": st.sampled_from(["USD", ""]),
    **{
        f"contract.{name}": st.just("")
        for name in ("last_trade_date", "right", "multiplier", "primary_exchange", "local_symbol", "trading_class")
    },
    "what_to_show": st.sampled_from(["TRADES", "MIDPOINT", "BID", "BID_ASK", "SCHEDULE", "ADJUSTED_LAST", "?"]),
    "bar_size": st.sampled_from(["1 min", "5 secs", "1 day", "1 hour", "1 week"]),
    "duration": st.sampled_from(["60 S", "1 D", "2 W", "1 M", "0 D"]),
    "period": st.sampled_from(["1 day", "2 days", "1 week", ""]),
    "start": st.sampled_from(["", "20240304 10:00:00", "20240305-14:30:00", "x"]),
    "end": st.sampled_from(["", "20240304 10:00:00", "x"]),
    "number_of_ticks": st.sampled_from([0, 1, 10, 1000, 1001, -1]),
    "tick_type": st.sampled_from(["Last", "AllLast", "BidAsk", "MidPoint", ""]),
    "generic_ticks": st.sampled_from(["", "233", "104,106,165,236", "999"]),
    "format_date": st.sampled_from([1, 2, 2, 3]),
    "rows": st.integers(-1, 12),
    "group": st.sampled_from(["All", ""]),
    "tags": st.sampled_from(["NetLiquidation,TotalCashValue", "$LEDGER:ALL", ""]),
    "account": st.sampled_from(["DU1234567", "", "U1"]),
    "instrument": st.sampled_from(["STK", "FUT"]),
    "location_code": st.sampled_from(["STK.US", "STK.NYSE", "?"]),
    "scan_code": st.sampled_from(["TOP_PERC_GAIN", "MOST_ACTIVE", "?"]),
    "filter_options": st.sampled_from(["", "priceAbove=1;", "priceAbove=;"]),
    "order.action": st.sampled_from(["BUY", "SELL", "SSHORT", ""]),
    "order.order_type": st.sampled_from(["MKT", "LMT", "STP", "TRAIL", "MOC", "PEG BENCH", "?"]),
    "order.total_quantity": st.sampled_from([Decimal(0), Decimal(10), Decimal("0.5"), Decimal(-1), Decimal(10) ** 30]),
    "order.tif": st.sampled_from(["DAY", "GTC", "IOC", "GTD", "?"]),
    "order.account": st.sampled_from(["DU1234567", ""]),
    "order_id": st.integers(-1, 40),
    "order.parent_id": st.integers(0, 40),
    "order.oca_group": st.sampled_from(["", "o"]),
}


def filled(row: Message[Any], data: st.DataObject, version: int, by_path: Strategies | None = None) -> object:
    """Return a message of a row as it can be at a version; `by_path` chooses the values of some of its fields."""
    chosen = by_path or {}
    if row.selector:
        chosen = {**chosen, "tick_type": st.sampled_from([1, 2])}
    return _Filler(data, version, {**_BY_PATH, **chosen}).layout(row.layout)
