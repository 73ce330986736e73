"""Quotes that no market shows, halts, and bars that are missing, come twice or in another order."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.daemon_stage import Stage, held_gateway, trading
from tests.system.books import Row, moment_us

FIVE = ("SPY", "QQQ", "IWM", "DIA", "XLF")
HALTED = ("QQQ", "IWM", "XLF")


def orders(stage: Stage, since: datetime, *, opening: bool) -> Counter[str]:
    """Return how many orders were decided on since a moment, by instrument."""
    intents = stage.books.rows("intent", f"reduces = {int(not opening)}")
    return Counter(row["instrument"] for row in intents if moment_us(row["at"]) > since.timestamp() * 1_000_000)


@pytest.mark.parametrize("kind", ["crossed", "zero", "negative", "absent", "nan", "infinite"])
async def test_bad_quotes_open_nothing_in_their_symbol_alone(tmp_path: Path, kind: str) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.fault("bad_quotes", kind=kind, when={"symbol": "SPY"})
            await stage.advance(1)  # a bad quote has come
            began = stage.clock.now()
            for _ in range(5):
                await stage.advance(60)
            assert orders(stage, began, opening=True)["SPY"] == 0
            assert orders(stage, began, opening=True)["QQQ"] >= 1
            refused = stage.refused_by()
            assert refused["SPY", "quote_age_s"] >= 2
            assert refused["QQQ", "quote_age_s"] == 0
            offered = {row["checks"] for row in stage.books.rows("risk_check", "passed = 0")}
            assert all("no usable quote" in checks for checks in offered)
            assert sum(stage.status()["health"]["bad_quotes"].values()) > 0
            for row in stage.books.rows("equity"):
                assert 300_000 < float(row["equity"]) < 500_000  # nothing is valued at such a price
            for row in stage.books.rows("arrival_quote"):
                assert 0 < float(row["bid"]) <= float(row["ask"]) < math.inf

            await stage.heal()
            for _ in range(4):
                await stage.advance(60)
            assert orders(stage, began, opening=True)["SPY"] >= 1
            await stage.agree()


@pytest.mark.parametrize("kind", ["negative", "infinite"])
async def test_bad_bars_are_dropped_and_counted(tmp_path: Path, kind: str) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.fault("bad_quotes", kind=kind, bars=True, share=0.3, when={"symbol": "SPY"})
            for _ in range(4):
                await stage.advance(60)
            assert stage.status()["health"]["bad_bars"] >= 3
            for bar in stage.books.rows("bar"):
                assert 500 < float(bar["low"]) <= float(bar["close"]) <= float(bar["high"]) < 700
            for row in stage.books.rows("equity"):
                assert 300_000 < float(row["equity"]) < 500_000  # no valuation was made at such a price
            await stage.agree()


async def test_halted_symbols_stand_still_and_the_others_trade(tmp_path: Path) -> None:
    with held_gateway(symbols=FIVE) as gateway:
        async with trading(gateway, tmp_path, symbols=FIVE) as stage:
            await stage.advance(60)
            for symbol in HALTED:
                await stage.fault("symbol_halted", when={"symbol": symbol})
            await stage.advance(10)
            began = stage.clock.now()
            for _ in range(5):
                await stage.advance(60)
            opened = orders(stage, began, opening=True)
            assert [opened[symbol] for symbol in HALTED] == [0, 0, 0]
            assert min(opened["SPY"], opened["DIA"]) >= 1
            refused = {symbol for symbol, control in stage.refused_by() if control == "quote_age_s"}
            assert refused
            assert refused <= set(HALTED)
            filled = [row["instrument"] for row in stage.books.rows("fill") if at(row) > began]
            assert set(filled) == {"SPY", "DIA"}

            await stage.heal()
            healed = stage.clock.now()
            for _ in range(4):
                await stage.advance(60)
            again = {row["instrument"] for row in stage.books.rows("fill") if at(row) > healed}
            assert again >= {"SPY", "DIA"}
            assert again & set(HALTED)
            await stage.agree()


async def test_missing_repeated_and_reordered_bars_show_nothing_early_and_nothing_twice(tmp_path: Path) -> None:
    with held_gateway() as gateway:
        async with trading(gateway, tmp_path) as stage:
            await stage.fault("message_duplicated", message="realtimeBar", share=0.5, when={"symbol": "SPY"})
            await stage.fault("message_delayed", message="realtimeBar", by="7s", share=0.3, when={"symbol": "SPY"})
            await stage.fault("message_dropped", message="realtimeBar", share=0.2, when={"symbol": "SPY"})
            await stage.fault("message_reordered", message="realtimeBar", share=0.5)
            for _ in range(8):
                await stage.advance(60)
            decided = Counter((row["instrument"], row["bar_end"]) for row in stage.books.rows("decision"))
            assert set(decided.values()) == {1}
            for row in stage.books.rows("decision"):
                assert moment_us(row["at"]) >= row["bar_end"] * 1_000_000
            bars = stage.books.rows("bar")
            assert set(Counter((bar["instrument"], bar["end"]) for bar in bars).values()) == {1}
            assert stage.status()["health"]["duplicate_bars"] > 10
            expected = market_bars(stage)
            seen = {(bar["instrument"], bar["end"]): bar["volume"] for bar in bars}
            whole = {name: volume for name, volume in seen.items() if expected[name] == volume}
            assert {name for name in expected if name[0] == "QQQ"} <= set(whole)  # the order alone harms nothing
            assert all(volume <= expected[name] for name, volume in seen.items())  # nothing counted twice
            short = {name for name in expected if name not in whole}
            assert short, "no bar was harmed"
            await stage.agree()


def at(row: Row) -> datetime:
    return datetime.fromisoformat(row["at"]).astimezone(UTC)


def market_bars(stage: Stage) -> dict[tuple[str, int], float]:
    """Return the volume that the market had in each thirty seconds which are over for certain."""
    source = stage.gateway._source
    session = source.calendar.session_at(stage.clock.now())
    assert session is not None
    volumes: dict[tuple[str, int], float] = {}
    for symbol in ("SPY", "QQQ"):
        tape = source.tape(symbol, session)
        last = int((stage.clock.now() - timedelta(seconds=30)).timestamp())
        for end in range(session.open_s + 30, last + 1, 30):
            first = end - 30 - session.open_s
            volumes[symbol, end] = float(tape.volume[first : first + 30].sum())
    return volumes
