"""How the daemon itself is doing: queue, journal, streams, connection."""

from collections.abc import Mapping
from datetime import datetime

import structlog

from daemon.market.bars import PartFate
from daemon.orchestrator.bar_assembler import BarAssembler
from daemon.orchestrator.link import Link
from daemon.orchestrator.plan import Parts
from daemon.orchestrator.sequencer import Sequencer
from daemon.runtime.logs import logs_dropped

log = structlog.get_logger()

_NS_PER_S = 1_000_000_000


class HealthReport:
    """Gathers the figures of the health monitor and of `status`."""

    def __init__(self, parts: Parts, assembler: BarAssembler, sequencer: Sequencer, link: Link) -> None:
        self._parts = parts
        self._assembler = assembler
        self._sequencer = sequencer
        self._link = link
        self._began_at: datetime | None = None
        self._began_ns = 0

    def figures(self) -> Mapping[str, object]:
        """Return the present figures as JSON values."""
        last = self._assembler.last_part_host_ns
        return {
            "synchronised": self._link.is_synchronised,
            "inbox": len(self._parts.inbox),
            "instants": self._sequencer.instants,
            "data_age_s": round((self._parts.clock.host_ns() - last) / _NS_PER_S, 3) if last else None,
            "bad_quotes": {fault.value: count for fault, count in self._parts.engine.marks.bad_quotes.items() if count},
            "bad_bars": self._assembler.bad_parts,
            "duplicate_bars": self._assembler.fates[PartFate.DUPLICATE],
            "working_orders": len(self._parts.executor.working),
            "logs_dropped": logs_dropped(),
        }

    def log(self, at: datetime) -> None:
        """Write the health line of `at`, with the speed at which market time has passed."""
        log.info("health.checked", speed=self.speed(at), **self.figures())

    def speed(self, at: datetime) -> float | None:
        """Return market seconds per host second since the last call, None at the first."""
        now_ns = self._parts.clock.host_ns()
        before_at, before_ns = self._began_at, self._began_ns
        self._began_at, self._began_ns = at, now_ns
        if before_at is None or now_ns == before_ns:
            return None
        return round((at - before_at).total_seconds() / ((now_ns - before_ns) / _NS_PER_S), 1)
