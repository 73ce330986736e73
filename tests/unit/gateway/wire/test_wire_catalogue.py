"""The codec knows every message of the protocol: the ids of its tables, by direction and first version."""

import dataclasses
from pathlib import Path

import pytest

from daemon.gateway.wire.messages import UnknownMessage
from daemon.gateway.wire.requests import REQUESTS, decode_request
from daemon.gateway.wire.responses import RESPONSES, decode_response
from daemon.gateway.wire.tables import Field, Many, ManyOf, Maybe, OptionsTail, Table, Variants, When

# Written from the protocol's tables by hand, not from the code: id and the name its clients use.
REQUEST_IDS = {
    1: "reqMktData", 2: "cancelMktData", 3: "placeOrder", 4: "cancelOrder", 5: "reqOpenOrders",
    6: "reqAccountUpdates", 7: "reqExecutions", 8: "reqIds", 9: "reqContractDetails", 10: "reqMktDepth",
    11: "cancelMktDepth", 12: "reqNewsBulletins", 13: "cancelNewsBulletins", 14: "setServerLogLevel",
    15: "reqAutoOpenOrders", 16: "reqAllOpenOrders", 17: "reqManagedAccts", 18: "requestFA", 19: "replaceFA",
    20: "reqHistoricalData", 21: "exerciseOptions", 22: "reqScannerSubscription", 23: "cancelScannerSubscription",
    24: "reqScannerParameters", 25: "cancelHistoricalData", 49: "reqCurrentTime", 50: "reqRealTimeBars",
    51: "cancelRealTimeBars", 52: "reqFundamentalData", 53: "cancelFundamentalData",
    54: "calculateImpliedVolatility", 55: "calculateOptionPrice", 56: "cancelCalculateImpliedVolatility",
    57: "cancelCalculateOptionPrice", 58: "reqGlobalCancel", 59: "reqMarketDataType", 61: "reqPositions",
    62: "reqAccountSummary", 63: "cancelAccountSummary", 64: "cancelPositions", 65: "verifyRequest",
    66: "verifyMessage", 67: "queryDisplayGroups", 68: "subscribeToGroupEvents", 69: "updateDisplayGroup",
    70: "unsubscribeFromGroupEvents", 71: "startApi", 72: "verifyAndAuthRequest", 73: "verifyAndAuthMessage",
    74: "reqPositionsMulti", 75: "cancelPositionsMulti", 76: "reqAccountUpdatesMulti",
    77: "cancelAccountUpdatesMulti", 78: "reqSecDefOptParams", 79: "reqSoftDollarTiers", 80: "reqFamilyCodes",
    81: "reqMatchingSymbols", 82: "reqMktDepthExchanges", 83: "reqSmartComponents", 84: "reqNewsArticle",
    85: "reqNewsProviders", 86: "reqHistoricalNews", 87: "reqHeadTimestamp", 88: "reqHistogramData",
    89: "cancelHistogramData", 90: "cancelHeadTimestamp", 91: "reqMarketRule", 92: "reqPnL", 93: "cancelPnL",
    94: "reqPnLSingle", 95: "cancelPnLSingle", 96: "reqHistoricalTicks", 97: "reqTickByTickData",
    98: "cancelTickByTickData", 99: "reqCompletedOrders", 100: "reqWshMetaData", 101: "cancelWshMetaData",
    102: "reqWshEventData", 103: "cancelWshEventData", 104: "reqUserInfo",
}  # fmt: skip
RESPONSE_IDS = {
    1: "tickPrice", 2: "tickSize", 3: "orderStatus", 4: "error", 5: "openOrder", 6: "accountValue",
    7: "portfolioValue", 8: "accountUpdateTime", 9: "nextValidId", 10: "contractDetails", 11: "execDetails",
    12: "mktDepth", 13: "mktDepthL2", 14: "newsBulletin", 15: "managedAccounts", 16: "receiveFA",
    17: "historicalData", 18: "bondContractDetails", 19: "scannerParameters", 20: "scannerData",
    21: "tickOptionComputation", 45: "tickGeneric", 46: "tickString", 47: "tickEFP", 49: "currentTime",
    50: "realTimeBar", 51: "fundamentalData", 52: "contractDetailsEnd", 53: "openOrderEnd",
    54: "accountDownloadEnd", 55: "execDetailsEnd", 56: "deltaNeutralValidation", 57: "tickSnapshotEnd",
    58: "marketDataType", 59: "commissionReport", 61: "position", 62: "positionEnd", 63: "accountSummary",
    64: "accountSummaryEnd", 65: "verifyMessageAPI", 66: "verifyCompleted", 67: "displayGroupList",
    68: "displayGroupUpdated", 69: "verifyAndAuthMessageAPI", 70: "verifyAndAuthCompleted", 71: "positionMulti",
    72: "positionMultiEnd", 73: "accountUpdateMulti", 74: "accountUpdateMultiEnd", 75: "secDefOptParam",
    76: "secDefOptParamEnd", 77: "softDollarTiers", 78: "familyCodes", 79: "symbolSamples",
    80: "mktDepthExchanges", 81: "tickReqParams", 82: "smartComponents", 83: "newsArticle", 84: "tickNews",
    85: "newsProviders", 86: "historicalNews", 87: "historicalNewsEnd", 88: "headTimestamp", 89: "histogramData",
    90: "historicalDataUpdate", 91: "rerouteMktData", 92: "rerouteMktDepth", 93: "marketRule", 94: "pnl",
    95: "pnlSingle", 96: "historicalTicks", 97: "historicalTicksBidAsk", 98: "historicalTicksLast",
    99: "tickByTick", 100: "orderBound", 101: "completedOrder", 102: "completedOrdersEnd", 103: "replaceFAEnd",
    104: "wshMetaData", 105: "wshEventData", 106: "historicalSchedule", 107: "userInfo",
}  # fmt: skip
LATER_REQUESTS = {100: 161, 101: 161, 102: 161, 103: 161, 104: 167}
LATER_RESPONSES = {104: 161, 105: 161, 106: 165, 107: 167}


def test_every_request_of_the_protocol_has_a_layout_and_no_other() -> None:
    assert sorted(REQUEST_IDS) == sorted({row.msg_id for row in REQUESTS.rows})


def test_every_response_of_the_protocol_has_a_layout_and_no_other() -> None:
    assert sorted(RESPONSE_IDS) == sorted({row.msg_id for row in RESPONSES.rows})


def test_messages_begin_with_the_version_that_brought_them() -> None:
    assert {row.msg_id: row.since for row in REQUESTS.rows if row.since} == LATER_REQUESTS
    assert {row.msg_id: row.since for row in RESPONSES.rows if row.since} == LATER_RESPONSES


@pytest.mark.parametrize(("msg_id", "since"), LATER_REQUESTS.items())
def test_a_request_is_unknown_before_its_version(msg_id: int, since: int) -> None:
    assert decode_request([str(msg_id), "1"], since - 1) == UnknownMessage(msg_id=msg_id)


@pytest.mark.parametrize(("msg_id", "since"), LATER_RESPONSES.items())
def test_a_response_is_unknown_before_its_version(msg_id: int, since: int) -> None:
    assert decode_response([str(msg_id), "1"], since - 1) == UnknownMessage(msg_id=msg_id)


def _paths(table: Table) -> set[str]:
    """Return the first name of every path a table fills."""
    found: set[str] = set()
    for part in table:
        if isinstance(part, Field | Many | ManyOf | Maybe | OptionsTail | Variants):
            found.add(part.path.partition(".")[0])
        elif isinstance(part, When):
            found |= _paths(part.table)
    return found


@pytest.mark.parametrize("row", [*REQUESTS.rows, *RESPONSES.rows], ids=lambda row: row.layout.cls.__name__)
def test_every_value_of_a_message_travels(row: object) -> None:
    layout = row.layout  # type: ignore[attr-defined]
    assert {item.name for item in dataclasses.fields(layout.cls)} == _paths(layout.table)


@pytest.mark.parametrize(("heading", "ids"), [("Requests", REQUEST_IDS), ("Responses", RESPONSE_IDS)])
def test_the_page_about_the_protocol_lists_every_message(heading: str, ids: dict[int, str]) -> None:
    page = (Path(__file__).parents[4] / "docs" / "gateway-protocol.md").read_text(encoding="utf-8")
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")] for line in section.splitlines() if line.startswith("|")]
    assert {int(row[1]): row[2] for row in rows if row[1].isdigit()} == ids
