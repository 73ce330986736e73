"""Records become rows and rows become equal records, for each record class and each kind of value."""

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from daemon.domain.decision import Outcome, Reason, Signal, StrategyId
from daemon.domain.instrument import InstrumentId
from daemon.domain.records import RECORD_TYPES, AlertRaised, BarSeen, DecisionMade, Record, RunStarted
from daemon.journal.rows import FIELD_NAMES, RowEncoder, record_from_row

AT = datetime(2026, 1, 5, 15, 30, 0, 250, tzinfo=UTC)


def sample_value(hint: Any, *, empty: bool) -> Any:
    """Return a value of a field's type: None wherever that is allowed when `empty`."""
    parts = [part for part in get_args(hint) if part is not type(None)]
    if type(None) in get_args(hint):
        return None if empty else sample_value(parts[0], empty=empty)
    core = getattr(hint, "__supertype__", hint)
    if get_origin(core) is tuple:
        named = get_args(core)[0]
        fields = get_type_hints(named).values()
        return () if empty else (named(*(sample_value(each, empty=empty) for each in fields)),) * 2
    if get_origin(core) is Mapping:
        return {"b": 1.5, "a": -2.0}
    if issubclass(core, Enum):
        return list(core)[-1]
    return {datetime: AT, Decimal: Decimal("12.3400"), float: 0.1, int: 2**40, bool: True, str: "ä'\"%s?"}[core]


def sample(record_type: type[Record], *, empty: bool) -> Record:
    hints = get_type_hints(record_type)
    values: dict[str, Any] = {name: sample_value(hints[name], empty=empty) for name in FIELD_NAMES[record_type]}
    return record_type(**values)


def decision(**changes: Any) -> DecisionMade:
    values: dict[str, Any] = {
        "at": AT,
        "decision_id": "d1",
        "strategy": StrategyId("sma_cross"),
        "instrument": InstrumentId("SPY"),
        "timeframe": "5m",
        "bar_end": 1767627000,
        "signal": Signal.BUY,
        "confidence": 0.75,
        "reason": Reason.SIGNAL,
        "note": "",
        "reasoning": {"fast": 1.5},
        "buy_score": 0.75,
        "sell_score": 0.0,
        "combined": Signal.BUY,
        "outcome": Outcome.ORDER,
        "expected_price": 500.25,
        "position": Decimal(0),
        "order_ref": None,
        "memory": None,
    }
    return DecisionMade(**(values | changes))


def there_and_back(record: Record, *, as_text: bool = True) -> Record:
    _, *row = RowEncoder(type(record), as_text=as_text).row(1, record)
    return record_from_row(type(record), row)


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_a_record_comes_back_equal(record_type: type[Record], empty: bool, as_text: bool) -> None:
    record = sample(record_type, empty=empty)
    assert there_and_back(record, as_text=as_text) == record


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_a_row_for_sqlite_holds_only_what_its_driver_knows(record_type: type[Record]) -> None:
    row = RowEncoder(record_type, as_text=True).row(7, sample(record_type, empty=False))
    assert row[0] == 7
    assert {type(value) for value in row} <= {str, int, float, bool}


def test_enums_come_back_as_enums() -> None:
    assert there_and_back(decision()).combined is Signal.BUY  # type: ignore[attr-defined]


def test_times_of_other_zones_are_kept_as_utc() -> None:
    local = AT.astimezone(timezone(timedelta(hours=-5)))
    alert = AlertRaised(at=local, level="INFO", name="n", text="", strategy=None)
    row = RowEncoder(AlertRaised, as_text=True).row(1, alert)
    assert row[1] == "2026-01-05T15:30:00.000250+00:00"


def test_texts_of_times_sort_as_the_times_do() -> None:
    times = [AT, AT.replace(microsecond=0), AT + timedelta(seconds=1), AT - timedelta(days=400)]
    encoder = RowEncoder(AlertRaised, as_text=True)
    texts = [encoder.row(1, AlertRaised(at=at, level="", name="", text="", strategy=None))[1] for at in sorted(times)]
    assert texts == sorted(texts)  # type: ignore[type-var]


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="must be aware"):
        there_and_back(decision(at=AT.replace(tzinfo=None)))


@pytest.mark.parametrize("number", ["0.1", "100", "1E+2", "123456789012345678901234567890.123456789", "-0.00"])
def test_decimals_keep_every_digit(number: str) -> None:
    back = there_and_back(decision(position=Decimal(number)))
    assert str(back.position) == number  # type: ignore[attr-defined]


def test_features_that_are_no_numbers_survive() -> None:
    back = there_and_back(decision(reasoning={"warm": math.nan, "up": math.inf, "down": -math.inf, "one": 1}))
    assert math.isnan(back.reasoning["warm"])  # type: ignore[attr-defined]
    assert [back.reasoning[name] for name in ("up", "down", "one")] == [math.inf, -math.inf, 1.0]  # type: ignore[attr-defined]


def test_an_optional_number_that_is_nan_is_not_known() -> None:
    assert there_and_back(decision(expected_price=math.nan)).expected_price is None  # type: ignore[attr-defined]


def test_a_required_number_that_is_nan_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"DecisionMade\.confidence must be a number"):
        there_and_back(decision(confidence=math.nan))


def test_numbers_of_numpy_become_plain_ones() -> None:
    bar = BarSeen(
        at=AT,
        instrument=InstrumentId("SPY"),
        timeframe="5m",
        start=np.int64(1),  # type: ignore[arg-type]
        end=np.int64(301),  # type: ignore[arg-type]
        open=np.float64(1.1),
        high=np.float32(2.0),  # type: ignore[arg-type]
        low=1.0,
        close=1.5,
        volume=0.0,
        wap=1.5,
        trades=np.int32(3),  # type: ignore[arg-type]
    )
    row = RowEncoder(BarSeen, as_text=True).row(1, bar)
    assert {type(value) for value in row} == {int, float, str}


def test_mappings_are_sorted_json_whatever_they_are_made_of() -> None:
    config = MappingProxyType({"b": MappingProxyType({"x": Decimal("1.0")}), "a": [1, None]})
    run = dataclasses.replace(sample(RunStarted, empty=True), config=config)  # type: ignore[call-arg]
    row = RowEncoder(RunStarted, as_text=True).row(1, run)
    assert row[-1] == '{"a":[1,null],"b":{"x":"1.0"}}'


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError):
        there_and_back(decision(memory={"x": object()}))
