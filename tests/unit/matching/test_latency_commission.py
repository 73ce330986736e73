"""Latency drawn per order and what executions cost."""

from decimal import Decimal
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from daemon.matching.commission import PercentOfNotional, PerShare
from daemon.matching.latency import LatencyModel


def test_latency_depends_on_seed_and_order_only() -> None:
    model = LatencyModel(seed=7)
    first = [model.of(f"order-{n}") for n in range(5)]
    assert [LatencyModel(seed=7).of(f"order-{n}") for n in reversed(range(5))] == first[::-1]
    assert LatencyModel(seed=8).of("order-0") != first[0]
    assert model.of("order-0", message="cancel") != first[0]


def test_latency_has_the_stated_medians_and_minimum() -> None:
    drawn = [LatencyModel(seed=7).of(f"order-{n}") for n in range(3000)]
    assert 38_000 < median(d.acknowledged_us for d in drawn) < 42_000
    assert 85_000 < median(d.arrived_us for d in drawn) < 97_000
    assert min(d.acknowledged_us for d in drawn) >= 5_000
    assert all(d.arrived_us - d.acknowledged_us >= 5_000 for d in drawn)


def test_percent_rounds_half_a_cent_up() -> None:
    charge = PercentOfNotional().charge(
        quantity=Decimal(1), price=Decimal("2.5"), filled_before=Decimal(0), notional_before=Decimal(0)
    )
    assert charge == Decimal("0.01")  # 0.005


@given(st.lists(st.integers(1, 500), min_size=1, max_size=10))
def test_per_share_costs_the_same_in_parts_as_at_once(parts: list[int]) -> None:
    schedule, price = PerShare(), Decimal("123.45")
    whole = Decimal(sum(parts))
    filled = notional = total = Decimal(0)
    for part in map(Decimal, parts):
        total += schedule.charge(quantity=part, price=price, filled_before=filled, notional_before=notional)
        filled, notional = filled + part, notional + part * price
    assert total == schedule.charge(quantity=whole, price=price, filled_before=Decimal(0), notional_before=Decimal(0))
    assert total <= whole * price / 100 + Decimal("0.01")
