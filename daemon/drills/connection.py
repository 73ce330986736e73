"""Drills in which the connection to the gateway, or the gateway's to IB, fails."""

import re
from pathlib import Path
from typing import Final

from daemon.drills.drill import Drill, holds
from daemon.drills.program import Line
from daemon.drills.stage import Stage
from daemon.simulation.oracle import Invariant

_NOTICED_S: Final = 20.0  # host seconds in which a half-open connection must be found
_MOST_GROWTH_KB: Final = 64 << 10
_RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+) kB")
_QUICK_ALERT: Final = {"ib": {"alert_after_s": 10}}  # host seconds; 30 by default
_OUTAGE: Final = ("connection.lost", "connection.interrupted")


async def _half_open(stage: Stage) -> None:
    await stage.up()
    since = stage.mark()
    number = await stage.fault("half_open")
    began = stage.host_s
    await stage.until(lambda: not stage.relay.connected, "the daemon to give the connection up", within_s=60)
    took = stage.host_s - began
    stage.tell(f"the daemon gave the silent connection up after {took:.1f} s")
    stage.check(
        Invariant.READY_BEFORE_OPENING, f"found after {took:.1f} s (≤ {_NOTICED_S:g} s)", held=took <= _NOTICED_S
    )
    await stage.heal(number)
    await stage.log("startup.completed", since=since)
    await stage.alert(*_OUTAGE)


async def _reset_mid_frame(stage: Stage) -> None:
    await stage.up()
    for message, cut_at in (("execDetails", 1), ("execDetails", 40), ("orderStatus", 9), ("openOrder", 100)):
        since = stage.mark()
        await stage.fault("close_inside_frame", message=message, after_bytes=cut_at, how="rst", count=1)
        await stage.log("startup.completed", since=since)
        stage.tell(f"reset after byte {cut_at} of {message}; in step again")
        await stage.fills(1)


async def _gateway_restart(stage: Stage) -> None:
    await stage.up(fills=4)
    used = max(order.order_id for order in stage.relay.passed)
    stage.relay.gateway_port = 0
    await stage.gateway.program.kill()
    stage.tell("the gateway is killed")
    since = stage.mark()
    await stage.gateway.start()
    await stage.fault("next_valid_id_back", to=1)
    stage.relay.gateway_port = stage.gateway.port
    await stage.log("startup.completed", since=since)
    stage.tell("it is back, offers order ids from 1 again, and the daemon is in step")
    new = (await stage.order()).order_id
    stage.check(Invariant.ONE_ORDER, f"order ids up to {used} were used, the next one is {new}", held=new > used)


async def _upstream_lost(stage: Stage, *, restored: int) -> None:
    await stage.up()
    since = stage.mark()
    await stage.fault("upstream_lost", restored=restored, lasting="60s")
    lost = await _notice(stage, 1100, since)
    back = await _notice(stage, restored, since)
    await stage.log("startup.completed", since=since)
    stage.tell(f"{restored}: IB is back, and everything was compared again")
    _nothing_opened(stage, lost, back)
    since = stage.mark()
    await stage.log("bar.completed", since=since, count=4)
    stage.tell("bars come again")


async def _upstream_lost_1101(stage: Stage) -> None:
    await _upstream_lost(stage, restored=1101)


async def _upstream_lost_1102(stage: Stage) -> None:
    await _upstream_lost(stage, restored=1102)


async def _fills_while_lost(stage: Stage) -> None:
    await stage.up()
    since = stage.mark()
    await stage.fault("upstream_lost", restored=1102, reports="lost", when={"fill": 1}, lasting="60s")
    lost = await _notice(stage, 1100, since)
    stage.tell("1100 in the middle of an order: its executions are never told")
    back = await _notice(stage, 1102, since)
    done = await stage.log("startup.completed", since=since)
    told = await stage.log("reconciliation.completed", since=stage.place(lost))
    found = int(told["facts_recovered"])
    stage.tell(f"1102: {found} facts were asked for and booked")
    stage.check(Invariant.EACH_EXECUTION_ONCE, f"{found} facts of the outage were recovered", held=found > 0)
    _nothing_opened(stage, lost, back if stage.place(back) > stage.place(done) else done)


async def _notice(stage: Stage, code: int, since: int) -> Line:
    """Return the line that tells of a notice of this code."""

    def look() -> Line | None:
        return next((line for line in stage.daemon.said("connection.noticed", since) if line["code"] == code), None)

    return await stage.until(look, f"notice {code}")


def _nothing_opened(stage: Stage, first: Line, last: Line) -> None:
    opened = stage.opened(stage.place(first), stage.place(last))
    told = f"{len(opened)} orders opened a position while IB was lost"
    stage.check(Invariant.READY_BEFORE_OPENING, told, held=not opened)


async def _client_id_busy(stage: Stage) -> None:
    await stage.up()
    stage.relay.lingers = True
    await stage.daemon.kill()
    stage.tell("the daemon is killed, and the gateway does not hear of it: for it the client id is in use")
    before = len(stage.relay.passed)
    await stage.start_daemon()
    refused = await stage.log("connection.failed")
    stage.tell(f"{refused['cause']}")
    stage.check(Invariant.RECOVERS, f"told with a cure: {refused['cure']}", held="326" in refused["cause"])
    attempts = _refusals(stage)
    await stage.pause(3)
    tried = _refusals(stage) - attempts
    stage.check(Invariant.BOUNDED, f"{tried} more attempts in 3 s, with growing pauses", held=0 < tried <= 8)
    stage.check(Invariant.READY_BEFORE_OPENING, "no order left meanwhile", held=len(stage.relay.passed) == before)
    stage.relay.let_go()
    stage.tell("the old connection ends")
    await stage.in_step()


def _refusals(stage: Stage) -> int:
    return stage.gateway.program.text().count("client.refused")


async def _silent_streams(stage: Stage) -> None:
    await stage.up()
    number = await stage.fault("stream_stalled")
    since = stage.mark()
    await stage.alert(*_OUTAGE)
    opened = stage.opened(since)
    late = [ref for ref in opened if _decided_without_data(stage, ref)]
    stage.check(Invariant.READY_BEFORE_OPENING, "nothing was opened on data that had stopped", held=not late)
    await stage.heal(number)


def _decided_without_data(stage: Stage, order_ref: str) -> bool:
    """Return whether an order was decided on a quote that was older than the limit of 5 s."""
    found = stage.rows(
        "SELECT 1 FROM intent JOIN arrival_quote USING (order_ref) WHERE order_ref = ? "
        "AND julianday(intent.at) - julianday(quote_at) > 5.0 / 86400",
        order_ref,
    )
    return bool(found)


async def _login_waits(stage: Stage) -> None:
    await stage.up()
    number = await stage.fault("version_only")
    since = stage.mark()
    await stage.fault("disconnect")
    before = len(stage.relay.passed)
    await stage.alert("connection.lost")
    sent = len(stage.relay.passed) - before
    stage.check(Invariant.READY_BEFORE_OPENING, f"{sent} orders left while the login waited", held=not sent)
    await stage.heal(number)
    await stage.log("startup.completed", since=since)


async def _no_end(stage: Stage) -> None:
    await stage.up()
    number = await stage.fault("message_dropped", message="openOrderEnd", answers=True)
    since = stage.mark()
    await stage.fault("disconnect")
    failed = await stage.until(lambda: _incomplete(stage, since), "an attempt that is given up")
    stage.tell(f"{failed['cause']}")
    await stage.pause(4)
    sent = stage.opened(since)
    stage.check(Invariant.READY_BEFORE_OPENING, f"{len(sent)} orders left without a complete list", held=not sent)
    in_step = stage.daemon.said("startup.completed", since)
    stage.check(Invariant.READY_BEFORE_OPENING, "the daemon did not take itself to be in step", held=not in_step)
    await stage.heal(number)
    await stage.log("startup.completed", since=since)


def _incomplete(stage: Stage, since: int) -> Line | None:
    """Return the line that tells that an answer was not complete."""
    failed = [*stage.daemon.said("connection.failed", since), *stage.daemon.said("startup.failed", since)]
    return next((line for line in failed if "no complete answer" in str(line)), None)


async def _hostile_frames(stage: Stage) -> None:
    await stage.up()
    before = _resident_kb(stage)
    for part in ("length", "cut", "number", "bytes"):
        await stage.fault("frame_corrupted", part=part, count=5, message="tickPrice" if part == "bytes" else None)
        await stage.fills(2)
        stage.tell(f"frames with a wrong {part}: the daemon trades on")
    growth = _resident_kb(stage) - before
    stage.check(
        Invariant.BOUNDED,
        f"memory grew by {growth / 1024:.0f} MB (≤ {_MOST_GROWTH_KB >> 10} MB)",
        held=growth <= _MOST_GROWTH_KB,
    )


def _resident_kb(stage: Stage) -> int:
    found = _RESIDENT.search(Path(f"/proc/{stage.daemon.process.pid}/status").read_text())
    return int(found[1]) if found is not None else 0


DRILLS: Final = (
    Drill(
        name="half-open",
        rows=(7,),
        goes_wrong="The network path dies without a word: the connection stays open, and nothing comes through.",
        injected="gateway fault half_open; heartbeats as configured by default",
        holds=holds("ABCDEH"),
        play=_half_open,
        settings={"ib": {"heartbeat_s": 6}},
    ),
    Drill(
        name="reset-mid-frame",
        rows=(8,),
        goes_wrong="The connection is reset in the middle of what the gateway says about an order.",
        injected="gateway fault close_inside_frame with a reset, at four places",
        holds=holds("ABCDE"),
        play=_reset_mid_frame,
    ),
    Drill(
        name="gateway-restart",
        rows=(9,),
        goes_wrong="The gateway dies, comes back, and gives out order ids again that were used before.",
        injected="SIGKILL of the gateway, then its fault next_valid_id_back",
        holds=holds("ABCDE"),
        play=_gateway_restart,
    ),
    Drill(
        name="upstream-lost-1101",
        rows=(10,),
        goes_wrong="The gateway loses IB and gets it back without the subscriptions.",
        injected="gateway fault upstream_lost, restored by 1101",
        holds=holds("ABCDE"),
        play=_upstream_lost_1101,
    ),
    Drill(
        name="upstream-lost-1102",
        rows=(10,),
        goes_wrong="The gateway loses IB and gets it back with everything in place.",
        injected="gateway fault upstream_lost, restored by 1102",
        holds=holds("ABCDE"),
        play=_upstream_lost_1102,
    ),
    Drill(
        name="fills-while-lost",
        rows=(11,),
        goes_wrong="An order fills while the gateway has lost IB, and nobody tells of it afterwards.",
        injected="gateway fault upstream_lost at an execution, its reports lost",
        holds=holds("ABCDE"),
        play=_fills_while_lost,
    ),
    Drill(
        name="client-id-busy",
        rows=(12,),
        goes_wrong="The gateway takes the daemon's old connection to be alive and refuses the new one with 326.",
        injected="SIGKILL, while the relay keeps the old connection to the gateway open",
        holds=holds("ABCDEFR"),
        play=_client_id_busy,
    ),
    Drill(
        name="stale-quotes",
        rows=(13,),
        goes_wrong="The gateway is connected and answers, but quotes and bars have stopped.",
        injected="gateway fault stream_stalled",
        holds=holds("ABCDEH"),
        play=_silent_streams,
        settings=_QUICK_ALERT,
    ),
    Drill(
        name="login-waits",
        rows=(13,),
        goes_wrong="The gateway takes connections, but waits for a login and answers nothing.",
        injected="gateway fault version_only after a disconnect",
        holds=holds("ABCDEH"),
        play=_login_waits,
        settings=_QUICK_ALERT,
    ),
    Drill(
        name="snapshot-without-end",
        rows=(22,),
        goes_wrong="The gateway's list of orders never ends, so that nobody knows whether it is complete.",
        injected="gateway fault message_dropped for openOrderEnd after a disconnect",
        holds=holds("ABCDE"),
        play=_no_end,
    ),
    Drill(
        name="hostile-frames",
        rows=(23,),
        goes_wrong="Frames arrive damaged: a length of two gigabytes, half of a message, no message number.",
        injected="gateway fault frame_corrupted in four forms",
        holds=holds("ABCDEF"),
        play=_hostile_frames,
    ),
)
