"""`paperd gateway` as a program, and its books as its ledger file holds them."""

import os
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAPERD = os.environ.get("TEST_PAPERD") or str(Path(sys.executable).with_name("paperd"))
ACCOUNT = "DU7654321"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that runs, and where it keeps its books."""

    port: int
    books: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query of its ledger gives."""
        connection = sqlite3.connect(f"file:{self.books}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()
