"""What can become of a difference between the broker's positions and our ledgers."""

from enum import StrEnum


class AdjustmentState(StrEnum):
    """Where an adjustment stands. Nothing is booked before a person has confirmed it."""

    PROPOSED = "PROPOSED"  # waits for a person
    CONFIRMED = "CONFIRMED"  # booked at the price that the person named
    REJECTED = "REJECTED"  # none of ours, as the person says: counted as somebody else's
    WITHDRAWN = "WITHDRAWN"  # the difference has gone by itself
    EXTERNAL = "EXTERNAL"  # somebody else's trade or holding in the account, as the broker's books show

    @property
    def is_of_others(self) -> bool:
        """Return whether the quantity belongs to nobody here."""
        return self in {AdjustmentState.REJECTED, AdjustmentState.EXTERNAL}
