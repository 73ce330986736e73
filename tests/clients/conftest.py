"""The client library that this venv has decides who tells the story."""

import importlib
import importlib.util
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.gateway_program import ACCOUNT, PAPERD, Gateway

SPEED = 120  # market seconds per host second

if not importlib.util.find_spec("ib_async") and not importlib.util.find_spec("ib_insync"):
    collect_ignore = ["test_gateway_story.py"]  # it is written for these two


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """Run a gateway with its books in a file."""
    books = tmp_path / "gateway.db"
    command = [
        PAPERD, "gateway", "--port", "0", "--speed", str(SPEED), "--seed", "7", "--account", ACCOUNT,
        "--state-file", str(books),
    ]  # fmt: skip
    with (
        (tmp_path / "said").open("w") as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            yield Gateway(json.loads(process.stdout.readline())["port"], books)
            assert process.poll() is None, (tmp_path / "said").read_text()[-2000:]
        finally:
            process.terminate()
        assert process.wait(10) == 0


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Any]:
    """Return a connected client of the library that this venv has."""
    official = importlib.util.find_spec("ibapi") is not None
    module = importlib.import_module(f"tests.clients.{'official' if official else 'insync'}_client")
    connected = (module.OfficialClient if official else module.InsyncClient)(gateway.port, 11)
    yield connected
    connected.close()
