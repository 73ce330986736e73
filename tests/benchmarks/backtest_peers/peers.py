"""Who is compared, where each one is installed, and one run of one of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
VENVS: Final = ROOT / ".venv-peers"
_PYTHONS: Final = ("python3.12", "python3.13", "python3.11", "python3", sys.executable)
_STARTS: Final = "import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
_PATIENCE_S: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another backtester, or one way of running ours."""

    name: str
    script: str
    package: str = ""  # on PyPI; empty = our own venv
    way: str = ""  # of ours
    is_referee: bool = True  # its trades can be compared
    fraction: int = 1  # speed is measured on so many times fewer bars
    most_rounds: int = 5

    @property
    def python(self) -> Path:
        """Return what runs it."""
        return VENVS / self.package / "bin" / "python" if self.package else Path(sys.executable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stakes:
    """What is traded with."""

    cash: float
    share: float  # of the equity, for each symbol
    rate: str  # of commission


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run: what was measured and traded, or why there is nothing."""

    seconds: float = 0.0  # with the bars in memory
    with_reading: float = 0.0
    peak_mb: float = 0.0
    fills: list[list[list[float]]] = field(default_factory=list)  # of each file: second, quantity, price, commission
    failure: str = ""


OURS: Final = "paperd, decide"
STREAMED: Final = "paperd, decide, from the file"
VECTORISED: Final = "paperd, decide_all"
PEERS: Final = (
    Peer(name=OURS, script="run_paperd.py", way="decide"),
    Peer(name=VECTORISED, script="run_paperd.py", way="decide_all"),
    Peer(name="paperd, --record all", script="run_paperd.py", way="all", fraction=20),
    Peer(name=STREAMED, script="run_paperd.py", way="streamed", most_rounds=1),
    Peer(name="backtesting.py", script="run_backtesting.py", package="backtesting"),
    Peer(name="NautilusTrader", script="run_nautilus.py", package="nautilus_trader", fraction=10),
    Peer(name="backtrader", script="run_backtrader.py", package="backtrader", fraction=10),
    Peer(name="vectorbt", script="run_vectorbt.py", package="vectorbt", is_referee=False),
)


def run(peer: Peer, files: Sequence[Path], stakes: Stakes, folder: Path) -> Ran:
    """Run a peer once, in a process of its own."""
    out = folder / "out.json"
    out.unlink(missing_ok=True)
    command = [str(peer.python), str(HERE / peer.script), stakes.rate, *map(str, files), str(out)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, env=_environment(peer, stakes), check=False,
            timeout=_PATIENCE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Ran(failure=f"took longer than {_PATIENCE_S // 60} minutes")
    except OSError as error:
        return Ran(failure=f"cannot be started: {error}")
    finally:
        for left in folder.glob("paperd-peers-*/*"):
            left.unlink()
    if not out.exists():
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        return Ran(failure=last[0] if last else f"ended with {done.returncode}")
    found: dict[str, Any] = json.loads(out.read_text())
    return Ran(**found)


def is_ready(peer: Peer) -> bool:
    """Install a peer where it is not yet; say why when that fails."""
    if not peer.package or (VENVS / peer.package / ".installed").exists():
        return True
    folder = VENVS / peer.package
    tell(f"installing {peer.name} into {folder} (once)")
    failure = "no Python from 3.11 to 3.13 with its venv module starts here"
    for python in _PYTHONS:
        if not _starts(python):
            continue
        for step in (
            [python, "-m", "venv", "--clear", str(folder)],
            [str(peer.python), "-m", "pip", "install", "-q", "--disable-pip-version-check", peer.package, "pandas"],
        ):
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                failure = f"{' '.join(step)}: {(done.stderr or done.stdout).strip()[-800:]}"
                break
        else:
            (folder / ".installed").touch()
            return True
    tell(f"{peer.name} cannot be installed and is left out: {failure}")
    return False


def tell(text: str) -> None:
    """Say how far things are."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def _starts(python: str) -> bool:
    """Return whether a name leads to a Python that can make a venv: some are shims that only complain."""
    try:
        return subprocess.run([python, "-c", _STARTS], capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _environment(peer: Peer, stakes: Stakes) -> Mapping[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(HERE) if peer.package else f"{HERE}{os.pathsep}{ROOT}",
        "TZ": "UTC",
        "PEERS_CASH": repr(stakes.cash),
        "PEERS_SHARE": repr(stakes.share),
        "PEERS_WAY": peer.way,
    }
