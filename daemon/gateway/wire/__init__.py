"""The TWS wire codec, server side: bytes and field lists on one side, frozen values on the other.

Why it exists: every message of the text protocol (versions 157 to 178) is described once, in a field
table, and one small walker reads and writes all of them. Nothing here does I/O, keeps state about a
client or knows what a message means.

Neighbours: the gateway's sessions feed received bytes to `framing.FrameReader`, hand the fields to
`requests.decode_request` and write `responses.encode_response` through `framing.encode_frame`; ticks
and bars go out through `hot`. The codec imports nothing from the rest of the daemon.
"""
