"""What may be a price at all."""

import sys
from typing import Final

UNSET: Final = sys.float_info.max
"""How IB writes that it has no value; finite, so that only a comparison finds it."""


def is_number(value: float) -> bool:
    """Return whether `value` is finite and has been set; NaN compares as False."""
    return -UNSET < value < UNSET
