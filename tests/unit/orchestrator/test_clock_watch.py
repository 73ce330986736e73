"""The host's clock is set while the daemon runs."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from daemon.domain.errors import ClockStepped
from daemon.domain.records import AlertRaised
from daemon.orchestrator import clock_watch
from daemon.orchestrator.clock_watch import ClockWatch
from daemon.runtime.clock import MarketClock

pytestmark = pytest.mark.asyncio


class Host(MarketClock):
    """A clock whose wall can be set."""

    def __init__(self) -> None:
        super().__init__()
        self.error = timedelta()

    def now(self) -> datetime:
        return super().now() if self.is_stepped else datetime.now(UTC) + self.error


async def watched(host: Host, *errors_s: float) -> list[AlertRaised]:
    """Return the alerts after the wall was wrong by each of `errors_s` in turn; raises what the watch raises."""
    told: list[AlertRaised] = []

    async def tell(alert: AlertRaised) -> None:
        told.append(alert)

    running = asyncio.create_task(ClockWatch(host, tell=tell).run(asyncio.Event()))
    for error_s in errors_s:
        await asyncio.sleep(0.03)
        host.error = timedelta(seconds=error_s)
    await asyncio.wait({running}, timeout=0.1)
    if running.done():
        with pytest.raises(ClockStepped):
            await running
    running.cancel()
    return told


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_watch, "_LOOK_S", 0.01)


@pytest.mark.parametrize(
    ("by_s", "words"), [(3600, "3600.0 s forward"), (-3600, "3600.0 s back"), (6, "6.0 s forward")]
)
async def test_a_clock_that_was_set_ends_the_daemon_with_an_alert(by_s: float, words: str) -> None:
    (alert,) = await watched(Host(), by_s)
    assert (alert.level, alert.name) == ("CRITICAL", "clock.stepped")
    assert words in alert.text


async def test_a_clock_that_drifts_is_let_be() -> None:
    assert await watched(Host(), 4, 8, 4, 0) == []


async def test_market_time_that_is_stepped_is_let_be() -> None:
    host = Host()
    assert await watched(host, 0) == []
    host.step(datetime(2024, 3, 5, 15, 0, tzinfo=UTC))
    assert await watched(host, 0) == []
