"""Every drill, by rows of the fault matrix, and how one is found by its name."""

from difflib import get_close_matches
from typing import Final

from daemon.drills import connection, kills, market, orders, storage
from daemon.drills.drill import Drill

DRILLS: Final[tuple[Drill, ...]] = tuple(
    sorted(
        (
            *kills.DRILLS,
            *connection.DRILLS,
            *orders.DRILLS,
            *market.DRILLS,
            *storage.DRILLS,
        ),
        key=lambda drill: (drill.rows, drill.name),
    )
)


def drill_named(name: str) -> Drill:
    """Return a drill.

    Raises:
        LookupError: there is none of this name; the message says which come near.
    """
    found = [drill for drill in DRILLS if drill.name == name]
    if found:
        return found[0]
    names = [drill.name for drill in DRILLS]
    near = get_close_matches(name, names, n=3, cutoff=0.4) or [each for each in names if name in each]
    hint = f"did you mean {' or '.join(near)}?" if near else "paperd drill --list names them all"
    raise LookupError(f"there is no drill {name!r}: {hint}")
