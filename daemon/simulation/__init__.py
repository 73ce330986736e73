"""Deterministic simulation: the whole daemon and the simulated gateway in one process, in virtual time, from one seed.

The daemon runs unmodified on an event loop whose time is virtual and whose sockets are in memory. Faults are drawn from
the same seed: cut connections, silent ones, killed processes, failing disks, repeated messages. Afterwards an oracle
compares the gateway's own ledger with the daemon's journal. `app` is below, `cli` above; nothing else knows this room.
"""
