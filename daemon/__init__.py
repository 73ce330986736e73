"""paperd trades strategies on live markets with paper money and says whether they behave as their backtest did.

The data's way is also the order of the rooms: `adapters` bring quotes, bars and callbacks to the `orchestrator`, whose
sequencer drives the `engine`; what it approves goes through `execution` back to the adapters, and everything that
happened goes to the `journal`. `app` puts the parts together and `cli` is the door; docs/architecture.md has the map.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("paperd")
except PackageNotFoundError:  # run from a source tree that nobody installed
    __version__ = "0+source"
