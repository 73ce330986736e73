"""The synthetic market's options, futures, indices and pair: the same for a seed, on the grid, near their values."""

from datetime import date

import numpy as np
import pytest

from daemon.market.listing import MARKET_RULES, UnknownSymbol
from daemon.market.option_contract import OptionKey, OptionRight
from daemon.market.option_listings import expiring
from daemon.market.option_market import OptionMarket
from daemon.market.option_pricing import option_value
from daemon.market.other_listings import OPTION_CLASSES, OTHERS, all_futures
from daemon.market.sessions import Session, TradingCalendar
from daemon.market.synthetic import SyntheticMarket
from daemon.market.tape import SecondTape
from daemon.market.universe import UNIVERSE

CALENDAR = TradingCalendar(last=date(2027, 12, 31))
NAMES = ["SPY", "AAPL", "F", "MSTR"]
MARKET = OptionMarket(SyntheticMarket(7, CALENDAR, NAMES))


def on(day: date) -> Session:
    session = CALENDAR.session_on(day)
    assert session is not None
    return session


DAY = on(date(2026, 3, 3))


def option(root: str, right: OptionRight, *, away: float = 0.0, nth: int = 2, market: OptionMarket = MARKET) -> str:
    """Return an option of a class: its `nth` expiration, its strike nearest to the price moved by a part of it."""
    found = OPTION_CLASSES[root]
    chain = next(c for c in market.chains(found.underlying, DAY) if c.option_class == found)
    middle = market.surface(found.underlying, DAY).reference
    strike = min(chain.strikes, key=lambda strike: abs(strike - middle * (1 + away)))
    return OptionKey(root=root, expiry=chain.expirations[nth], right=right, strike=strike).symbol


def assert_equal(one: SecondTape, other: SecondTape) -> None:
    for name in ("bid", "ask", "bid_size", "ask_size", "open", "high", "low", "close", "volume", "trades"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


def test_tape_is_that_of_its_seed_whoever_else_is_asked() -> None:
    symbol = option("SPY", "C")
    alone = OptionMarket(SyntheticMarket(7, CALENDAR, ["SPY"]))
    assert_equal(alone.tape(symbol, DAY), MARKET.tape(symbol, DAY))
    other = OptionMarket(SyntheticMarket(8, CALENDAR, ["SPY"]))
    assert not np.array_equal(other.tape(symbol, DAY).bid, MARKET.tape(symbol, DAY).bid)


def test_tapes_of_shares_are_those_of_the_market_below() -> None:
    below = SyntheticMarket(7, CALENDAR, ["SPY"])
    assert_equal(OptionMarket(below).tape("SPY", DAY), SyntheticMarket(7, CALENDAR, ["SPY"]).tape("SPY", DAY))


@pytest.mark.parametrize("root", ["SPY", "AAPL", "F", "MSTR", "SPXW", "SPX"])
@pytest.mark.parametrize("right", ["C", "P"])
@pytest.mark.parametrize("away", [-0.15, 0.0, 0.15])
def test_quotes_lie_on_the_grid_around_the_model(root: str, right: OptionRight, away: float) -> None:
    symbol = option(root, right, away=away)
    tape, increments = MARKET.tape(symbol, DAY), MARKET.listings[symbol].increments
    both = np.isfinite(tape.bid)
    assert np.all(np.isfinite(tape.ask))
    assert np.all(tape.bid[both] < tape.ask[both])
    assert np.all(tape.bid[both] > 0)
    assert np.array_equal(tape.bid_size > 0, both)
    assert np.all(tape.ask_size >= 1)
    for prices in (tape.bid[both], tape.ask):
        step = np.where(prices >= increments[-1][0], increments[-1][1], increments[0][1])
        assert np.allclose(prices / step, np.rint(prices / step), atol=1e-6)
    rows = range(0, DAY.seconds, 1801)
    values = []
    for row in rows:
        state = MARKET.option_state(symbol, DAY, row)
        assert state is not None
        values.append(option_value(state.terms, state.conditions, state.volatility))
    middle = (np.where(both, tape.bid, 0.0) + tape.ask)[list(rows)] / 2
    width = (tape.ask - np.where(both, tape.bid, 0.0))[list(rows)]
    # Held quotes lag by seconds, never by more than their width.
    assert np.all(np.abs(middle - values) <= 1.5 * width + 0.02)


def test_prints_happen_at_the_quote_of_their_second() -> None:
    tape = MARKET.tape(option("SPY", "P"), DAY)
    traded = tape.volume > 0
    assert traded.sum() > 500
    for price in (tape.open, tape.high, tape.low, tape.close):
        at_quote = (price[traded] == tape.bid[traded]) | (price[traded] == tape.ask[traded])
        assert at_quote.all()
    assert np.all(tape.high[traded] >= tape.low[traded])
    assert np.all(tape.volume[traded] >= tape.trades[traded])
    assert np.isnan(tape.close[~traded]).all()


def test_spreads_are_wider_far_away_for_less_traded_names_and_near_the_open() -> None:
    def spread(root: str, away: float = 0.0) -> float:
        symbol = option(root, "C", away=away)
        tape, state = MARKET.tape(symbol, DAY), MARKET.option_state(symbol, DAY, 0)
        assert state is not None
        return float(np.nanmean(tape.ask - tape.bid)) / state.conditions.price

    assert spread("MSTR") > spread("AAPL") > spread("SPY")
    symbol = option("AAPL", "P", nth=8)
    tape = MARKET.tape(symbol, DAY)
    width = tape.ask - tape.bid
    assert np.nanmean(width[:600]) > np.nanmean(width[9_000:12_000])


def test_calls_follow_the_price_and_puts_oppose_it() -> None:
    price = MARKET.tape("SPY", DAY)
    moves = np.diff(((price.bid + price.ask) / 2)[::300])
    for right, sign in (("C", 1), ("P", -1)):
        tape = MARKET.tape(option("SPY", "C" if right == "C" else "P"), DAY)
        own = np.diff(((tape.bid + tape.ask) / 2)[::300])
        assert np.corrcoef(moves, own)[0, 1] * sign > 0.9


def test_option_ends_at_what_exercise_brings() -> None:
    symbol = option("SPXW", "C", nth=0, away=-0.03)
    terms = MARKET.listings[symbol].terms
    assert terms is not None
    assert terms.expiry is not None
    last = on(terms.expiry)
    tape = MARKET.tape(symbol, last)
    index = MARKET.tape("SPX", last).close[-1]
    assert (tape.bid[-1] + tape.ask[-1]) / 2 == pytest.approx(max(index - terms.strike, 0.0), abs=1.0)
    with pytest.raises(LookupError, match="does not trade on"):
        MARKET.tape(symbol, CALENDAR.session_after(last))


def test_option_is_not_traded_before_it_is_listed() -> None:
    weekly = OptionKey(root="SPY", expiry=date(2026, 4, 10), right="C", strike=580.0).symbol
    monthly = OptionKey(root="SPY", expiry=date(2026, 4, 17), right="C", strike=580.0).symbol
    early = on(date(2026, 1, 5))
    assert MARKET.tape(monthly, early).ask[0] > 0
    with pytest.raises(LookupError, match="8 weeks ahead"):
        MARKET.tape(weekly, early)
    assert MARKET.option_state(weekly, early, 0) is None


def test_early_exercise_is_worth_something_to_a_put_deep_in_the_money() -> None:
    symbol = option("AAPL", "P", away=0.4, nth=-1)
    state = MARKET.option_state(symbol, DAY, 0)
    assert state is not None
    tape = MARKET.tape(symbol, DAY)
    assert tape.ask[0] >= state.terms.strike - state.conditions.price


@pytest.mark.parametrize(
    "symbol",
    ["SPY   260320C00578370", "SPY   260319C00578000", "ZZZ   260320C00578000", "spy   260320C00578000", "ESH2099", ""],
)
def test_what_is_not_listed_is_unknown(symbol: str) -> None:
    assert symbol not in MARKET.listings
    with pytest.raises(UnknownSymbol):
        MARKET.tape(symbol, DAY)


def test_contract_numbers_are_unique_and_read_back() -> None:
    every = OptionMarket(SyntheticMarket(7, CALENDAR, list(UNIVERSE)))
    taken = {listing.con_id for listing in (*every.listings.values(), *all_futures(CALENDAR).values())}
    assert len(taken) == len(UNIVERSE) + len(OTHERS) + len(all_futures(CALENDAR))
    for underlying in ("SPY", "BRK B", "SPX", "F", "LLY"):
        for chain in every.chains(underlying, DAY):
            for expiry in chain.expirations[:3]:
                for strike in chain.strikes_of(expiry)[::7]:
                    key = OptionKey(root=chain.option_class.root, expiry=expiry, right="P", strike=strike)
                    listing = every.listings[key.symbol]
                    assert listing.con_id not in taken
                    assert every.by_con_id(listing.con_id) == listing
                    taken.add(listing.con_id)
    assert every.by_con_id(2) is None


def test_future_costs_the_index_and_its_carry_and_ends_on_the_day_before_it_settles() -> None:
    near, *_, far = (listing for listing in MARKET.futures(DAY) if listing.ticker == "ES")
    index = MARKET.tape("SPX", DAY).close
    for listing, years in ((near, 17 / 365), (far, 381 / 365)):
        tape = MARKET.tape(listing.symbol, DAY)
        middle = (tape.bid + tape.ask) / 2
        assert middle.mean() == pytest.approx(index.mean() * np.exp(0.03 * years), rel=2e-4)
        assert np.all(tape.bid * 4 == np.rint(tape.bid * 4))
    assert near.terms is not None
    assert (near.local_symbol, near.multiplier, near.terms.last_trading_day) == ("ESH6", 50, date(2026, 3, 19))
    with pytest.raises(LookupError, match="does not trade"):
        MARKET.tape(near.symbol, on(date(2026, 3, 20)))
    assert MARKET.futures(on(date(2026, 3, 20)))[0].local_symbol == "ESM6"


def test_indices_have_prints_and_no_quotes_and_a_pair_quotes_and_no_prints() -> None:
    for symbol, step in (("SPX", 1), ("VIX", 15)):
        tape = MARKET.tape(symbol, DAY)
        assert np.isnan(tape.bid).all()
        assert np.array_equal(np.flatnonzero(tape.volume), np.arange(0, DAY.seconds, step))
    pair = MARKET.tape("EUR.USD", DAY)
    assert not pair.volume.any()
    assert np.all(np.rint(pair.bid / 0.00005) * 0.00005 == pytest.approx(pair.bid))
    assert np.all(pair.bid < pair.ask)
    assert pair.bid_size.min() >= 100_000


def test_volatility_index_moves_against_the_index() -> None:
    moves = []
    for session in CALENDAR.sessions_before(DAY, 8):
        index, volatility = MARKET.tape("SPX", session).close[::15], MARKET.tape("VIX", session).close[::15]
        moves.append(float(np.corrcoef(np.diff(index[::20]), np.diff(volatility[::20]))[0, 1]))
    assert max(moves) < -0.8


def test_every_class_follows_a_known_price_rule_and_has_strikes_for_its_price() -> None:
    for found in OPTION_CLASSES.values():
        assert found.market_rule in MARKET_RULES
        base = 5_600.0 if found.underlying == "SPX" else UNIVERSE[found.underlying].base_price
        assert base * 1.8 < found.strike_unit * 2047, found.root


def test_minutes_are_the_tape_folded() -> None:
    for symbol in ("SPY", option("SPY", "C")):
        minutes = MARKET.minute_bars(symbol, DAY)
        assert len(minutes) == 390
        assert minutes.volume.sum() == MARKET.tape(symbol, DAY).volume.sum()


def test_calendar_that_ends_early_has_the_contracts_it_reaches() -> None:
    short = TradingCalendar(last=date(2026, 4, 7))
    market = OptionMarket(SyntheticMarket(7, short, ["SPY"]))
    session = short.session_on(date(2026, 3, 3))
    assert session is not None
    assert market.chains("SPY", session)[0].expirations[-1] == date(2026, 4, 2)
    assert [listing.local_symbol for listing in market.futures(session)] == ["ESH6", "MESH6"]
    beyond = OptionKey(root="SPY", expiry=date(2026, 6, 18), right="C", strike=580.0)
    assert market.by_con_id(MARKET.listings[beyond.symbol].con_id) is None
    assert beyond.symbol not in market.listings
    absent = OptionKey(root="AAPL", expiry=date(2026, 3, 20), right="C", strike=200.0).symbol
    assert market.by_con_id(MARKET.listings[absent].con_id) is None


def test_only_what_is_an_option_has_a_state_and_only_what_expires_an_expiry() -> None:
    assert MARKET.option_state("SPY", DAY, 0) is None
    assert MARKET.option_state(option("SPY", "C"), DAY, DAY.seconds) is None
    assert MARKET.chains("EUR.USD", DAY) == ()
    with pytest.raises(ValueError, match="SPY does not expire"):
        expiring(MARKET.listings["SPY"])
    for symbol in (*MARKET.listings, *all_futures(CALENDAR)):
        listing = MARKET.listings[symbol]
        assert MARKET.by_con_id(listing.con_id) == listing
    assert len(MARKET.listings) == len(list(MARKET.listings))


def test_state_says_what_dividends_are_worth() -> None:
    state = MARKET.option_state(option("SPY", "C", nth=-1), DAY, 0)
    assert state is not None
    assert state.dividend_value == pytest.approx(0.013 * state.conditions.years * state.conditions.price, rel=0.01)
