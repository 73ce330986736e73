"""The state of the connection, from what happens to it."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from daemon.adapters.ib.errors import half_alive, refused
from daemon.adapters.ib.situation import Situation
from daemon.adapters.ib.streams import Streams
from daemon.domain.instrument import Instrument
from daemon.domain.restart_schedule import RestartSchedule
from daemon.domain.standing import LinkState, Standing

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)  # a Friday
REFUSED = refused("here:1", ConnectionRefusedError())
RESTART = RestartSchedule(
    at=time(17, 0), zone=ZoneInfo("UTC"), blackout=timedelta(seconds=60), expected=timedelta(seconds=600)
)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Scene:
    def __init__(self, *, up: bool = True, restart: RestartSchedule | None = None) -> None:
        self.host_s = 1000.0
        self.streams = Streams(lines=5, silence_s=15, expects_bars=lambda _: True)
        self.streams.add([Instrument(symbol="SPY"), Instrument(symbol="QQQ")])
        for number, stream in enumerate(self.streams):
            self.streams.bars_started(stream, number + 1, NOON)
        self.situation = Situation(self.streams, host_now=lambda: self.host_s, restart=restart)
        if up:
            self.situation.went_up(NOON)

    def standing(self, second: float = 0) -> Standing:
        return self.situation.standing(after(second))


def test_up_is_connected_and_down_says_why_and_how_long_it_was_silent() -> None:
    scene = Scene()
    assert scene.standing().state is LinkState.CONNECTED
    scene.situation.failed(REFUSED)
    assert scene.situation.went_down(NOON, heard_at=982.0)
    standing = scene.standing()
    assert (standing.state, standing.silent_s) == (LinkState.DISCONNECTED, 18.0)
    assert "nothing listens" in standing.cause
    assert "start IB Gateway" in standing.cure
    assert not scene.situation.went_down(NOON, heard_at=982.0)


def test_handshakes_without_a_session_mean_that_a_login_is_awaited() -> None:
    scene = Scene(up=False)
    scene.situation.failed(half_alive("here:1"))
    assert scene.standing().state is LinkState.DISCONNECTED  # once may be chance
    scene.situation.failed(half_alive("here:1"))
    standing = scene.standing()
    assert standing.state is LinkState.AWAITING_REAUTH
    assert "second factor" in standing.cause
    assert "log the gateway in" in standing.cure
    scene.situation.failed(REFUSED)
    assert scene.standing().state is LinkState.DISCONNECTED
    scene.situation.went_up(NOON)
    assert scene.standing().state is LinkState.CONNECTED


def test_a_gateway_that_does_not_come_back_from_its_restart_awaits_a_login() -> None:
    scene = Scene(restart=RESTART)
    scene.situation.went_down(after(2), heard_at=1000.0)
    scene.situation.failed(REFUSED)
    assert scene.standing(599).state is LinkState.DISCONNECTED
    assert scene.standing(600).state is LinkState.AWAITING_REAUTH
    other = Scene(restart=RESTART)
    other.situation.went_down(after(3600), heard_at=1000.0)
    other.situation.failed(REFUSED)
    assert other.standing(7200).state is LinkState.DISCONNECTED


def test_a_gateway_that_stays_away_from_sunday_on_awaits_a_login() -> None:
    sunday = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
    scene = Scene()
    scene.situation.went_down(sunday, heard_at=1000.0)
    scene.situation.failed(REFUSED)
    assert scene.situation.standing(sunday + timedelta(minutes=9)).state is LinkState.DISCONNECTED
    assert scene.situation.standing(sunday + timedelta(minutes=10)).state is LinkState.AWAITING_REAUTH


def test_losing_the_broker_is_a_state_of_its_own_until_it_is_back_or_bars_prove_it() -> None:
    scene = Scene()
    scene.situation.upstream_changed(NOON, "lost", up=False)
    assert scene.standing().state is LinkState.UPSTREAM_LOST
    assert not scene.situation.is_tradable
    (spy, _) = scene.streams
    spy.last_bar_at = after(5)
    assert not scene.situation.is_upstream_proven  # it may have been on its way
    spy.last_bar_at = after(11)
    assert scene.situation.is_upstream_proven
    scene.situation.upstream_changed(NOON, "back", up=True)
    assert not scene.situation.is_upstream_proven
    assert scene.standing().state is LinkState.CONNECTED


def test_data_are_suspended_when_no_instrument_has_any() -> None:
    scene = Scene()
    scene.streams.doubt(1, NOON, "competing session")
    one = scene.standing()
    assert (one.state, dict(one.suspended)) == (LinkState.CONNECTED, {"SPY": "competing session"})
    scene.streams.doubt(2, NOON, "competing session")
    both = scene.standing()
    assert both.state is LinkState.DATA_SUSPENDED
    assert "competing session" in both.cause


def test_farms_are_known_by_name() -> None:
    situation = Scene().situation
    situation.farm_changed("Market data farm connection is broken:usfarm", up=False)
    situation.farm_changed("HMDS data farm connection is broken:ushmds", up=False)
    situation.farm_changed("HMDS data farm connection is inactive but should be available upon demand.ushmds", up=True)
    assert list(situation.farms) == ["usfarm"]
    situation.farm_changed("Market data farm connection is OK:usfarm", up=True)
    assert not situation.farms


def test_what_is_said_of_ib_while_a_session_is_made_counts_for_it() -> None:
    scene = Scene()
    scene.situation.upstream_changed(after(1), "lost", up=False)
    scene.situation.farm_changed("farm is broken:usfarm", up=False)
    scene.situation.went_down(after(2), heard_at=1000.0)
    scene.situation.begins()
    assert scene.situation.farms == {}
    scene.situation.upstream_changed(after(3), "lost", up=False)
    scene.situation.went_up(after(4))
    assert scene.standing(5).state is LinkState.UPSTREAM_LOST
    assert not scene.situation.is_tradable
    scene.situation.went_down(after(6), heard_at=1000.0)
    scene.situation.begins()
    scene.situation.went_up(after(7))
    assert scene.situation.is_tradable
