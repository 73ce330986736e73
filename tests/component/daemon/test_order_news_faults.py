"""What the gateway says about orders comes twice, late, in another order, or is not what one expects."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fakes.daemon_stage import Stage, held_gateway, trading

NEWS = ("openOrder", "orderStatus", "execDetails", "commissionReport")
SHORT_PATIENCE = {"order_timeout_s": 3}  # market seconds: thin books then leave orders to be cancelled
ENDED = {"FILLED", "CANCELLED", "REJECTED"}


async def minutes(stage: Stage, count: int) -> None:
    for _ in range(count):
        await stage.advance(60)


def fills_an_execution(stage: Stage) -> set[int]:
    return set(Counter(row["exec_id"] for row in stage.books.rows("fill")).values())


async def test_news_told_three_times_count_once(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            for message in NEWS:
                await stage.fault("message_duplicated", message=message, copies=2, answers=True)
            await minutes(stage, 8)
            assert stage.books.count("fill") >= 10
            assert fills_an_execution(stage) == {1}
            commissions = stage.books.rows("commission")
            assert set(Counter(row["exec_id"] for row in commissions).values()) == {1}
            await stage.agree()


async def test_shuffled_and_late_news_give_the_same_books(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            for message, late in zip(NEWS, ("1s", "4s", "2s", "3s"), strict=True):
                await stage.fault("message_reordered", message=message, share=0.5)
                await stage.fault("message_delayed", message=message, by=late, share=0.4)
                await stage.fault("message_duplicated", message=message, share=0.3)
            await minutes(stage, 8)
            await stage.heal()
            await minutes(stage, 1)
            assert stage.books.count("fill") >= 8
            assert fills_an_execution(stage) == {1}
            await stage.agree()


async def test_corrected_executions_count_at_their_latest_price(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.fault("execution_corrected", count=6, share=0.6, by="7s", change="0.25")
            await minutes(stage, 8)
            corrections = stage.books.rows("fill", "replaces IS NOT NULL")
            assert len(corrections) == 6
            first = {row["exec_id"]: row for row in stage.books.rows("fill")}
            for row in corrections:
                replaced = first[row["replaces"]]
                assert Decimal(row["price"]) != Decimal(replaced["price"])
                assert row["quantity"] == replaced["quantity"]
            await stage.agree()  # each execution once, at the price that holds, and the positions unchanged by it


@pytest.mark.parametrize("place", ["before_acknowledgement", "after_commission", "without_status"])
async def test_fill_before_the_acknowledgement_is_a_fill(tmp_path: Path, place: str) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.fault("fill_order", place=place)
            await minutes(stage, 3)
            assert stage.books.count("fill") >= 3
            filled = [states for states in stage.states().values() if "FILLED" in states]
            assert len(filled) >= 3
            for states in filled:
                assert states.index("FILLED") == len(states) - 1  # no word takes it back
            await stage.agree()


@pytest.mark.parametrize("code", [161, 10148])
async def test_cancel_that_loses_the_race_leaves_the_fills_standing(tmp_path: Path, code: int) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path, execution=SHORT_PATIENCE) as stage:
            await stage.fault("partial_fills", smallest=1, largest=12)
            await stage.fault("cancel_refused", code=code, share=0.5)
            await stage.fault("cancel_late", by="5s", share=0.5)
            await minutes(stage, 6)
            refused = stage.books.rows("order_event", f"code = {code}")
            assert refused
            assert {row["state"] for row in refused} <= {"PENDING_CANCEL", "FILLED"}  # an error proves no end
            partly = [states for states in stage.states().values() if "PARTIALLY_FILLED" in states]
            assert len(partly) >= 4
            await stage.heal()
            await minutes(stage, 2)
            ledger = {row["order_ref"]: row for row in gateway.ledger.orders}
            cancelled = {row["order_ref"]: row for row in stage.books.rows("order_event", "state = 'CANCELLED'")}
            assert cancelled
            for ref, row in cancelled.items():
                assert Decimal(row["filled"]) == Decimal(ledger[ref]["filled"])
            await stage.agree()


async def test_fill_long_after_cancelled_counts_and_is_told(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path, execution=SHORT_PATIENCE) as stage:
            await stage.fault("partial_fills", smallest=1, largest=12)
            await stage.fault("fill_after_cancel", count=3, by="30s")
            await minutes(stage, 6)
            late = [row for row in stage.books.rows("alert") if row["name"] == "order.filled_late"]
            assert len(late) == 3
            refs = {row["order_ref"] for row in stage.books.rows("fill")}
            for row in late:
                assert row["level"] == "WARNING"
                assert any(ref in row["text"] for ref in refs)
            await stage.agree()


@pytest.mark.parametrize("code", [201, 110, 460])
async def test_rejected_order_is_never_sent_again(tmp_path: Path, code: int) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.fault("order_refused", code=code)
            await minutes(stage, 5)
            await stage.advance(2)  # the last answers
            sent = stage.books.rows("order_event", "source = 'wire'")
            assert len(sent) >= 4
            assert set(Counter(row["order_ref"] for row in sent).values()) == {1}
            assert {tuple(states) for states in stage.states().values()} == {("SENDING", "REJECTED")}
            reasons = stage.books.rows("order_event", f"state = 'REJECTED' AND code = {code}")
            assert len(reasons) == len(sent)
            decided = stage.books.count("decision", "outcome = 'ORDER'")
            assert len(sent) == decided  # one order a decision of the strategy, and none besides
            assert gateway.ledger.executions == []
            await stage.heal()
            await minutes(stage, 2)
            assert stage.books.count("fill") > 0
            await stage.agree()
