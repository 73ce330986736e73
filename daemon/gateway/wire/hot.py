"""The frequent responses straight to bytes, without tables; tests hold them equal to the tables."""

from decimal import Decimal

from daemon.gateway.wire.framing import LENGTH_BYTES
from daemon.gateway.wire.kinds import float_text, size_text


def _frame(text: str) -> bytes:
    payload = text.encode("ascii")
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def tick_price_frame(
    req_id: int, tick_type: int, price: float, *, size: Decimal, attrib_mask: int = 0, version: int
) -> bytes:
    """The frame of a TickPrice."""
    amount = size_text(size, version)
    return _frame(f"1\x006\0{req_id}\0{tick_type}\0{float_text(price)}\0{amount}\0{attrib_mask}\0")


def tick_size_frame(req_id: int, tick_type: int, size: Decimal, *, version: int) -> bytes:
    """The frame of a TickSize."""
    return _frame(f"2\x006\0{req_id}\0{tick_type}\0{size_text(size, version)}\0")


def real_time_bar_frame(
    req_id: int,
    time: int,
    prices: tuple[float, float, float, float],
    *,
    volume: Decimal,
    wap: float,
    count: int,
    version: int,
) -> bytes:
    """The frame of a RealTimeBar; `prices` are open, high, low and close."""
    quotes = "\0".join(map(float_text, prices))
    amount = size_text(volume, version)
    return _frame(f"50\x003\0{req_id}\0{time}\0{quotes}\0{amount}\0{float_text(wap)}\0{count}\0")


def current_time_frame(time: int) -> bytes:
    """The frame of a CurrentTime."""
    return _frame(f"49\x001\0{time}\0")
