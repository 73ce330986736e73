"""The control API over HTTP, and the gateway as a process with a scenario and the API."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined"

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from ib_insync import MarketOrder

from daemon.domain.errors import ConfigError
from daemon.gateway.faults.catalogue import FAULTS
from daemon.gateway.faults.http import ControlApi
from tests.fakes.gateway_stage import PATIENCE_S, SECOND, SESSION, Running, client, serving, stock

ROOT = Path(__file__).parents[4]
TOKEN = "0123456789abcdef0123"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def controlled() -> AsyncIterator[tuple[Running, aiohttp.ClientSession]]:
    async with serving() as gateway:
        api = ControlApi(gateway.server.faults, token=TOKEN, port=0)
        port = await api.start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            yield gateway, http
        await api.close()


async def asked(http: aiohttp.ClientSession, method: str, path: str, body: object = None) -> tuple[int, Any]:
    headers = {} if method == "GET" else BEARER
    async with http.request(method, path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_faults_are_listed_started_seen_and_stopped() -> None:
    async with controlled() as (gateway, http), client(gateway.port) as ib:
        status, catalogue = await asked(http, "GET", "/faults")
        assert (status, [row["name"] for row in catalogue]) == (200, list(FAULTS))
        assert all(row["description"] and row["schema"]["properties"] for row in catalogue)
        body = {"when": {"client": 1}, "fault": {"name": "order_refused", "code": 110}, "for": "1h"}
        status, started = await asked(http, "POST", "/faults", body)
        assert status == 201
        _, (active,) = await asked(http, "GET", "/active")
        assert (active["id"], active["state"], active["fault"]["code"]) == (started["id"], "active", 110)
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(1)
        assert ib.errors[-1][1] == 110
        assert await asked(http, "DELETE", f"/faults/{started['id']}") == (200, {"stopped": started["id"]})
        assert await asked(http, "GET", "/active") == (200, [])
        assert (await asked(http, "DELETE", f"/faults/{started['id']}"))[0] == 404


async def test_ledger_is_what_really_happened() -> None:
    async with controlled() as (gateway, http), client(gateway.port) as ib:
        await asked(http, "POST", "/faults", {"fault": {"name": "message_dropped", "message": "execDetails"}})
        ib.placeOrder(stock(), MarketOrder("BUY", 10, orderRef="mine"))
        await ib.advance(3)
        assert ib.fills() == []
        _, ledger = await asked(http, "GET", "/ledger")
        assert [(row["order_ref"], row["quantity"]) for row in ledger["executions"]] == [("mine", "10")]
        assert [(row["status"], row["filled"]) for row in ledger["orders"]] == [("Filled", "10")]
        assert [(row["symbol"], row["quantity"]) for row in ledger["positions"]] == [("AAA", "10")]
        assert ledger["market_us"] == (SESSION.open_s + 3) * SECOND
        assert ledger["cash"] == str(gateway.server.broker.account.cash)


async def test_market_is_halted_quoted_and_released() -> None:
    async with controlled() as (gateway, http), client(gateway.port) as ib:
        ticker = ib.reqMktData(stock())
        assert (await asked(http, "POST", "/market", {"halt": "AAA"}))[0] == 201
        await ib.advance(2)
        assert ticker.bid == -1
        assert (await asked(http, "POST", "/market", {"release": "AAA"}))[0] == 200
        await asked(http, "POST", "/market", {"quote": "AAA", "bid": 10, "ask": 10.5})
        await asked(http, "POST", "/market", {"quote": "AAA", "bid": 20, "ask": 20.5, "size": 9})
        await ib.advance(2)
        assert (ticker.bid, ticker.ask, ticker.bidSize) == (20, 20.5, 9)
        assert len((await asked(http, "GET", "/active"))[1]) == 1
        status, problem = await asked(http, "POST", "/market", {"halt": "AAB"})
        assert (status, "AAA" in problem["problems"][0]) == (404, True)


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/faults", {"fault": "nonsense"}, "entry.fault.name: 'nonsense' is unknown; use one of disconnect"),
        ("/faults", {"fault": {"name": "notice", "code": "x"}}, "entry.fault.code: input should be a valid integer"),
        ("/faults", {"faults": []}, "entry.faults: is unknown"),
        ("/market", {"halt": "AAA", "more": 1}, "market: use {halt: SYMBOL}"),
        ("/market", {"quote": "AAA", "bid": 3, "ask": 2}, "must not be below bid"),
        ("/market", [], "body: must be a JSON object"),
    ],
)
async def test_wrong_bodies_are_named_and_change_nothing(path: str, body: object, problem: str) -> None:
    async with controlled() as (gateway, http):
        status, answer = await asked(http, "POST", path, body)
        assert status == 422
        assert problem in answer["problems"][0]
        assert gateway.server.faults.active() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({**BEARER, "Host": "evil.example"}, 403),
        ({**BEARER, "Host": "127.0.0.1"}, 403),
    ],
)
async def test_changes_need_token_and_host(headers: dict[str, str], status: int) -> None:
    async with controlled() as (gateway, http):
        for method, path in (("POST", "/faults"), ("POST", "/market"), ("DELETE", "/faults/1")):
            async with http.request(method, path, json={"fault": "mute"}, headers=headers) as answer:
                assert answer.status == status
        async with http.get("/ledger", headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403
        assert gateway.server.faults.active() == []


async def test_unknown_paths_bodies_too_large_and_no_json_are_answered() -> None:
    async with controlled() as (_, http):
        assert (await asked(http, "GET", "/nothing"))[0] == 404
        async with http.post("/faults", data=b"x" * 70_000, headers=BEARER) as answer:
            assert answer.status == 413
        async with http.post("/faults", data=b"{", headers=BEARER) as answer:
            assert answer.status == 422
        assert (await asked(http, "GET", "/healthz"))[1]["status"] == "alive"


async def test_short_tokens_and_ports_in_use_are_refused() -> None:
    async with serving() as gateway:
        with pytest.raises(ConfigError, match="16 characters"):
            ControlApi(gateway.server.faults, token="short", port=0)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(ConfigError, match=r"--control: .* cannot be used"):
                await ControlApi(gateway.server.faults, token=TOKEN, port=taken.getsockname()[1]).start()


PROGRAM = """
import sys
from datetime import date
from pathlib import Path
from daemon.gateway.faults.scenario import read_scenario
from daemon.gateway.options import GatewayOptions
from daemon.gateway.process import FaultOptions, main
from tests.fakes.tiny_market import TinyMarket
faults = FaultOptions(scenario=read_scenario(Path(sys.argv[1])), control_port=0, control_token=sys.argv[2])
main(GatewayOptions(start=date(2024, 3, 5)), TinyMarket(), lambda event, facts: None, stop_on_stdin_eof=True,
     faults=faults)
"""


async def test_a_process_with_scenario_and_api_resets_connections_under_uvloop(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("- {when: {order: 1}, fault: {name: disconnect, how: rst}}\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(path), TOKEN, cwd=ROOT, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    line = json.loads(await asyncio.wait_for(process.stdout.readline(), 3 * PATIENCE_S))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{line['control_port']}") as http:
        async with client(line["port"]) as ib:
            gone = asyncio.Event()
            ib.disconnectedEvent += gone.set
            ib.placeOrder(stock(), MarketOrder("BUY", 10))
            await asyncio.wait_for(gone.wait(), PATIENCE_S)
        async with client(line["port"], 2) as ib:
            await asked(http, "POST", "/faults", {"fault": {"name": "frames_split", "gap": 0}})
            await ib.advance(3)
            assert len((await asked(http, "GET", "/ledger"))[1]["executions"]) == 1
            await asked(http, "POST", "/faults", {"fault": "gateway_restart", "for": "50ms"})
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
