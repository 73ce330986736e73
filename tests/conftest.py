"""What every test gets: no task left behind, chance that can be repeated, and the recorded market data if there."""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

_SHARED_DATA = Path(os.environ.get("TEST_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a real broker, unless it is asked for by its marker."""
    if "live" in str(config.getoption("-m")):
        return
    live = [item for item in items if item.get_closest_marker("live") is not None]
    if live:
        config.hook.pytest_deselected(items=live)
        items[:] = [item for item in items if item not in live]


@pytest.fixture(autouse=True)
def no_leaked_tasks(request: pytest.FixtureRequest) -> None:
    """Fail an asynchronous test that leaves a task; one without a loop needs no loop for that."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_tasks_are_watched")


@pytest.fixture
async def _tasks_are_watched() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    leaked = {task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if not task.done()}
    for task in leaked:
        task.cancel()
    assert not leaked, f"tasks left running: {sorted(task.get_name() for task in leaked)}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the recorded market data; a machine without it skips the test."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"there are no recorded data at {_SHARED_DATA}; TEST_SHARED_DATA names another place")
    return _SHARED_DATA
