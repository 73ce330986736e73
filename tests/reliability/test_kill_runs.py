"""The kill runs in small: some system calls, some random moments, and the proof that they find what they look for.

`make kill-runs` is the whole; docs/reliability.md tells what it has shown.
"""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from tests.reliability.boundaries import Boundary, batches, boundaries, kill_at
from tests.reliability.kill_runs import late, summary
from tests.reliability.random_kills import Manner, Result, world_of_kills

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here"),
]
SAMPLES = 5  # of the system calls of each story


@pytest.mark.parametrize(
    ("story", "calls"),
    [
        ("first", {"openat", "pwrite64", "fdatasync", "ftruncate", "unlink"}),
        ("trading", {"openat", "pwrite64", "fdatasync", "ftruncate", "unlink"}),
        ("recovery", {"openat", "pwrite64", "fdatasync"}),
    ],
)
def test_nothing_is_lost_or_doubled_by_kills_at_the_journals_system_calls(
    story: str, calls: set[str], tmp_path: Path
) -> None:
    found = boundaries(story, tmp_path)
    assert calls <= {boundary.call for boundary in found}
    for batch in batches(found[:: len(found) // SAMPLES]):
        result = kill_at(batch, root=tmp_path)
        assert result.violations == []
        assert result.in_step_s


def test_nothing_is_lost_or_doubled_by_kills_at_random_moments(tmp_path: Path) -> None:
    result = world_of_kills(4, kills=10, judge_every=5, manner=Manner(), root=tmp_path)
    assert result.violations == []
    assert result.kills == 10
    assert result.fills > 0


@pytest.mark.parametrize(("bug", "invariants"), [("forget_fills_on_restart", "D"), ("one_fill_an_order", "CD")])
def test_planted_bug_is_found(bug: str, invariants: str, tmp_path: Path) -> None:
    """A lost execution shows by itself or, where its order is given up as differing, by the positions."""
    result = world_of_kills(4, kills=4, judge_every=2, manner=Manner(bug=bug), root=tmp_path)
    assert {violation[0] for violation in result.violations} & set(invariants), result


def test_order_that_leaves_before_its_commit_is_found(tmp_path: Path) -> None:
    """With this bug a kill at the last write of a transaction leaves an order of which the journal knows nothing.

    A kill at the fdatasync would not show it: what a process has written, the kernel keeps.
    """
    calls = boundaries("trading", tmp_path)
    commits = [call for call, after in pairwise(calls) if (call.call, after.call) == ("pwrite64", "fdatasync")]
    found = (kill_at([each], bug="send_before_commit", root=tmp_path) for each in reversed(commits))
    assert any(violation.startswith("A") for result in found for violation in result.violations)


def test_boundary_is_named_as_it_is_written() -> None:
    boundary = Boundary(story="first", call="pwrite64", number=7)
    assert Boundary.named(str(boundary)) == boundary


def test_late_restart_and_its_command_are_told() -> None:
    result = Result(kind="plain", command="--plain-world 3", in_step_s=[1.0, 6.5])
    result.violations += late(result, ready_s=5.0, end_s=10.0)
    told = summary([result])
    assert told["all"]["restart_to_in_step_s"] == {"count": 2, "p50": 6.5, "p99": 6.5, "max": 6.5}
    assert told["failed"] == [
        {
            "command": 'make kill-runs ARGS="--plain-world 3"',
            "violations": ["R  restart: in step after 6.50 s, limit 5 s"],
        }
    ]
