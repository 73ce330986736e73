"""Faults on demand: everything a real IB Gateway does wrong, started by a scenario, over HTTP or from a test.

A fault is a small value; `catalogue` lists all of them, `scenario` says when each begins, `control` carries them out.
The gateway itself knows nothing of single faults: it lets `control` see what comes and goes. Whatever a fault shows to
clients, the gateway's books stay true; faults that move the market or the broker go through the market and the broker.
"""
