"""The exchange's latencies with extra time for chosen messages: orders that are held, cancels that come late."""

from dataclasses import dataclass, field

from daemon.matching.latency import Latency, LatencyModel


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustableLatency(LatencyModel):
    """A latency model whose messages can be delayed further, one by one; the rest stays as drawn."""

    extra_us: dict[tuple[str, str], int] = field(default_factory=dict)  # by message ("new", "cancel") and order key

    def of(self, order_key: str, *, message: str = "new") -> Latency:
        """Return the delays of one message about one order."""
        drawn = LatencyModel.of(self, order_key, message=message)
        extra = self.extra_us.get((message, order_key), 0)
        return Latency(acknowledged_us=drawn.acknowledged_us, arrived_us=drawn.arrived_us + extra)

    def forget(self, order_key: str, message: str) -> None:
        """Delay later messages of this key no more: references are used again by some clients."""
        self.extra_us.pop((message, order_key), None)

    def delay(self, order_key: str, message: str, by_us: int) -> None:
        """Let a message that is still to come arrive later."""
        self.extra_us[message, order_key] = by_us
