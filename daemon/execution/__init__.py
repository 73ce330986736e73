"""The paper executor: the one way to the market.

It keeps its own state of every order from what the broker says on the wire, never from what a client library makes
of it, and measures what each order cost. Which orders are allowed is decided in `risk`, before it.
"""
