"""How people and programs reach the running daemon over HTTP; for now the control socket of the commands.

Everything it shows or does goes through `ports.Control`, which `app` hands over: it knows no journal, adapter or
setting. Its neighbour `orchestrator` implements the port; `daemon.client` is the other end of the wire.
"""
