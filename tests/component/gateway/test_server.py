"""The server around the market: handshakes, lockstep, restarts, several clients and hostile ones."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap"

import asyncio
import struct
from pathlib import Path

import pytest
from ib_insync import IB, LimitOrder, MarketOrder

from daemon.domain.errors import ConfigError
from daemon.gateway.ledger import ExecutionRow, Ledger, LedgerBroken
from daemon.gateway.options import GatewayOptions
from daemon.gateway.server import GatewayServer
from daemon.gateway.wire.framing import FrameReader
from tests.fakes.gateway_stage import DAY, PATIENCE_S, SECOND, SESSION, Events, SteppedIB, client, serving, stock
from tests.fakes.tiny_market import TinyMarket

OPEN_US = SESSION.open_s * SECOND


def frame(*fields: object) -> bytes:
    payload = b"".join(str(field).encode() + b"\0" for field in fields)
    return struct.pack(">I", len(payload)) + payload


class Raw:
    """A client made of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._frames = FrameReader()
        self.seen: list[list[str]] = []

    @classmethod
    async def open(cls, port: int, versions: str = "v157..176") -> "Raw":
        raw = cls(*await asyncio.open_connection("127.0.0.1", port))
        raw.writer.write(b"API\0" + struct.pack(">I", len(versions)) + versions.encode())
        return raw

    async def until(self, wanted: str) -> list[str]:
        """Return the next frame whose id, or whose error code, is `wanted`."""
        while True:
            while self.seen:
                fields = self.seen.pop(0)
                if fields[0] == wanted or (fields[0] == "4" and fields[3] == wanted):
                    return fields
            data = await asyncio.wait_for(self.reader.read(65536), PATIENCE_S)
            assert data, f"closed before {wanted}"
            self.seen.extend(self._frames.feed(data))

    async def start(self, client_id: int = 9, capabilities: str = "") -> "Raw":
        data = await asyncio.wait_for(self.reader.read(4096), PATIENCE_S)
        self.hello = self._frames.feed(data)[0]
        self.writer.write(frame(71, 2, client_id, capabilities))
        await self.until("9")
        return self

    async def closed(self) -> bool:
        """Return whether the server ends the connection."""
        try:
            while await asyncio.wait_for(self.reader.read(65536), PATIENCE_S):
                pass
        except ConnectionResetError:
            return True
        return True

    def close(self) -> None:
        self.writer.close()


@pytest.mark.parametrize(
    ("offered", "agreed"), [("v157..176", "176"), ("v100..157", "157"), ("v157..178", "176"), ("v157..158", "157")]
)
async def test_version_is_negotiated_and_the_time_names_the_simulator(offered: str, agreed: str) -> None:
    async with serving() as gateway:
        raw = await (await Raw.open(gateway.port, offered)).start()
        assert raw.hello == [agreed, "20240305 09:30:00 PAPERD"]
        raw.close()


@pytest.mark.parametrize(
    "first", [b"63\0" * 3, b"API\0" + struct.pack(">I", 9) + b"v100..156", b"GET / HTTP/1.1\r\n\r\n"]
)
async def test_other_handshakes_are_closed(first: bytes) -> None:
    async with serving() as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(first)
        assert await Raw(reader, writer).closed()
        writer.close()


async def test_client_id_in_use_is_told_326_and_closed() -> None:
    async with serving() as gateway, client(gateway.port, 1) as ib:
        raw = await Raw.open(gateway.port)
        await raw.reader.readexactly(4)
        raw.writer.write(frame(71, 2, 1, ""))
        assert await raw.closed()
        raw.close()
        await ib.advance(1)
        assert gateway.log.named("client.refused")


async def test_hostile_frames_get_an_error_or_a_close_and_nobody_else_notices() -> None:
    async with serving() as gateway, client(gateway.port, 1) as ib:
        raw = await (await Raw.open(gateway.port)).start()
        raw.writer.write(frame(777, 1))
        await raw.until("505")
        raw.writer.write(frame(20, 5, "x"))
        assert (await raw.until("320"))[2] == "5"
        raw.writer.write(frame("nonsense"))
        await raw.until("320")
        raw.writer.write(frame(1, 11, 7, "1e99", *[""] * 11, 0, "", 0, 0, ""))
        await raw.until("320")
        raw.writer.write(frame(17, 1))
        await raw.until("15")
        raw.writer.write(struct.pack(">I", 0x7FFFFFFF) + b"rest")
        assert await raw.closed()
        raw.close()
        await ib.advance(2)
        assert gateway.log.named("client.dropped")


async def test_split_frames_are_put_together() -> None:
    async with serving() as gateway:
        raw = await (await Raw.open(gateway.port)).start()
        for byte in frame(17, 1):
            raw.writer.write(bytes([byte]))
            await raw.writer.drain()
        await raw.until("15")
        raw.close()


async def test_a_client_that_never_reads_is_dropped_alone() -> None:
    async with serving(write_buffer_bytes=200_000) as gateway, client(gateway.port, 1) as ib:
        raw = await (await Raw.open(gateway.port)).start()
        raw.writer.transport.pause_reading()
        for req_id in range(60):
            raw.writer.write(
                frame(
                    20,
                    req_id,
                    0,
                    "AAA",
                    "STK",
                    "",
                    "0.0",
                    "",
                    "",
                    "SMART",
                    "",
                    "USD",
                    "",
                    "",
                    0,
                    "",
                    "5 secs",
                    "5 D",
                    1,
                    "TRADES",
                    2,
                    0,
                    "",
                )
            )
        while not gateway.log.named("client.dropped"):
            await ib.advance(1)
        assert gateway.log.named("client.dropped")[0]["reason"] == "client does not read"
        raw.close()


async def test_market_holds_until_the_first_answer_and_steps_carry_microseconds() -> None:
    async with serving() as gateway:
        raw = await (await Raw.open(gateway.port)).start(capabilities="paperd-lockstep")
        assert await raw.until("49") == ["49", "1", str(OPEN_US)]
        raw.writer.write(frame(9, 8, 3, 0, "AAA", "STK", "", 0.0, "", "", "SMART", "", "USD", "", "", 0, "", "", ""))
        await raw.until("52")
        assert gateway.server.market_us == OPEN_US
        for second in range(1, 4):
            raw.writer.write(frame(49, 1))
            assert (await raw.until("49"))[2] == str(OPEN_US + second * SECOND)
        raw.close()


async def test_other_clients_get_seconds_and_run_at_speed() -> None:
    async with serving(speed=600) as gateway:
        free = IB()
        await free.connectAsync("127.0.0.1", gateway.port, clientId=4, timeout=PATIENCE_S)
        bars = free.reqRealTimeBars(stock(), 5, "TRADES", useRTH=True)
        await asyncio.wait_for(bars.updateEvent, PATIENCE_S)
        now = await free.reqCurrentTimeAsync()
        assert SESSION.open <= now <= SESSION.close
        free.disconnect()


async def test_a_silent_lockstep_client_is_left_behind_and_taken_back() -> None:
    async with serving(answer_timeout_s=0.2) as gateway:
        raw = await (await Raw.open(gateway.port)).start(capabilities="paperd-lockstep")
        await raw.until("49")
        raw.writer.write(frame(49, 1))
        first = await raw.until("49")
        while gateway.server.market_us < int(first[2]) + 5 * SECOND:  # noqa: ASYNC110 - its time has no event
            await asyncio.sleep(0)
        assert gateway.log.named("lockstep.lost")
        raw.writer.write(frame(49, 1))
        caught_up = int((await raw.until("49"))[2])
        assert caught_up > int(first[2]) + 5 * SECOND
        assert gateway.server.market_us == caught_up
        raw.close()


async def test_an_order_at_the_oldest_protocol_version() -> None:
    async with serving(server_version=157) as gateway, client(gateway.port) as ib:
        assert ib.client.serverVersion() == 157
        ticker = ib.reqMktData(stock())
        trade = ib.placeOrder(stock(), MarketOrder("BUY", 90, orderRef="old"))
        await ib.advance(3)
        assert trade.orderStatus.status == "Filled"
        assert ticker.bidSize > 0


async def test_market_stands_still_without_clients() -> None:
    async with serving() as gateway:
        async with client(gateway.port) as ib:
            await ib.advance(3)
        raw = await (await Raw.open(gateway.port)).start(capabilities="paperd-lockstep")
        assert (await raw.until("49"))[2] == str(OPEN_US + 3 * SECOND)
        raw.close()


async def story(path: Path) -> list[ExecutionRow]:
    async with serving(state_path=path) as gateway:
        async with client(gateway.port) as ib:
            ib.reqMktData(stock())
            for number in range(20):
                side = "BUY" if number % 3 else "SELL"
                ib.placeOrder(
                    stock("AAA" if number % 2 else "BBB"), MarketOrder(side, 50 + number, orderRef=f"r{number}")
                )
                await ib.advance(number % 4 + 0.5)
        return gateway.server.broker.executions


async def test_two_lockstep_runs_have_identical_books(tmp_path: Path) -> None:
    first, second = await story(tmp_path / "1.db"), await story(tmp_path / "2.db")
    assert len(first) > 20
    assert first == second
    books = [Ledger.open_readonly(tmp_path / name) for name in ("1.db", "2.db")]
    assert books[0].executions() == books[1].executions() == first
    assert books[0].orders() == books[1].orders()
    assert books[0].positions() == books[1].positions()
    assert books[0].cash() == books[1].cash()
    for book in books:
        book.close()


async def test_everything_survives_a_stop_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        ib.placeOrder(stock(), MarketOrder("BUY", 100, orderRef="a"))
        ib.placeOrder(stock(), LimitOrder("BUY", 7, 100.03, tif="GTC", orderRef="b"))
        ib.placeOrder(stock("BBB"), LimitOrder("BUY", 7, 1.0, orderRef="c"))
        await ib.advance(3)
        stopped_us, next_id = ib.now_us, ib.client.getReqId()
        valued = gateway.server.broker.valuation()
    async with serving(state_path=path, start=None) as gateway, client(gateway.port) as ib:
        assert ib.now_us == stopped_us
        assert gateway.server.broker.valuation() == valued
        assert {trade.order.orderRef for trade in ib.openTrades()} == {"b", "c"}
        assert ib.positions()[0].position == 100
        assert ib.client.getReqId() < next_id + 50
        (ended,) = [trade for trade in ib.openTrades() if trade.order.orderRef == "c"]
        ib.cancelOrder(ended.order)
        await ib.advance_to((SESSION.close_s + 10) * SECOND)
        done = {trade.order.orderRef: trade.orderStatus.status for trade in await ib.reqCompletedOrdersAsync(True)}
        assert done["c"] == "Cancelled"
        ids = [row.exec_id for row in gateway.server.broker.executions]
        assert len(ids) == len(set(ids))


async def test_books_of_another_account_or_kind_are_refused(tmp_path: Path) -> None:
    async with serving(state_path=tmp_path / "gateway.db"):
        pass
    with pytest.raises(LedgerBroken, match="DU1234567"):
        GatewayServer(
            GatewayOptions(account="DU2", start=DAY, state_path=tmp_path / "gateway.db"), TinyMarket(), Events().take
        )
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at " * 20)
    with pytest.raises(LedgerBroken):
        Ledger.open(tmp_path / "text.db")
    with pytest.raises(ConfigError, match="start"):
        GatewayServer(GatewayOptions(), TinyMarket(), Events().take)


def test_steps_are_for_those_who_ask() -> None:
    assert SteppedIB().client.optCapab == "paperd-lockstep"
