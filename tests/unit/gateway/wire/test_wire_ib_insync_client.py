"""ib_insync's own client writes requests, and we read them as what it was told to ask."""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ib_insync as ib
import pytest
from ib_insync.client import Client
from ib_insync.util import UNSET_DOUBLE

from daemon.gateway.wire import account_requests as accounts
from daemon.gateway.wire import group_messages as groups
from daemon.gateway.wire import history_requests as history
from daemon.gateway.wire import market_requests as market
from daemon.gateway.wire import reference_requests as reference
from daemon.gateway.wire import session_requests as session
from daemon.gateway.wire.contract import ComboLeg, Contract
from daemon.gateway.wire.framing import FrameReader
from daemon.gateway.wire.messages import Request
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.requests import decode_request, encode_request
from tests.unit.gateway.wire.comparison import COMPETE, MID, PEG_BENCH_FIELDS, STOCK, differences

UNTYPED: Any = ib  # ib_insync annotates only part of its functions


class Captured(Client):
    """The real client with its socket cut off: what it would send is kept."""

    def __init__(self, version: int) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call]
        self._serverVersion = version
        self.connState = Client.CONNECTED
        self.clientId = 7
        self.sent = bytearray()

    def sendMsg(self, msg: str) -> None:  # noqa: N802 - overrides theirs
        self.sent += self._prefix(msg.encode())  # type: ignore[no-untyped-call]

    def take(self) -> list[str]:
        """The fields of the one message sent since the last call."""
        (fields,) = FrameReader().feed(bytes(self.sent))
        self.sent.clear()
        return fields


def numbers_alike(fields: list[str]) -> list[object]:
    """Fields with numbers as numbers, so that 100 equals 100.0."""
    return [float(field) if re.fullmatch(r"-?\d+(\.\d+)?", field) else field for field in fields]


def place(version: int, contract: ib.Contract, order: ib.Order) -> tuple[PlaceOrder, int]:
    """What we read when ib_insync places an order, and how many fields it took."""
    client: Any = Captured(version)
    client.placeOrder(31, contract, order)
    fields = client.take()
    request = decode_request(fields, version)
    assert isinstance(request, PlaceOrder)
    assert request.order_id == 31
    assert numbers_alike(encode_request(request, version)) == numbers_alike(fields)
    return request, len(fields)


NOT_SENT = ("soft_dollar_display_name", "basis_points", "basis_points_type")


@pytest.mark.parametrize(("version", "count"), [(157, 110), (176, 115)])
def test_a_plain_order_of_ib_insync_is_read(version: int, count: int) -> None:
    contract, order = ib.Stock("SPY", "SMART", "USD"), ib.LimitOrder("BUY", 100, 150.5, orderRef="mine", tif="GTC")
    request, length = place(version, contract, order)
    assert length == count
    assert not differences(request.contract, contract)
    assert not differences(request.order, order, ignore=NOT_SENT)
    assert request.order.total_quantity == 100
    assert (request.order.lmt_price, request.order.aux_price) == (150.5, None)


@pytest.mark.parametrize(("version", "count"), [(157, 110), (176, 115)])
def test_a_bracket_of_ib_insync_is_read(version: int, count: int) -> None:
    broker: Any = UNTYPED.IB()
    broker.client = Captured(version)
    broker.client.updateReqId(31)
    broker.client._apiReady = True
    bracket = broker.bracketOrder("BUY", 5, 100.0, 110.0, 95.0)
    for order in bracket:
        request, length = place(version, ib.Stock("SPY", "SMART", "USD"), order)
        assert length == count
        assert not differences(request.order, order, ignore=NOT_SENT)
    assert [order.transmit for order in bracket] == [False, False, True]


@pytest.mark.parametrize(("version", "count"), [(157, 140), (176, 145)])
def test_a_combination_order_of_ib_insync_is_read(version: int, count: int) -> None:
    contract = UNTYPED.Bag(
        symbol="SPY",
        exchange="SMART",
        currency="USD",
        comboLegs=[
            ib.ComboLeg(conId=11, ratio=1, action="BUY", exchange="SMART"),
            ib.ComboLeg(12, 2, "SELL", "CBOE", 1, 2, "here", 3),
        ],
        deltaNeutralContract=ib.DeltaNeutralContract(5, 0.5, 99.5),
    )
    order = ib.LimitOrder("BUY", 1, -1.25)
    order.orderComboLegs = [ib.OrderComboLeg(1.5), ib.OrderComboLeg()]
    order.smartComboRoutingParams = [ib.TagValue("NonGuaranteed", "1"), ib.TagValue("a", "b"), ib.TagValue("c", "d")]
    request, length = place(version, contract, order)
    assert length == count
    assert not differences(request.contract, contract)
    assert not differences(request.order, order, ignore=NOT_SENT)
    assert request.order.order_combo_leg_prices == (1.5, None)


ALL_CONDITIONS = [
    ib.PriceCondition(1, "a", True, 101.5, 11, "SMART", 2),
    ib.TimeCondition(3, "o", False, "20261120 10:00:00 US/Eastern"),
    ib.MarginCondition(4, "a", True, 30),
    ib.ExecutionCondition(5, "o", "STK", "SMART", "SPY"),
    ib.VolumeCondition(6, "a", False, 1000, 11, "NYSE"),
    ib.PercentChangeCondition(7, "a", True, 2.5, 11, "NYSE"),
]


@pytest.mark.parametrize(("version", "count"), [(157, 144), (176, 149)])
def test_a_conditional_order_of_ib_insync_is_read(version: int, count: int) -> None:
    order = ib.MarketOrder("SELL", 7, conditionsIgnoreRth=True, conditionsCancelOrder=True)
    order.conditions = list(ALL_CONDITIONS)
    request, length = place(version, ib.Stock("SPY", "SMART", "USD"), order)
    assert length == count
    assert not differences(request.order, order, ignore=NOT_SENT)
    assert [type(condition).__name__ for condition in request.order.conditions] == [
        type(condition).__name__ for condition in ALL_CONDITIONS
    ]


NOT_IN_157 = (
    "duration",
    "post_to_ats",
    "auto_cancel_parent",
    "advanced_error_override",
    "manual_order_time",
)


def loaded(order_type: str, bits: int) -> ib.Order:
    """An ib_insync order in which every number and text is different."""
    order = ib.Order()
    for number, field in enumerate(dataclasses.fields(order), start=1):
        value = getattr(order, field.name)
        if isinstance(value, bool):
            setattr(order, field.name, bool((number * 2654435761) >> (7 + bits) & 1))
        elif isinstance(value, int):
            setattr(order, field.name, number)
        elif isinstance(value, float):
            setattr(order, field.name, number + 0.25)
        elif isinstance(value, str):
            setattr(order, field.name, f"text {number}")
    order.orderType = order_type
    order.totalQuantity = 12.5
    order.softDollarTier = ib.SoftDollarTier("tier", "42", "")
    order.algoParams = [ib.TagValue("maxPctVol", "0.1"), ib.TagValue("x", "")]
    order.smartComboRoutingParams = [ib.TagValue("NonGuaranteed", "1")]
    order.orderComboLegs = [ib.OrderComboLeg(1.5), ib.OrderComboLeg(UNSET_DOUBLE)]
    order.orderMiscOptions = [ib.TagValue("a", "1"), ib.TagValue("b", "2")]
    order.conditions = list(ALL_CONDITIONS)
    return order


LOADED_CONTRACT = ib.Contract(
    secType="BAG",
    conId=1,
    symbol="SPY",
    lastTradeDateOrContractMonth="20261218",
    strike=450.5,
    right="C",
    multiplier="100",
    exchange="IBKRATS",
    primaryExchange="ARCA",
    currency="USD",
    localSymbol="local",
    tradingClass="class",
    secIdType="ISIN",
    secId="US0",
    comboLegs=[ib.ComboLeg(11, 1, "BUY", "SMART"), ib.ComboLeg(12, 2, "SELL", "CBOE", 1, 2, "here", 3)],
    deltaNeutralContract=ib.DeltaNeutralContract(5, 0.5, 99.5),
)


@pytest.mark.parametrize("bits", range(4))
@pytest.mark.parametrize("order_type", ["LMT", "PEG BENCH", "PEG BEST", "PEG MID"])
@pytest.mark.parametrize("version", [157, 176])
def test_every_field_of_a_fully_loaded_order_is_read(version: int, order_type: str, bits: int) -> None:
    order = loaded(order_type, bits)
    request, _ = place(version, LOADED_CONTRACT, order)
    ignore: tuple[str, ...] = NOT_SENT
    ignore += () if order_type == "PEG BENCH" else PEG_BENCH_FIELDS
    ignore += () if version >= 176 and order_type == "PEG BEST" else COMPETE
    ignore += () if version >= 176 and order_type == "PEG MID" else MID
    ignore += () if version >= 176 else (*NOT_IN_157, "min_trade_qty")
    assert not differences(request.order, order, ignore=ignore)
    assert not differences(request.contract, LOADED_CONTRACT)
    assert request.order.order_misc_options == "a=1;b=2;"


def test_an_order_up_to_mid_carries_its_mid_offsets() -> None:
    order = loaded("PEG BEST", 0)
    order.competeAgainstBestOffset = float("inf")
    request, _ = place(176, LOADED_CONTRACT, order)
    assert request.order.compete_against_best_offset == float("inf")
    assert request.order.mid_offset_at_whole == order.midOffsetAtWhole


IB_STOCK = ib.Contract(secType="STK", conId=756733, symbol="SPY", exchange="SMART", currency="USD", strike=1.5)
IB_BAG = UNTYPED.Bag(symbol="SPY", comboLegs=[ib.ComboLeg(11, 1, "BUY", "SMART")])
BAG = Contract(sec_type="BAG", symbol="SPY", combo_legs=(ComboLeg(con_id=11, ratio=1, action="BUY", exchange="SMART"),))
OPTIONS = [ib.TagValue("a", "1")]
EXPIRED = ib.Contract(conId=1, includeExpired=True)

Call = Callable[[Any], None]
REQUESTS: list[tuple[Call, Request]] = [
    (lambda c: c.startApi(), session.StartApi(client_id=7)),
    (
        lambda c: c.reqMktData(5, IB_STOCK, "233,236", False, True, OPTIONS),
        market.ReqMktData(req_id=5, contract=STOCK, generic_ticks="233,236", regulatory_snapshot=True, options="a=1;"),
    ),
    (
        lambda c: c.reqMktData(5, IB_BAG, "", True, False, []),
        market.ReqMktData(req_id=5, contract=BAG, snapshot=True),
    ),
    (lambda c: c.cancelMktData(5), market.CancelMktData(req_id=5)),
    (lambda c: c.cancelOrder(5, ""), accounts.CancelOrder(order_id=5)),
    (lambda c: c.reqOpenOrders(), accounts.ReqOpenOrders()),
    (lambda c: c.reqAllOpenOrders(), accounts.ReqAllOpenOrders()),
    (lambda c: c.reqAutoOpenOrders(True), accounts.ReqAutoOpenOrders(auto_bind=True)),
    (lambda c: c.reqAccountUpdates(True, "DU1"), accounts.ReqAccountUpdates(subscribe=True, account="DU1")),
    (
        lambda c: c.reqExecutions(5, ib.ExecutionFilter(7, "DU1", "t", "SPY", "STK", "NYSE", "BUY")),
        accounts.ReqExecutions(
            req_id=5,
            client_id=7,
            account="DU1",
            time="t",
            symbol="SPY",
            sec_type="STK",
            exchange="NYSE",
            side="BUY",
        ),
    ),
    (lambda c: c.reqIds(3), session.ReqIds(count=3)),
    (
        lambda c: c.reqContractDetails(5, replace(EXPIRED, secIdType="ISIN", secId="US0")),
        reference.ReqContractDetails(
            req_id=5, contract=Contract(con_id=1, sec_id_type="ISIN", sec_id="US0"), include_expired=True
        ),
    ),
    (
        lambda c: c.reqMktDepth(5, IB_STOCK, 10, True, OPTIONS),
        market.ReqMktDepth(req_id=5, contract=STOCK, rows=10, is_smart_depth=True, options="a=1;"),
    ),
    (lambda c: c.cancelMktDepth(5, True), market.CancelMktDepth(req_id=5, is_smart_depth=True)),
    (lambda c: c.reqNewsBulletins(True), session.ReqNewsBulletins(all_messages=True)),
    (lambda c: c.cancelNewsBulletins(), session.CancelNewsBulletins()),
    (lambda c: c.setServerLogLevel(5), session.SetServerLogLevel(level=5)),
    (lambda c: c.reqManagedAccts(), session.ReqManagedAccts()),
    (lambda c: c.requestFA(1), session.RequestFA(fa_type=1)),
    (lambda c: c.replaceFA(5, 1, "<x/>"), session.ReplaceFA(fa_type=1, xml="<x/>", req_id=5)),
    (
        lambda c: c.reqHistoricalData(5, IB_STOCK, "end", "2 D", "5 mins", "TRADES", 1, 2, True, OPTIONS),
        history.ReqHistoricalData(
            req_id=5,
            contract=STOCK,
            end="end",
            bar_size="5 mins",
            duration="2 D",
            use_rth=True,
            what_to_show="TRADES",
            format_date=2,
            keep_up_to_date=True,
            options="a=1;",
        ),
    ),
    (
        lambda c: c.reqHistoricalData(5, IB_BAG, "", "2 D", "1 day", "MIDPOINT", False, 1, False, None),
        history.ReqHistoricalData(req_id=5, contract=BAG, bar_size="1 day", duration="2 D", what_to_show="MIDPOINT"),
    ),
    (lambda c: c.cancelHistoricalData(5), history.CancelHistoricalData(req_id=5)),
    (
        lambda c: c.exerciseOptions(5, IB_STOCK, 1, 2, "DU1", 1),
        market.ExerciseOptions(req_id=5, contract=STOCK, action=1, quantity=2, account="DU1", override=1),
    ),
    (
        lambda c: c.reqScannerSubscription(5, ib.ScannerSubscription(numberOfRows=9, abovePrice=1.5), [], OPTIONS),
        reference.ReqScannerSubscription(req_id=5, number_of_rows=9, above_price=1.5, filter_options="a=1;"),
    ),
    (lambda c: c.cancelScannerSubscription(5), reference.CancelScannerSubscription(req_id=5)),
    (lambda c: c.reqScannerParameters(), reference.ReqScannerParameters()),
    (lambda c: c.reqCurrentTime(), session.ReqCurrentTime()),
    (
        lambda c: c.reqRealTimeBars(5, IB_STOCK, 5, "TRADES", True, []),
        market.ReqRealTimeBars(req_id=5, contract=STOCK, what_to_show="TRADES", use_rth=True),
    ),
    (lambda c: c.cancelRealTimeBars(5), market.CancelRealTimeBars(req_id=5)),
    (
        lambda c: c.reqFundamentalData(5, ib.Contract(conId=1, symbol="SPY"), "ReportSnapshot", OPTIONS),
        reference.ReqFundamentalData(
            req_id=5, contract=Contract(con_id=1, symbol="SPY"), report_type="ReportSnapshot", options="a=1;"
        ),
    ),
    (lambda c: c.cancelFundamentalData(5), reference.CancelFundamentalData(req_id=5)),
    (
        lambda c: c.calculateImpliedVolatility(5, IB_STOCK, 2.5, 99.5, OPTIONS),
        market.CalculateImpliedVolatility(req_id=5, contract=STOCK, option_price=2.5, under_price=99.5, options="a=1;"),
    ),
    (
        lambda c: c.calculateOptionPrice(5, IB_STOCK, 0.25, 99.5, []),
        market.CalculateOptionPrice(req_id=5, contract=STOCK, volatility=0.25, under_price=99.5),
    ),
    (lambda c: c.cancelCalculateImpliedVolatility(5), market.CancelCalculateImpliedVolatility(req_id=5)),
    (lambda c: c.cancelCalculateOptionPrice(5), market.CancelCalculateOptionPrice(req_id=5)),
    (lambda c: c.reqGlobalCancel(), accounts.ReqGlobalCancel()),
    (lambda c: c.reqMarketDataType(3), market.ReqMarketDataType(data_type=3)),
    (lambda c: c.reqPositions(), accounts.ReqPositions()),
    (lambda c: c.cancelPositions(), accounts.CancelPositions()),
    (
        lambda c: c.reqAccountSummary(5, "All", "NetLiquidation,$LEDGER:ALL"),
        accounts.ReqAccountSummary(req_id=5, group="All", tags="NetLiquidation,$LEDGER:ALL"),
    ),
    (lambda c: c.cancelAccountSummary(5), accounts.CancelAccountSummary(req_id=5)),
    (
        lambda c: c.reqPositionsMulti(5, "DU1", "m"),
        accounts.ReqPositionsMulti(req_id=5, account="DU1", model_code="m"),
    ),
    (lambda c: c.cancelPositionsMulti(5), accounts.CancelPositionsMulti(req_id=5)),
    (
        lambda c: c.reqAccountUpdatesMulti(5, "DU1", "", True),
        accounts.ReqAccountUpdatesMulti(req_id=5, account="DU1", ledger_and_nlv=True),
    ),
    (lambda c: c.cancelAccountUpdatesMulti(5), accounts.CancelAccountUpdatesMulti(req_id=5)),
    (
        lambda c: c.reqSecDefOptParams(5, "SPY", "", "STK", 756733),
        reference.ReqSecDefOptParams(
            req_id=5, underlying_symbol="SPY", underlying_sec_type="STK", underlying_con_id=756733
        ),
    ),
    (lambda c: c.reqSoftDollarTiers(5), session.ReqSoftDollarTiers(req_id=5)),
    (lambda c: c.reqFamilyCodes(), session.ReqFamilyCodes()),
    (lambda c: c.reqMatchingSymbols(5, "SP"), reference.ReqMatchingSymbols(req_id=5, pattern="SP")),
    (lambda c: c.reqMktDepthExchanges(), market.ReqMktDepthExchanges()),
    (lambda c: c.reqSmartComponents(5, "9c0001"), market.ReqSmartComponents(req_id=5, bbo_exchange="9c0001")),
    (
        lambda c: c.reqNewsArticle(5, "BZ", "BZ$1", OPTIONS),
        session.ReqNewsArticle(req_id=5, provider_code="BZ", article_id="BZ$1", options="a=1;"),
    ),
    (lambda c: c.reqNewsProviders(), session.ReqNewsProviders()),
    (
        lambda c: c.reqHistoricalNews(5, 1, "BZ+FLY", "s", "e", 10, []),
        session.ReqHistoricalNews(req_id=5, con_id=1, provider_codes="BZ+FLY", start="s", end="e", total_results=10),
    ),
    (
        lambda c: c.reqHeadTimeStamp(5, EXPIRED, "TRADES", True, 2),
        history.ReqHeadTimestamp(
            req_id=5,
            contract=Contract(con_id=1),
            include_expired=True,
            use_rth=True,
            what_to_show="TRADES",
            format_date=2,
        ),
    ),
    (lambda c: c.cancelHeadTimeStamp(5), history.CancelHeadTimestamp(req_id=5)),
    (
        lambda c: c.reqHistogramData(5, IB_STOCK, True, "3 days"),
        history.ReqHistogramData(req_id=5, contract=STOCK, use_rth=True, period="3 days"),
    ),
    (lambda c: c.cancelHistogramData(5), history.CancelHistogramData(req_id=5)),
    (lambda c: c.reqMarketRule(26), reference.ReqMarketRule(rule_id=26)),
    (lambda c: c.reqPnL(5, "DU1", "m"), accounts.ReqPnL(req_id=5, account="DU1", model_code="m")),
    (lambda c: c.cancelPnL(5), accounts.CancelPnL(req_id=5)),
    (lambda c: c.reqPnLSingle(5, "DU1", "", 1), accounts.ReqPnLSingle(req_id=5, account="DU1", con_id=1)),
    (lambda c: c.cancelPnLSingle(5), accounts.CancelPnLSingle(req_id=5)),
    (
        lambda c: c.reqHistoricalTicks(5, IB_STOCK, "s", "", 100, "BID_ASK", 1, True, OPTIONS),
        history.ReqHistoricalTicks(
            req_id=5,
            contract=STOCK,
            start="s",
            number_of_ticks=100,
            what_to_show="BID_ASK",
            use_rth=True,
            ignore_size=True,
            options="a=1;",
        ),
    ),
    (
        lambda c: c.reqTickByTickData(5, IB_STOCK, "BidAsk", 3, True),
        market.ReqTickByTick(req_id=5, contract=STOCK, tick_type="BidAsk", number_of_ticks=3, ignore_size=True),
    ),
    (lambda c: c.cancelTickByTickData(5), market.CancelTickByTick(req_id=5)),
    (lambda c: c.reqCompletedOrders(True), accounts.ReqCompletedOrders(api_only=True)),
    (lambda c: c.queryDisplayGroups(5), groups.QueryDisplayGroups(req_id=5)),
    (lambda c: c.subscribeToGroupEvents(5, 2), groups.SubscribeToGroupEvents(req_id=5, group_id=2)),
    (lambda c: c.updateDisplayGroup(5, "1@ARCA"), groups.UpdateDisplayGroup(req_id=5, contract_info="1@ARCA")),
    (lambda c: c.unsubscribeFromGroupEvents(5), groups.UnsubscribeFromGroupEvents(req_id=5)),
    (lambda c: c.verifyRequest("a", "1"), groups.VerifyRequest(api_name="a", api_version="1")),
    (lambda c: c.verifyMessage("d"), groups.VerifyMessage(api_data="d")),
    (
        lambda c: c.verifyAndAuthRequest("a", "1", "k"),
        groups.VerifyAndAuthRequest(api_name="a", api_version="1", opaque_isv_key="k"),
    ),
    (lambda c: c.verifyAndAuthMessage("d", "x"), groups.VerifyAndAuthMessage(api_data="d", xyz_response="x")),
]

LATER_REQUESTS: list[tuple[Call, Request]] = [
    (lambda c: c.cancelOrder(5, "t"), accounts.CancelOrder(order_id=5, manual_cancel_order_time="t")),
    (
        lambda c: c.reqContractDetails(5, ib.Contract(conId=1, issuerId="e1")),
        reference.ReqContractDetails(req_id=5, contract=Contract(con_id=1, issuer_id="e1")),
    ),
    (lambda c: c.reqWshMetaData(5), session.ReqWshMetaData(req_id=5)),
    (lambda c: c.cancelWshMetaData(5), session.CancelWshMetaData(req_id=5)),
    (
        lambda c: c.reqWshEventData(5, ib.WshEventData(conId=1, filter="f", fillPortfolio=True, startDate="s")),
        session.ReqWshEventData(req_id=5, con_id=1, filter="f", fill_portfolio=True, start_date="s"),
    ),
    (lambda c: c.cancelWshEventData(5), session.CancelWshEventData(req_id=5)),
    (lambda c: c.reqUserInfo(5), session.ReqUserInfo(req_id=5)),
]
CASES = [(version, *pair) for version in (157, 176) for pair in REQUESTS] + [(176, *pair) for pair in LATER_REQUESTS]


@pytest.mark.parametrize(
    ("version", "call", "expected"), CASES, ids=[f"{type(expected).__name__}-{v}" for v, _, expected in CASES]
)
def test_every_other_request_of_ib_insync_is_read(version: int, call: Call, expected: Request) -> None:
    client: Any = Captured(version)
    call(client)
    fields = client.take()
    assert decode_request(fields, version) == expected
    assert (
        numbers_alike(encode_request(expected, version))[1:]
        == numbers_alike([UNSET_TO_EMPTY.get(field, field) for field in fields])[1:]
    )


UNSET_TO_EMPTY = {"2147483647": ""}
