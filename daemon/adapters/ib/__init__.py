"""Interactive Brokers: the one shared connection, and the broker and the feed that live on it.

Only this folder imports ib_insync, and only as a codec: `client.RawIB` takes every message as the wire said it and
hands it on as one of our own values. The library's picture of orders, tickers and bars is never built, so it can be
neither wrong nor grow. `connection` keeps one connection alive, `broker` and `feed` implement the ports on it,
`diagnose` explains to a person why it does not work.
"""
