"""Every message of both directions is read back as it was written, at every layout version."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.gateway.wire import kinds
from daemon.gateway.wire.errors import WireError
from daemon.gateway.wire.framing import FrameReader, encode_frame
from daemon.gateway.wire.messages import Catalogue, Message, Request, Response, UnknownMessage
from daemon.gateway.wire.requests import REQUESTS, decode_request, encode_request
from daemon.gateway.wire.responses import RESPONSES, decode_response, encode_response
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

VERSIONS = (157, 159, 160, 162, 163, 164, 166, 169, 170, 176, 177, 178)

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
    kinds.OPTIONAL_BOOL: st.sampled_from([None, False, True]),
    kinds.DECIMAL: _DECIMALS,
    kinds.SIZE: _DECIMALS,
    kinds.TEXT: _TEXT,
    kinds.ESCAPED: _TEXT | st.sampled_from(["\\", "\\u00e9", "a\\\\b\n", "é😀"]),
    kinds.ORDER_TYPE: st.sampled_from(["LMT", "TRAIL", "PEG BENCH", "PEG BEST", "PEG MID"]),
}
_BY_PATH: dict[str, st.SearchStrategy[object]] = {
    "contract.sec_type": st.sampled_from(["STK", "OPT", "BAG"]),
    "contract.exchange": st.sampled_from(["SMART", "IBKRATS"]),
    "order.scale_price_increment": st.sampled_from([None, 0.0, 0.05]),
}


class _Filler:
    """Builds a message the way a reader would, with drawn values in place of fields."""

    def __init__(self, data: st.DataObject, version: int, by_path: dict[str, st.SearchStrategy[object]]) -> None:
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


def _fill(row: Message[object], data: st.DataObject, version: int) -> object:
    selected = {"tick_type": st.sampled_from([1, 2])} if row.selector else {}
    return _Filler(data, version, _BY_PATH | selected).layout(row.layout)


def _names(catalogue: Catalogue[Request] | Catalogue[Response]) -> list[str]:
    return [row.layout.cls.__name__ for row in catalogue.rows]


def _version(data: st.DataObject, row: Message[object]) -> int:
    return data.draw(st.sampled_from([version for version in VERSIONS if version >= row.since]))


RELAXED = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("row", REQUESTS.rows, ids=_names(REQUESTS))
@RELAXED
@given(st.data())
def test_every_request_is_read_as_it_was_written(row: Message[Request], data: st.DataObject) -> None:
    version = _version(data, row)
    request = _fill(row, data, version)
    assert isinstance(request, Request)
    fields = encode_request(request, version)
    (received,) = FrameReader().feed(encode_frame(fields))
    assert decode_request(received, version) == request


@pytest.mark.parametrize("row", RESPONSES.rows, ids=_names(RESPONSES))
@RELAXED
@given(st.data())
def test_every_response_is_read_as_it_was_written(row: Message[Response], data: st.DataObject) -> None:
    version = _version(data, row)
    response = _fill(row, data, version)
    assert isinstance(response, Response)
    fields = encode_response(response, version)
    (received,) = FrameReader().feed(encode_frame(fields))
    assert decode_response(received, version) == response


def _damage(data: st.DataObject, fields: list[str]) -> list[str]:
    position = data.draw(st.integers(0, len(fields) - 1))
    junk = data.draw(
        st.text(max_size=3) | st.sampled_from(["nan", "-1", "1e9999", "9" * 5000, "99999", "\u0661", "1_0"])
    )
    return data.draw(
        st.sampled_from(
            [
                fields[:position],
                [*fields[:position], junk, *fields[position + 1 :]],
                [*fields[:position], junk, *fields[position:]],
                [*fields, junk],
            ]
        )
    )


def _read_or_refuse(decode: Callable[[list[str], int], object], fields: list[str], version: int) -> None:
    with suppress(WireError):
        assert isinstance(decode(fields, version), Request | Response | UnknownMessage)


@pytest.mark.parametrize("row", REQUESTS.rows, ids=_names(REQUESTS))
@RELAXED
@given(st.data())
def test_damaged_requests_are_read_or_give_a_wire_error_and_nothing_else(
    row: Message[Request], data: st.DataObject
) -> None:
    version = _version(data, row)
    fields = REQUESTS.encode(_fill(row, data, version), version)
    _read_or_refuse(decode_request, _damage(data, fields), version)


@pytest.mark.parametrize("row", RESPONSES.rows, ids=_names(RESPONSES))
@RELAXED
@given(st.data())
def test_damaged_responses_are_read_or_give_a_wire_error_and_nothing_else(
    row: Message[Response], data: st.DataObject
) -> None:
    version = _version(data, row)
    fields = RESPONSES.encode(_fill(row, data, version), version)
    _read_or_refuse(decode_response, _damage(data, fields), version)


@RELAXED
@given(st.lists(st.text(max_size=6), max_size=130), st.integers(0, 120), st.sampled_from(VERSIONS))
def test_random_fields_are_read_or_give_a_wire_error_and_nothing_else(
    fields: list[str], msg_id: int, version: int
) -> None:
    _read_or_refuse(decode_request, fields, version)
    _read_or_refuse(decode_request, [str(msg_id), *fields], version)
    _read_or_refuse(decode_response, [str(msg_id), *fields], version)


def test_every_truncation_of_a_request_names_the_field_that_is_missing() -> None:
    fields = ["76", "1", "9001", "DU1", "", "0"]
    for length in range(1, len(fields)):
        with pytest.raises(WireError, match=r"ReqAccountUpdatesMulti\.\w+: the message ends before this field"):
            decode_request(fields[:length], 157)
