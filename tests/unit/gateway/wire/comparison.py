"""Whether a value of ours and one of ib_insync mean the same."""

import dataclasses
import re
from decimal import Decimal
from typing import Any

from ib_insync.order import OrderComboLeg
from ib_insync.util import UNSET_DOUBLE, UNSET_INTEGER

from daemon.gateway.wire.contract import Contract

# Our name -> theirs, where changing the spelling is not enough.
RENAMED = {
    "last_trade_date": "lastTradeDateOrContractMonth",
    "combo_legs_description": "comboLegsDescrip",
    "delta_neutral": "deltaNeutralContract",
    "exchange": "exch",
    "account": "acctNumber",
    "sec_ids": "secIdList",
    "order_combo_leg_prices": "orderComboLegs",
    "rule_80a": "rule80A",
}


def theirs(record: Any, name: str) -> Any:
    """The value ib_insync has for one of our fields."""
    if name.startswith("soft_dollar_"):
        tier = {"name": "name", "value": "val", "display_name": "displayName"}[name.removeprefix("soft_dollar_")]
        return getattr(record.softDollarTier, tier)
    renamed = camel_case(RENAMED.get(name, name))
    return getattr(record, renamed if hasattr(record, renamed) else camel_case(name))


def camel_case(name: str) -> str:
    """order_type -> orderType."""
    return re.sub(r"_(\w)", lambda match: match.group(1).upper(), name)


def same(ours: object, other: Any) -> bool:
    """Whether two values mean the same."""
    if isinstance(other, OrderComboLeg):
        return same(ours, other.price)
    if ours is None:
        return other in (UNSET_DOUBLE, UNSET_INTEGER, None)
    if isinstance(ours, tuple):
        others = other or ()
        return len(ours) == len(others) and all(map(same, ours, others))
    if dataclasses.is_dataclass(ours):
        return not differences(ours, other)
    if isinstance(other, list):
        return ours == "".join(f"{option.tag}={option.value};" for option in other)
    if isinstance(ours, Decimal):
        return float(ours) == float(str(other))
    return bool(ours == other)


def differences(ours: object, other: Any, *, ignore: tuple[str, ...] = ()) -> dict[str, tuple[object, object]]:
    """Our fields that ib_insync has otherwise."""
    assert dataclasses.is_dataclass(ours)
    pairs = {
        field.name: (getattr(ours, field.name), theirs(other, field.name))
        for field in dataclasses.fields(ours)
        if field.name not in ignore
    }
    return {name: pair for name, pair in pairs.items() if not same(*pair)}


PEG_BENCH_FIELDS = (
    "reference_contract_id",
    "is_pegged_change_amount_decrease",
    "pegged_change_amount",
    "reference_change_amount",
    "reference_exchange_id",
)
COMPETE = ("min_compete_size", "compete_against_best_offset")
MID = ("mid_offset_at_whole", "mid_offset_at_half")

STOCK = Contract(sec_type="STK", con_id=756733, symbol="SPY", exchange="SMART", currency="USD", strike=1.5)
