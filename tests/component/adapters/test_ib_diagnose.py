"""Each common failure is answered with its cause and its cure."""

import pytest

from daemon.adapters.ib.diagnose import Diagnosis, diagnose
from daemon.adapters.ib.settings import IbSettings
from daemon.runtime.clock import MarketClock
from tests.fakes.gateway_stage import serving
from tests.fakes.scripted_gateway import ScriptedGateway, Session, open_order


async def examine(port: int, answer_s: float = 2.0, symbol: str = "SPY") -> Diagnosis:
    return await diagnose(IbSettings(port=port, client_id=7), clock=MarketClock(), symbol=symbol, answer_s=answer_s)


def healthy(version: int = 157) -> ScriptedGateway:
    gateway = ScriptedGateway(version=version)

    def summary(session: Session, message: list[str]) -> None:
        session.send(63, 1, message[2], "DU1234567", "NetLiquidation", "1000000", "USD")
        session.send(64, 1, message[2])

    def quote(session: Session, message: list[str]) -> None:
        session.send(1, 6, message[2], 1, "450.10", 300, 1)
        session.send(1, 6, message[2], 2, "450.12", 300, 1)

    gateway.answers[62] = summary
    gateway.answers[3] = lambda session, message: session.send(
        *open_order(order_id=int(message[1]), ref="paperd-test", what_if=True, margin="100.0")
    )
    gateway.answers[1] = quote
    return gateway


def failure(diagnosis: Diagnosis) -> tuple[str, str, str]:
    (finding,) = [finding for finding in diagnosis.findings if not finding.ok]
    assert finding.cause
    assert finding.cure
    return finding.what, finding.cause, finding.cure


async def test_healthy_gateway_has_nothing_wrong() -> None:
    async with healthy() as gateway:
        diagnosis = await examine(gateway.port)
        assert diagnosis.ok, diagnosis.findings
        assert [finding.what for finding in diagnosis.findings] == [
            "mode", "connection", "account", "heartbeat", "account summary", "orders", "market data",
        ]  # fmt: skip
        assert diagnosis.summary == {"NetLiquidation": "1000000"}
        session = await gateway.session()
        (order,) = session.messages(3)
        assert order[85] == "1"  # a what-if: nothing is placed


async def test_our_own_gateway_is_healthy() -> None:
    async with serving() as gateway:
        diagnosis = await examine(gateway.port, symbol="AAA")
        assert diagnosis.ok, diagnosis.findings
        assert "NetLiquidation" in diagnosis.summary


async def test_not_running() -> None:
    gateway = ScriptedGateway()
    await gateway.listen()
    await gateway.stop()
    what, cause, cure = failure(await examine(gateway.port))
    assert what == "connection"
    assert "nothing listens" in cause
    assert "start IB Gateway" in cure


async def test_wrong_mode() -> None:
    what, cause, _ = failure(await examine(4001))
    assert (what, "live money" in cause) == ("mode", True)
    async with ScriptedGateway(accounts="U1") as gateway:
        what, _, cure = failure(await examine(gateway.port))
        assert (what, "paper trading" in cure) == ("account", True)


async def test_api_off_or_dialog_pending() -> None:
    async with healthy() as gateway:
        gateway.speaks = False
        assert "does not answer the handshake" in failure(await examine(gateway.port, 0.1))[1]


async def test_wrong_port() -> None:
    async with healthy() as gateway:
        gateway.first_bytes = b"HTTP/1.1 400 Bad Request\r\n\r\n"
        assert failure(await examine(gateway.port))[2] == "correct ib.port"


async def test_client_id_in_use() -> None:
    async with healthy() as gateway:
        gateway.answers[71] = lambda session, _: session.send(4, 2, -1, 326, "in use")
        assert "client id 7 is in use" in failure(await examine(gateway.port))[1]


async def test_read_only_api() -> None:
    async with healthy() as gateway:
        text = "The API interface is currently in Read-Only mode."
        gateway.answers[3] = lambda session, message: session.send(4, 2, message[1], 321, text)
        what, cause, cure = failure(await examine(gateway.port))
        assert (what, "read-only" in cause, "untick" in cure) == ("orders", True, True)


async def test_dropped_after_idling() -> None:
    async with healthy() as gateway:
        gateway.answers[17] = lambda session, _: session.close()
        what, cause, cure = failure(await examine(gateway.port, 0.5))
        assert (what, "ended the connection" in cause, "Auto restart" in cure) == ("heartbeat", True, True)


async def test_mute_after_connecting() -> None:
    async with healthy() as gateway:
        del gateway.answers[17]
        assert failure(await examine(gateway.port, 0.2))[0] == "heartbeat"


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        ([], "no quote"),
        ([[4, 2, "id", 354, "Requested market data is not subscribed."]], "354"),
        ([[1, 6, "id", 1, "-1", 0, 1], [1, 6, "id", 2, "-1", 0, 1]], "NOT_POSITIVE"),
    ],
)
async def test_orders_that_would_not_fill(messages: list[list[object]], word: str) -> None:
    def quote(session: Session, message: list[str]) -> None:
        for fields in messages:
            session.send(*(message[2] if field == "id" else field for field in fields))

    async with healthy() as gateway:
        gateway.answers[1] = quote
        what, cause, _ = failure(await examine(gateway.port, 0.3))
        assert what == "market data"
        assert word in cause
