"""Market data that lies in files: recorded days for replay, in the shape the gateway takes from any market.

The neighbours in `adapters` talk to brokers and vendors; the journal's own Parquet files belong to `journal`.
"""
