"""The simulated IB Gateway: a server that any TWS API client can use, with a market and an account of its own.

Why it exists: with nothing configured the daemon trades against it, through the same socket and library as against
the real Gateway. Requests come in through `connection` and `wire` and go to the desks (`service_*`): orders and
account to the `broker` with its `ledger` on disk, subscriptions to the market's `streams`; `driver` moves market time
in lockstep with the clients.
Orders meet quotes in `matching`. It never uses the daemon's own bar builder or ledgers: the two check each other.
"""
