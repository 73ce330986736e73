"""A report file is whole or as it was."""

from pathlib import Path

import pytest

from daemon.reports.files import write_whole


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["a.html"]


def test_a_full_disk_leaves_the_old_report_and_nothing_else(tmp_path: Path) -> None:
    """A directory in the file's place fails at the last step, as a full disk fails at an earlier one."""
    path = tmp_path / "a.html"
    path.mkdir()
    with pytest.raises(OSError, match=r"a\.html"):
        write_whole(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.html"]
