"""Signed slippage and its parts, in basis points; positive is a cost to the trader."""

from typing import Final

_BPS: Final = 10_000.0


def slippage_bps(*, reference: float, price: float, sign: int) -> float:
    """Return how much worse `price` was than `reference`, in basis points of the reference.

    Args:
        reference: price compared with, quote currency per unit, > 0.
        price: price paid or received.
        sign: +1 for a buy, -1 for a sell.

    Returns:
        Positive = cost, negative = improvement.

    Source:
        Perold (1988), The Implementation Shortfall, Journal of Portfolio Management 14(3), 4-9.
    """
    return sign * (price - reference) / reference * _BPS


def shortfall_parts_bps(
    *, decision: float, mid: float, touch: float, price: float, sign: int
) -> tuple[float, float, float]:
    """Return (delay, spread, impact) in basis points of the decision price; they add up to the whole shortfall.

    Delay is decision price to arrival mid, spread is mid to the touch that has to be crossed, impact is touch to fill.
    """
    scale = sign * _BPS / decision
    return (mid - decision) * scale, (touch - mid) * scale, (price - touch) * scale
