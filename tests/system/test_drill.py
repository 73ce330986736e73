"""Some of the quick drills for real; `make drill` runs all."""

from pathlib import Path

import pytest

from tests.system.programs import PATIENCE_S, paperd


@pytest.mark.parametrize("name", ["kill-after-bytes", "execution-correction", "fill-before-ack"])
def test_drill_holds_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    done = paperd("drill", name, "--json", cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, within_s=6 * PATIENCE_S)
    told = done.json()
    (drill,) = told["drills"]
    assert done.code == 0, [check for check in drill["checks"] if not check["held"]]
    assert set("ABCDEJRS") <= set(drill["held"])
    assert drill["story"]
    assert list(tmp_path.iterdir()) == []
