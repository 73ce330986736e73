"""What the network does to whole messages: repeats, reorders, swallows or corrects the gateway's words.

Bytes are cut at message borders, since both programs write whole messages.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from daemon.gateway.server import SIMULATOR_ZONE
from daemon.gateway.wire.account_responses import ErrorMessage
from daemon.gateway.wire.errors import FieldError
from daemon.gateway.wire.framing import encode_frame
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.requests import decode_request
from daemon.gateway.wire.responses import encode_response

_LENGTH: Final = 4  # bytes before each message
_ORDER_STATUS, _OPEN_ORDER, _EXECUTION, _COMMISSION, _NEXT_ID = b"3", b"5", b"11", b"59", b"9"
_ABOUT_ORDERS: Final = frozenset({_ORDER_STATUS, _OPEN_ORDER, _EXECUTION, _COMMISSION})
_EXEC_ID: Final = re.compile(rb"[0-9a-f]{8}\.[0-9a-f]{8}\.[0-9a-f]{2,}\.\d\d")
_TO_PRICE: Final = 6  # fields from the execution id to the price
_VERSION: Final = 176
_TICK: Final = Decimal("0.01")
_REAL_ZONE: Final = "EST"


class Disturbance(StrEnum):
    """What can be done to messages about orders."""

    REPEAT = "REPEAT"
    REORDER = "REORDER"
    SWALLOW = "SWALLOW"
    CORRECT = "CORRECT"


@dataclass(frozen=True, slots=True)
class Correction:
    """An execution that the broker has corrected since."""

    exec_id: str
    price: Decimal


def messages(data: bytes) -> list[bytes]:
    """Return the whole messages in `data`, without their lengths."""
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + _LENGTH], "big")
        found.append(data[at + _LENGTH : at + _LENGTH + length])
        at += _LENGTH + length
    return found


def framed(payloads: Iterable[bytes]) -> bytes:
    """Return messages as they are written."""
    return b"".join(len(payload).to_bytes(_LENGTH, "big") + payload for payload in payloads)


def placed_order(data: bytes) -> PlaceOrder | None:
    """Return the order that one write of a client places, None when it does not."""
    if data[_LENGTH : _LENGTH + 2] != b"3\0":
        return None
    fields = data[_LENGTH:].decode().split("\0")[:-1]
    try:
        request = decode_request(fields, _VERSION)
    except FieldError:
        return None
    return request if isinstance(request, PlaceOrder) else None


def notice(code: int, text: str) -> bytes:
    """Return an error or notice about the connection as a whole."""
    return encode_frame(encode_response(ErrorMessage(subject_id=-1, code=code, text=text), _VERSION))


class Mouthpiece:
    """Stands between the gateway's words and the daemon, over all connections of a world."""

    def __init__(self, chance: random.Random, *, as_real: bool) -> None:
        """With `as_real` the version message hides that the gateway is a simulator."""
        self._chance = chance
        self._as_real = as_real
        self._left: dict[Disturbance, int] = {}  # messages that are still to be disturbed
        self.corrections: dict[str, Correction] = {}  # by execution stem
        self.forgets_order_ids = False  # nextValidId is 1 again, as after a Gateway's restart
        self.done: dict[Disturbance, int] = {}

    def disturb(self, how: Disturbance, count: int) -> None:
        """Disturb the next `count` messages about orders."""
        self._left[how] = self._left.get(how, 0) + count

    def leave_off(self) -> None:
        """Disturb nothing any more; what was corrected stays so."""
        self._left.clear()
        self.forgets_order_ids = False

    def version(self, data: bytes) -> bytes:
        """Rewrite the first message of a connection."""
        if not self._as_real:
            return data
        return framed([payload.replace(SIMULATOR_ZONE.encode(), _REAL_ZONE.encode()) for payload in messages(data)])

    def __call__(self, data: bytes) -> bytes:
        """Return what arrives of what the gateway has written."""
        if not self._left and not self.corrections and not self.forgets_order_ids:
            return data
        told: list[bytes] = []
        for payload in messages(data):
            told.extend(self._said(payload))
        return framed(self._reordered(told))

    def _said(self, payload: bytes) -> list[bytes]:
        kind = payload[: payload.find(b"\0")]
        if kind == _NEXT_ID and self.forgets_order_ids:
            return [b"9\x001\x001\x00"]
        if kind not in _ABOUT_ORDERS:
            return [payload]
        if self._takes(Disturbance.SWALLOW):
            return []
        said = self._corrected(kind, payload)
        return [*said, *said] if self._takes(Disturbance.REPEAT) else said

    def _corrected(self, kind: bytes, payload: bytes) -> list[bytes]:
        """Return the message in the light of the corrections there are, or with a new one after it."""
        found = _EXEC_ID.search(payload)
        if kind not in {_EXECUTION, _COMMISSION} or found is None:
            return [payload]
        stem = found[0][:-3].decode()
        known = self.corrections.get(stem)
        if known is not None:
            return [_as_corrected(kind, payload, found[0], known)]
        is_live = payload.split(b"\0")[1] == b"-1"
        if kind != _EXECUTION or not is_live or not self._takes(Disturbance.CORRECT):
            return [payload]
        price = Decimal(payload.split(b"\0")[payload.split(b"\0").index(found[0]) + _TO_PRICE].decode())
        correction = self.corrections[stem] = Correction(f"{stem}.02", price + _TICK)
        return [payload, _as_corrected(kind, payload, found[0], correction)]

    def _reordered(self, told: list[bytes]) -> list[bytes]:
        places = [at for at, payload in enumerate(told) if payload[: payload.find(b"\0")] in _ABOUT_ORDERS]
        if len(places) < 2 or not self._takes(Disturbance.REORDER):
            return told
        shuffled = places.copy()
        self._chance.shuffle(shuffled)
        changed = told.copy()
        for place, source in zip(places, shuffled, strict=True):
            changed[place] = told[source]
        return changed

    def _takes(self, how: Disturbance) -> bool:
        left = self._left.get(how, 0)
        if not left:
            return False
        if left == 1:
            del self._left[how]
        else:
            self._left[how] = left - 1
        self.done[how] = self.done.get(how, 0) + 1
        return True


def _as_corrected(kind: bytes, payload: bytes, exec_id: bytes, correction: Correction) -> bytes:
    fields = payload.split(b"\0")
    at = fields.index(exec_id)
    fields[at] = correction.exec_id.encode()
    if kind == _EXECUTION:
        fields[at + _TO_PRICE] = str(correction.price).encode()
    return b"\0".join(fields)
