"""Drills in which the broker treats orders and executions badly."""

from typing import Final

from daemon.drills.drill import Drill, holds
from daemon.drills.relay import Passed
from daemon.drills.stage import Stage
from daemon.simulation.oracle import Invariant

_ENDED: Final = frozenset({"FILLED", "CANCELLED", "REJECTED"})
_ORDER_NEWS: Final = ("openOrder", "orderStatus", "execDetails", "commissionReport")


async def _swallowed(stage: Stage) -> None:
    await stage.up()
    await stage.fault("request_swallowed", request="PlaceOrder", count=1)
    lost = await stage.order()
    stage.tell(f"{lost.order_ref} left, and the gateway never saw it")
    await stage.until(lambda: "UNKNOWN" in stage.states(lost.order_ref), "UNKNOWN", within_s=30)
    states = stage.states(lost.order_ref)
    stage.tell(f"its states: {', '.join(states)}")
    again = [order for order in stage.relay.passed if order.order_ref == lost.order_ref]
    stage.check(Invariant.ONE_ORDER, "the lost order is UNKNOWN and was not sent again", held=len(again) == 1)


async def _told_twice(stage: Stage) -> None:
    await stage.up()
    for message in _ORDER_NEWS:
        await stage.fault("message_duplicated", message=message, copies=2)
    await stage.fills(4)
    stage.tell("four executions, everything told three times")


async def _told_in_another_order(stage: Stage) -> None:
    await stage.up()
    for message in _ORDER_NEWS:
        await stage.fault("message_reordered", message=message)
    await stage.fault("message_delayed", message="orderStatus", by="3s", share=0.5)
    await stage.fault("message_delayed", message="openOrder", by="2s", share=0.5)
    await stage.fills(4)
    stage.tell("four executions, told out of order")


async def _corrected(stage: Stage) -> None:
    await stage.up()
    await stage.fault("execution_corrected", count=1, by="5s", change=0.05)
    found = await stage.until(
        lambda: stage.rows("SELECT exec_id, replaces, price FROM fill WHERE replaces IS NOT NULL"), "a correction"
    )
    first, latest = found[0]["replaces"], found[0]["exec_id"]
    stage.tell(f"execution {first} was replaced by {latest} at {found[0]['price']}")
    stage.check(
        Invariant.EACH_EXECUTION_ONCE, f"version {latest[-3:]} counts, {first[-3:]} does not", held=latest > first
    )


async def _fill_before_ack(stage: Stage) -> None:
    await stage.up()
    await stage.fault("fill_order", place="before_acknowledgement")
    await stage.fills(4)
    stage.tell("four executions came before anything else was said of their orders")


async def _partial_then_cancel(stage: Stage) -> None:
    await stage.up()
    await stage.fault("partial_fills", smallest=1, largest=5)
    await stage.fault("cancel_late", by="10s")
    order = await stage.until(lambda: _cut_short(stage), "an order that filled in part and was cancelled", within_s=30)
    stage.tell(f"{order} filled in part, its cancel came late: {', '.join(stage.states(order))}")
    await stage.until(lambda: stage.states(order)[-1] in _ENDED, "its end", within_s=30)
    held = stage.rows("SELECT count(*) AS n FROM fill WHERE order_ref = ?", order)[0]["n"]
    stage.check(
        Invariant.EACH_EXECUTION_ONCE, f"its {held} executions stand, what was left is cancelled", held=held > 0
    )


def _cut_short(stage: Stage) -> str | None:
    found = stage.rows(
        "SELECT order_ref FROM order_event WHERE state = 'PENDING_CANCEL' "
        "AND order_ref IN (SELECT order_ref FROM fill) ORDER BY seq"
    )
    return str(found[0]["order_ref"]) if found else None


async def _fill_after_cancelled(stage: Stage) -> None:
    await stage.up()
    await stage.fault("order_cancelled", count=1)
    await stage.fault("fill_after_cancel", count=1, by="30s", part=1)
    cancelled = await stage.until(
        lambda: stage.rows("SELECT order_ref FROM order_event WHERE state = 'CANCELLED'"), "a cancelled order"
    )
    ref = str(cancelled[0]["order_ref"])
    stage.tell(f"{ref} is reported as cancelled")
    await stage.until(lambda: stage.rows("SELECT 1 FROM fill WHERE order_ref = ?", ref), "its late execution")
    stage.tell(f"its execution comes after all: {', '.join(stage.states(ref))}")
    stage.check(Invariant.EACH_EXECUTION_ONCE, "the late execution is booked", held=True)
    await stage.alert("order.filled_late")


def _refusal(code: int) -> "Drill":
    async def play(stage: Stage) -> None:
        await stage.up()
        before = len(stage.relay.passed)
        await stage.fault("order_refused", code=code)
        first = await stage.order()
        await stage.until(lambda: stage.states(first.order_ref)[-1] == "REJECTED", "its rejection")
        stage.tell(f"{first.order_ref} was refused with {code}")
        since = stage.mark()
        await stage.log("bar.completed", since=since, count=4)
        tried = [order for order in stage.relay.passed[before:] if order.order_ref == first.order_ref]
        stage.check(Invariant.ONE_ORDER, f"the order refused with {code} was sent once", held=len(tried) == 1)
        stage.check(
            Invariant.ONE_ORDER,
            "each order has its own decision",
            held=_each_from_a_bar(stage, stage.relay.passed[before:]),
        )

    return Drill(
        name=f"reject-{code}",
        rows=(21,),
        goes_wrong=f"The broker refuses every order with error {code}.",
        injected=f"gateway fault order_refused, code {code}",
        holds=holds("ABCDE"),
        play=play,
    )


def _each_from_a_bar(stage: Stage, orders: list[Passed]) -> bool:
    """Return whether no two orders stand for one decision."""
    decided = [
        row["decision_id"]
        for order in orders
        for row in stage.rows("SELECT decision_id FROM intent WHERE order_ref = ?", order.order_ref)
    ]
    return len(decided) == len(set(decided)) == len(orders)


DRILLS: Final = (
    Drill(
        name="order-swallowed",
        rows=(14,),
        goes_wrong="An order is lost on its way into the gateway, which never says a word about it.",
        injected="gateway fault request_swallowed for one order",
        holds=holds("ABCDE"),
        play=_swallowed,
        leaves_doubt=True,
    ),
    Drill(
        name="duplicate-callbacks",
        rows=(15,),
        goes_wrong="Everything that the gateway says about orders comes three times.",
        injected="gateway fault message_duplicated for the four messages about orders",
        holds=holds("ABCDE"),
        play=_told_twice,
    ),
    Drill(
        name="reordered-callbacks",
        rows=(15,),
        goes_wrong="What the gateway says about orders comes late and in another order.",
        injected="gateway faults message_reordered and message_delayed",
        holds=holds("ABCDE"),
        play=_told_in_another_order,
    ),
    Drill(
        name="execution-correction",
        rows=(16,),
        goes_wrong="The exchange corrects the price of an execution after it was booked.",
        injected="gateway fault execution_corrected: the id ends with .02, then holds",
        holds=holds("ABCDE"),
        play=_corrected,
    ),
    Drill(
        name="fill-before-ack",
        rows=(17,),
        goes_wrong="Executions are told before the gateway has acknowledged their order.",
        injected="gateway fault fill_order",
        holds=holds("ABCDE"),
        play=_fill_before_ack,
    ),
    Drill(
        name="partial-then-cancel",
        rows=(18,),
        goes_wrong="An order fills in part, is cancelled, and the cancel takes so long that more fills come.",
        injected="gateway faults partial_fills and cancel_late",
        holds=holds("ABCDE"),
        play=_partial_then_cancel,
        settings={"execution": {"order_timeout_s": 4}},
    ),
    Drill(
        name="fill-after-cancelled",
        rows=(19,),
        goes_wrong="An order is reported as cancelled, and half a minute later as executed.",
        injected="gateway faults order_cancelled and fill_after_cancel",
        holds=holds("ABCDEH"),
        play=_fill_after_cancelled,
    ),
    *(_refusal(code) for code in (201, 110, 460)),
)
