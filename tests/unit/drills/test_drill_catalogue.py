"""The list of drills: names, rows and sentences that a person can use."""

import re
from pathlib import Path

import pytest

from daemon.drills.catalogue import DRILLS, drill_named
from daemon.drills.drill import Drill
from daemon.drills.report import matrix_rows


def test_names_are_unique_and_in_kebab_case() -> None:
    names = [drill.name for drill in DRILLS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_each_drill_says_in_one_sentence_what_goes_wrong(drill: Drill) -> None:
    sentence = drill.goes_wrong
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) <= 110


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_each_drill_stands_for_rows_of_the_matrix_and_looks_at_something(drill: Drill) -> None:
    assert drill.rows
    assert all(1 <= row <= 40 for row in drill.rows)
    assert drill.holds


def test_documentation_lists_each_drill_with_its_rows_and_sentence() -> None:
    page = (Path(__file__).parents[3] / "docs" / "drills.md").read_text()
    listed = [line for line in page.splitlines() if re.match(r"\| [0-9, ]+ \| `", line)]
    assert listed == [f"| {matrix_rows(drill)} | `{drill.name}` | {drill.goes_wrong} |" for drill in DRILLS]


def test_drill_is_found_by_its_name() -> None:
    assert drill_named("order-swallowed").rows == (14,)


def test_name_that_nearly_fits_gets_a_suggestion() -> None:
    with pytest.raises(LookupError, match="did you mean order-swallowed"):
        drill_named("order-swalowed")


def test_name_that_fits_nothing_is_told_where_the_names_are() -> None:
    with pytest.raises(LookupError, match="paperd drill --list"):
        drill_named("zzz")
