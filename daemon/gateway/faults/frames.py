"""Frames on their way to a client, as faults see them: fields on demand, bytes when nothing changed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from daemon.gateway.wire.framing import LENGTH_BYTES, encode_frame, split_payload
from daemon.gateway.wire.messages import Response
from daemon.gateway.wire.responses import decode_response, encode_response

# Names are those of the clients' callbacks, which is how IB's documents call the messages.
KINDS: Final[dict[str, str]] = {
    "1": "tickPrice",
    "2": "tickSize",
    "3": "orderStatus",
    "4": "error",
    "5": "openOrder",
    "6": "updateAccountValue",
    "7": "updatePortfolio",
    "9": "nextValidId",
    "10": "contractDetails",
    "11": "execDetails",
    "15": "managedAccounts",
    "17": "historicalData",
    "45": "tickGeneric",
    "46": "tickString",
    "49": "currentTime",
    "50": "realtimeBar",
    "52": "contractDetailsEnd",
    "53": "openOrderEnd",
    "54": "accountDownloadEnd",
    "55": "execDetailsEnd",
    "57": "tickSnapshotEnd",
    "58": "marketDataType",
    "59": "commissionReport",
    "61": "position",
    "62": "positionEnd",
    "63": "accountSummary",
    "64": "accountSummaryEnd",
    "88": "headTimestamp",
    "90": "historicalDataUpdate",
    "94": "pnl",
    "95": "pnlSingle",
    "99": "tickByTick",
    "101": "completedOrder",
    "102": "completedOrdersEnd",
}
NUMBERS: Final = {name: number for number, name in KINDS.items()}
QUOTES: Final = frozenset({"tickPrice", "tickSize", "tickGeneric", "tickString"})
ORDER_NEWS: Final = frozenset({"orderStatus", "openOrder", "execDetails", "commissionReport"})
STREAMED: Final = QUOTES | {"realtimeBar", "historicalDataUpdate", "tickByTick"}
_ID_AT: Final = {  # which field holds the request's id, or the order's
    "tickPrice": 2,
    "tickSize": 2,
    "tickGeneric": 2,
    "tickString": 2,
    "realtimeBar": 2,
    "marketDataType": 2,
    "contractDetails": 1,
    "historicalData": 1,
    "historicalDataUpdate": 1,
    "tickByTick": 1,
    "orderStatus": 1,
    "openOrder": 1,
    "execDetails": 2,
    "error": 2,
}


class Passed(bytes):
    """Frames that no fault looks at again: what faults themselves send, and what they held back before."""


class Frame:
    """One frame to a client."""

    __slots__ = ("_fields", "data", "is_answer", "is_hello")

    def __init__(self, data: bytes, *, is_answer: bool = False, is_hello: bool = False) -> None:
        self.data = data
        self.is_answer = is_answer  # to a request for orders or executions, rather than news
        self.is_hello = is_hello  # the version frame
        self._fields: list[str] | None = None

    @property
    def fields(self) -> list[str]:
        """Return the fields as text; the first one is the message's number."""
        if self._fields is None:
            self._fields = split_payload(self.data[LENGTH_BYTES:])
        return self._fields

    @property
    def kind(self) -> str:
        """Return the message's name, its number when it has none here, "hello" for the version frame."""
        if self.is_hello:
            return "hello"
        end = self.data.find(b"\0", LENGTH_BYTES)
        number = self.data[LENGTH_BYTES:end].decode("ascii", "replace")
        return KINDS.get(number, number)

    @property
    def subject(self) -> int | None:
        """Return the id of the request or order it is about, None when it is about none."""
        at = _ID_AT.get(self.kind)
        if at is None or len(self.fields) <= at:
            return None
        return int(self.fields[at])

    def changed(self, **fields: str) -> "Frame":
        """Return it with other texts; `f4="x"` puts x into field 4."""
        values = list(self.fields)
        for name, text in fields.items():
            values[int(name[1:])] = text
        return Frame(encode_frame(values), is_answer=self.is_answer)

    def response(self, version: int) -> Any:
        """Return the message as its class; layouts follow the client's version."""
        return decode_response(self.fields, version)

    def rewritten(self, version: int, **changes: object) -> "Frame":
        """Return it with attributes of its class changed."""
        response: Response = replace(self.response(version), **changes)
        return Frame(encode_frame(encode_response(response, version)), is_answer=self.is_answer)


def cut(data: bytes) -> Iterator[bytes]:
    """Yield the frames of bytes that hold whole ones, in order."""
    start = 0
    while start < len(data):
        end = start + LENGTH_BYTES + int.from_bytes(data[start : start + LENGTH_BYTES], "big")
        yield data[start:end]
        start = end
