"""Drills: one fault of the matrix each, against the real daemon and a real gateway, in processes of their own.

`daemon.simulation` looks for what nobody has thought of, in virtual time; a drill shows what happens in one thing that
somebody has thought of, over real sockets, with a real journal file and real signals. Both are judged by the same
oracle.
"""
