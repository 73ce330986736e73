"""What the gateway never tells is found by asking it; what it never got is given up, and never sent again."""

from collections import Counter
from pathlib import Path

from tests.fakes.daemon_stage import held_gateway, trading

NEWS = ("openOrder", "orderStatus", "execDetails", "commissionReport")


async def test_executions_that_are_never_told_are_found_by_asking(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            for message in NEWS:
                await stage.fault("message_dropped", message=message)
            for _ in range(4):
                await stage.advance(60)
            reconnects = stage.status()["connection"]["reconnects"]
            assert reconnects == 0  # no new connection has brought them
            assert stage.books.count("fill") >= 4
            assert set(Counter(row["exec_id"] for row in stage.books.rows("fill")).values()) == {1}
            await stage.heal()
            await stage.advance(60)
            assert stage.status()["disputes"] == {}
            await stage.agree()


async def test_an_order_that_the_gateway_never_got_is_lost_told_and_never_sent_again(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.fault("request_swallowed", request="PlaceOrder", count=1)
            for _ in range(3):
                await stage.advance(60)
            at_gateway = {row["order_ref"] for row in gateway.ledger.orders}
            (lost,) = set(stage.states()) - at_gateway
            assert stage.states()[lost][-1] == "LOST"
            assert [row["level"] for row in stage.books.rows("alert", "name = 'order.lost'")] == ["CRITICAL"]
            assert at_gateway  # the other instrument trades on
            await stage.agree()
        async with trading(gateway, tmp_path) as stage:
            await stage.advance(60)
            assert lost not in {row["order_ref"] for row in gateway.ledger.orders}
            await stage.agree()
