"""Outages: one alert each, within its time, and its end is told."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.domain.restart_schedule import RestartSchedule
from daemon.domain.standing import LinkState, Standing
from daemon.orchestrator.outages import Outages

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
UP, DOWN, RECONCILING = LinkState.CONNECTED, LinkState.DISCONNECTED, LinkState.RECONCILING
AT_NOON = RestartSchedule(
    at=time(17, 0), zone=ZoneInfo("UTC"), blackout=timedelta(seconds=60), expected=timedelta(seconds=600)
)


class Watched:
    """An outage rule, shown a state at a second."""

    def __init__(self, *, restart: RestartSchedule | None = None, connected: bool = True) -> None:
        self.rules = Outages(alert_after_s=30, restart=restart)
        if connected:
            self.see(UP, -1000)

    def see(self, state: LinkState, second: float, *, silent_s: float = 0.0, cause: str = "gone") -> str:
        standing = Standing(state=DOWN if state is RECONCILING else state, cause=cause, cure="wait", silent_s=silent_s)
        alert = self.rules.look(state, standing, host_s=second, at=NOON + timedelta(seconds=second))
        return f"{alert.level} {alert.name}" if alert is not None else ""


def test_an_outage_is_alerted_once_and_its_end_is_told() -> None:
    watched = Watched()
    assert watched.see(DOWN, 0) == ""
    assert watched.rules.due_in_s(0) == 30
    assert watched.see(DOWN, 29) == ""
    assert watched.see(DOWN, 30) == "CRITICAL connection.lost"
    assert watched.rules.due_in_s(30) is None
    assert watched.see(LinkState.AWAITING_REAUTH, 100) == ""
    assert watched.see(RECONCILING, 110) == ""
    assert watched.see(UP, 112) == "INFO connection.restored"
    assert watched.see(UP, 113) == ""
    assert watched.see(DOWN, 200) == ""
    assert watched.see(DOWN, 231) == "CRITICAL connection.lost"


def test_silence_before_it_was_noticed_counts() -> None:
    watched = Watched()
    assert watched.see(DOWN, 18, silent_s=18) == ""
    assert watched.see(DOWN, 30) == "CRITICAL connection.lost"
    late = Watched()
    assert late.see(LinkState.DATA_SUSPENDED, 0, silent_s=31) == "CRITICAL connection.lost"


def test_a_short_outage_is_told_when_it_is_over() -> None:
    watched = Watched()
    assert watched.see(DOWN, 0) == ""
    assert watched.see(RECONCILING, 2) == ""
    assert watched.see(UP, 3) == "WARNING connection.interrupted"


def test_an_expected_restart_is_no_alert_unless_it_takes_too_long() -> None:
    watched = Watched(restart=AT_NOON)
    assert watched.see(DOWN, 5) == ""
    assert watched.see(DOWN, 500) == ""
    assert watched.see(UP, 510) == ""
    assert watched.see(DOWN, 515) == ""
    assert watched.see(DOWN, 599) == ""
    assert watched.see(DOWN, 600) == "CRITICAL connection.lost"
    assert watched.see(UP, 700) == "INFO connection.restored"
    assert watched.see(DOWN, 701) == ""
    assert watched.see(DOWN, 731) == "CRITICAL connection.lost"  # outside the window


def test_data_that_stop_are_not_explained_by_a_restart() -> None:
    watched = Watched(restart=AT_NOON)
    assert watched.see(LinkState.DATA_SUSPENDED, 5) == ""
    assert watched.see(LinkState.DATA_SUSPENDED, 35) == "CRITICAL connection.lost"


def test_starting_is_no_outage_but_a_gateway_that_is_not_there_is() -> None:
    started = Watched(connected=False)
    assert started.see(DOWN, 0) == ""
    assert started.see(RECONCILING, 1) == ""
    assert started.see(RECONCILING, 250) == ""  # history may take its time
    assert started.see(UP, 280) == ""
    alone = Watched(connected=False)
    assert alone.see(DOWN, 0) == ""
    assert alone.see(DOWN, 30) == "CRITICAL connection.lost"
    assert alone.see(RECONCILING, 600) == ""
    assert alone.see(UP, 601) == "INFO connection.restored"


def test_a_comparison_that_never_ends_is_alerted() -> None:
    watched = Watched()
    assert watched.see(RECONCILING, 0) == ""
    assert watched.see(RECONCILING, 49) == ""
    assert watched.see(RECONCILING, 50) == "CRITICAL connection.lost"
    first = Watched(connected=False)
    assert first.see(RECONCILING, 0) == ""
    assert first.see(RECONCILING, 299) == ""
    assert first.see(RECONCILING, 300) == "CRITICAL connection.lost"
    again = Watched()
    assert again.see(RECONCILING, 0) == ""
    assert again.see(UP, 20) == ""  # after 1102: nothing was lost


def test_a_loss_within_a_comparison_has_the_time_of_a_loss() -> None:
    watched = Watched()
    assert watched.see(RECONCILING, 0) == ""
    assert watched.see(DOWN, 40) == "CRITICAL connection.lost"


def test_a_restart_that_begins_within_a_comparison_is_expected_all_the_same() -> None:
    watched = Watched(restart=AT_NOON)
    assert watched.see(RECONCILING, -65) == ""
    assert watched.see(DOWN, -20) == ""
    assert watched.see(DOWN, 599) == ""
    assert watched.see(UP, 599) == ""
