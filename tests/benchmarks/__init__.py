"""Benchmarks: the daemon beside its peers, measured in one run, interleaved and repeated.

`make bench` runs them all; nothing here asserts a time, because machines differ and ratios are what holds. Each part
is a module with `measure(sizes) -> list[Figure]`: the bar path, the order path, the journal and the log lines, the
engine alone, a whole day. `gateway_server` is the other end of the socket, in a process of its own on another core;
`wiring` puts the daemon together as `daemon.app` does, with a journal and strategies of our choice.
"""
