"""The only memory that survives: what was intended before it is sent, what was told before anything is derived from it.

`schema` mirrors `daemon.domain.records`, `migrations` brings older files up to it, `rows` maps one to the other.
`writer` is the one connection that writes; `reader`, `queries`, `summary` and `bars_export` only ever read. The
journal knows nothing of engines and orders: it keeps records and gives them back.
"""
