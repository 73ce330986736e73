"""The connection breaks within a message, is gone while a person asks, or comes back with other order ids."""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.domain.errors import ConfigError
from daemon.ports import Broker
from tests.fakes.cutting_proxy import PLACE_ORDER, Cut, CuttingProxy, cutting_proxy
from tests.fakes.daemon_stage import Stage, held_gateway, trading

EXECUTION, STATUS, OPEN_ORDER, COMMISSION = b"11", b"3", b"5", b"59"


async def until_cut(stage: Stage, proxy: CuttingProxy, *, minutes: int = 8) -> None:
    """Let the market run until the cut that was asked for is made, and the daemon is in step again."""
    for _ in range(2 * minutes):
        if proxy.to_gateway is None and proxy.to_daemon is None:
            break
        await stage.advance(30)
    assert proxy.to_gateway is None
    assert proxy.to_daemon is None
    await stage.in_step()


def offsets_of(length: int, few: Sequence[int]) -> Sequence[int]:
    """Return the bytes after which a frame of that length is cut; `make faults` asks for every one."""
    return range(1, length) if os.environ.get("TEST_EVERY_OFFSET") else few


async def test_reset_within_news_of_an_order_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with cutting_proxy(gateway.port) as proxy, trading(gateway, tmp_path, port=proxy.port) as stage:
            await stage.advance(60)
            whole = dict(proxy.lengths)
            cuts = [Cut(EXECUTION, offset) for offset in offsets_of(whole[EXECUTION], (1, 4, whole[EXECUTION] // 2))]
            cuts += [Cut(STATUS, 5), Cut(OPEN_ORDER, whole[OPEN_ORDER] // 2), Cut(COMMISSION, whole[COMMISSION] - 1)]
            for cut in cuts:
                proxy.to_daemon = cut
                await until_cut(stage, proxy)
            assert proxy.cuts == len(cuts)
            assert stage.status()["connection"]["reconnects"] == len(cuts)
            await stage.advance(60)
            assert set(proxy.orders.values()) == {1}
            assert set(Counter(row["exec_id"] for row in stage.books.rows("fill")).values()) == {1}
            await stage.agree()


@pytest.mark.parametrize("after", offsets_of(190, (4, 150)))
async def test_reset_within_an_order_sends_it_never_again(tmp_path: Path, after: int) -> None:
    """Nobody can tell whether such an order arrived: it stays in doubt until the broker has shown what became of it."""
    with held_gateway() as gateway:
        async with cutting_proxy(gateway.port) as proxy, trading(gateway, tmp_path, port=proxy.port) as stage:
            await stage.advance(2)
            proxy.to_gateway = Cut(PLACE_ORDER, after)
            await until_cut(stage, proxy)
            assert proxy.cuts == 1
            assert proxy.lengths[PLACE_ORDER] > after
            await stage.advance(60)
            lost = set(stage.states()) - {row["order_ref"] for row in gateway.ledger.orders}
            assert lost
            for ref in lost:
                assert "UNKNOWN" in stage.states()[ref]
                assert stage.states()[ref][-1] not in {"FILLED", "CANCELLED", "REJECTED"}
            assert set(proxy.orders.values()) <= {1}
            await stage.agree()
        async with trading(gateway, tmp_path) as stage:  # nor does the next start send it
            await stage.advance(120)
            assert {row["order_ref"] for row in gateway.ledger.orders} & lost == set()
            await stage.agree()


async def test_order_ids_that_are_issued_again_are_not_used_again(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.advance(120)
            await stage.fault("next_valid_id_back", to=1)
            for wanted in range(1, 4):

                def is_back(wanted: int = wanted) -> bool:
                    return bool(stage.status()["connection"]["reconnects"] >= wanted)

                await stage.fault("gateway_restart", lasting="200ms")
                await stage.until(is_back, "another connection")
                await stage.advance(90)
            await stage.agree()  # no id twice, each reference once
            used = len(stage.states())
        async with trading(gateway, tmp_path) as stage:  # the fault goes on: the journal knows better than the gateway
            await stage.advance(180)
            assert len(stage.states()) > used
            await stage.agree()


async def test_symbol_that_was_known_before_is_waited_for(tmp_path: Path) -> None:
    """IB answers 200 while its farm of definitions is away: that must not end the daemon of an open position."""
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.advance(90)
        await stage.fault("contract_unknown")
        async with trading(gateway, tmp_path) as stage:
            await stage.until(lambda: stage.status()["connection"]["up"], "the connection")
            await asyncio.sleep(0.5)
            assert not stage.status()["health"]["synchronised"]
            await stage.heal()
            await stage.in_step()
            await stage.advance(60)
            await stage.agree()


async def test_symbol_that_nobody_ever_knew_ends_the_start(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        await asyncio.to_thread(gateway.faults.start, "contract_unknown")
        with pytest.raises(ExceptionGroup) as ended:
            async with trading(gateway, tmp_path) as stage:
                await stage.in_step()
        assert ended.group_contains(ConfigError, match="symbol SPY is no US stock that IB knows")


async def test_orders_are_never_changed_but_cancelled_and_decided_on_anew(tmp_path: Path) -> None:
    """A change that is lost, or comes twice, leaves terms that nobody knows: paperd has no way to send one."""
    assert {name for name in vars(Broker) if not name.startswith("_")} == {
        "account", "acknowledge_instant", "account_values", "cancel", "client_id", "is_connected", "raise_order_id",
        "renew", "reserve_order_id", "snapshot", "submit",
    }  # fmt: skip
    with held_gateway() as gateway:
        async with (
            cutting_proxy(gateway.port) as proxy,
            trading(gateway, tmp_path, port=proxy.port, execution={"order_timeout_s": 3}) as stage,
        ):
            await stage.fault("partial_fills", smallest=1, largest=12)  # orders stay open, and are cancelled
            await stage.fault("cancel_refused", share=0.3)
            for _ in range(5):
                await stage.advance(60)
            assert stage.books.count("order_event", "state = 'PENDING_CANCEL'") >= 4
            assert len(proxy.orders) >= 6
            assert set(proxy.orders.values()) == {1}  # a second PlaceOrder of an id would be a change


async def test_word_of_a_person_while_disconnected_is_taken_and_sends_nothing(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.advance(60)
            await stage.fault("connects_refused")
            await stage.fault("disconnect")
            await stage.until(lambda: not stage.status()["connection"]["up"], "the connection to be gone")
            orders = len(gateway.ledger.orders)
            assert await stage.daemon.control.pause("ann") == {"state": "PAUSED", "strategy": None, "waiting": False}
            assert len(stage.books.rows("control_action")) == 1  # at once, although nothing is worked off
            assert stage.status()["health"]["synchronised"] is False
            await stage.heal()
            for _ in range(4):
                await stage.advance(60)
            (paused,) = stage.books.rows("control_action")
            assert (paused["state"], paused["who"]) == ("PAUSED", "ann")
            assert stage.books.rows("intent", f"seq > {paused['seq']} AND reduces = 0") == []
            assert (await stage.daemon.control.resume("ann"))["state"] == "RUNNING"
            for _ in range(3):
                await stage.advance(60)
            assert len(gateway.ledger.orders) > orders
            await stage.agree()
