"""The simulated exchange: orders meet quotes here, with latency, shown size and commissions. Pure and synchronous.

Times are integer microseconds since the epoch and only ever come in as arguments. The embedded gateway drives it today,
the backtest drives the same code later; it knows neither. It imports `domain` and nothing else of ours.
"""
