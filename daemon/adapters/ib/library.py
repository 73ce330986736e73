"""What we use of ib_insync, in one place, and how it is kept quiet.

The library must be imported on the main thread (it takes hold of an event loop while it is imported).
"""

import logging

from ib_insync import IB
from ib_insync.client import Client
from ib_insync.contract import Contract, ContractDetails
from ib_insync.decoder import Decoder
from ib_insync.objects import BarData, CommissionReport, Execution, ExecutionFilter
from ib_insync.order import Order, OrderState
from ib_insync.util import UNSET_DOUBLE, UNSET_INTEGER
from ib_insync.wrapper import Wrapper

__all__ = [
    "IB",
    "UNSET_DOUBLE",
    "UNSET_INTEGER",
    "BarData",
    "Client",
    "CommissionReport",
    "Contract",
    "ContractDetails",
    "Decoder",
    "Execution",
    "ExecutionFilter",
    "Order",
    "OrderState",
    "Wrapper",
    "quieten",
]


def quieten() -> None:
    """Silence the library's own log lines.

    Stock ib_insync spends 46 % of its time per order on formatting `Trade` objects into INFO lines. Here no `Trade` is
    ever built, so nothing has to be patched; what the library still logs (connects, disconnects) we log ourselves, with
    cause and cure.
    """
    logging.getLogger("ib_insync").setLevel(logging.CRITICAL)
    logging.getLogger("eventkit").setLevel(logging.ERROR)
