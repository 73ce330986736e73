"""What becomes of the connection, against the real gateway: it is noticed, named, nothing is opened, somebody is told.

Host times are compressed by the settings; market time stands still unless a test moves it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon.testing.gateway import IbGateway
from tests.fakes.daemon_stage import Stage, held_gateway, trading

CALM = {"heartbeat_s": 20, "connect_timeout_s": 20, "alert_after_s": 30}  # nothing happens by itself
AFTER_A_BAR = 31  # seconds: the bar of thirty seconds is in and decided on
BEFORE_A_BAR = 27


@asynccontextmanager
async def life(gateway: IbGateway, state: Path, **ib: object) -> AsyncIterator[Stage]:
    """Run a daemon with these settings of its connection."""
    chosen = {"port": gateway.port, "client_id": 17, "backoff_s": [0.02, 0.05], "request_timeout_s": 10, **CALM, **ib}
    async with trading(gateway, state, ib=chosen) as stage:
        await stage.in_step()
        yield stage


def link(stage: Stage) -> Mapping[str, Any]:
    found: Mapping[str, Any] = stage.status()["connection"]
    return found


async def until_state(stage: Stage, state: str) -> Mapping[str, Any]:
    """Return the connection's part of the status as soon as it is in that state."""
    await stage.until(lambda: link(stage)["state"] == state, f"{state}, not {link(stage)['state']}")
    return link(stage)


async def run_on(stage: Stage, seconds: float) -> None:
    """Let the market run on though the daemon is not in step."""
    now = await asyncio.to_thread(stage.gateway.market.advance, seconds)
    await stage.until(lambda: stage.clock.now() >= now, f"the daemon to reach {now}")


async def until_alerts(stage: Stage, *names: str) -> None:
    """Wait for exactly these alerts in the journal."""
    await stage.until(lambda: len(stage.alerts()) >= len(names), f"the alerts {names}, not {stage.alerts()}")
    assert stage.alerts() == list(names)


def opened(stage: Stage) -> int:
    return len(stage.books.rows("intent", "reduces = 0"))


def controls(stage: Stage) -> set[str]:
    return {control for _, control in stage.refused_by()}


async def trades_again(stage: Stage) -> None:
    """Let two minutes pass and assert that the daemon opens positions as before."""
    before = opened(stage)
    await stage.advance(120)
    assert link(stage)["state"] == "CONNECTED"
    assert opened(stage) > before
    await stage.agree()


async def test_a_dead_network_path_is_found_by_the_heartbeat_and_alerted_once(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path, heartbeat_s=1.5, connect_timeout_s=1, alert_after_s=0.5) as stage:
            await stage.advance(AFTER_A_BAR)
            await stage.fault("half_open")
            down = await until_state(stage, "DISCONNECTED")
            assert down["up"] is False
            engine = stage.daemon.orchestrator._parts.engine
            assert engine.access.hindrance("SPY") == "the connection is DISCONNECTED"  # type: ignore[arg-type]
            await until_alerts(stage, "connection.lost")
            (alert,) = stage.books.rows("alert")
            assert (alert["level"], "not answered" in alert["text"]) == ("CRITICAL", True)
            await stage.heal()
            await until_state(stage, "CONNECTED")
            await until_alerts(stage, "connection.lost", "connection.restored")


async def test_a_gateway_that_streams_and_answers_nothing_is_given_up(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path, heartbeat_s=1.5) as stage:
            await stage.fault("request_swallowed", request="ReqManagedAccts")
            with structlog.testing.capture_logs() as logs:
                await stage.until(lambda: link(stage)["reconnects"] > 0, "another connection")
            (failed,) = [line for line in logs if line["event"] == "connection.failed"][:1]
            assert "has not answered" in failed["cause"]
            await stage.heal()
            await until_state(stage, "CONNECTED")
            await stage.until(lambda: "connection.interrupted" in stage.alerts(), "its end to be told")


@pytest.mark.parametrize(
    ("code", "state"), [(1100, "UPSTREAM_LOST"), (2110, "UPSTREAM_LOST"), (2103, "DATA_SUSPENDED")]
)
async def test_an_opening_order_is_refused_by_name_while_bars_still_come(tmp_path: Path, code: int, state: str) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path) as stage:
            await stage.advance(BEFORE_A_BAR)
            await stage.fault("notice", code=code, text="told by the test:usfarm")
            await until_state(stage, state)
            await run_on(stage, 4)
            assert set(stage.refused_by()) <= {("SPY", "connection"), ("QQQ", "connection")}
            assert stage.refused_by()
            offered = {row["checks"] for row in stage.books.rows("risk_check", "passed = 0")}
            assert all(state in checks for checks in offered)
            assert opened(stage) == 0
            await run_on(
                stage, 10
            )  # bars flow on: the data are sound, and a gateway that hides that IB is back is left
            await until_state(stage, "CONNECTED")
            await trades_again(stage)


async def test_data_in_doubt_of_one_instrument_shut_that_one_alone(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path) as stage:
            await stage.advance(BEFORE_A_BAR)
            refused = 0
            for _ in range(8):
                for stream in stage.daemon._connection.subscriber.streams:
                    if stream.instrument.id == "SPY":
                        await stage.fault("notice", code=10197, text="competing session", subject=stream.bar_request)
                await stage.until(lambda: set(link(stage)["suspended"]) == {"SPY"}, "SPY to be suspended")
                assert link(stage)["state"] == "CONNECTED"
                await stage.advance(30)
                refused = stage.refused_by()["SPY", "market_data"]
                if refused and opened(stage):
                    break
            assert refused
            assert {row["instrument"] for row in stage.books.rows("intent", "reduces = 0")} == {"QQQ"}
            assert stage.alerts() == []
            await trades_again(stage)


@pytest.mark.parametrize("restored", [1101, 1102])
async def test_a_lost_broker_stops_opening_until_everything_is_compared(tmp_path: Path, restored: int) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path) as stage:
            await stage.advance(AFTER_A_BAR)
            before, compared = opened(stage), stage.daemon.orchestrator.link.synchronisations
            await stage.fault("upstream_lost", restored=restored)
            lost = await until_state(stage, "UPSTREAM_LOST")
            assert "has lost its connection to IB" in lost["cause"]
            await run_on(stage, 60)
            assert opened(stage) == before
            await stage.heal()
            await stage.until(
                lambda: stage.daemon.orchestrator.link.synchronisations == compared + 1, "a comparison with the broker"
            )
            await stage.advance(10)  # a bar proves each stream
            await until_alerts(stage, "connection.interrupted")
            await trades_again(stage)


@pytest.mark.parametrize(
    ("fault", "parameters", "word"),
    [("farm_broken", {"farm": "market"}, "2103"), ("competing_session", {}, "10197")],
)
async def test_data_that_are_taken_away_suspend_opening_and_are_alerted(
    tmp_path: Path, fault: str, parameters: Mapping[str, Any], word: str
) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path, alert_after_s=0.1) as stage:
            await stage.advance(AFTER_A_BAR)
            before = opened(stage)
            await stage.fault(fault, **parameters)
            down = await until_state(stage, "DATA_SUSPENDED")
            assert word in down["cause"]
            assert set(down["suspended"]) == {"SPY", "QQQ"}
            await run_on(stage, 60)
            assert opened(stage) == before
            await until_alerts(stage, "connection.lost")
            await stage.heal()
            await run_on(stage, 2)
            assert link(stage)["state"] == "DATA_SUSPENDED"  # that it is said to be back proves nothing
            await run_on(stage, 15)
            await until_state(stage, "CONNECTED")
            await until_alerts(stage, "connection.lost", "connection.restored")
            await trades_again(stage)


async def test_a_broken_history_farm_is_forgotten_as_soon_as_bars_prove_otherwise(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path) as stage:
            await stage.advance(AFTER_A_BAR)
            await stage.fault("farm_broken", farm="history")
            await until_state(stage, "DATA_SUSPENDED")
            await stage.advance(11)
            assert link(stage)["state"] == "CONNECTED"
            assert list(link(stage)["farms_broken"]) == ["HMDS data farm connection is broken:ushmds"]
            await until_alerts(stage, "connection.interrupted")  # short, so that it is told when it is over
            await stage.heal()
            await stage.until(lambda: not link(stage)["farms_broken"], "the farm to be back")


async def test_one_stalled_stream_shuts_its_own_instrument_and_all_of_them_shut_everything(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path, alert_after_s=0.1) as stage:
            await stage.advance(AFTER_A_BAR)
            await stage.fault("stream_stalled", streams=["quotes", "bars"], when={"symbol": "SPY"})
            for _ in range(10):  # thirty seconds
                await stage.advance(3)
            one = link(stage)
            assert (one["state"], set(one["suspended"])) == ("CONNECTED", {"SPY"})
            assert stage.alerts() == []
            await stage.fault("stream_stalled", streams=["quotes", "bars"])
            for _ in range(10):
                await stage.advance(3)
            await until_state(stage, "DATA_SUSPENDED")
            await until_alerts(stage, "connection.lost")
            await stage.heal()
            await stage.advance(10)
            await until_state(stage, "CONNECTED")
            await until_alerts(stage, "connection.lost", "connection.restored")
            await trades_again(stage)


async def test_a_halted_symbol_is_no_outage(tmp_path: Path) -> None:
    with held_gateway(symbols=("SPY",)) as gateway:
        chosen = {"port": gateway.port, "client_id": 17, **CALM, "alert_after_s": 0.1}
        async with trading(gateway, tmp_path, symbols=("SPY",), ib=chosen) as stage:
            await stage.advance(AFTER_A_BAR)
            await stage.fault("symbol_halted", when={"symbol": "SPY"})
            for _ in range(20):
                await stage.advance(3)
            assert link(stage)["state"] == "CONNECTED"
            assert link(stage)["streams"][0]["halted"] is True
            assert stage.alerts() == []


async def test_a_client_id_in_use_is_waited_for_with_the_same_id(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path, alert_after_s=0.1) as stage:
            await stage.fault("client_id_in_use")
            await stage.fault("disconnect", how="rst")
            await stage.until(lambda: link(stage)["attempts"] >= 3, "more attempts")
            down = await until_state(stage, "DISCONNECTED")
            assert "client id 17 is in use" in down["cause"]
            await until_alerts(stage, "connection.lost")
            await stage.heal()
            await until_state(stage, "CONNECTED")
            assert link(stage)["client_id"] == 17
            await until_alerts(stage, "connection.lost", "connection.restored")
            await trades_again(stage)


async def test_a_gateway_that_waits_for_its_login_is_named_with_the_cure(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path, connect_timeout_s=0.3, alert_after_s=1.5) as stage:
            await stage.fault("version_only")
            await stage.fault("disconnect")
            down = await until_state(stage, "AWAITING_REAUTH")
            assert "second factor" in down["cause"]
            assert "log the gateway in" in down["cure"]
            await until_alerts(stage, "connection.lost")
            (alert,) = stage.books.rows("alert")
            assert "AWAITING_REAUTH" in alert["text"]
            assert "log the gateway in" in alert["text"]
            await stage.heal()
            await until_state(stage, "CONNECTED")
            await until_alerts(stage, "connection.lost", "connection.restored")


async def test_an_expected_restart_shuts_the_gate_before_it_and_alerts_nobody(tmp_path: Path) -> None:
    """The session opens at 09:30; the gateway restarts at 09:32 and counts its order ids from 1 again."""
    with held_gateway() as gateway:
        async with life(gateway, tmp_path, restart_at="09:32", alert_after_s=0.05) as stage:
            await stage.advance(58)
            assert "restart_window" not in controls(stage)
            before = opened(stage)
            await stage.advance(60)
            assert "restart_window" in controls(stage)
            assert opened(stage) == before
            await stage.fault("next_valid_id_back", to=1)
            await stage.advance(4)
            compared = stage.daemon.orchestrator.link.synchronisations
            await stage.fault("gateway_restart", lasting="500ms")
            await stage.until(lambda: stage.daemon.orchestrator.link.synchronisations > compared, "another connection")
            await trades_again(stage)
            assert stage.alerts() == []


async def test_an_unexpected_restart_is_alerted(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with life(gateway, tmp_path, restart_at="23:45", alert_after_s=0.05) as stage:
            await stage.advance(AFTER_A_BAR)
            await stage.fault("gateway_restart")
            await until_alerts(stage, "connection.lost")
            await stage.heal()
            await until_state(stage, "CONNECTED")
            await until_alerts(stage, "connection.lost", "connection.restored")


async def test_a_gateway_that_is_not_there_at_the_start_is_told_at_once_and_kept_for_the_journal(
    tmp_path: Path,
) -> None:
    with held_gateway() as gateway:
        chosen = {"port": gateway.port, "client_id": 17, "backoff_s": [0.05], **CALM, "alert_after_s": 0.1}
        shut = await asyncio.to_thread(gateway.faults.start, "connects_refused")
        with structlog.testing.capture_logs() as logs:
            async with trading(gateway, tmp_path, ib=chosen) as stage:
                await stage.until(lambda: any(line["event"] == "connection.lost" for line in logs), "the alert")
                assert stage.books.rows("alert") == []
                await asyncio.to_thread(gateway.faults.stop, shut)
                await until_state(stage, "CONNECTED")
                await until_alerts(stage, "connection.lost", "connection.restored")
