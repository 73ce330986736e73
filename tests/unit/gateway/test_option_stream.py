"""What a stream of an option's quotes sends besides the touch."""

from datetime import date

from daemon.gateway.days import SymbolDay
from daemon.gateway.option_stream import (
    ASK_GREEKS,
    BID_GREEKS,
    LAST_GREEKS,
    MODEL_GREEKS,
    OptionQuoteStream,
    computation,
)
from daemon.gateway.wire.market_responses import TickOptionComputation
from daemon.gateway.wire.messages import Response
from daemon.market.option_contract import OptionKey
from daemon.market.option_market import OptionMarket
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.synthetic import SyntheticMarket

CALENDAR = TradingCalendar(last=date(2027, 12, 31))
MARKET = OptionMarket(SyntheticMarket(7, CALENDAR, ["SPY"]))
SYMBOL = OptionKey(root="SPY", expiry=date(2026, 3, 20), right="P", strike=580.0).symbol


def on(day: date) -> Session:
    found = CALENDAR.session_on(day)
    assert found is not None
    return found


DAY = on(date(2026, 3, 3))


def stream(sent: list[Response]) -> OptionQuoteStream:
    return OptionQuoteStream(req_id=9, symbol=SYMBOL, version=176, source=MARKET, respond=sent.append)


def day_of(session: Session) -> SymbolDay:
    return SymbolDay(MARKET.tape(SYMBOL, session), 10.0)


def greeks_of(sent: list[Response]) -> list[TickOptionComputation]:
    return [response for response in sent if isinstance(response, TickOptionComputation)]


def test_greeks_come_at_most_every_five_seconds_and_again_in_the_next_session() -> None:
    sent: list[Response] = []
    quotes = stream(sent)
    day = day_of(DAY)
    for row in range(day.seconds - 12, day.seconds + 3):
        quotes.second(day, row, lambda _frame: None)
    models = [answer for answer in greeks_of(sent) if answer.tick_type == MODEL_GREEKS]
    assert len(models) == 3
    sent.clear()
    quotes.second(day_of(CALENDAR.session_after(DAY)), 0, lambda _frame: None)
    assert {answer.tick_type for answer in greeks_of(sent)} == {BID_GREEKS, ASK_GREEKS, LAST_GREEKS, MODEL_GREEKS}


def test_computation_that_says_what_was_said_is_not_sent_again() -> None:
    sent: list[Response] = []
    quotes, day = stream(sent), day_of(DAY)
    quotes.second(day, 100, lambda _frame: None, force=True)
    once = len(greeks_of(sent))
    quotes.second(day, 100, lambda _frame: None, force=True)
    assert once == 4
    assert len(greeks_of(sent)) == once


def test_bid_and_offer_imply_volatilities_on_either_side_of_the_model() -> None:
    sent: list[Response] = []
    day = day_of(DAY)
    stream(sent).second(day, 9_000, lambda _frame: None, force=True)
    by_type = {answer.tick_type: answer for answer in greeks_of(sent)}
    assert by_type[BID_GREEKS].implied_vol < by_type[MODEL_GREEKS].implied_vol < by_type[ASK_GREEKS].implied_vol
    assert by_type[BID_GREEKS].opt_price == day.bid[9_000]
    assert by_type[MODEL_GREEKS].delta < 0
    assert 0 < by_type[MODEL_GREEKS].pv_dividend < 2


def test_price_that_no_volatility_explains_goes_without_greeks() -> None:
    state = MARKET.option_state(SYMBOL, DAY, 0)
    assert state is not None
    answer = computation(9, BID_GREEKS, state, None, 0.01)
    assert (answer.implied_vol, answer.delta, answer.vega) == (-1.0, -2.0, -2.0)
    assert (answer.opt_price, answer.und_price) == (0.01, state.conditions.price)


def test_greeks_of_an_old_trade_are_told_once_a_minute() -> None:
    far = OptionKey(root="SPY", expiry=date(2026, 3, 20), right="P", strike=500.0).symbol
    day = SymbolDay(MARKET.tape(far, DAY), 0.2)
    sent: list[Response] = []
    quotes = OptionQuoteStream(req_id=9, symbol=far, version=176, source=MARKET, respond=sent.append)
    starts = range(3, day.seconds - 120, 60)
    first = next(row for row in starts if not any(day.volume[row : row + 120]))
    for row in range(first, first + 117, 5):
        quotes.second(day, row, lambda _frame: None)
    told = [answer for answer in greeks_of(sent) if answer.tick_type == LAST_GREEKS]
    assert len(told) == 2
