"""What a client wants done with an option it holds, read and checked; booking it is the broker's."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from daemon.gateway.tickets import Refusal
from daemon.market.listing import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionExercise:
    """An instruction to exercise an option, or to let it lapse."""

    client_id: int
    request_id: int
    account: str  # "" = the only one
    listing: Listing  # an option that trades now
    quantity: Decimal  # contracts, > 0
    is_lapse: bool  # let it expire though it is worth something
    overrides: bool  # do it even where it is not what the option's value suggests
    price: Decimal | None  # of the underlying now, None = unknown


class ExerciseBooks(Protocol):
    """Who holds positions and can turn an option into what it delivers."""

    def exercise_option(self, exercise: OptionExercise) -> Refusal | None:
        """Book an instruction, or say why not; executions and positions are told as after any fill."""
        ...
