"""The command `paperd backtest` over one file: FILE RECORD OUT; prints what it took as JSON."""

import json
import resource
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run the command as a child and print its CPU seconds and peak memory."""
    file, record, out = sys.argv[1:]
    command = [
        str(Path(sys.executable).with_name("paperd")), "backtest", "--strategy", "sma_cross", "--timeframes", "1m",
        "--csv", f"SPY={file}", "--record", record, "--out", out, "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
