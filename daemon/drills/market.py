"""Drills in which market data are wrong, or the calendar is unusual."""

from collections import Counter
from datetime import UTC, datetime
from typing import Final

from daemon.drills.drill import Drill, holds
from daemon.drills.settings import trading
from daemon.drills.stage import Stage
from daemon.simulation.oracle import Invariant

_KINDS: Final = ("crossed", "zero", "negative", "absent", "nan", "infinite")
_FIVE: Final = ("SPY", "QQQ", "IWM", "DIA", "XLF")
_HALTED: Final = ("QQQ", "IWM", "XLF")
_EARLY_CLOSE: Final = datetime(2025, 11, 28, 17, 58, tzinfo=UTC)  # two minutes before 13:00 in New York
_CLOCK_CHANGE: Final = datetime(2026, 3, 6, 20, 58, tzinfo=UTC)  # the Friday before the clocks change


async def _bad_quotes(stage: Stage) -> None:
    await stage.up()
    began = stage.market_time
    for kind in _KINDS:
        number = await stage.fault("bad_quotes", kind=kind, when={"symbol": "SPY"})
        await stage.bars(2)
        since = stage.market_time
        await stage.bars(4)
        opened = stage.intents("SPY", since)
        stage.check(
            Invariant.READY_BEFORE_OPENING, f"{len(opened)} orders opened SPY on {kind} quotes", held=not opened
        )
        await stage.gateway.stop_fault(number)
    counted = (await stage.status())["health"]["bad_quotes"]
    stage.tell(f"all kinds were counted: {', '.join(f'{kind} {count}' for kind, count in counted.items())}")
    stage.check(Invariant.SOUND, f"{sum(counted.values())} bad quotes were dropped and counted", held=bool(counted))
    others = stage.intents("QQQ", began)
    stage.check(Invariant.READY_BEFORE_OPENING, f"QQQ was traded on: {len(others)} openings", held=bool(others))


async def _halted(stage: Stage) -> None:
    await stage.up()
    for symbol in _HALTED:
        await stage.fault("symbol_halted", when={"symbol": symbol})
    await stage.bars(5)
    since = stage.market_time
    await stage.bars(20)
    opened = {symbol: len(stage.intents(symbol, since)) for symbol in _FIVE}
    stage.tell(f"openings meanwhile: {', '.join(f'{symbol} {count}' for symbol, count in opened.items())}")
    stage.check(
        Invariant.READY_BEFORE_OPENING, "nothing opened in a halted symbol", held=not any(opened[s] for s in _HALTED)
    )
    others = [symbol for symbol in _FIVE if symbol not in _HALTED and opened[symbol]]
    stage.check(Invariant.SOUND, f"{' and '.join(others) or 'none'} of the others traded on", held=bool(others))


async def _disturbed_bars(stage: Stage) -> None:
    await stage.up()
    for name, more in (
        ("message_duplicated", {"share": 0.5}),
        ("message_delayed", {"share": 0.3, "by": "7s"}),
        ("message_dropped", {"share": 0.2}),
        ("message_reordered", {"share": 0.5}),
    ):
        await stage.fault(name, message="realtimeBar", **more)
    await stage.bars(20)
    decided = stage.rows("SELECT strategy, instrument, timeframe, bar_end, at FROM decision")
    twice = [
        key
        for key, count in Counter(
            (row["strategy"], row["instrument"], row["timeframe"], row["bar_end"]) for row in decided
        ).items()
        if count > 1
    ]
    early = [row for row in decided if datetime.fromisoformat(row["at"]).timestamp() < row["bar_end"]]
    stage.tell(f"{len(decided)} decisions")
    stage.check(Invariant.SOUND, f"{len(twice)} bars of {len(decided)} were decided on twice", held=not twice)
    stage.check(Invariant.SOUND, f"{len(early)} decisions came before their bar's end", held=not early)


async def _over_the_close(stage: Stage, *, closes: str, opens: str) -> None:
    """Trade over a close into the next session; times are UTC as the journal writes them."""
    await stage.up(fills=1)
    opened = "SELECT at FROM session WHERE phase = 'OPENED' AND at > ?"
    first = (await stage.until(lambda: stage.rows(opened, closes), "the next session"))[0]["at"]
    phases = stage.rows("SELECT day, phase, at FROM session ORDER BY seq")
    for row in phases:
        stage.tell(f"{row['day']} {row['phase']} at {row['at']}")
    once = Counter((row["day"], row["phase"]) for row in phases)
    stage.check(Invariant.SOUND, "each session began once and ended once", held=set(once.values()) == {1})
    last = stage.rows("SELECT max(at) AS at FROM intent WHERE at < ?", opens)[0]["at"]
    stage.check(Invariant.READY_BEFORE_OPENING, f"the last order of the day was at {last}", held=last < closes)
    between = stage.rows("SELECT 1 FROM bar WHERE at > ? AND at < ?", closes, opens)
    stage.check(Invariant.SOUND, f"the next session began at {first}", held=str(first).startswith(opens[:19]))
    stage.check(Invariant.SOUND, f"{len(between)} bars late at the close", held=len(between) <= 2)


async def _early_close(stage: Stage) -> None:
    await _over_the_close(stage, closes="2025-11-28T18:00:00", opens="2025-12-01T14:30:00")


async def _clock_change(stage: Stage) -> None:
    await _over_the_close(stage, closes="2026-03-06T21:00:00", opens="2026-03-09T13:30:00")


def _from(moment: datetime) -> tuple[str, ...]:
    return ("--start", moment.date().isoformat(), "--not-before", str(round(moment.timestamp() * 1_000_000)))


DRILLS: Final = (
    Drill(
        name="bad-quotes",
        rows=(24,),
        goes_wrong="The quotes of one symbol are nonsense: crossed, zero, negative, absent, not a number, infinite.",
        injected="gateway fault bad_quotes for SPY, one kind after another",
        holds=holds("ABCDES"),
        play=_bad_quotes,
    ),
    Drill(
        name="halted-symbols",
        rows=(25,),
        goes_wrong="Trading is halted in three of five symbols.",
        injected="gateway fault symbol_halted for QQQ, IWM and XLF",
        holds=holds("ABCDES"),
        play=_halted,
        settings=trading(_FIVE),
        gateway=("--symbols", ",".join(_FIVE)),
    ),
    Drill(
        name="disturbed-bars",
        rows=(26,),
        goes_wrong="Bars are missing, come twice, late, or in another order.",
        injected="four gateway faults on the messages that carry bars",
        holds=holds("ABCDES"),
        play=_disturbed_bars,
    ),
    Drill(
        name="early-close",
        rows=(28,),
        goes_wrong="The exchange closes three hours early, the day after Thanksgiving.",
        injected="the market begins two minutes before that close",
        holds=holds("ABCDES"),
        play=_early_close,
        gateway=_from(_EARLY_CLOSE),
    ),
    Drill(
        name="clock-change",
        rows=(28,),
        goes_wrong="Clocks change over the weekend: Monday's session begins an hour earlier in UTC.",
        injected="the market begins two minutes before Friday's close",
        holds=holds("ABCDES"),
        play=_clock_change,
        gateway=_from(_CLOCK_CHANGE),
    ),
)
