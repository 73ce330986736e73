"""How single fields are spelled, which layout a version has, and what errors say."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.gateway.wire import kinds
from daemon.gateway.wire.account_requests import CancelOrder
from daemon.gateway.wire.account_responses import ErrorMessage, ManagedAccounts, NextValidId, PnL
from daemon.gateway.wire.completed_order import CompletedOrder
from daemon.gateway.wire.contract import Contract, ContractDetails
from daemon.gateway.wire.errors import FieldError
from daemon.gateway.wire.fields import Cursor
from daemon.gateway.wire.framing import encode_frame
from daemon.gateway.wire.market_requests import CalculateOptionPrice
from daemon.gateway.wire.market_responses import TickPrice, TickSize
from daemon.gateway.wire.messages import Request, Response, UnknownMessage
from daemon.gateway.wire.open_order import OpenOrder, OrderState
from daemon.gateway.wire.order import Order
from daemon.gateway.wire.order_request import PlaceOrder
from daemon.gateway.wire.order_responses import ExecDetails, Execution
from daemon.gateway.wire.reference_requests import ReqContractDetails
from daemon.gateway.wire.reference_responses import ContractData, SymbolSample, SymbolSamples
from daemon.gateway.wire.requests import decode_request, encode_request
from daemon.gateway.wire.responses import decode_response, encode_response
from daemon.gateway.wire.session_requests import ReqUserInfo, ReqWshEventData, ReqWshMetaData, StartApi

STOCK = Contract(symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
LIMIT = Order(action="BUY", total_quantity=Decimal(100), order_type="LMT", lmt_price=150.5)


@pytest.mark.parametrize("text", ["", "2147483647"])
def test_an_unset_optional_int_is_none(text: str) -> None:
    assert kinds.OPTIONAL_INT.decode(text) is None


@pytest.mark.parametrize("text", ["", "1.7976931348623157e+308", "1.7976931348623157E308", "1.7976931348623157E+308"])
def test_an_unset_optional_float_is_none(text: str) -> None:
    assert kinds.OPTIONAL_FLOAT.decode(text) is None
    assert kinds.FLOAT.decode(text) == 0.0
    assert kinds.DECIMAL.decode(text) == 0


@pytest.mark.parametrize(
    ("text", "value"), [("150.5", 150.5), ("1e-05", 1e-05), ("0", 0.0), (".5", 0.5), ("1.", 1.0), ("-1", -1.0)]
)
def test_any_spelling_of_a_float_is_read(text: str, value: float) -> None:
    assert kinds.OPTIONAL_FLOAT.decode(text) == value


def test_infinite_is_read_as_infinity_and_written_as_each_side_reads_it() -> None:
    assert kinds.OPTIONAL_FLOAT.decode("Infinite") == float("inf")
    assert kinds.CLIENT_FLOAT.encode(float("inf"), 170) == "Infinite"
    assert kinds.OPTIONAL_FLOAT.encode(float("inf"), 170) == "Infinity"


@pytest.mark.parametrize("kind", [kinds.FLOAT, kinds.DECIMAL, kinds.INT, kinds.BOOL])
@pytest.mark.parametrize("text", ["nan", "abc", "1_0", "0x1", " 1", "1e99999999", "--1", "\u0663", "1" * 5000])
def test_malformed_numbers_are_refused(kind: kinds.Kind, text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        kind.decode(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [("100", "100"), ("100.00", "100"), ("0.50", "0.5"), ("1E+2", "100"), ("-0", "0"), ("-0.0", "0"), ("-2.5", "-2.5")],
)
def test_a_decimal_is_written_plainly(value: str, text: str) -> None:
    assert kinds.decimal_text(Decimal(value)) == text


def test_sizes_are_whole_below_163_and_exact_from_163() -> None:
    size = TickSize(req_id=1, tick_type=0, size=Decimal("12.75"))
    assert encode_response(size, 162)[-1] == "12"
    assert encode_response(size, 163)[-1] == "12.75"


def test_error_text_is_escaped_to_printable_ascii() -> None:
    fields = encode_response(ErrorMessage(subject_id=7, code=201, text="caf\u00e9 \\ \n"), 157)
    assert fields == ["4", "2", "7", "201", "caf\\u00e9 \\\\ \\u000a"]
    assert fields[4].encode().decode("unicode-escape") == "caf\u00e9 \\ \n"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_escaped_text_is_printable_and_means_the_same_to_python(text: str) -> None:
    escaped = kinds.ESCAPED.encode(text, 157)
    assert all(" " <= char <= "~" for char in escaped)
    assert escaped.encode("ascii").decode("unicode-escape") == text == kinds.ESCAPED.decode(escaped)


def test_the_reject_json_is_sent_from_166_only() -> None:
    message = ErrorMessage(subject_id=7, code=201, text="no", advanced_order_reject_json='{"a":"\\n"}')
    assert len(encode_response(message, 165)) == 5
    assert encode_response(message, 166)[5] == '{"a":"\\n"}'


def test_documented_frames_of_the_connection_sequence_are_written_to_the_byte() -> None:
    assert encode_frame(encode_request(StartApi(client_id=7), 157)).hex() == "00000008" + b"71\x002\x007\0\0".hex()
    managed = encode_frame(encode_response(ManagedAccounts(accounts="DU1234567"), 157))
    assert managed == bytes.fromhex("0000000f313500310044553132333435363700")
    assert encode_frame(encode_response(NextValidId(order_id=101), 157)) == bytes.fromhex("0000000839003100") + b"101\0"


def test_unset_profit_is_sent_as_the_sentinel() -> None:
    assert encode_response(PnL(req_id=1, daily=1.5), 157)[2:] == ["1.5", *["1.7976931348623157E308"] * 2]


@pytest.mark.parametrize(
    ("version", "count"),
    [
        (157, 110),
        (159, 111),
        (160, 112),
        (162, 113),
        (165, 113),
        (166, 114),
        (168, 114),
        (169, 115),
        (176, 115),
        (177, 114),
        (178, 114),
    ],
)
def test_a_plain_place_order_has_the_documented_number_of_fields(version: int, count: int) -> None:
    assert len(encode_request(PlaceOrder(order_id=1, contract=STOCK, order=LIMIT), version)) == count


@pytest.mark.parametrize(
    ("version", "count"),
    [
        (157, 120),
        (159, 121),
        (160, 122),
        (161, 122),
        (162, 123),
        (169, 123),
        (170, 128),
        (176, 128),
        (177, 127),
        (178, 127),
    ],
)
def test_a_plain_open_order_has_the_documented_number_of_fields(version: int, count: int) -> None:
    response = OpenOrder(order_id=1, client_id=7, perm_id=9, contract=STOCK, order=LIMIT, state=OrderState())
    assert len(encode_response(response, version)) == count


@pytest.mark.parametrize(("version", "count"), [(157, 92), (169, 92), (170, 97), (176, 97), (177, 96)])
def test_a_plain_completed_order_has_the_documented_number_of_fields(version: int, count: int) -> None:
    assert len(encode_response(CompletedOrder(perm_id=9, contract=STOCK, order=LIMIT), version)) == count


@pytest.mark.parametrize(("version", "count"), [(157, 31), (177, 31), (178, 32)])
def test_execution_details_get_one_more_field_at_178(version: int, count: int) -> None:
    execution = Execution(
        exec_id="0001",
        time="20261120 09:31:00 US/Eastern",
        account="DU1",
        exchange="NYSE",
        side="BOT",
        shares=Decimal(40),
        price=150.5,
        perm_id=9,
        client_id=7,
    )
    response = ExecDetails(order_id=1, contract=STOCK, execution=execution)
    assert len(encode_response(response, version)) == count


@pytest.mark.parametrize(("version", "count"), [(157, 39), (162, 39), (163, 40), (164, 40), (178, 40)])
def test_contract_details_change_at_163_and_164(version: int, count: int) -> None:
    response = ContractData(req_id=1, contract=STOCK, details=ContractDetails())
    assert len(encode_response(response, version)) == count


@pytest.mark.parametrize(
    ("request_", "version", "count"),
    [
        (CancelOrder(order_id=1), 168, 3),
        (CancelOrder(order_id=1), 169, 4),
        (ReqContractDetails(req_id=1, contract=STOCK), 175, 18),
        (ReqContractDetails(req_id=1, contract=STOCK), 176, 19),
        (ReqWshEventData(req_id=1), 161, 3),
        (ReqWshEventData(req_id=1), 171, 7),
        (ReqWshEventData(req_id=1), 173, 10),
    ],
)
def test_requests_grow_at_the_documented_versions(request_: Request, version: int, count: int) -> None:
    assert len(encode_request(request_, version)) == count


@pytest.mark.parametrize(("version", "count"), [(175, 9), (176, 11)])
def test_symbol_samples_get_a_description_and_an_issuer_at_176(version: int, count: int) -> None:
    sample = SymbolSample(con_id=1, symbol="SPY", sec_type="STK", primary_exchange="ARCA", currency="USD")
    assert len(encode_response(SymbolSamples(req_id=1, samples=(sample,)), version)) == count


@pytest.mark.parametrize(
    ("message", "since"),
    [
        (ReqWshMetaData(req_id=1), 161),
        (ReqUserInfo(req_id=1), 167),
    ],
)
def test_requests_of_later_versions_are_unknown_before(message: Request, since: int) -> None:
    fields = encode_request(message, since)
    assert decode_request(fields, since) == message
    assert decode_request(fields, since - 1) == UnknownMessage(msg_id=int(fields[0]))


@pytest.mark.parametrize(("alias", "order_type"), [("PEGBENCH", "PEG BENCH"), ("PEGMID", "PEG MID")])
def test_order_types_without_a_blank_are_the_ones_with(alias: str, order_type: str) -> None:
    request = PlaceOrder(order_id=1, contract=STOCK, order=replace(LIMIT, order_type=order_type))
    fields = encode_request(request, 176)
    fields[18] = alias
    assert decode_request(fields, 176) == request


def test_an_order_type_pegged_to_best_needs_mid_offsets_only_up_to_mid() -> None:
    pegged = replace(LIMIT, order_type="PEG BEST", min_compete_size=5, compete_against_best_offset=0.25)
    up_to_mid = replace(pegged, compete_against_best_offset=float("inf"), mid_offset_at_half=0.5)
    for order, count in ((pegged, 117), (up_to_mid, 119)):
        request = PlaceOrder(order_id=1, contract=STOCK, order=order)
        fields = encode_request(request, 176)
        assert (len(fields), decode_request(fields, 176)) == (count, request)


@pytest.mark.parametrize("tail", [["0", ""], ["0"], [""], []])
def test_option_calculations_may_leave_out_one_of_the_last_two_fields(tail: list[str]) -> None:
    request = CalculateOptionPrice(req_id=1, contract=STOCK, volatility=0.2, under_price=100.0)
    fields = encode_request(request, 157)[:-2]
    assert decode_request(fields + tail, 157) == request


def test_an_unknown_id_is_a_value_to_answer_505_with() -> None:
    assert decode_request(["999", "1"], 157) == UnknownMessage(msg_id=999)
    assert decode_request(encode_request(ReqUserInfo(req_id=1), 167), 166) == UnknownMessage(msg_id=104)
    assert decode_response(["99", "1", "5"], 157) == UnknownMessage(msg_id=99)


def test_a_malformed_field_is_named_with_its_message_and_value() -> None:
    with pytest.raises(FieldError) as caught:
        decode_request(["4", "1", "abc"], 157)
    error = caught.value
    assert (error.message, error.field, error.value) == ("CancelOrder", "order_id", "abc")
    assert str(error) == "CancelOrder.order_id: not an integer, was 'abc'"


def test_fields_left_over_are_refused() -> None:
    fields = encode_request(CancelOrder(order_id=1), 169)
    with pytest.raises(FieldError, match="1 fields too many"):
        decode_request(fields, 157)


def test_a_repeat_count_beyond_the_message_is_refused_before_anything_is_built() -> None:
    fields = encode_request(PlaceOrder(order_id=1, contract=replace(STOCK, sec_type="BAG"), order=LIMIT), 157)
    fields[35] = "999999999"
    with pytest.raises(FieldError, match=r"contract\.combo_legs: not a count"):
        decode_request(fields, 157)


def test_an_unknown_condition_type_is_refused() -> None:
    fields = encode_request(PlaceOrder(order_id=1, contract=STOCK, order=LIMIT), 157)
    fields[90:91] = ["1", "2", "a"]
    with pytest.raises(FieldError, match=r"order\.conditions: no such type, was '2'"):
        decode_request(fields, 157)


@pytest.mark.parametrize("message_id", ["", "abc", "-1", "1.0", "9" * 50])
def test_a_message_without_a_numeric_id_is_refused(message_id: str) -> None:
    with pytest.raises(FieldError, match="not a message id"):
        decode_request([message_id], 157)


def test_values_that_cannot_travel_are_refused_when_written() -> None:
    bad: list[Response] = [
        ManagedAccounts(accounts="a\0b"),
        TickSize(req_id=1, tick_type=0, size=Decimal("NaN")),
        TickPrice(req_id=1, tick_type=1, price=float("nan"), size=Decimal(1)),
    ]
    for response in bad:
        with pytest.raises(FieldError, match=type(response).__name__):
            encode_response(response, 178)


def test_a_message_of_a_later_version_is_refused_when_written() -> None:
    with pytest.raises(FieldError, match="not a message of version 166"):
        encode_request(ReqUserInfo(req_id=1), 166)


def test_a_cursor_knows_what_is_left() -> None:
    cursor = Cursor("m", 157, ["1", "a", "b"])
    assert (cursor.skip("x"), cursor.left) == ("a", 1)
