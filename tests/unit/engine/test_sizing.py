"""From a side to an order: sizes round down, a standing side is left alone, a flip is one order."""

# mypy: disable-error-code="comparison-overlap, unreachable, unused-ignore"

from decimal import Decimal

import pytest

from daemon.domain.decision import Signal
from daemon.domain.order import Side
from daemon.engine.sizing import Change, SizingRule, change_to, closing, target_quantity

LONG_ONLY = SizingRule(position_fraction=Decimal("0.5"), allow_short=False)
BOTH = SizingRule(position_fraction=Decimal("0.5"), allow_short=True)


@pytest.mark.parametrize(
    ("signal", "equity", "price", "rule", "target"),
    [
        (Signal.BUY, "1000", "100", LONG_ONLY, 5),
        (Signal.BUY, "999.99", "100", LONG_ONLY, 4),  # rounds down
        (Signal.BUY, "199.99", "100", LONG_ONLY, 0),  # less than one unit
        (Signal.SELL, "1000", "100", LONG_ONLY, 0),  # flat instead of short
        (Signal.SELL, "1000", "100", BOTH, -5),
        (Signal.SELL, "999.99", "100", BOTH, -4),  # rounds towards nothing on the short side too
        (Signal.HOLD, "1000", "100", BOTH, 0),
        (Signal.BUY, "0", "100", BOTH, 0),
        (Signal.BUY, "-5", "100", BOTH, 0),
        (Signal.SELL, "-5", "100", BOTH, 0),
        (Signal.BUY, "1000", "0", BOTH, 0),
    ],
)
def test_target_quantity(signal: Signal, equity: str, price: str, rule: SizingRule, target: int) -> None:
    assert target_quantity(signal, equity=Decimal(equity), price=Decimal(price), rule=rule) == target


@pytest.mark.parametrize(
    ("target", "held", "change"),
    [
        (5, 0, (Side.BUY, 5, False)),
        (-5, 0, (Side.SELL, 5, False)),
        (0, 5, (Side.SELL, 5, True)),
        (0, -5, (Side.BUY, 5, True)),
        (-5, 3, (Side.SELL, 8, False)),  # a flip opens
        (5, -3, (Side.BUY, 8, False)),
        (5, 3, None),  # never resized while the side stands
        (2, 3, None),
        (0, 0, None),
        (5, 5, None),
    ],
)
def test_change_to(target: int, held: int, change: tuple[Side, int, bool] | None) -> None:
    expected = None if change is None else Change(change[0], Decimal(change[1]), change[2])
    assert change_to(Decimal(target), Decimal(held)) == expected


@pytest.mark.parametrize(("held", "side"), [(3, Side.SELL), (-3, Side.BUY)])
def test_closing_leads_to_flat(held: int, side: Side) -> None:
    assert closing(Decimal(held)) == Change(side, Decimal(3), reduces=True)
