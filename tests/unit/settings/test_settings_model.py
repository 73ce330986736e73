"""The model's defaults and values."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from daemon.domain.timeframe import Timeframe
from daemon.settings.model import Settings
from daemon.settings.sections import Combination, Market
from daemon.settings.strategies import StrategySettings


def frames(*labels: str) -> tuple[Timeframe, ...]:
    return tuple(map(Timeframe.parse, labels))


def test_defaults_are_two_strategies_on_the_embedded_gateway() -> None:
    settings = Settings()
    trend, pulse = settings.strategies
    assert settings.mode == "paper"
    assert (trend.id, trend.type, trend.timeframes, trend.parameters, trend.allow_short) == (
        "trend", "sma_cross", frames("5m", "15m", "1h", "4h"), {"fast": 10, "slow": 30}, False,
    )  # fmt: skip
    assert (pulse.id, pulse.timeframes, pulse.parameters, pulse.allow_short) == (
        "pulse", frames("1m"), {"fast": 20, "slow": 60}, True,
    )  # fmt: skip
    assert trend.symbols == pulse.symbols == ("SPY", "QQQ", "IWM")
    assert trend.capital + pulse.capital == settings.market.initial_cash
    assert (trend.limits.daily_trades, pulse.limits.daily_trades, settings.limits.account.daily_trades) == (10, 30, 40)


def test_everything_is_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.ib.port = 7497  # type: ignore[misc]


@pytest.mark.parametrize(
    ("source", "start", "first"),
    [
        ("synthetic", None, date(2026, 3, 2)),
        ("synthetic", date(2024, 7, 3), date(2024, 7, 3)),
        ("replay", None, None),
        ("replay", date(2013, 10, 8), date(2013, 10, 8)),
    ],
)
def test_first_day(source: str, start: date | None, first: date | None) -> None:
    assert Market.model_validate({"source": source, "start": start}).first_day == first


def test_amounts_have_one_spelling() -> None:
    spellings = ("50000", 50000, 50000.0, "5E+4", Decimal("50000.00"))
    assert {str(Market.model_validate({"initial_cash": given}).initial_cash) for given in spellings} == {"50000"}


@pytest.mark.parametrize(("given", "speed"), [("max", "max"), (60, 60.0), ("0.5", 0.5)])
def test_speed(given: object, speed: object) -> None:
    assert Market.model_validate({"speed": given}).speed == speed


@pytest.mark.parametrize("given", [0, -1, "fast", True, None, float("nan"), float("inf"), "1e999"])
def test_speeds_that_are_none(given: object) -> None:
    with pytest.raises(ValidationError):
        Market.model_validate({"speed": given})


def test_combination_of_a_strategy_takes_its_overrides() -> None:
    settings = Settings()
    strategy = StrategySettings.model_validate(
        {
            "id": "a",
            "symbols": ["SPY"],
            "timeframes": ["5m", "2h"],
            "capital": 1,
            "weights": {"5m": 0.9},
            "score_threshold": 0.8,
        }
    )
    combination = settings.combination_of(strategy)
    assert [combination.weight(frame) for frame in frames("5m", "15m", "2h")] == [0.9, 0.2, 0.1]
    assert (combination.threshold, combination.min_fresh) == (0.8, 0.5)
    assert settings.combination_of(settings.strategies[0]) == Combination()
