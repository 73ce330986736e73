"""Drills in which the disk, a file, or the configuration fails."""

import asyncio
import json
import resource
import shutil
from typing import Final

from daemon.drills.drill import Drill, holds
from daemon.drills.settings import drill_settings
from daemon.drills.stage import Stage
from daemon.simulation.oracle import Invariant

_IO_FAILED: Final = 74
_REFUSED: Final = 77
_CONFIGURATION: Final = 78
_ROOM: Final = 64 << 10  # bytes that the journal may still grow by
_PAGE: Final = 4096  # bytes of a page of SQLite


async def _journal_disk_full(stage: Stage) -> None:
    await stage.up()
    written = max(file.stat().st_size for file in stage.state.glob("journal.db*"))
    resource.prlimit(stage.daemon.process.pid, resource.RLIMIT_FSIZE, (written + _ROOM, resource.RLIM_INFINITY))
    stage.tell(f"the disk has room for {_ROOM >> 10} KiB more of journal")
    before = len(stage.relay.passed)
    code = await stage.daemon.ended(within_s=60)
    stage.tell(f"the daemon ended with exit code {code}")
    stage.check(Invariant.SOUND, f"exit code {code} (74: a file cannot be written)", held=code == _IO_FAILED)
    said = [line for line in stage.daemon.text().splitlines() if line.startswith("error:")]
    stage.check(Invariant.ALERTED, f"told: {said[0] if said else 'nothing'}", held=bool(said))
    sent = stage.relay.passed[before:]
    stage.check(
        Invariant.DURABLE_INTENT,
        f"{len(sent)} orders left while the disk filled, each journaled before",
        held=all(order.was.has_intent for order in sent),
    )


async def _log_disk_full(stage: Stage) -> None:
    await stage.up(fills=4)
    dropped = (await stage.status())["health"]["logs_dropped"]
    stage.tell(f"{dropped} lines of the paper log could not be written, the daemon trades")
    stage.check(Invariant.SOUND, f"trading goes on; {dropped} lines are counted as dropped", held=dropped > 0)


async def _fsync_fails(stage: Stage) -> None:
    await stage.up()
    tracer = await asyncio.create_subprocess_exec(
        "strace", "-f", "-qq", "-o", str(stage.folder / "strace.log"), "-p", str(stage.daemon.process.pid),
        "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        stage.tell("strace is attached: every fsync from now on fails with EIO")
        code = await stage.daemon.ended(within_s=60)
    finally:
        if tracer.returncode is None:
            tracer.kill()
        await tracer.wait()
    stage.tell(f"the daemon ended with exit code {code}")
    stage.check(Invariant.SOUND, f"exit code {code} (74: a file cannot be written)", held=code == _IO_FAILED)
    failed = [line for line in (stage.folder / "strace.log").read_text().splitlines() if "INJECTED" in line]
    stage.check(Invariant.SOUND, f"{len(failed)} fsync failed", held=bool(failed))


async def _corrupt_page(stage: Stage) -> None:
    await stage.up(fills=4)
    code = await stage.stop_daemon(within_s=30)
    stage.tell(f"the daemon is stopped ({code})")
    whole = stage.folder / "journal.whole"
    code = await stage.command("db", "backup", str(whole), "--state", str(stage.state))
    stage.check(Invariant.SOUND, f"paperd db backup ended with exit code {code}", held=code == 0)
    damaged = bytearray(stage.journal.read_bytes())
    for page in range(1, len(damaged) // _PAGE):
        damaged[page * _PAGE : page * _PAGE + 64] = b"\xff" * 64
    stage.journal.write_bytes(damaged)
    stage.tell("the head of every page but the first is overwritten")
    before = len(stage.relay.passed)
    await stage.start_daemon()
    code = await stage.daemon.ended(within_s=60)
    stage.tell(f"started again, it ended with exit code {code}")
    said = [line for line in stage.daemon.text().splitlines() if line.startswith("error:")]
    stage.check(Invariant.SOUND, f"refused with {code}: {said[0] if said else 'no word'}", held=code == _IO_FAILED)
    stage.check(
        Invariant.READY_BEFORE_OPENING, "no order left on a broken journal", held=len(stage.relay.passed) == before
    )
    stage.check(
        Invariant.SOUND, "the broken file was preserved as it was", held=stage.journal.read_bytes() == bytes(damaged)
    )
    for rest in stage.state.glob("journal.db-*"):
        rest.unlink()
    shutil.copyfile(whole, stage.journal)
    stage.tell("the copy that paperd db backup had made is put in its place")


async def _two_daemons(stage: Stage) -> None:
    await stage.up()
    first = stage.daemon
    second = await stage.start_daemon()
    code = await second.ended(within_s=60)
    said = [line for line in second.text().splitlines() if line.startswith("error:")]
    stage.tell(f"the second one ended with exit code {code}: {said[0] if said else 'no word'}")
    stage.check(Invariant.AUTHORISED, f"refused with exit code {code}", held=code == _REFUSED and bool(said))
    stage.daemons.remove(second)
    stage.daemons.insert(0, second)
    stage.check(Invariant.SOUND, "the first one did not notice", held=first.is_running)


async def _bad_configuration(stage: Stage) -> None:
    stage.state.mkdir()
    wrong = drill_settings(4002, {"ib": {"port": 99_999, "heartbeat_s": -1}, "calendar": {"exchange": "nowhere"}})
    wrong["limit"] = {}
    wrong["strategies"][0]["symbols"] = []
    config = stage.folder / "wrong.json"
    config.write_text(json.dumps(wrong, indent=2))
    daemon = await stage.start(("run", "-c", str(config), "--state", str(stage.state)))
    code = await daemon.ended(within_s=60)
    text = daemon.text()
    faults = [line for line in text.splitlines() if line.startswith("error:")]
    for fault in faults:
        stage.tell(fault)
    stage.check(Invariant.SOUND, f"exit code {code} (78: the configuration is wrong)", held=code == _CONFIGURATION)
    named = ("ib.port", "ib.heartbeat_s", "calendar.exchange", "limit", "symbols")
    missing = [name for name in named if not any(name in fault for fault in faults)]
    told = f"all {len(named)} faults are named at once" if not missing else f"not named: {', '.join(missing)}"
    stage.check(Invariant.SOUND, told, held=not missing)
    left = sorted(path.name for path in stage.state.iterdir())
    stage.check(Invariant.SOUND, f"left in the state directory: {', '.join(left) or 'nothing'}", held=not left)


DRILLS: Final = (
    Drill(
        name="journal-disk-full",
        rows=(29,),
        goes_wrong="The disk that holds the journal is full.",
        injected="RLIMIT_FSIZE of the running daemon: its files may grow by 64 KiB",
        holds=holds("ABCDEHS"),
        play=_journal_disk_full,
        leaves_doubt=True,
    ),
    Drill(
        name="log-disk-full",
        rows=(30,),
        goes_wrong="The disk that holds the log is full.",
        injected="the paper log is /dev/full",
        holds=holds("ABCDES"),
        play=_log_disk_full,
        settings={"logs": {"paper_log": True, "paper_log_file": "/dev/full"}},
    ),
    Drill(
        name="fsync-fails",
        rows=(31,),
        goes_wrong="The disk says that what was written is not safe: fsync fails.",
        injected="strace attached to the daemon: each fsync and fdatasync ends with EIO",
        holds=holds("ABCDES"),
        play=_fsync_fails,
        leaves_doubt=True,
        needs=("strace",),
    ),
    Drill(
        name="corrupt-page",
        rows=(32,),
        goes_wrong="Pages of the journal's file are damaged while the daemon is stopped.",
        injected="64 bytes of each page overwritten",
        holds=holds("ABCDES"),
        play=_corrupt_page,
    ),
    Drill(
        name="two-daemons",
        rows=(36,),
        goes_wrong="A second daemon is started on the same state directory.",
        injected="paperd run, twice",
        holds=holds("ABCDEGS"),
        play=_two_daemons,
    ),
    Drill(
        name="bad-config",
        rows=(36,),
        goes_wrong="The configuration has five mistakes at once.",
        injected="paperd run with such a file",
        holds=holds("S"),
        play=_bad_configuration,
        settles=False,
    ),
)
