"""Tests of the wire codec, against the protocol document and against ib_insync itself."""
