"""The metrics of trading, each in one place with its formula and source; monitors, reports and the gate share them.

Pure functions over numpy arrays: they know neither journals nor accounts.
"""
