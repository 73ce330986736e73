"""IB's limits on requests over real sockets: on in real time, off for lockstep clients and for a faster market."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined"

import asyncio

import pytest

from daemon.gateway.options import GatewayOptions
from tests.fakes.gateway_stage import client, serving, stock
from tests.fakes.raw_client import RawClient, frame

CONTRACT = (0, "AAA", "STK", "", 0.0, "", "", "SMART", "", "USD", "", "")


def history(req_id: int, *, size: str = "5 secs", duration: str = "60 S", what: str = "TRADES", keep: int = 0) -> bytes:
    return frame(20, req_id, *CONTRACT, 0, "", size, duration, 1, what, 2, keep, "")


def ticks(req_id: int, count: int) -> bytes:
    return frame(96, req_id, *CONTRACT, 0, "20240304 10:00:00", "", count, "TRADES", 1, 0, "")


async def answers(raw: RawClient, requests: list[bytes]) -> list[str]:
    """Return for each request the id of its answer, with the code when it is an error."""
    raw.writer.write(b"".join(requests) + frame(49, 1))
    found: list[str] = []
    while (fields := await raw.next())[0] != "49":
        found.append(f"{fields[0]}:{fields[3]}" if fields[0] == "4" else fields[0])
    return found


async def test_fifty_one_messages_within_a_second_are_told_100_and_end_the_connection() -> None:
    async with serving(pacing="on") as gateway, RawClient.connected(gateway.port) as raw:
        raw.writer.write(frame(17, 1) * 60)
        said = (await raw.until("100"))[4]
        assert said == "Max rate of messages per second has been exceeded:max=50 rec=51 (1)"
        assert await raw.rest() == b""
        assert sum(fields[0] == "15" for fields in raw.told) <= 51
        assert gateway.log.named("client.dropped")[0]["reason"] == "too many messages a second"


async def test_a_client_that_asks_to_be_paced_is_never_cut_off() -> None:
    async with serving(pacing="on") as gateway, RawClient.opened(gateway.port, "v157..176 +PACEAPI") as raw:
        raw.send(71, 2, 3, "")
        await raw.until("2158")
        raw.writer.write(frame(17, 1) * 200)
        for _ in range(200):
            await raw.until("15")
        assert not gateway.log.named("client.dropped")


async def test_identical_histories_are_a_violation_and_other_ones_are_not() -> None:
    async with serving(pacing="on") as gateway, RawClient.connected(gateway.port) as raw:
        wanted = [history(1), history(2), history(3, duration="120 S"), history(4, what="MIDPOINT")]
        assert await answers(raw, wanted) == ["17", "4:162", "17", "17"]
        refused = next(fields for fields in raw.told if fields[0] == "4" and fields[3] == "162")
        text = "Historical Market Data Service error message:Historical data request pacing violation"
        assert refused[2:] == ["2", "162", text, ""]


async def test_a_sixth_history_of_a_contract_within_two_seconds_is_a_violation() -> None:
    async with serving(pacing="on") as gateway, RawClient.connected(gateway.port) as raw:
        assert await answers(raw, [ticks(number, number) for number in range(1, 7)]) == ["98"] * 5 + ["4:162"]


async def test_bars_of_a_minute_and_longer_are_not_counted() -> None:
    async with serving(pacing="on") as gateway, RawClient.connected(gateway.port) as raw:
        assert (
            await answers(raw, [history(number, size="1 min", duration="1 D") for number in range(10)]) == ["17"] * 10
        )


async def test_reconnecting_does_not_help_but_another_client_id_does() -> None:
    async with serving(pacing="on") as gateway:
        async with RawClient.connected(gateway.port, 4) as raw:
            assert await answers(raw, [history(1)]) == ["17"]
        while not gateway.log.named("client.disconnected"):  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0)
        async with RawClient.connected(gateway.port, 4) as raw, RawClient.connected(gateway.port, 5) as other:
            assert await answers(raw, [history(1)]) == ["4:162"]
            assert await answers(other, [history(1)]) == ["17"]


async def test_real_time_bars_and_ticks_have_limits_of_their_own() -> None:
    async with serving(pacing="on") as gateway, RawClient.opened(gateway.port, "v157..176 +PACEAPI") as raw:
        raw.send(71, 2, 3, "")
        await raw.until("2158")
        once = frame(50, 3, 7, *CONTRACT, 5, "TRADES", 1, "") + frame(51, 1, 7)
        assert await answers(raw, [once] * 60) == []
        assert await answers(raw, [once]) == ["4:420", "4:300"]
        tick = frame(97, 8, *CONTRACT, "Last", 0, 0) + frame(98, 8)
        assert await answers(raw, [tick, tick]) == ["4:10190", "4:300"]


async def test_fifty_histories_can_be_kept_up_to_date() -> None:
    async with serving(pacing="on") as gateway, RawClient.opened(gateway.port, "v157..176 +PACEAPI") as raw:
        raw.send(71, 2, 3, "")
        await raw.until("2158")
        kept = [history(number, size="1 min", duration="1 D", keep=1) for number in range(51)]
        assert [answer for answer in await answers(raw, kept) if answer != "90"] == ["17"] * 50 + ["4:162"]
        freed = frame(25, 1, 7)
        assert [answer for answer in await answers(raw, [freed, kept[50]]) if answer != "90"] == ["4:162", "17"]


async def test_lockstep_clients_are_never_paced() -> None:
    async with serving(pacing="on") as gateway, client(gateway.port) as ib:
        for _ in range(70):
            await ib.reqHistoricalDataAsync(stock(), "", "60 S", "5 secs", "TRADES", useRTH=True)
        assert not [code for _, code, _ in ib.errors if code in {100, 162}]


@pytest.mark.parametrize(("speed", "answer"), [(1.0, "4:162"), (60.0, "17"), (None, "17")])
async def test_by_default_pacing_is_on_at_the_speed_of_real_time(speed: float | None, answer: str) -> None:
    async with serving(speed=speed) as gateway, RawClient.connected(gateway.port) as raw:
        assert (await answers(raw, [history(1), history(2)]))[1] == answer


@pytest.mark.parametrize("wrong", [{"pacing": "sometimes"}, {"market_data": "free"}, {"write_buffer_bytes": 1}])
def test_unknown_choices_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GatewayOptions(**wrong)  # type: ignore[arg-type]
