"""The fault matrix of docs/reliability.md has all forty rows, and names only tests and drills that there are."""

import ast
import re
from functools import cache
from pathlib import Path

from daemon.drills.catalogue import DRILLS

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| (.*) \|$", re.MULTILINE)
NAMED = re.compile(r"(drill )?`([^`]+)`")
TARGET = re.compile(r"`make ([a-z-]+)`")


def section() -> str:
    text = (ROOT / "docs" / "reliability.md").read_text()
    found = re.search(r"^## Fault matrix\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def rows() -> dict[int, list[str]]:
    """Return the cells of each row after its number: fault, how, tests, what must hold, result."""
    return {int(number): cells.split(" | ") for number, cells in ROW.findall(section())}


@cache
def collected() -> frozenset[str]:
    """Return the names of the functions that pytest collects: tests in test files, at the top of the module."""
    names: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                names.add(node.name)
    return frozenset(names)


def test_every_row_of_the_matrix_is_there_once() -> None:
    assert [int(number) for number, _ in ROW.findall(section())] == list(range(1, 41))
    assert {len(cells) for cells in rows().values()} == {5}
    assert all(cell.strip() for cells in rows().values() for cell in cells)


def test_every_named_test_and_drill_exists() -> None:
    drills = {drill.name for drill in DRILLS}
    for number, cells in rows().items():
        named = NAMED.findall(cells[2])
        assert named, f"row {number} names no test"
        for is_drill, name in named:
            assert name in (drills if is_drill else collected()), f"row {number}: {name}"


def test_a_drill_is_named_in_the_rows_it_stands_for() -> None:
    named = {number: set(NAMED.findall(cells[2])) for number, cells in rows().items()}
    missing = [(row, drill.name) for drill in DRILLS for row in drill.rows if ("drill ", drill.name) not in named[row]]
    assert missing == []


def test_every_named_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(TARGET.findall(section())) <= targets
