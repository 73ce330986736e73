"""The account through the real client: every tag, currencies and BASE, streams under request ids, profit by second."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, comparison-overlap, arg-type"

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from ib_insync import MarketOrder

from daemon.gateway.ledger import Ledger
from tests.fakes.gateway_stage import SECOND, SESSION, SteppedIB, client, serving, stock

ACCOUNT = "DU1234567"
SUMMARY_TAGS = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "PreviousDayEquityWithLoanValue,GrossPositionValue,RegTEquity,RegTMargin,SMA,InitMarginReq,MaintMarginReq,"
    "AvailableFunds,ExcessLiquidity,Cushion,FullInitMarginReq,FullMaintMarginReq,FullAvailableFunds,"
    "FullExcessLiquidity,LookAheadNextChange,LookAheadInitMarginReq,LookAheadMaintMarginReq,LookAheadAvailableFunds,"
    "LookAheadExcessLiquidity,HighestSeverity,DayTradesRemaining,Leverage"
)


class Told:
    """Keeps what comes under message ids that ib_insync drops or merges."""

    def __init__(self, ib: SteppedIB, *message_ids: int) -> None:
        self.frames: list[list[str]] = []
        for message_id in message_ids:
            ib.client.decoder.handlers[message_id] = self.frames.append

    def take(self) -> list[list[str]]:
        frames, self.frames[:] = list(self.frames), []
        return frames

    def about(self, req_id: int) -> list[list[str]]:
        return [fields for fields in self.take() if fields[2] == str(req_id)]  # the client asks at connect, too


async def test_summary_has_every_documented_tag_once() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        told = Told(ib, 63, 64)
        ib.client.reqAccountSummary(5, "All", SUMMARY_TAGS)
        await ib.advance(1)
        frames = told.take()
        assert frames[-1][0] == "64"
        rows = {fields[4]: (fields[5], fields[6]) for fields in frames[:-1]}
        assert set(rows) == set(SUMMARY_TAGS.split(","))
        assert len(frames) - 1 == len(rows)
        assert rows["NetLiquidation"] == ("1000000.00", "USD")
        assert rows["BuyingPower"] == ("4000000.00", "USD")
        assert rows["AccountType"] == ("INDIVIDUAL", "")


@pytest.mark.parametrize(
    ("tag", "currencies"), [("$LEDGER", {"BASE"}), ("$LEDGER:USD", {"USD"}), ("$LEDGER:ALL", {"USD", "BASE"})]
)
async def test_ledger_rows_by_currency(tag: str, currencies: set[str]) -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(2)
        told = Told(ib, 63, 64)
        ib.client.reqAccountSummary(5, "All", tag)
        await ib.advance(1)
        rows = [fields for fields in told.take() if fields[0] == "63"]
        assert {fields[6] for fields in rows} == currencies
        value = gateway.server.broker.valuation()
        stocks = [float(fields[5]) for fields in rows if fields[4] == "StockMarketValue"]
        assert stocks == [pytest.approx(float(value.net), abs=0.02)] * len(currencies)
        assert not any(fields[4] == "NetLiquidation" for fields in rows)


async def test_values_under_a_request_id_are_followed_and_can_be_the_ledger_alone() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        told = Told(ib, 73, 74)
        ib.client.reqAccountUpdatesMulti(7, ACCOUNT, "", True)
        await ib.advance(1)
        frames = told.about(7)
        assert frames[-1][0] == "74"
        keys = {fields[5] for fields in frames[:-1]}
        assert {"NetLiquidation", "CashBalance", "UnrealizedPnL"} <= keys
        assert "BuyingPower" not in keys
        await ib.advance_to((SESSION.open_s + 180) * SECOND)
        assert told.about(7)
        ib.client.cancelAccountUpdatesMulti(7)
        await ib.advance_to((SESSION.open_s + 361) * SECOND)
        assert told.about(7) == []


async def test_positions_under_a_request_id_change_with_each_fill() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        told = Told(ib, 71, 72)
        ib.client.reqPositionsMulti(8, ACCOUNT, "")
        await ib.advance(1)
        assert [fields[0] for fields in told.take()] == ["72"]
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(2)
        assert [fields[15] for fields in told.take()] == ["10"]
        ib.client.cancelPositionsMulti(8)
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(2)
        assert told.take() == []


async def test_profit_is_told_when_it_changes_at_most_once_a_second() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        ib.placeOrder(stock(), MarketOrder("BUY", 10))
        await ib.advance(2)
        told = Told(ib, 94)
        ib.client.reqPnL(9, ACCOUNT, "")
        await ib.advance(30)
        profits = [float(fields[2]) for fields in told.take()]
        assert 3 <= len(profits) <= 31
        assert all(one != other for one, other in pairwise(profits))
        value = gateway.server.broker.valuation()
        assert profits[-1] == pytest.approx(float(value.net_liquidation) - 1_000_000, abs=1e-6)


async def test_update_stream_has_base_rows_and_segments() -> None:
    async with serving() as gateway, client(gateway.port) as ib:
        rows = {(value.tag, value.currency): value.value for value in ib.accountValues(ACCOUNT)}
        assert rows["TotalCashBalance", "BASE"] == rows["TotalCashBalance", "USD"] == "1000000.00"
        assert rows["NetLiquidation-S", "USD"] == "1000000.00"
        assert rows["NetLiquidation-C", "USD"] == "0.00"
        assert rows["ExchangeRate", "BASE"] == "1.00"
        assert gateway.server.broker.account.name == ACCOUNT


async def test_values_add_up_and_equal_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    async with serving(state_path=path) as gateway, client(gateway.port) as ib:
        ib.placeOrder(stock(), MarketOrder("BUY", 100))
        ib.placeOrder(stock("BBB"), MarketOrder("SELL", 40))
        await ib.advance_to((SESSION.open_s + 180) * SECOND)
        rows = {
            value.tag: Decimal(value.value)
            for value in ib.accountValues(ACCOUNT)
            if value.currency == "USD" and value.value not in {"USD", ACCOUNT}
        }
        books = Ledger.open_readonly(path)
        assert rows["TotalCashValue"] == round(books.cash(), 2)
        books.close()
        gross = rows["GrossPositionValue"]
        assert rows["InitMarginReq"] == pytest.approx(gross / 4, abs=Decimal("0.01"))
        assert rows["AvailableFunds"] == rows["NetLiquidation"] - rows["InitMarginReq"]
        assert rows["NetLiquidation"] == pytest.approx(
            rows["TotalCashValue"] + rows["StockMarketValue"], abs=Decimal("0.02")
        )
