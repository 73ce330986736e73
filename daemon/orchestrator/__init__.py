"""The asyncio shell around the heart: bar loops, the sequencer, monitors, start and shutdown.

It knows the heart, the ports and the runtime only; whoever implements a port is handed in by `daemon.app`.
"""
