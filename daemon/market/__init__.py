"""What a market is and does: sessions, bar boundaries, bars and their windows, tapes of seconds, the synthetic market.

The folder turns `domain` values and numpy arrays into other ones and does no I/O; `strategies`, `engine`, `gateway`
and the adapters build on it. Recorded markets come in through `adapters.files`.
"""
