"""Pre-trade controls: the only place where an intent can become an `Approved` order.

Each control is a small pure function over a `RiskView` of the moment. Controls count working orders at their worst
case and fail closed; orders that only reduce a position pass the controls that bind openings.
"""
