"""Options, futures, indices and pairs through the real ib_insync client, against the market they come from."""

# ib_insync is typed in parts only.
# mypy: disable-error-code="no-untyped-call, union-attr, index, attr-defined, operator, arg-type, comparison-overlap"

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ib_insync import Contract, Forex, Future, Index, MarketOrder, Option, OptionChain, Stock

from daemon.adapters.files.option_replay import OptionReplay
from daemon.adapters.files.replay import ReplayMarket
from daemon.gateway.exercise import OptionExercise
from daemon.gateway.options import GatewayOptions
from daemon.gateway.server import GatewayServer
from daemon.gateway.source import MarketSource
from daemon.gateway.tickets import Refusal
from daemon.market.option_market import OptionMarket
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from tests.fakes.gateway_stage import PATIENCE_S, SECOND, Events, SteppedIB, client

CALENDAR = TradingCalendar(last=date(2027, 12, 31))
DAY = date(2026, 3, 3)
MARKET = OptionMarket(SyntheticMarket(7, CALENDAR, ["SPY", "F", "BRK B"]))


@asynccontextmanager
async def options_gateway(
    *, version: int = 176, market: MarketSource = MARKET
) -> AsyncIterator[tuple[GatewayServer, SteppedIB]]:
    """Serve a market, without more said the synthetic one, and connect a client that holds market time."""
    server = GatewayServer(GatewayOptions(start=DAY, server_version=version), market, Events().take)
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.run(port.set_result))
    try:
        async with client(await asyncio.wait_for(port, PATIENCE_S)) as ib:
            yield server, ib
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE_S)


async def spy_chain(ib: SteppedIB) -> OptionChain:
    (stock,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
    chains = await ib.reqSecDefOptParamsAsync("SPY", "", "STK", stock.conId)
    assert {chain.exchange for chain in chains} == {"SMART", "AMEX", "CBOE", "ISE", "PHLX"}
    return next(chain for chain in chains if chain.exchange == "SMART")


async def near_the_money(ib: SteppedIB, right: str = "C") -> Contract:
    chain = await spy_chain(ib)
    spot = MARKET.tape("SPY", CALENDAR.session_before(session())).close[-1]
    strike = min(chain.strikes, key=lambda strike: abs(strike - spot))
    (option,) = await ib.qualifyContractsAsync(Option("SPY", chain.expirations[2], strike, right, "SMART"))
    return option


def session() -> Session:
    found = CALENDAR.session_on(DAY)
    assert found is not None
    return found


async def test_chain_of_a_fund_has_weeklies_monthlies_and_strikes_around_the_price() -> None:
    async with options_gateway() as (_, ib):
        chain = await spy_chain(ib)
        assert chain.expirations[:5] == ["20260306", "20260313", "20260320", "20260327", "20260402"]
        assert chain.expirations[-1] == "20270219"
        assert (chain.tradingClass, chain.multiplier) == ("SPY", "100")
        close = MARKET.tape("SPY", CALENDAR.session_before(session())).close[-1]
        assert min(abs(strike - close) for strike in chain.strikes) <= 0.5
        assert chain.strikes == sorted(chain.strikes)


async def test_chains_of_an_index_are_one_settled_at_the_open_and_one_at_the_close() -> None:
    async with options_gateway() as (_, ib):
        (index,) = await ib.qualifyContractsAsync(Index("SPX", "CBOE", "USD"))
        chains = await ib.reqSecDefOptParamsAsync("SPX", "", "IND", index.conId)
        by_class = {chain.tradingClass: chain for chain in chains if chain.exchange == "SMART"}
        # Morning settlement on Friday: the last day of trading is Thursday.
        assert by_class["SPX"].expirations[0] == "20260319"
        assert by_class["SPXW"].expirations[:3] == ["20260306", "20260313", "20260320"]
        strike = by_class["SPXW"].strikes[len(by_class["SPXW"].strikes) // 2]
        found = await ib.reqContractDetailsAsync(Option("SPX", "202603", strike, "P", "SMART"))
        assert [details.contract.tradingClass for details in found].count("SPX") == 1
        assert {details.realExpirationDate for details in found if details.contract.tradingClass == "SPX"} == {
            "20260320"
        }
        assert await ib.reqSecDefOptParamsAsync("SPX", "", "IND", 1) == []
        assert ib.errors[-1][1] == 200


async def test_option_is_qualified_by_its_fields_its_local_symbol_and_its_number() -> None:
    async with options_gateway() as (_, ib):
        option = await near_the_money(ib)
        assert len(option.localSymbol) == 21
        assert option.localSymbol.startswith("SPY   260320C00")
        (details,) = await ib.reqContractDetailsAsync(Contract(conId=option.conId))
        assert details.contract.localSymbol == option.localSymbol
        (by_name,) = await ib.reqContractDetailsAsync(Contract(localSymbol=option.localSymbol, exchange="SMART"))
        assert by_name.contract.conId == option.conId
        assert (details.underSymbol, details.underSecType, details.contractMonth) == ("SPY", "STK", "202603")
        assert details.contract.lastTradeDateOrContractMonth == "20260320"
        assert details.marketRuleIds == ",".join(["26"] * 5)
        assert (await ib.reqMarketRuleAsync(32))[1].increment == 0.05


async def test_option_without_strike_right_or_expiry_is_its_chain() -> None:
    async with options_gateway() as (_, ib):
        chain = await spy_chain(ib)
        whole = await ib.reqContractDetailsAsync(Option("SPY", "20260320", exchange="SMART", currency="USD"))
        assert len(whole) == 2 * len(chain.strikes)
        assert len({details.contract.conId for details in whole}) == len(whole)
        strike = chain.strikes[len(chain.strikes) // 2]
        rights = await ib.reqContractDetailsAsync(Option("SPY", "20260320", strike, "", "SMART"))
        assert sorted(details.contract.right for details in rights) == ["C", "P"]
        months = await ib.reqContractDetailsAsync(Option("SPY", "202603", strike, "C", "SMART"))
        assert len(months) == 4


@pytest.mark.parametrize(
    "contract",
    [
        Option("SPY", "20260320", 578.37, "C", "SMART"),
        Option("SPY", "20260319", 578.0, "C", "SMART"),
        Option("SPY", "20260320", 5000.0, "C", "SMART"),
        Option("SPY", "20260320", 578.0, "X", "SMART"),
        Option("ZZZ", "20260320", 578.0, "C", "SMART"),
        Option("SPY", "20260320", 578.0, "C", "SMART", multiplier="10"),
        Option(localSymbol="SPY   260227C00578000", exchange="SMART"),
        Future("ES", "202604", "CME"),
        Future("ES", "202603", "SMART"),
        Forex("GBPUSD"),
    ],
)
async def test_contract_that_is_not_listed_is_error_200(contract: Contract) -> None:
    async with options_gateway() as (_, ib):
        assert await ib.reqContractDetailsAsync(contract) == []
        assert ib.errors[-1][1] == 200


async def test_futures_indices_and_pairs_have_details_and_quotes() -> None:
    async with options_gateway() as (_, ib):
        every = await ib.reqContractDetailsAsync(Future("ES", exchange="CME"))
        assert [details.contract.localSymbol for details in every] == ["ESH6", "ESM6", "ESU6", "ESZ6", "ESH7"]
        (future,) = await ib.qualifyContractsAsync(Future(localSymbol="ESM6", exchange="CME"))
        assert (future.multiplier, future.lastTradeDateOrContractMonth) == ("50", "20260618")
        (pair,) = await ib.qualifyContractsAsync(Forex("EURUSD"))
        assert (pair.symbol, pair.currency, pair.exchange, pair.localSymbol) == ("EUR", "USD", "IDEALPRO", "EUR.USD")
        assert (await ib.reqContractDetailsAsync(pair))[0].minTick == 0.00005
        (index,) = await ib.qualifyContractsAsync(Index("VIX", "CBOE"))
        tickers = [ib.reqMktData(contract) for contract in (future, pair, index)]
        await ib.advance(20)
        assert tickers[0].bid < tickers[0].ask
        assert tickers[0].bid % 0.25 == 0
        assert 0 < tickers[1].ask - tickers[1].bid < 0.001
        assert 5 < tickers[2].last < 60
        assert tickers[2].bid == -1
        bars = await ib.reqHistoricalDataAsync(pair, "", "2 D", "1 hour", "MIDPOINT", True)
        assert len(bars) == 8


@pytest.mark.parametrize("version", [157, 164, 176])
async def test_quotes_of_an_option_come_with_greeks(version: int) -> None:
    async with options_gateway(version=version) as (_, ib):
        option = await near_the_money(ib)
        ticker = ib.reqMktData(option)
        await ib.advance(30)
        tape = MARKET.tape(option.localSymbol, session())
        row = ib.now_us // SECOND - session().open_s
        assert (ticker.bid, ticker.ask) == (tape.bid[row], tape.ask[row])
        assert ticker.bidSize == tape.bid_size[row]
        model, bid, ask = ticker.modelGreeks, ticker.bidGreeks, ticker.askGreeks
        assert bid.impliedVol < model.impliedVol < ask.impliedVol
        assert 0.3 < model.delta < 0.7
        assert model.gamma > 0 > model.theta
        assert model.vega > 0
        stock = MARKET.tape("SPY", session())
        assert stock.bid[row - 5 : row + 1].min() <= model.undPrice <= stock.ask[row - 5 : row + 1].max()
        ib.cancelMktData(option)
        (snapshot,) = await ib.reqTickersAsync(option)
        assert snapshot.modelGreeks.impliedVol == pytest.approx(model.impliedVol, rel=0.05)


async def test_history_of_an_option_is_that_of_its_tape_and_begins_with_its_listing() -> None:
    async with options_gateway() as (_, ib):
        option = await near_the_money(ib)
        await ib.advance(10)
        before = CALENDAR.session_before(session())
        tape = MARKET.tape(option.localSymbol, before)
        quotes = await ib.reqHistoricalDataAsync(option, "", "2 D", "1 min", "BID", True, formatDate=2)
        of_before = [bar for bar in quotes if bar.date < session().open]
        assert len(of_before) == 390
        assert of_before[0].open == tape.bid[0]
        assert of_before[-1].close == tape.bid[-1]
        await ib.advance_to((session().open_s + 20) * SECOND)
        days = await ib.reqHistoricalDataAsync(option, "", "5 D", "1 day", "TRADES", True)
        closes = [MARKET.tape(option.localSymbol, past) for past in CALENDAR.sessions_before(session(), 4)]
        assert [bar.volume for bar in days[:4]] == [int(past.volume.sum()) for past in closes]
        bars = ib.reqRealTimeBars(option, 5, "MIDPOINT", True)
        await ib.advance(15)
        today = MARKET.tape(option.localSymbol, session())
        middle = (today.bid + today.ask) / 2
        assert [bar.open_ for bar in bars] == pytest.approx([middle[20], middle[25], middle[30]])


async def test_volatility_and_price_are_calculated_on_request() -> None:
    async with options_gateway() as (_, ib):
        option = await near_the_money(ib, "P")
        under = option.strike * 1.01
        priced = await ib.calculateOptionPriceAsync(option, 0.25, under)
        assert priced.optPrice > 0
        assert -0.5 < priced.delta < 0
        back = await ib.calculateImpliedVolatilityAsync(option, priced.optPrice, under)
        assert back.impliedVol == pytest.approx(0.25, abs=1e-4)
        assert back.undPrice == pytest.approx(under)
        assert await ib.calculateImpliedVolatilityAsync(option, 0.8 * option.strike, option.strike / 10) == []
        assert ib.errors[-1][1] == 321
        assert "No volatility gives" in ib.errors[-1][2]


class Book:
    """Takes instructions, and refuses those for more than ten contracts."""

    def __init__(self) -> None:
        self.taken: list[OptionExercise] = []

    def exercise_option(self, exercise: OptionExercise) -> Refusal | None:
        if exercise.quantity > 10:
            return Refusal(code=322, text="more than is held")
        self.taken.append(exercise)
        return None


async def test_exercise_is_checked_and_handed_to_the_books() -> None:
    book = Book()
    async with options_gateway() as (server, ib):
        server._options_desk._books = lambda: book
        option = await near_the_money(ib)
        ib.exerciseOptions(option, 1, 3, "DU1234567", 0)
        for action, quantity, account, code in (
            (1, 11, "DU1234567", 322),
            (3, 1, "DU1234567", 321),
            (1, 0, "DU1234567", 321),
            (1, 1, "DU999", 321),
        ):
            ib.exerciseOptions(option, action, quantity, account, 0)
            await ib.reqMarketRuleAsync(26)  # the answer to it comes after that to the exercise
            assert ib.errors[-1][1] == code
        ib.exerciseOptions(option, 2, 2, "", 1)
        await ib.reqMarketRuleAsync(32)
        first, second = book.taken
        assert (first.listing.local_symbol, first.quantity, first.is_lapse) == (option.localSymbol, Decimal(3), False)
        assert (second.is_lapse, second.overrides) == (True, True)
        assert first.price is not None
        assert abs(float(first.price) / option.strike - 1) < 0.05
        chain = await ib.reqContractDetailsAsync(Option("SPX", "202603", exchange="SMART", tradingClass="SPXW"))
        ib.exerciseOptions(chain[0].contract, 1, 1, "", 0)
        await ib.reqMarketRuleAsync(26)
        assert "European" in ib.errors[-1][2]


async def test_option_is_bought_at_its_offer_and_exercised_into_shares() -> None:
    async with options_gateway() as (_, ib):
        option = await near_the_money(ib)
        trade = ib.placeOrder(option, MarketOrder("BUY", 2))
        await ib.advance(5)
        tape = MARKET.tape(option.localSymbol, session())
        assert trade.orderStatus.status == "Filled"
        assert trade.fills[0].execution.price in set(tape.ask[:6].tolist())
        ib.exerciseOptions(option, 1, 1, "DU1234567", 1)
        await ib.advance(5)
        held = {position.contract.localSymbol: position.position for position in ib.positions()}
        assert held == {option.localSymbol: 1, "SPY": 100}


async def test_share_with_a_blank_in_its_name_has_options_under_the_name_without() -> None:
    async with options_gateway() as (_, ib):
        found = await ib.reqContractDetailsAsync(Option("BRK B", "20260320", right="C", exchange="SMART"))
        assert {details.contract.symbol for details in found} == {"BRK B"}
        assert {details.contract.localSymbol[:6] for details in found} == {"BRKB  "}
        assert np.all(np.diff([details.contract.strike for details in found]) > 0)


def record(root: Path) -> OptionReplay:
    """Write a minute of a share and its option, and return their market."""
    names = ("bid_close", "ask_close", "bid_size", "ask_size")
    opened = session().open
    for folder, rows in (
        ("equity-minute/XYZ.quote", [(opened, 10.0, 10.02, 300, 300)]),
        ("equity-minute/XYZ.trade", [(opened, 10.01, 10.01, 10.01, 10.01, 500)]),
        ("option-minute/XYZ.quote", [(opened, 0.30, 0.35, 11, 12), (opened + timedelta(minutes=1), 0.3, 0.4, 5, 6)]),
    ):
        is_quote, is_option = folder.endswith("quote"), folder.startswith("option")
        table = pd.DataFrame(rows, columns=["ts", *(names if is_quote else ("open", "high", "low", "close", "volume"))])
        if is_option:
            table = table.assign(underlying="XYZ", expiry=date(2026, 3, 20), right="C", strike=10.0, style="american")
        path = root / f"{folder}.test.parquet"
        path.parent.mkdir(exist_ok=True)
        table.to_parquet(path, index=False)
    return OptionReplay(root, ReplayMarket(root, CALENDAR))


async def test_recorded_option_is_found_and_quoted_as_recorded(tmp_path: Path) -> None:
    async with options_gateway(market=record(tmp_path)) as (_, ib):
        (stock,) = await ib.qualifyContractsAsync(Stock("XYZ", "SMART", "USD"))
        chain, *_ = await ib.reqSecDefOptParamsAsync("XYZ", "", "STK", stock.conId)
        assert (chain.expirations, chain.strikes) == (["20260320"], [10.0])
        (details,) = await ib.reqContractDetailsAsync(Option("XYZ", exchange="SMART", currency="USD"))
        option = details.contract
        assert option.localSymbol == "XYZ   260320C00010000"
        ticker = ib.reqMktData(option)
        await ib.advance_to((session().open_s + 70) * SECOND)
        assert (ticker.bid, ticker.bidSize, ticker.ask, ticker.askSize) == (0.30, 11, 0.35, 12)
        assert ticker.bidGreeks.impliedVol < ticker.modelGreeks.impliedVol < ticker.askGreeks.impliedVol
        await ib.advance_to((session().open_s + 130) * SECOND)
        assert (ticker.ask, ticker.askSize) == (0.40, 6)
