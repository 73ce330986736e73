"""The commission schedules of IB and Alpaca against their own examples."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.order import Side
from daemon.matching.commission import (
    AlpacaStocks,
    CommissionSchedule,
    IbOptions,
    IbTieredStocks,
    PercentOfNotional,
    PerShare,
    SaleFees,
)

SCHEDULES: list[CommissionSchedule] = [PerShare(), PerShare(sale_fees=SaleFees()), IbTieredStocks(), AlpacaStocks()]


def whole(schedule: CommissionSchedule, quantity: str, price: str, side: Side | None = None) -> Decimal:
    return schedule.charge(
        quantity=Decimal(quantity),
        price=Decimal(price),
        filled_before=Decimal(0),
        notional_before=Decimal(0),
        side=side,
    )


@pytest.mark.parametrize(
    ("quantity", "price", "charged"), [("100", "25", "1.00"), ("1000", "25", "5.00"), ("1000", "0.25", "2.50")]
)
def test_fixed_stocks_give_the_examples_of_the_price_page(quantity: str, price: str, charged: str) -> None:
    assert whole(PerShare(), quantity, price) == Decimal(charged)


@pytest.mark.parametrize(
    ("contracts", "premium", "charged"),
    [("1", "2", "1.00"), ("2", "5", "1.30"), ("3", "0.075", "1.50"), ("5", "0.03", "1.25"), ("1", "0.01", "1.00")],
)
def test_options_give_the_examples_of_the_price_page(contracts: str, premium: str, charged: str) -> None:
    assert whole(IbOptions(), contracts, premium) == Decimal(charged)


def test_options_in_parts_share_the_minimum() -> None:
    first = whole(IbOptions(), "1", "2")
    second = IbOptions().charge(
        quantity=Decimal(1), price=Decimal(2), filled_before=Decimal(1), notional_before=Decimal(2)
    )
    assert (first, second) == (Decimal("1.00"), Decimal("0.30"))


def test_tiered_stocks_add_what_exchange_and_clearing_take() -> None:
    bare = IbTieredStocks(
        exchange_per_share=Decimal(0), clearing_per_share=Decimal(0), audit_trail_per_share=Decimal(0)
    )
    assert whole(bare, "50", "25", Side.BUY) == Decimal("0.35")  # the minimum
    assert whole(bare, "1000", "25", Side.BUY) == Decimal("3.50")
    assert whole(bare, "1000", "0.25", Side.BUY) == Decimal("2.50")  # one per cent
    assert whole(IbTieredStocks(), "1000", "25", Side.BUY) == Decimal("6.75")  # 3.50259 + 3.00 + 0.20 + 0.048
    assert whole(IbTieredStocks(), "1000", "25", Side.SELL) == Decimal("6.92")  # and 0.166 of FINRA's


def test_alpaca_charges_sales_only_and_rounds_each_fee_up() -> None:
    fees = AlpacaStocks(sale_fees=SaleFees(sec_rate=Decimal("0.0000278")))
    assert whole(fees, "100", "50", Side.BUY) == 0
    assert whole(fees, "100", "50") == 0
    assert whole(fees, "100", "50", Side.SELL) == Decimal("0.16")  # 0.139 and 0.0166
    assert whole(AlpacaStocks(), "100000", "50", Side.SELL) == Decimal("8.30")  # the most there is


def test_a_percentage_does_not_ask_for_the_side() -> None:
    assert whole(PercentOfNotional(), "10", "100", Side.SELL) == whole(PercentOfNotional(), "10", "100")


@given(st.sampled_from(SCHEDULES), st.sampled_from(Side), st.lists(st.integers(1, 5000), min_size=1, max_size=8))
def test_parts_of_an_order_cost_what_the_whole_costs(
    schedule: CommissionSchedule, side: Side, parts: list[int]
) -> None:
    price, filled, notional, total = Decimal("12.34"), Decimal(0), Decimal(0), Decimal(0)
    for part in map(Decimal, parts):
        charged = schedule.charge(quantity=part, price=price, filled_before=filled, notional_before=notional, side=side)
        assert charged >= 0
        total, filled, notional = total + charged, filled + part, notional + part * price
    assert total == whole(schedule, str(sum(parts)), str(price), side)
