"""The same engine over history: its drivers, and the check that a strategy can be trusted there at all.

A backtest is worth something only if it is the program that trades, so nothing here decides, matches or counts: it
feeds `engine` and `matching` with bars from files, the journal or the synthetic market, and `causality` proves of a
strategy that its features and decisions do not know what comes after them. Reports read what comes out of it as they
read a day.
"""
