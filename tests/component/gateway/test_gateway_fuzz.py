"""Frames of every request, sound and damaged, into a live gateway: only IB errors or a clean close come out of it."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined"

import asyncio
import logging
import struct
from contextlib import suppress
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from daemon.gateway.wire.contract import Contract
from daemon.gateway.wire.errors import WireError
from daemon.gateway.wire.framing import FrameReader, encode_frame
from daemon.gateway.wire.market_requests import ReqRealTimeBars
from daemon.gateway.wire.messages import Message, Request, UnknownMessage
from daemon.gateway.wire.order import Order
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.requests import REQUESTS
from daemon.gateway.wire.responses import decode_response
from tests.fakes.gateway_stage import PATIENCE_S, client, serving, stock
from tests.fakes.raw_client import RawClient, frame
from tests.fakes.wire_values import KNOWN, filled

VERSION = 176
SKIPPED = {"StartApi"}  # sent once, by the test
FUZZED = [row for row in REQUESTS.rows if row.layout.cls.__name__ not in SKIPPED]
RELAXED = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
JUNK = (
    "",
    "nan",
    "-1",
    "1e9999",
    "2147483647",
    "9223372036854775807",
    "BAG",
    "AAA",
    "é\\u0000",
    "20240305 10:00:00",
    "x" * 5000,
)


def damaged(data: st.DataObject, fields: list[str]) -> list[str]:
    """Return fields with one of them gone, changed, doubled, or with one too many."""
    position = data.draw(st.integers(1, max(1, len(fields) - 1)))
    junk = data.draw(st.sampled_from(JUNK))
    return data.draw(
        st.sampled_from(
            [
                fields,
                fields[:position],
                [*fields[:position], junk, *fields[position + 1 :]],
                [*fields[:position], junk, *fields[position:]],
                [*fields, junk],
            ]
        )
    )


def frames_of(row: Message[Request]) -> list[bytes]:
    """Return frames of one kind of request; the same ones every time."""
    found: list[bytes] = []
    known = {**KNOWN, "bar_size": st.just(5)} if row.layout.cls is ReqRealTimeBars else KNOWN

    @seed(20240305)
    @RELAXED
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        fields = REQUESTS.encode(filled(row, data, VERSION, known), VERSION)
        found.append(encode_frame(damaged(data, fields)))

    collect()
    return found


async def listen(raw: RawClient) -> list[list[str]]:
    """Return all frames until the connection ends."""
    reader, found = FrameReader(), []
    with suppress(ConnectionResetError):
        while data := await asyncio.wait_for(raw.reader.read(1 << 16), PATIENCE_S):
            found.extend(reader.feed(data))
    return found


def assert_readable(frames: list[list[str]]) -> None:
    """Check that a client of this version can read everything it was sent."""
    for fields in frames:
        assert not isinstance(decode_response(fields, VERSION), UnknownMessage)


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    """Return frames of every request in no order."""
    found = [data for row in FUZZED for data in frames_of(row)]
    Random(7).shuffle(found)
    return found


async def test_requests_of_every_kind_sound_and_damaged_leave_the_gateway_working(
    frames: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    assert len(frames) > 1000
    told: set[str] = set()
    with caplog.at_level(logging.ERROR, "asyncio"):
        async with serving() as gateway, client(gateway.port) as ib:
            for start in range(0, len(frames), 60):
                async with RawClient.connected(gateway.port, 50 + start) as raw:
                    listening = asyncio.create_task(listen(raw))
                    raw.writer.write(b"".join(frames[start : start + 60]))
                    await ib.advance(6)
                    raw.writer.write_eof()
                    answers = await listening
                    assert_readable(answers)
                    told |= {fields[0] for fields in answers}
            await ib.advance(40)
            assert (await ib.reqContractDetailsAsync(stock()))[0].contract.symbol == "AAA"
    assert not [record for record in caplog.records if record.name == "asyncio"]
    assert {"1", "10", "13", "20", "50", "79", "89"} <= told  # not refusals alone


async def test_orders_with_wild_fields_are_taken_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    chance = Random(11)
    contract = Contract(symbol="AAA", sec_type="STK", exchange="SMART", currency="USD")
    told: list[str] = []
    with caplog.at_level(logging.ERROR, "asyncio"):
        async with serving() as gateway, client(gateway.port) as ib, RawClient.connected(gateway.port) as raw:
            listening = asyncio.create_task(listen(raw))
            for order_id in range(1, 400):
                order = Order(
                    action=chance.choice(["BUY", "SELL"]),
                    total_quantity=Decimal(chance.choice([1, 10, 100])),
                    order_type=chance.choice(["MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIT"]),
                    lmt_price=chance.choice([None, 100.0, 99.5, 1e300, -1.0]),
                    aux_price=chance.choice([None, 100.5, 0.0, 1e-300]),
                    tif=chance.choice(["DAY", "GTC", "IOC"]),
                )
                fields = REQUESTS.encode(PlaceOrder(order_id=order_id, contract=contract, order=order), VERSION)
                for _ in range(chance.choice([0, 1, 1, 2])):
                    fields[chance.randrange(2, len(fields))] = chance.choice([*JUNK, "1", "0", "100", "2"])
                raw.writer.write(encode_frame(fields))
                if order_id % 20 == 0:
                    await ib.advance(3)
            raw.send(58, 1)
            await ib.advance(5)
            raw.writer.write_eof()
            answers = await listening
            assert_readable(answers)
            told = [fields[0] for fields in answers]
            await ib.advance(30)
            assert (await ib.reqContractDetailsAsync(stock()))[0].contract.symbol == "AAA"
    assert not [record for record in caplog.records if record.name == "asyncio"]
    assert told.count("5") > 50
    assert told.count("11") > 10


@pytest.mark.parametrize("number", range(4))
async def test_a_stream_with_flipped_bytes_is_answered_or_closed(number: int) -> None:
    chance = Random(number)
    contract = (0, "AAA", "STK", "", 0.0, "", "", "SMART", "", "USD", "", "")
    stream = bytearray(
        b"".join(
            [
                frame(1, 11, 7, *contract, 0, "233", 0, 0, ""),
                frame(20, 8, *contract, 0, "", "1 min", "1 D", 1, "TRADES", 1, 0, ""),
                frame(62, 1, 9, "All", "NetLiquidation"),
                frame(16, 1),
                frame(61, 1),
            ]
            * 80
        )
    )
    for _ in range(200):
        stream[chance.randrange(len(stream))] = chance.randrange(256)
    async with serving() as gateway, client(gateway.port) as ib:
        async with RawClient.connected(gateway.port) as raw:
            listening = asyncio.create_task(listen(raw))
            position = 0
            with suppress(ConnectionResetError):
                while position < len(stream):
                    size = chance.randrange(1, 3000)
                    raw.writer.write(bytes(stream[position : position + size]))
                    await raw.writer.drain()
                    position += size
                raw.writer.write_eof()
            await ib.advance(5)
            assert_readable(await listening)
        await ib.advance(5)
        assert (await ib.reqContractDetailsAsync(stock()))[0].contract.symbol == "AAA"


@RELAXED
@given(st.binary(max_size=400), st.integers(1, 7))
def test_any_bytes_are_cut_into_frames_without_a_fault(data: bytes, size: int) -> None:
    whole, pieces = FrameReader(1 << 16), FrameReader(1 << 16)
    stream = b"".join(struct.pack(">I", len(part)) + part for part in (data, data[::-1]))
    found: list[list[str]] = []
    for start in range(0, len(stream), size):
        found.extend(pieces.feed(stream[start : start + size]))
    assert whole.feed(stream) == found
    assert whole.pending == pieces.pending == 0
    for fields in found:
        with suppress(WireError):
            assert isinstance(REQUESTS.decode(fields, VERSION), Request | UnknownMessage)
