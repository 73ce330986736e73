"""The values everything else is made of: instruments, quotes, bars, decisions, orders, fills, events and records.

Nothing here does I/O, asks the time or knows a broker. Every other folder may import this one; it imports none of them.
"""
