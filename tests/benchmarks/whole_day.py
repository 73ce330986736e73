"""A whole day as a person runs it: `paperd run --days 1 --speed max`, with its own gateway, journal and report."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from daemon.market.universe import UNIVERSE_PLACEHOLDER  # replaced below
