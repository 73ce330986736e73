"""Disks that fill up or fail to sync, and servers that die or fall silent: nothing acknowledged is lost."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from daemon.domain.errors import JournalFailed
from daemon.domain.records import Record, SessionMarked
from daemon.journal.last_words import FILE, leave_last_words
from daemon.journal.reader import open_reader
from daemon.journal.streams import each
from daemon.journal.verify import verify
from daemon.journal.writer import JournalWriter
from tests.component.journal.conftest import OPEN, ROWS

pytestmark = pytest.mark.asyncio

ROOT = Path(__file__).parents[3]
Story = Callable[[int], tuple[Record, ...]]

APPEND_UNTIL_FAILURE = """
import asyncio, sys
from datetime import UTC, datetime
from daemon.domain.errors import JournalFailed
from daemon.domain.records import SessionMarked, TradingStateChanged
from daemon.journal.writer import JournalWriter

AT = datetime(2026, 1, 5, tzinfo=UTC)

async def main(path):
    async with await JournalWriter.open(path) as journal:
        for number in range(5000):
            note = TradingStateChanged(at=AT, state="RUNNING", strategy=None, who="x" * 200, why=str(number))
            try:
                await journal.append([SessionMarked(at=AT, day=str(number), phase="OPENED"), note])
            except JournalFailed as error:
                print("FAILED", error, flush=True)
                return
            print(number, flush=True)

asyncio.run(main(sys.argv[1]))
"""


def days(location: str | Path) -> list[str]:
    engine = open_reader(location)
    try:
        return [record.day for record in each(engine, SessionMarked)]
    finally:
        engine.dispose()


def marked(number: int) -> SessionMarked:
    return SessionMarked(at=OPEN, day=str(number), phase="OPENED")


async def run(*command: str) -> tuple[list[str], str]:
    """Run the program above; return what it acknowledged and how it ended."""
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    said = done.stdout.splitlines()
    assert said, done.stderr
    return [line for line in said if line.isdigit()], said[-1]


async def opened_again(path: Path, acknowledged: list[str]) -> None:
    """Check that everything acknowledged is there, in one piece, and that the journal goes on."""
    kept = days(path)
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1  # of the last commit nobody knows
    async with await JournalWriter.open(path) as journal:
        await journal.append([marked(9999)])
    assert verify(path).faults == ()
    assert days(path) == [*kept, "9999"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
@pytest.mark.parametrize("when", [20, 21, 40])
async def test_a_sync_that_fails_is_never_repeated(tmp_path: Path, when: int) -> None:
    path, trace = tmp_path / "journal.db", tmp_path / "trace"
    inject = f"inject=fsync,fdatasync:error=EIO:when={when}"
    strace = ("strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-e", inject, "-o", str(trace))
    acknowledged, last = await run(*strace, sys.executable, "-c", APPEND_UNTIL_FAILURE, str(path))
    assert last.startswith("FAILED journal"), last
    assert "disk I/O error" in last
    syncs = [line for line in trace.read_text().splitlines() if re.search(r"f(data)?sync\(", line)]
    assert "EIO" in syncs[-1], syncs[-3:]
    assert len(acknowledged) >= 5
    await opened_again(path, acknowledged)


async def test_a_full_disk_stops_the_writer_and_room_cures_it(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = await asyncio.to_thread(
        subprocess.run,
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        acknowledged, last = await run(sys.executable, "-c", APPEND_UNTIL_FAILURE, str(folder / "journal.db"))
        assert last.startswith("FAILED"), last
        assert "full" in last
        assert len(acknowledged) > 20
        room = ["mount", "-o", "remount,size=8m", str(folder)]
        await asyncio.to_thread(subprocess.run, room, check=True)
        await opened_again(folder / "journal.db", acknowledged)
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(folder)], check=True)


def backend_of(url: str) -> int:
    """Return the process of the server that serves the writer: it holds the advisory lock."""
    import psycopg

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted").fetchone()
    assert row is not None
    return int(row[0])


async def test_a_server_that_falls_silent_stops_the_writer_in_time(postgres_url: str, story: Story) -> None:
    journal = await JournalWriter.open(postgres_url, deadline_s=1.0)
    await journal.append(story(1))
    backend = backend_of(postgres_url)
    os.kill(backend, signal.SIGSTOP)
    try:
        waiting = [asyncio.create_task(journal.append(story(number))) for number in (2, 3)]
        for told in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(told, JournalFailed)
            assert "no answer within 1 s" in str(told)
        assert journal.failure is not None
        assert journal.unkept == (*story(2), *story(3))
        with pytest.raises(JournalFailed, match="has stopped"):
            await journal.append(story(4))
        await journal.close()  # although the server still says nothing
    finally:
        os.kill(backend, signal.SIGCONT)
    async with await JournalWriter.open(postgres_url) as again:  # waits until the old server process has settled it
        found = verify(postgres_url)
        assert found.faults == ()
        assert found.seals in (1, 2)  # the second may have been kept; the third was never sent
        await again.append(story(4))
    assert verify(postgres_url).faults == ()


@contextmanager
def relay_that_falls_silent(at: Path, server: Path, *, after: int) -> Iterator[None]:
    """Pass everything on from a socket's path to `server`, but no more than `after` bytes of its answers."""
    opened: list[socket.socket] = []
    told = 0

    def answers(client: socket.socket, real: socket.socket) -> None:
        nonlocal told
        while data := real.recv(4096):
            told += len(data)
            if told <= after:
                client.sendall(data)

    def questions(client: socket.socket, real: socket.socket) -> None:
        while data := client.recv(4096):
            real.sendall(data)

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was shut
            while True:
                both = listener.accept()[0], socket.socket(socket.AF_UNIX)
                opened.extend(both)
                both[1].connect(str(server))
                for work in (answers, questions):
                    threading.Thread(target=work, args=both, daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(at))
        listener.listen()
        accepting = threading.Thread(target=serve, args=(listener,), daemon=True)
        accepting.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for end in opened:
        end.shutdown(socket.SHUT_RDWR)
        end.close()


async def test_a_server_that_falls_silent_while_it_is_opened_is_given_up(postgres_url: str) -> None:
    from sqlalchemy import make_url

    url = make_url(postgres_url)
    name = f".s.PGSQL.{url.port or 5432}"
    with tempfile.TemporaryDirectory() as folder:  # short: a socket's path may have 107 bytes
        real = Path(str(url.query["host"])) / name
        with relay_that_falls_silent(Path(folder) / name, real, after=2_000):
            silent = url.update_query_dict({"host": folder})
            with pytest.raises(JournalFailed, match=r"no answer within 1 s while it was opened.*paperd db upgrade"):
                await JournalWriter.open(silent, opening_s=1.0)
    async with await JournalWriter.open(postgres_url, opening_s=60.0) as journal:
        assert await journal.restore() == ()


async def test_a_server_that_falls_silent_while_the_past_is_read_is_given_up(postgres_url: str, story: Story) -> None:
    async with await JournalWriter.open(postgres_url, opening_s=1.0) as journal:
        await journal.append(story(1))
        backend = backend_of(postgres_url)
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(JournalFailed, match="no answer within 1 s"):
                await journal.restore()
            async with asyncio.timeout(10):
                await journal.close()  # although the thread still waits for the server
        finally:
            os.kill(backend, signal.SIGCONT)


async def test_a_server_process_that_is_killed_loses_nothing_acknowledged(postgres_url: str, story: Story) -> None:
    journal = await JournalWriter.open(postgres_url, deadline_s=30.0)
    await journal.append(story(1))
    os.kill(backend_of(postgres_url), signal.SIGKILL)  # the server takes all of them down and recovers
    with pytest.raises(JournalFailed):
        await journal.append(story(2))
    await journal.close()
    async with await _when_recovered(postgres_url) as again:
        assert verify(postgres_url).seals == 1
        await again.append(story(2))
    assert verify(postgres_url).faults == ()


async def _when_recovered(url: str) -> JournalWriter:
    deadline = time.monotonic() + 60
    while True:
        try:
            return await JournalWriter.open(url)
        except JournalFailed:
            assert time.monotonic() < deadline, "the server did not recover"
            await asyncio.sleep(0.1)


async def test_a_process_that_was_stopped_itself_gives_no_commit_up(postgres_url: str, story: Story) -> None:
    async with await JournalWriter.open(postgres_url, deadline_s=1.0) as journal:
        await journal.append(story(1))
        backend = backend_of(postgres_url)
        os.kill(backend, signal.SIGSTOP)
        waiting = asyncio.create_task(journal.append(story(2)))
        await asyncio.sleep(0)
        time.sleep(1.5)  # noqa: ASYNC251 - nothing of this process's loop runs for longer than the deadline
        os.kill(backend, signal.SIGCONT)
        await waiting
    assert verify(postgres_url).seals == 2


async def test_last_words_tell_what_was_not_kept(tmp_path: Path, story: Story) -> None:
    import json

    leave_last_words(tmp_path, JournalFailed("the disk is full"), story(3))
    first, *others = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    assert first == {"failure": "the disk is full", "unkept": ROWS - 1}
    intent = next(line for line in others if line["table"] == "intent")
    assert (intent["order_ref"], intent["quantity"], intent["side"]) == ("pd-test-0003", "10", "BUY")
    leave_last_words(tmp_path / "nowhere", JournalFailed("x"), ())  # cannot be written, and says so in the log only
