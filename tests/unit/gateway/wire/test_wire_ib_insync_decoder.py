"""We write responses, and ib_insync's own decoder reads them without complaint."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ib_insync as ib
import pytest
from ib_insync.decoder import Decoder
from ib_insync.util import UNSET_DOUBLE

from daemon.gateway.wire import account_responses as account
from daemon.gateway.wire import group_messages as groups
from daemon.gateway.wire import history_responses as past
from daemon.gateway.wire import market_responses as ticks
from daemon.gateway.wire import rare_responses as rare
from daemon.gateway.wire import reference_responses as instruments
from daemon.gateway.wire.completed_order import CompletedOrder
from daemon.gateway.wire.contract import ComboLeg, Contract, ContractDetails, DeltaNeutralContract, TagValue
from daemon.gateway.wire.framing import FrameReader, encode_frame
from daemon.gateway.wire.messages import Response
from daemon.gateway.wire.open_order import OpenOrder, OrderState
from daemon.gateway.wire.order import (
    Condition,
    ExecutionCondition,
    MarginCondition,
    Order,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from daemon.gateway.wire.order_responses import (
    CommissionReport,
    CompletedOrdersEnd,
    ExecDetails,
    ExecDetailsEnd,
    Execution,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
)
from daemon.gateway.wire.responses import encode_response
from tests.unit.gateway.wire.comparison import COMPETE, MID, PEG_BENCH_FIELDS, STOCK, differences, theirs

VERSIONS = (157, 163, 164, 176)


class Recorder:
    """Stands where ib_insync's wrapper stands, and keeps every call its decoder makes."""

    ib = ib.IB

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.calls.append((name, arguments))


@pytest.fixture(autouse=True)
def no_decoder_complaint(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The decoder logs what it cannot read instead of raising."""
    with caplog.at_level(logging.WARNING):
        yield
    assert not caplog.records


def received(response: Response, version: int) -> list[tuple[str, tuple[Any, ...]]]:
    """The wrapper calls that ib_insync makes of a response."""
    recorder: Any = Recorder()
    decoder: Any = Decoder(recorder, version)
    (fields,) = FrameReader().feed(encode_frame(encode_response(response, version)))
    decoder.interpret(list(fields))
    calls: list[tuple[str, tuple[Any, ...]]] = recorder.calls
    return calls


OUR_CONDITIONS: tuple[Condition, ...] = (
    PriceCondition(price=101.5, con_id=11, exchange="SMART", trigger_method=2),
    TimeCondition(conjunction="o", is_more=False, time="20261120 10:00:00 US/Eastern"),
    MarginCondition(percent=30),
    ExecutionCondition(conjunction="o", sec_type="STK", exchange="SMART", symbol="SPY"),
    VolumeCondition(is_more=False, volume=1000, con_id=11, exchange="NYSE"),
    PercentChangeCondition(change_percent=2.5, con_id=11, exchange="NYSE"),
)
OUR_CONTRACT = Contract(
    sec_type="BAG",
    con_id=28812380,
    symbol="SPY",
    last_trade_date="20261218",
    strike=450.5,
    right="C",
    multiplier="100",
    exchange="SMART",
    currency="USD",
    local_symbol="local",
    trading_class="class",
    combo_legs_description="11|1,12|-2",
    combo_legs=(
        ComboLeg(con_id=11, ratio=1, action="BUY", exchange="SMART"),
        ComboLeg(con_id=12, ratio=2, action="SELL", exchange="CBOE", open_close=1, short_sale_slot=2, exempt_code=3),
    ),
    delta_neutral=DeltaNeutralContract(con_id=5, delta=0.5, price=99.5),
)


def our_loaded(order_type: str, bits: int, **changes: object) -> Order:
    """An order of ours in which every number and text is different."""
    values: dict[str, object] = {}
    for number, field in enumerate(dataclasses.fields(Order), start=1):
        kind = str(field.type)
        if "bool" in kind:
            values[field.name] = bool((number * 2654435761) >> (7 + bits) & 1)
        elif "tuple" in kind or "Decimal" in kind:
            continue
        elif "float" in kind:
            values[field.name] = number + 0.25
        elif "int" in kind:
            values[field.name] = number
        else:
            values[field.name] = f"text {number}"
    values |= {
        "order_type": order_type,
        "total_quantity": Decimal("12.5"),
        "order_combo_leg_prices": (1.5, None),
        "smart_combo_routing_params": (TagValue(tag="NonGuaranteed", value="1"),),
        "algo_params": (TagValue(tag="maxPctVol", value="0.1"), TagValue(tag="x", value="")),
        "conditions": OUR_CONDITIONS,
    }
    make: Callable[..., Order] = Order
    return make(**values | changes)


REQUEST_ONLY = (
    "transmit",
    "override_percentage_constraints",
    "scale_table",
    "active_start_time",
    "active_stop_time",
    "algo_id",
    "order_misc_options",
    "ext_operator",
    "mifid2_decision_maker",
    "mifid2_decision_algo",
    "mifid2_execution_trader",
    "mifid2_execution_algo",
    "advanced_error_override",
    "manual_order_time",
)
NOT_COMPLETED = (
    "parent_id",
    "auction_strategy",
    "block_order",
    "e_trade_only",
    "firm_quote_only",
    "nbbo_price_cap",
    "delta_neutral_settling_firm",
    "delta_neutral_clearing_account",
    "delta_neutral_clearing_intent",
    "delta_neutral_open_close",
    "basis_points",
    "basis_points_type",
    "opt_out_smart_routing",
    "what_if",
    "adjusted_order_type",
    "trigger_price",
    "adjusted_stop_price",
    "adjusted_stop_limit_price",
    "adjusted_trailing_amount",
    "adjustable_trailing_unit",
    "soft_dollar_name",
    "soft_dollar_value",
    "soft_dollar_display_name",
    "discretionary_up_to_limit_price",
    "use_price_mgmt_algo",
    "duration",
    "post_to_ats",
    "auto_cancel_parent",
)
FROM_170 = ("min_trade_qty", *COMPETE, *MID)


@pytest.mark.parametrize("bits", range(4))
@pytest.mark.parametrize("order_type", ["LMT", "PEG BENCH"])
@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_every_field_of_a_loaded_open_order(version: int, order_type: str, bits: int) -> None:
    order = our_loaded(order_type, bits)
    state = OrderState(
        status="Submitted",
        init_margin_before="1.5",
        maint_margin_before="2.5",
        equity_with_loan_before="3.5",
        init_margin_change="4.5",
        maint_margin_change="5.5",
        equity_with_loan_change="6.5",
        init_margin_after="7.5",
        maint_margin_after="8.5",
        equity_with_loan_after="9.5",
        commission=1.25,
        min_commission=1.0,
        max_commission=2.0,
        commission_currency="USD",
        warning_text="careful",
    )
    response = OpenOrder(order_id=31, client_id=7, perm_id=99, contract=OUR_CONTRACT, order=order, state=state)
    ((name, (order_id, contract, their_order, their_state)),) = received(response, version)
    assert (name, str(order_id)) == ("openOrder", "31")
    assert (theirs(their_order, "client_id"), theirs(their_order, "perm_id")) == (7, 99)
    ignore = REQUEST_ONLY + (() if order_type == "PEG BENCH" else PEG_BENCH_FIELDS)
    ignore += () if version >= 170 else FROM_170
    ignore += () if version >= 162 else ("duration", "post_to_ats", "auto_cancel_parent")
    assert not differences(order, their_order, ignore=ignore)
    assert not differences(OUR_CONTRACT, contract)
    assert not differences(state, their_state)


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_a_plain_open_order_with_nothing_set(version: int) -> None:
    order = Order(action="BUY", total_quantity=Decimal(100), order_type="MKT", tif="DAY")
    response = OpenOrder(order_id=31, client_id=7, perm_id=99, contract=STOCK, order=order, state=OrderState())
    ((_, (_, contract, their_order, their_state)),) = received(response, version)
    assert not differences(order, their_order, ignore=("use_price_mgmt_algo",))
    assert not differences(STOCK, contract)
    assert not differences(OrderState(), their_state)


@pytest.mark.parametrize("bits", range(4))
@pytest.mark.parametrize("order_type", ["LMT", "PEG BENCH"])
@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_every_field_of_a_loaded_completed_order(version: int, order_type: str, bits: int) -> None:
    response = CompletedOrder(
        perm_id=99,
        contract=OUR_CONTRACT,
        order=our_loaded(order_type, bits),
        status="Filled",
        auto_cancel_date="20261121",
        filled_quantity=Decimal("12.5"),
        ref_futures_con_id=77,
        auto_cancel_parent=bits % 2 == 0,
        shareholder="holder",
        imbalance_only=bits % 2 == 1,
        route_marketable_to_bbo=bits > 1,
        parent_perm_id=98,
        completed_time="20261120 10:00:00 US/Eastern",
        completed_status="Filled Size: 12.5",
    )
    ((name, (contract, their_order, their_state)),) = received(response, version)
    assert name == "completedOrder"
    ignore = REQUEST_ONLY + NOT_COMPLETED + (() if order_type == "PEG BENCH" else PEG_BENCH_FIELDS)
    ignore += () if version >= 170 else FROM_170
    assert not differences(response.order, their_order, ignore=ignore)
    own = ("contract", "order", "status", "completed_time", "completed_status")
    assert not differences(response, their_order, ignore=own)
    kept = {"contract", "order", "status", "completed_time", "completed_status"}
    others = tuple(
        field.name for field in dataclasses.fields(response) if field.name not in kept - {"contract", "order"}
    )
    assert not differences(response, their_state, ignore=others)
    assert not differences(OUR_CONTRACT, contract)


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_execution_details(version: int) -> None:
    execution = Execution(
        exec_id="0001.01",
        time="20261120 09:31:00 US/Eastern",
        account="DU1",
        exchange="NYSE",
        side="BOT",
        shares=Decimal("40.5"),
        price=150.25,
        perm_id=99,
        client_id=7,
        liquidation=1,
        cum_qty=Decimal(60),
        avg_price=150.5,
        order_ref="ref",
        ev_rule="rule",
        ev_multiplier=2.5,
        model_code="model",
        last_liquidity=2,
    )
    option = replace(OUR_CONTRACT, sec_type="OPT", combo_legs=(), delta_neutral=None, combo_legs_description="")
    response = ExecDetails(req_id=-1, order_id=31, contract=option, execution=execution)
    ((name, (req_id, contract, fill)),) = received(response, version)
    assert (name, req_id, theirs(fill, "order_id")) == ("execDetails", -1, 31)
    assert theirs(fill, "time") == datetime(2026, 11, 20, 14, 31, tzinfo=UTC)
    assert theirs(fill, "exchange") == "NYSE"
    assert not differences(execution, fill, ignore=("time", "pending_price_revision"))
    assert not differences(option, contract)


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_contract_details(version: int) -> None:
    details = ContractDetails(
        market_name="SPY",
        min_tick=0.01,
        order_types="LMT,MKT",
        valid_exchanges="SMART,NYSE",
        price_magnifier=3,
        under_con_id=4,
        long_name="Caf\u00e9 \\ Trust",
        contract_month="202612",
        industry="i",
        category="c",
        subcategory="s",
        time_zone_id="US/Eastern",
        trading_hours="20261120:0930-20261120:1600",
        liquid_hours="20261121:CLOSED",
        ev_rule="e",
        ev_multiplier=5,
        sec_ids=(TagValue(tag="ISIN", value="US0"),),
        agg_group=6,
        under_symbol="U",
        under_sec_type="STK",
        market_rule_ids="26,26",
        real_expiration_date="20261218",
        stock_type="ETF",
        min_size=Decimal("0.5"),
        size_increment=Decimal("0.25"),
        suggested_size_increment=Decimal(100),
    )
    option = replace(
        OUR_CONTRACT,
        sec_type="OPT",
        combo_legs=(),
        delta_neutral=None,
        combo_legs_description="",
        primary_exchange="ARCA",
    )
    response = instruments.ContractData(req_id=9, contract=option, details=details)
    ((name, (req_id, theirs_details)),) = received(response, version)
    assert (name, req_id) == ("contractDetails", 9)
    later = {157: ("min_size", "size_increment", "suggested_size_increment"), 163: ("min_size", "size_increment")}
    assert not differences(details, theirs_details, ignore=("md_size_multiplier", *later.get(version, ())))
    assert not differences(option, theirs(theirs_details, "contract"))


def test_ib_insync_splits_the_last_trade_date_from_its_time() -> None:
    future = replace(STOCK, sec_type="FUT", last_trade_date="20261218 08:30:00")
    response = instruments.ContractData(req_id=9, contract=future, details=ContractDetails())
    ((_, (_, details)),) = received(response, 176)
    assert theirs(theirs(details, "contract"), "last_trade_date") == "20261218"
    assert theirs(details, "last_trade_time") == "08:30:00"


BAR = past.HistoricalBar(
    date="20261120", open=1.5, high=4.5, low=0.5, close=2.5, volume=Decimal(1000), wap=2.25, count=12
)
make_bar: Any = ib.BarData  # its annotations promise a date, its decoder leaves text
IB_BAR = make_bar(date="20261120", open=1.5, high=4.5, low=0.5, close=2.5, volume=1000.0, average=2.25, barCount=12)
AT = datetime.fromtimestamp(1_700_000_000, UTC)

RESPONSES: list[tuple[Response, str, tuple[object, ...]]] = [
    (
        ticks.TickPrice(req_id=9, tick_type=1, price=150.25, size=Decimal(7), attrib_mask=1),
        "priceSizeTick",
        (9, 1, 150.25, 7.0),
    ),
    (ticks.TickSize(req_id=9, tick_type=8, size=Decimal(12000)), "tickSize", (9, 8, 12000.0)),
    (ticks.TickString(req_id=9, tick_type=45, value="1700000000"), "tickString", (9, 45, "1700000000")),
    (ticks.TickGeneric(req_id=9, tick_type=49, value=0.5), "tickGeneric", (9, 49, 0.5)),
    (
        ticks.TickReqParams(req_id=9, min_tick=0.01, bbo_exchange="9c0001", snapshot_permissions=3),
        "tickReqParams",
        (9, 0.01, "9c0001", 3),
    ),
    (ticks.MarketDataType(req_id=9, data_type=3), "marketDataType", (9, 3)),
    (ticks.TickSnapshotEnd(req_id=9), "tickSnapshotEnd", (9,)),
    (
        ticks.TickOptionComputation(
            req_id=9,
            tick_type=13,
            tick_attrib=1,
            implied_vol=0.2,
            delta=0.5,
            opt_price=3.5,
            pv_dividend=0.1,
            gamma=0.01,
            vega=0.3,
            theta=-0.05,
            und_price=450.5,
        ),
        "tickOptionComputation",
        (9, 13, 1, 0.2, 0.5, 3.5, 0.1, 0.01, 0.3, -0.05, 450.5),
    ),
    (
        ticks.RealTimeBar(
            req_id=9, time=1700000000, open=1.5, high=4.5, low=0.5, close=2.5, volume=Decimal(1000), wap=2.25, count=12
        ),
        "realtimeBar",
        (9, 1700000000, 1.5, 4.5, 0.5, 2.5, 1000.0, 2.25, 12),
    ),
    (
        ticks.TickByTickLast(
            req_id=9, tick_type=2, time=1700000000, price=1.5, size=Decimal(3), mask=2, exchange="NYSE", conditions="I"
        ),
        "tickByTickAllLast",
        (9, 2, 1700000000, 1.5, 3.0, ib.TickAttribLast(pastLimit=False, unreported=True), "NYSE", "I"),
    ),
    (
        ticks.TickByTickBidAsk(
            req_id=9, time=1700000000, bid=1.5, ask=2.5, bid_size=Decimal(3), ask_size=Decimal(4), mask=1
        ),
        "tickByTickBidAsk",
        (9, 1700000000, 1.5, 2.5, 3.0, 4.0, ib.TickAttribBidAsk(bidPastLow=True, askPastHigh=False)),
    ),
    (ticks.TickByTickMidPoint(req_id=9, time=1700000000, mid=1.75), "tickByTickMidPoint", (9, 1700000000, 1.75)),
    (
        ticks.MktDepth(req_id=9, position=1, operation=2, side=1, price=1.5, size=Decimal(3)),
        "updateMktDepth",
        (9, 1, 2, 1, 1.5, 3.0),
    ),
    (
        ticks.MktDepthL2(
            req_id=9,
            position=1,
            market_maker="MM",
            operation=2,
            side=0,
            price=1.5,
            size=Decimal(3),
            is_smart_depth=True,
        ),
        "updateMktDepthL2",
        (9, 1, "MM", 2, 0, 1.5, 3.0, True),
    ),
    (
        ticks.TickNews(req_id=9, time=1700000000000, provider="BZ", article_id="BZ$1", headline="h", extra="e"),
        "tickNews",
        (9, 1700000000000, "BZ", "BZ$1", "h", "e"),
    ),
    (ticks.RerouteMktData(req_id=9, con_id=1, exchange="NYSE"), "rerouteMktDataReq", (9, 1, "NYSE")),
    (ticks.RerouteMktDepth(req_id=9, con_id=1, exchange="NYSE"), "rerouteMktDepthReq", (9, 1, "NYSE")),
    (
        ticks.SmartComponents(req_id=9, components=(ticks.SmartComponent(bit_number=1, exchange="NYSE", letter="N"),)),
        "smartComponents",
        (9, [ib.SmartComponent(1, "NYSE", "N")]),
    ),
    (
        ticks.MktDepthExchanges(
            exchanges=(
                ticks.DepthExchange(
                    exchange="NYSE", sec_type="STK", listing_exchange="l", service_data_type="Deep", agg_group=4
                ),
            )
        ),
        "mktDepthExchanges",
        ([ib.DepthMktDataDescription("NYSE", "STK", "l", "Deep", 4)],),
    ),
    (
        account.AccountValue(key="Cash", value="1.5", currency="USD", account="DU1"),
        "updateAccountValue",
        ("Cash", "1.5", "USD", "DU1"),
    ),
    (account.AccountUpdateTime(time="10:31"), "updateAccountTime", ("10:31",)),
    (account.AccountDownloadEnd(account="DU1"), "accountDownloadEnd", ("DU1",)),
    (account.NextValidId(order_id=101), "nextValidId", (101,)),
    (account.ManagedAccounts(accounts="DU1,DU2"), "managedAccounts", ("DU1,DU2",)),
    (account.CurrentTime(time=1700000000), "currentTime", (1700000000,)),
    (account.PositionEnd(), "positionEnd", ()),
    (account.PositionMultiEnd(req_id=9), "positionMultiEnd", (9,)),
    (
        account.AccountSummary(req_id=9, account="DU1", tag="t", value="v", currency="USD"),
        "accountSummary",
        (9, "DU1", "t", "v", "USD"),
    ),
    (account.AccountSummaryEnd(req_id=9), "accountSummaryEnd", (9,)),
    (
        account.AccountUpdateMulti(req_id=9, account="DU1", model_code="m", key="k", value="v", currency="USD"),
        "accountUpdateMulti",
        (9, "DU1", "m", "k", "v", "USD"),
    ),
    (account.AccountUpdateMultiEnd(req_id=9), "accountUpdateMultiEnd", (9,)),
    (account.PnL(req_id=9, daily=1.5, unrealized=-2.5), "pnl", (9, 1.5, -2.5, UNSET_DOUBLE)),
    (
        account.PnLSingle(req_id=9, position=Decimal(40), daily=1.5, unrealized=2.5, realized=3.5, value=4.5),
        "pnlSingle",
        (9, 40.0, 1.5, 2.5, 3.5, 4.5),
    ),
    (
        account.NewsBulletin(bulletin_id=1, bulletin_type=2, text="t", exchange="NYSE"),
        "updateNewsBulletin",
        (1, 2, "t", "NYSE"),
    ),
    (account.ReceiveFA(fa_type=1, xml="<x/>"), "receiveFA", (1, "<x/>")),
    (account.ReplaceFAEnd(req_id=9, text="t"), "replaceFAEnd", (9, "t")),
    (
        account.SoftDollarTiers(req_id=9, tiers=(account.SoftDollarTier(name="n", value="v", display_name="d"),)),
        "softDollarTiers",
        (9, [ib.SoftDollarTier("n", "v", "d")]),
    ),
    (
        account.FamilyCodes(codes=(account.FamilyCode(account="DU1", code="F"),)),
        "familyCodes",
        ([ib.FamilyCode("DU1", "F")],),
    ),
    (
        OrderStatus(
            order_id=31,
            status="Submitted",
            filled=Decimal("40.5"),
            remaining=Decimal(60),
            avg_fill_price=1.5,
            perm_id=99,
            parent_id=30,
            last_fill_price=2.5,
            client_id=7,
            why_held="locate",
            mkt_cap_price=3.5,
        ),
        "orderStatus",
        (31, "Submitted", 40.5, 60.0, 1.5, 99, 30, 2.5, 7, "locate", 3.5),
    ),
    (
        CommissionReport(exec_id="0001", commission=1.25, currency="USD", yield_redemption_date=20270101),
        "commissionReport",
        (ib.CommissionReport("0001", 1.25, "USD", UNSET_DOUBLE, UNSET_DOUBLE, 20270101),),
    ),
    (OrderBound(perm_id=99, client_id=7, order_id=31), "orderBound", (99, 7, 31)),
    (OpenOrderEnd(), "openOrderEnd", ()),
    (CompletedOrdersEnd(), "completedOrdersEnd", ()),
    (ExecDetailsEnd(req_id=9), "execDetailsEnd", (9,)),
    (past.HistoricalDataUpdate(req_id=9, bar=BAR), "historicalDataUpdate", (9, IB_BAR)),
    (past.HeadTimestamp(req_id=9, text="20200101-00:00:00"), "headTimestamp", (9, "20200101-00:00:00")),
    (
        past.HistogramData(req_id=9, entries=(past.HistogramEntry(price=1.5, count=Decimal(3)),)),
        "histogramData",
        (9, [ib.HistogramData(1.5, 3)]),
    ),
    (
        past.HistoricalTicks(req_id=9, ticks=(past.MidPointTick(time=1700000000, price=1.5),), done=True),
        "historicalTicks",
        (9, [ib.HistoricalTick(AT, 1.5, 0.0)], True),
    ),
    (
        past.HistoricalTicksBidAsk(
            req_id=9,
            done=False,
            ticks=(
                past.BidAskTick(time=1700000000, mask=1, bid=1.5, ask=2.5, bid_size=Decimal(3), ask_size=Decimal(4)),
            ),
        ),
        "historicalTicksBidAsk",
        (9, [ib.HistoricalTickBidAsk(AT, ib.TickAttribBidAsk(False, True), 1.5, 2.5, 3.0, 4.0)], False),
    ),
    (
        past.HistoricalTicksLast(
            req_id=9,
            done=True,
            ticks=(
                past.TradeTick(time=1700000000, mask=1, price=1.5, size=Decimal(3), exchange="NYSE", conditions="I"),
            ),
        ),
        "historicalTicksLast",
        (9, [ib.HistoricalTickLast(AT, ib.TickAttribLast(True, False), 1.5, 3.0, "NYSE", "I")], True),
    ),
    (
        past.NewsProviders(providers=(past.NewsProvider(code="BZ", name="Benzinga"),)),
        "newsProviders",
        ([ib.NewsProvider("BZ", "Benzinga")],),
    ),
    (past.NewsArticle(req_id=9, article_type=0, text="t"), "newsArticle", (9, 0, "t")),
    (
        past.HistoricalNews(req_id=9, time="2026-11-20 10:00:00.0", provider="BZ", article_id="a", headline="h"),
        "historicalNews",
        (9, "2026-11-20 10:00:00.0", "BZ", "a", "h"),
    ),
    (past.HistoricalNewsEnd(req_id=9, has_more=True), "historicalNewsEnd", (9, True)),
    (instruments.ContractDataEnd(req_id=9), "contractDetailsEnd", (9,)),
    (
        instruments.SecDefOptParam(
            req_id=9,
            exchange="CBOE",
            underlying_con_id=1,
            trading_class="SPY",
            multiplier="100",
            expirations=("20261218", "20270115"),
            strikes=(450.0, 455.5),
        ),
        "securityDefinitionOptionParameter",
        (9, "CBOE", "1", "SPY", "100", ["20261218", "20270115"], [450.0, 455.5]),
    ),
    (instruments.SecDefOptParamEnd(req_id=9), "securityDefinitionOptionParameterEnd", (9,)),
    (
        instruments.MarketRule(rule_id=26, increments=(instruments.PriceIncrement(low_edge=0.0, increment=0.01),)),
        "marketRule",
        (26, [ib.PriceIncrement(0.0, 0.01)]),
    ),
    (instruments.ScannerParameters(xml="<x/>"), "scannerParameters", ("<x/>",)),
    (instruments.FundamentalData(req_id=9, data="<x/>"), "fundamentalData", (9, "<x/>")),
    (groups.DisplayGroupList(req_id=9, groups="1|2"), "displayGroupList", (9, "1|2")),
    (groups.DisplayGroupUpdated(req_id=9, contract_info="8314@SMART"), "displayGroupUpdated", (9, "8314@SMART")),
    (groups.VerifyMessageApi(api_data="d"), "verifyMessageAPI", ("d",)),
    (groups.VerifyAndAuthMessageApi(api_data="d", xyz_challenge="x"), "verifyAndAuthMessageAPI", ("d", "x")),
    (
        rare.TickEfp(
            req_id=9,
            tick_type=38,
            basis_points=1.5,
            formatted_basis_points="1.5%",
            implied_future=99.5,
            hold_days=30,
            last_trade_date="20261218",
            dividend_impact=0.25,
            dividends_to_last_trade_date=0.5,
        ),
        "tickEFP",
        (9, 38, 1.5, "1.5%", 99.5, 30, "20261218", 0.25, 0.5),
    ),
    (
        rare.DeltaNeutralValidation(req_id=9, contract=DeltaNeutralContract(con_id=5, delta=0.5, price=99.5)),
        "deltaNeutralValidation",
        (9, ib.DeltaNeutralContract(5, 0.5, 99.5)),
    ),
]


@pytest.mark.parametrize(("response", "name", "arguments"), RESPONSES, ids=[type(r).__name__ for r, _, _ in RESPONSES])
@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_every_other_response(
    version: int, response: Response, name: str, arguments: tuple[object, ...]
) -> None:
    assert received(response, version) == [(name, arguments)]


@pytest.mark.parametrize(("version", "reject"), [(157, ""), (163, ""), (176, '{"a":1}')])
def test_ib_insync_reads_an_error(version: int, reject: str) -> None:
    message = account.ErrorMessage(
        subject_id=-1, code=2104, text="farm OK:usfarm", advanced_order_reject_json='{"a":1}'
    )
    assert received(message, version) == [("error", (-1, 2104, "farm OK:usfarm", reject))]


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_history_and_its_end_from_one_message(version: int) -> None:
    calls = received(past.HistoricalData(req_id=9, start="s", end="e", bars=(BAR, BAR)), version)
    assert calls == [("historicalData", (9, IB_BAR))] * 2 + [("historicalDataEnd", (9, "s", "e"))]


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_positions_and_portfolio(version: int) -> None:
    option = replace(OUR_CONTRACT, sec_type="OPT", combo_legs=(), delta_neutral=None, combo_legs_description="")
    ((_, (owner, contract, *rest)),) = received(
        account.Position(account="DU1", contract=option, position=Decimal("-2.5"), avg_cost=1.5), version
    )
    assert (owner, rest) == ("DU1", [-2.5, 1.5])
    assert not differences(option, contract)
    multi = account.PositionMulti(
        req_id=9, account="DU1", contract=option, position=Decimal("-2.5"), avg_cost=1.5, model_code="m"
    )
    ((_, (req_id, owner, model, contract, *rest)),) = received(multi, version)
    assert (req_id, owner, model, rest) == (9, "DU1", "m", [-2.5, 1.5])
    assert not differences(option, contract)


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_a_portfolio_value_with_the_primary_exchange(version: int) -> None:
    stock = replace(STOCK, exchange="", primary_exchange="ARCA")
    response = account.PortfolioValue(
        contract=stock,
        position=Decimal("2.5"),
        market_price=1.5,
        market_value=3.75,
        average_cost=1.25,
        unrealized_pnl=0.5,
        realized_pnl=-0.25,
        account="DU1",
    )
    ((name, (contract, *rest)),) = received(response, version)
    assert (name, rest) == ("updatePortfolio", [2.5, 1.5, 3.75, 1.25, 0.5, -0.25, "DU1"])
    assert not differences(stock, contract)


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_symbol_samples(version: int) -> None:
    sample = instruments.SymbolSample(
        con_id=1,
        symbol="SPY",
        sec_type="STK",
        primary_exchange="ARCA",
        currency="USD",
        derivative_sec_types=("OPT", "FUT"),
        description="ETF",
        issuer_id="e1",
    )
    response = instruments.SymbolSamples(req_id=9, samples=(sample, sample))
    ((_, (_, found)),) = received(response, version)
    assert isinstance(found, list)
    assert len(found) == 2
    for description in found:
        contract = description.contract
        assert (contract.conId, contract.symbol, contract.secType) == (1, "SPY", "STK")
        assert (contract.primaryExchange, contract.currency) == ("ARCA", "USD")
        assert description.derivativeSecTypes == ["OPT", "FUT"]
        assert (contract.description, contract.issuerId) == (("ETF", "e1") if version >= 176 else ("", ""))


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_a_scanner_ranking(version: int) -> None:
    row = instruments.ScannerRow(
        rank=0, contract=STOCK, market_name="SPY", distance="d", benchmark="b", projection="p", legs="l"
    )
    calls = received(instruments.ScannerData(req_id=9, rows=(row,)), version)
    assert [name for name, _ in calls] == ["scannerData", "scannerDataEnd"]
    req_id, rank, details, *rest = calls[0][1]
    assert (req_id, rank, theirs(details, "market_name"), rest) == (9, 0, "SPY", ["d", "b", "p", "l"])
    assert not differences(STOCK, theirs(details, "contract"))


def test_ib_insync_reads_the_later_messages_at_176() -> None:
    schedule = past.HistoricalSchedule(
        req_id=9,
        start="s",
        end="e",
        time_zone="US/Eastern",
        sessions=(past.TradingSession(start="a", end="b", ref_date="c"),),
    )
    assert received(schedule, 176) == [
        ("historicalSchedule", (9, "s", "e", "US/Eastern", [ib.HistoricalSession("a", "b", "c")]))
    ]
    assert received(account.UserInfo(req_id=9, white_branding_id="w"), 176) == [("userInfo", (9, "w"))]
    assert received(account.WshMetaData(req_id=9, data="{}"), 176) == [("wshMetaData", (9, "{}"))]
    assert received(account.WshEventData(req_id=9, data="{}"), 176) == [("wshEventData", (9, "{}"))]


@pytest.mark.parametrize("version", VERSIONS)
def test_ib_insync_reads_a_bond(version: int) -> None:
    bond = Contract(sec_type="BOND", con_id=7, symbol="IBCID1", exchange="SMART", currency="USD", trading_class="T")
    details = rare.BondDetails(
        cusip="912828C57",
        coupon=Decimal(2),
        maturity="20310331",
        issue_date="20240331",
        ratings="AAA",
        bond_type="GOVT",
        coupon_type="FIXED",
        callable=True,
        min_tick=0.0001,
        order_types="LMT",
        valid_exchanges="SMART",
        notes="n",
        long_name="T 2 1/4 é",
        sec_ids=(TagValue(tag="ISIN", value="US912828C574"),),
        agg_group=1,
        market_rule_ids="26",
        min_size=Decimal(1000),
    )
    ((name, (req_id, found)),) = received(rare.BondContractData(req_id=9, contract=bond, details=details), version)
    assert (name, req_id) == ("bondContractDetails", 9)
    assert (found.contract.conId, found.contract.symbol, found.contract.tradingClass) == (7, "IBCID1", "T")
    assert (found.cusip, found.coupon, found.maturity, found.callable) == ("912828C57", 2, "20310331", True)
    assert (found.minTick, found.notes, found.marketRuleIds) == (0.0001, "n", "26")
    assert found.secIdList == [ib.TagValue("ISIN", "US912828C574")]
    assert float(found.minSize) == (1000 if version >= 164 else 0)
