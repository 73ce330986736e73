"""Drills in which the daemon dies, hangs, or is told to end at a bad moment."""

import signal
from random import Random
from typing import Final

from daemon.drills.drill import Drill, holds
from daemon.drills.relay import Passed
from daemon.drills.service_manager import ServiceManager
from daemon.drills.stage import Stage
from daemon.simulation.oracle import Invariant

_KILLS: Final = 3
_RESTART_S: Final = 5.0  # host seconds in which a killed daemon must be in step again
_STOP_S: Final = 10.0
_BEAT_S: Final = 5.0  # host seconds between signs of life
_HANG_S: Final = 8.0  # more than a sign of life is apart, and the lag that is forgiven
_ALIVE: Final = "WATCHDOG=1"


async def _random_kill(stage: Stage) -> None:
    await stage.up()
    chance = Random(f"kills {stage.folder.name}")
    for _ in range(_KILLS):
        await stage.order()
        await stage.pause(chance.uniform(0.0, 0.5))
        await _killed_and_back(stage)
        await stage.fills(1)


async def _killed_and_back(stage: Stage) -> None:
    await stage.daemon.kill()
    stage.tell("SIGKILL: the daemon is gone, and started again")
    await stage.start_daemon()
    took = await stage.in_step()
    limit = max(_RESTART_S, 2 * stage.first_start_s)  # twice the first start where the machine is busy
    stage.check(Invariant.RECOVERS, f"in step {took:.1f} s after the restart (≤ {limit:.1f} s)", held=took <= limit)


async def _kill_before_bytes(stage: Stage) -> None:
    await stage.up()
    lost = await _killed_at_order(stage, hands_on=False)
    stage.tell(f"{lost.order_ref} was committed; the daemon was killed and its bytes never arrived")
    await _back(stage)
    known = {order["order_ref"] for order in (await stage.gateway.books())["orders"]}
    stage.check(
        Invariant.ONE_ORDER, "the order that never arrived was not sent again", held=lost.order_ref not in known
    )
    states = stage.states(lost.order_ref)
    stage.check(Invariant.SOUND, f"its states: {', '.join(states)}", held=states[-1] == "UNKNOWN")


async def _kill_after_bytes(stage: Stage) -> None:
    await stage.up()
    taken = await _killed_at_order(stage, hands_on=True)
    stage.tell(f"{taken.order_ref} was handed on; the daemon was killed before it could hear of it")
    await _back(stage)
    await stage.until(
        lambda: stage.states(taken.order_ref)[-1] in {"FILLED", "CANCELLED", "REJECTED"}, "the end of that order"
    )
    stage.tell(f"its states: {', '.join(stage.states(taken.order_ref))}")


async def _killed_at_order(stage: Stage, *, hands_on: bool) -> Passed:
    """Kill the daemon as its next order reaches the relay; return that order."""
    caught: list[Passed] = []

    def strike(order: Passed) -> bool:
        if not caught:
            caught.append(order)
            stage.daemon.send(signal.SIGKILL)
        return hands_on

    stage.relay.on_order = strike
    await stage.until(lambda: caught, "an order")
    await stage.daemon.kill()
    stage.relay.on_order = lambda _order: True
    return caught[0]


async def _back(stage: Stage) -> None:
    await stage.start_daemon()
    took = await stage.in_step()
    stage.tell(f"started again, and in step after {took:.1f} s")


async def _stop_mid_send(stage: Stage) -> None:
    await stage.up()
    stopped: list[Passed] = []

    def strike(order: Passed) -> bool:
        if not stopped:
            stopped.append(order)
            stage.daemon.send(signal.SIGTERM)
        return True

    stage.relay.on_order = strike
    await stage.until(lambda: stopped, "an order")
    stage.tell(f"SIGTERM while {stopped[0].order_ref} is on its way")
    began = stage.host_s
    code = await stage.daemon.ended(within_s=2 * _STOP_S)
    took = stage.host_s - began
    stage.check(
        Invariant.SOUND, f"exit code {code} after {took:.1f} s (≤ {_STOP_S:g} s)", held=code == 0 and took <= _STOP_S
    )
    stage.tell(f"the daemon ended with {code}")


async def _hang(stage: Stage) -> None:
    with ServiceManager(stage.folder / "notify") as manager:
        stage.environment = manager.environment()
        await stage.up()
        await stage.until(lambda: _ALIVE in manager.heard(), f"{_ALIVE}", within_s=2 * _BEAT_S)
        stage.daemon.send(signal.SIGSTOP)
        stage.tell(f"after a {_ALIVE}, SIGSTOP: the daemon hangs")
        await stage.pause(_HANG_S)
        said = manager.heard()
        told = f"{len(said)} signs of life in {_HANG_S:g} s of hanging, where one was due after {_BEAT_S:g} s"
        stage.check(Invariant.BOUNDED, told, held=not said)
        stage.daemon.send(signal.SIGCONT)
        stage.tell("SIGCONT: it goes on")
        lag = await stage.log("loop.lagged")
        stage.check(
            Invariant.BOUNDED, f"a lag of {lag['lag_s']:.1f} s is no sign of life", held=_ALIVE not in manager.heard()
        )
        await stage.until(lambda: _ALIVE in manager.heard(), f"{_ALIVE} after the hang", within_s=2 * _BEAT_S)


DRILLS: Final = (
    Drill(
        name="random-kill",
        rows=(2,),
        goes_wrong="The daemon is killed at random moments, three times, and started again.",
        injected="SIGKILL some time after an order has left",
        holds=holds("ABCDER"),
        play=_random_kill,
    ),
    Drill(
        name="kill-before-bytes",
        rows=(1, 4),
        goes_wrong="The daemon dies right after an order was committed; its bytes never reach the broker.",
        injected="SIGKILL as the order reaches the relay, which drops it",
        holds=holds("ABCDES"),
        play=_kill_before_bytes,
        leaves_doubt=True,
    ),
    Drill(
        name="kill-after-bytes",
        rows=(1, 3),
        goes_wrong="The daemon dies right after an order has left; the broker fills it while nobody listens.",
        injected="SIGKILL as the order reaches the relay, which hands it on",
        holds=holds("ABCDE"),
        play=_kill_after_bytes,
    ),
    Drill(
        name="stop-mid-send",
        rows=(5,),
        goes_wrong="The service manager stops the daemon while an order is on its way.",
        injected="SIGTERM as the order reaches the relay",
        holds=holds("ABCDS"),
        play=_stop_mid_send,
    ),
    Drill(
        name="hang",
        rows=(6,),
        goes_wrong="The daemon hangs: it runs, but does nothing any more.",
        injected="SIGSTOP, with a socket in the place of systemd's",
        holds=holds("ABCDF"),
        play=_hang,
    ),
)
