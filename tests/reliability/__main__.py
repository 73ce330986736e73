"""`make kill-runs`."""

import sys

from tests.reliability.kill_runs import main

if __name__ == "__main__":
    sys.exit(main())
