"""The asyncio machinery that knows no trading: clocks, supervisor, queue, logging set-up.

It exists so that the orchestrator can speak of bars and orders only. The heart never imports it.
"""
