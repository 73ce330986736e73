"""Seeded latency of orders: how long until the broker acknowledges and until the exchange has the order."""

import math
from dataclasses import dataclass
from hashlib import blake2b
from statistics import NormalDist

_UNIT = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The delays of one order, in microseconds of market time since it was sent."""

    acknowledged_us: int
    arrived_us: int  # > acknowledged_us


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyModel:
    """Lognormal delays drawn from a hash of seed and order: neither call order nor the process matters.

    A backtest with the same seed and the same order reference gets the same numbers as the gateway did.
    """

    seed: int
    acknowledge_median_us: int = 40_000
    travel_median_us: int = 48_000  # acknowledgement to arrival; the sum has its median near 90 ms
    spread: float = 0.35  # sigma of the logarithm
    minimum_us: int = 5_000

    def of(self, order_key: str, *, message: str = "new") -> Latency:
        """Return the delays of one message about one order; `message` tells a cancel from the order itself."""
        digest = blake2b(f"{self.seed}|{message}|{order_key}".encode(), digest_size=16).digest()
        acknowledged = self._draw(digest[:8], self.acknowledge_median_us)
        travelled = self._draw(digest[8:], self.travel_median_us)
        return Latency(acknowledged_us=acknowledged, arrived_us=acknowledged + travelled)

    def _draw(self, random_bytes: bytes, median_us: int) -> int:
        uniform = (int.from_bytes(random_bytes, "big") + 0.5) / 2**64
        bounded = min(max(uniform, 1e-12), 1 - 1e-12)
        return max(self.minimum_us, round(median_us * math.exp(self.spread * _UNIT.inv_cdf(bounded))))
