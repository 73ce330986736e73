"""What is odd about a file of bars without being wrong: counted, and told with the first rows that show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

_SHOWN: Final = 3  # places that are named; the rest are counted


@dataclass(slots=True)
class FileNotes:
    """The warnings about one file."""

    file: str
    _places: dict[str, list[str]] = field(default_factory=dict)  # by what is odd
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, place: str, count: int = 1) -> None:
        """Count `count` more of `what`, first seen at `place`."""
        self._counts[what] = self._counts.get(what, 0) + count
        places = self._places.setdefault(what, [])
        if len(places) < _SHOWN:
            places.append(place)

    def sentences(self) -> tuple[str, ...]:
        """Return a sentence for everything that was counted, with the first places."""
        return tuple(self._sentence(what) for what in self._counts)

    def _sentence(self, what: str) -> str:
        count, places = self._counts[what], self._places[what]
        return f"{self.file}: {count:,} {what}: {'; '.join(places)}{'; …' if count > len(places) else ''}"


def when(seconds: int | np.int64) -> str:
    """Return a moment (epoch seconds) as people write it."""
    return f"{np.datetime64(int(seconds), 's')}Z"
