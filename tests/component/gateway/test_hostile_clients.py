"""Clients that break the protocol, flood or never read: a clean close or an IB error, and nobody else notices."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined"

import asyncio
import struct
from contextlib import AsyncExitStack

import pytest

from tests.fakes.gateway_stage import PATIENCE_S, Running, client, serving, stock
from tests.fakes.raw_client import RawClient, frame

HELLO = b"API\0" + struct.pack(">I", 9) + b"v157..176"


async def closed(reader: asyncio.StreamReader) -> bytes:
    """Return what comes before the server ends the connection, by FIN or RST."""
    said = b""
    try:
        while data := await asyncio.wait_for(reader.read(1 << 16), PATIENCE_S):
            said += data
    except ConnectionResetError:
        pass
    return said


def dropped(gateway: Running, reason: str) -> bool:
    """Return whether the log says that a client was dropped for a reason, and who it was."""
    return any(
        reason in str(fields["reason"]) and str(fields["peer"]).startswith("127.0.0.1:") and "client_id" in fields
        for fields in gateway.log.named("client.dropped")
    )


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (b"63\0" * 3, "connection starts with"),
        (b"\0" * 64, "connection starts with"),
        (b"GET / HTTP/1.1\r\n\r\n", "connection starts with"),
        (b"\x16\x03\x01\x02\x00\x01", "connection starts with"),
        (b"API\0" + struct.pack(">I", 0xFFFFFFFF), "over the limit"),
        (b"API\0" + struct.pack(">I", 4) + b"\xff\xfe\0\0", "no version range"),
        (b"API\0" + struct.pack(">I", 0), "no version range"),
        (b"API\0" + struct.pack(">I", 9) + b"v100..156", "client speaks"),
        (b"API\0" + struct.pack(">I", 9) + b"v201..223", "client speaks"),
        (HELLO + struct.pack(">I", 0x01000000), "frame of 16777216 bytes"),
    ],
)
async def test_impossible_first_bytes_end_the_connection(first: bytes, reason: str) -> None:
    async with serving() as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(first)
        await closed(reader)
        writer.close()
        assert dropped(gateway, reason)


async def test_an_oversized_frame_ends_one_connection_after_its_earlier_requests() -> None:
    async with serving() as gateway, client(gateway.port) as ib, RawClient.connected(gateway.port) as raw:
        raw.writer.write(frame(17, 1) + struct.pack(">I", 0x01000000) + b"x" * 100)
        await raw.until("15")
        await raw.until("507")
        assert await closed(raw.reader) == b""
        await ib.advance(2)
        assert dropped(gateway, "over the limit")
        assert [fields["client_id"] for fields in gateway.log.named("client.dropped")] == [9]


async def test_a_connection_that_ends_within_a_frame_is_noted() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        async with RawClient.connected(gateway.port) as raw:
            raw.writer.write(frame(17, 1)[:-2])
            await raw.writer.drain()
        while not gateway.log.named("client.disconnected"):
            await ib.advance(1)
        assert dropped(gateway, "ended within a frame")


async def test_requests_before_start_api_are_refused_and_it_can_still_come() -> None:
    async with serving() as gateway, RawClient.opened(gateway.port) as raw:
        raw.send(17, 1)
        await raw.until("504")
        raw.send(71, 2, 5, "")
        await raw.until("9")
        raw.send(71, 2, 6, "")
        await raw.until("321")


@pytest.mark.parametrize("client_id", [-1, 2**31, -(2**40)])
async def test_an_impossible_client_id_is_refused(client_id: int) -> None:
    async with serving() as gateway, RawClient.opened(gateway.port) as raw:
        raw.send(71, 2, client_id, "")
        await raw.until("326")
        await closed(raw.reader)
        assert gateway.log.named("client.refused")


HOSTILE = [
    "nan",
    "inf",
    "-inf",
    "1e999",
    "2147483648",
    "-2147483649",
    "9" * 30,
    "9" * 300,
    "é😀",
    "\\u0000",
    "٣",
    "1_000",
    " 1",
    "0x10",
]


@pytest.mark.parametrize("value", HOSTILE)
async def test_hostile_values_in_any_field_of_a_subscription_are_answered(value: str) -> None:
    fields = [1, 11, 7, 0, "AAA", "STK", "", 0.0, "", "", "SMART", "", "USD", "", "", 0, "", 0, 0, ""]
    async with serving() as gateway, client(gateway.port) as ib, RawClient.connected(gateway.port) as raw:
        for position in range(2, len(fields)):
            raw.send(*fields[:position], value, *fields[position + 1 :])
            raw.send(2, 2, 7)
        raw.send(17, 1)
        await raw.until("15")
        await ib.advance(6)
        assert not gateway.log.named("client.dropped")


@pytest.mark.parametrize("value", HOSTILE)
async def test_hostile_values_in_history_ticks_and_scanners_are_answered(value: str) -> None:
    contract = [0, "AAA", "STK", "", 0.0, "", "", "SMART", "", "USD", "", ""]
    requests: list[list[object]] = [
        [20, 7, *contract, 0, "", "1 min", "60 S", 1, "TRADES", 1, 0, ""],
        [96, 7, *contract, 0, "20240305 09:30:00", "", 10, "TRADES", 1, 0, ""],
        [97, 7, *contract, "BidAsk", 0, 0],
        [88, 7, *contract, 0, 1, "1 day"],
        [87, 7, *contract, 0, 1, "TRADES", 1],
        [10, 5, 7, *contract, 5, 1, ""],
        [22, 7, 10, "STK", "STK.US", "MOST_ACTIVE", *[""] * 20],
        [78, 7, "AAA", "", "STK", 1000],
        [81, 7, "A"],
        [91, 26],
    ]
    async with serving() as gateway, client(gateway.port) as ib, RawClient.connected(gateway.port) as raw:
        for request in requests:
            for position in range(1, len(request)):
                raw.send(*request[:position], value, *request[position + 1 :])
        raw.send(17, 1)
        await raw.until("15")
        await ib.advance(31)


async def test_wrong_field_counts_and_nul_in_text_are_told_and_in_the_end_the_client_goes() -> None:
    async with serving() as gateway, client(gateway.port) as ib, RawClient.connected(gateway.port) as raw:
        raw.send(81, 5, "A\0B")
        assert (await raw.until("320"))[2] == "5"
        raw.send(81)
        await raw.until("320")
        for _ in range(98):
            raw.writer.write(struct.pack(">I", 0))
        said = await closed(raw.reader)
        assert said.count(b"320") == 98
        await ib.advance(2)
        assert dropped(gateway, "too many malformed messages")


async def history(raw: RawClient, req_id: int) -> None:
    raw.send(
        20,
        req_id,
        0,
        "AAA",
        "STK",
        "",
        0.0,
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


async def test_a_client_that_never_reads_is_dropped_before_it_fills_the_memory() -> None:
    limit = 300_000
    async with serving(write_buffer_bytes=limit) as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())
        async with RawClient.connected(gateway.port, 8) as raw:
            raw.reader._transport.pause_reading()
            for req_id in range(40):
                await history(raw, req_id)
            while not gateway.log.named("client.dropped"):
                await ib.advance(1)
            assert dropped(gateway, "client does not read")
            assert [fields["client_id"] for fields in gateway.log.named("client.dropped")] == [8]
            before = ticker.bid
            await ib.advance(30)
            assert ticker.bid > 0
            assert before > 0


async def test_streams_of_one_symbol_under_many_ids_end_at_the_lines() -> None:
    contract = (0, "AAA", "STK", "", 0.0, "", "", "SMART", "", "USD", "", "")
    async with serving(market_data_lines=20) as gateway, client(gateway.port) as ib:
        async with RawClient.connected(gateway.port) as raw:
            for req_id in range(21):
                raw.send(1, 11, req_id, *contract, 0, "", 0, 0, "")
                raw.send(50, 3, 100 + req_id, *contract, 5, "TRADES", 1, "")
                raw.send(20, 200 + req_id, *contract, 0, "", "1 min", "1 D", 1, "TRADES", 2, 1, "")
            refused = [(await raw.until("101"))[2] for _ in range(3)]
            assert refused == ["20", "120", "220"]
        await ib.advance(6)


async def test_all_places_taken_by_silent_sockets_do_not_keep_a_client_out() -> None:
    async with serving(max_clients=4) as gateway, AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(RawClient.opened(gateway.port)) for _ in range(12)]
        async with client(gateway.port) as ib:
            await ib.advance(2)
        assert dropped(gateway, "too many connections")
        await closed(silent[0].reader)


async def test_several_hundred_connections_leave_a_working_client_alone() -> None:
    count = 400
    async with serving() as gateway, client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())

        async def knock(number: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            try:
                writer.write([HELLO, HELLO + frame(71, 2, 1, ""), b"junk" * 50, b""][number % 4])
                return await asyncio.wait_for(reader.read(64), PATIENCE_S) if number % 4 != 3 else b""
            except ConnectionResetError:
                return b""
            finally:
                writer.close()

        for batch in range(0, count, 100):
            knocks = [knock(number) for number in range(batch, batch + 100)]
            await asyncio.gather(*knocks, ib.advance(5))
        await ib.advance(20)
        assert ticker.bid > 0
        trade = await ib.reqContractDetailsAsync(stock())
        assert trade[0].contract.symbol == "AAA"
        assert len(gateway.server._connections) < 70
        assert {fields["client_id"] for fields in gateway.log.named("client.refused")} <= {1}


async def test_the_thirty_third_client_is_refused_and_a_place_that_is_left_can_be_taken() -> None:
    async with serving() as gateway, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(RawClient.connected(gateway.port, number)) for number in range(32)]
        async with RawClient.opened(gateway.port) as raw:
            raw.send(71, 2, 99, "")
            await raw.until("326")
            await closed(raw.reader)
        assert gateway.log.named("client.refused")[0]["reason"] == "too many clients"
        clients[3].writer.close()
        while not gateway.log.named("client.disconnected"):  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0)
        async with RawClient.connected(gateway.port, 99):
            assert len(gateway.log.named("client.connected")) == 33
