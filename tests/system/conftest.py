"""Runs that are shared by several tests, and by the workers of pytest-xdist."""

import os

import pytest

from tests.system.programs import Plays


@pytest.fixture(scope="session")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Plays:
    """Return the maker of shared runs."""
    base = tmp_path_factory.getbasetemp()
    return Plays((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "plays")
