"""The heart: events in, records out, the same records for the same events, whoever drives it.

`Engine.process` is synchronous and knows no sockets, tasks or clocks. The live daemon, a replay and the backtest all
drive it; `Engine.restore` rebuilds it from the journal without deciding anything.
"""
