"""The same seed gives the same day, at whatever speed; another seed and an early close give another one."""

import pytest

from tests.system.books import Books, moment_us
from tests.system.programs import Play, Plays

SYMBOLS = ("IWM", "QQQ", "SPY")
DAY = ("--days", 1, "--start", "2025-11-28")
EARLY = (*DAY, "--speed", "max")
EARLY_CLOSE = {"1m": 210, "5m": 42, "15m": 14, "1h": 4, "4h": 2}
OPEN_S, CLOSE_S = 1_764_340_200, 1_764_352_800  # 9:30 and 13:00 in New York


def early_close(plays: Plays, seed: int) -> Play:
    return plays(f"early-close-{seed}", *EARLY, "--seed", seed)


def test_early_close_has_its_own_bars(plays: Plays) -> None:
    play = early_close(plays, 1)
    assert play.summary()["bars"] == {label: count * len(SYMBOLS) for label, count in EARLY_CLOSE.items()}
    books = Books(play.state)
    assert books.bar_counts() == {(name, label): n for name in SYMBOLS for label, n in EARLY_CLOSE.items()}
    assert max(bar["end"] for bar in books.rows("bar")) == CLOSE_S
    assert (play.state / "reports" / "2025-11-28.html").exists()


def test_same_seed_gives_the_same_day_twice(plays: Plays) -> None:
    again = plays("early-close-again", *EARLY, "--seed", 1).summary()
    assert again["content_hash"] == early_close(plays, 1).summary()["content_hash"]


def test_another_seed_gives_another_day(plays: Plays) -> None:
    first, other = (early_close(plays, seed).summary() for seed in (1, 8))
    assert other["content_hash"] != first["content_hash"]
    assert other["bars"] == first["bars"]


@pytest.mark.parametrize("seed", [1, 8])
def test_first_fill_comes_within_20_minutes(plays: Plays, seed: int) -> None:
    play = early_close(plays, seed)
    play.summary()
    first = min(moment_us(fill["executed_at"]) for fill in Books(play.state).rows("fill"))
    assert first / 1e6 - OPEN_S <= 20 * 60


def test_same_seed_gives_the_same_day_at_any_speed(plays: Plays) -> None:
    paced = plays("early-close-paced", *DAY, "--speed", 3000, "--seed", 1).summary()
    day = early_close(plays, 1).summary()
    assert paced["content_hash"] == day["content_hash"]
    assert paced["speed"] <= 3000
