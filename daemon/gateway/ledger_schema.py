"""The tables of the gateway's books, and how a file of an earlier version is brought up to date."""

import sqlite3
from typing import Final

VERSION: Final = 2  # kept in PRAGMA user_version; files from before it was written have 0 and are version 1
_FIRST: Final = """
CREATE TABLE execution (
    exec_id TEXT PRIMARY KEY, order_ref TEXT NOT NULL, perm_id INTEGER NOT NULL, client_id INTEGER NOT NULL,
    order_id INTEGER NOT NULL, account TEXT NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL,
    price TEXT NOT NULL, commission TEXT NOT NULL, realized_pnl TEXT, at_us INTEGER NOT NULL,
    cumulative_quantity TEXT NOT NULL, average_price TEXT NOT NULL, added_liquidity INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
    perm_id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, order_id INTEGER NOT NULL, account TEXT NOT NULL,
    order_ref TEXT NOT NULL, symbol TEXT NOT NULL, exchange TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL,
    order_type TEXT NOT NULL, limit_price TEXT, stop_price TEXT, tif TEXT NOT NULL, status TEXT NOT NULL,
    filled TEXT NOT NULL, notional TEXT NOT NULL, last_price TEXT NOT NULL, submitted_us INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL, arrived INTEGER NOT NULL, triggered INTEGER NOT NULL, cancel_us INTEGER,
    completed_us INTEGER, completed_text TEXT NOT NULL, outside_rth INTEGER NOT NULL
) STRICT;
CREATE TABLE position (
    symbol TEXT PRIMARY KEY, quantity TEXT NOT NULL, cost TEXT NOT NULL, realized TEXT NOT NULL
) STRICT;
CREATE TABLE account (name TEXT PRIMARY KEY, cash TEXT NOT NULL) STRICT;
CREATE TABLE client (client_id INTEGER PRIMARY KEY, last_order_id INTEGER NOT NULL) STRICT;
CREATE TABLE day (symbol TEXT PRIMARY KEY, start_value TEXT NOT NULL) STRICT;
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""
_SECOND: Final = """
ALTER TABLE execution ADD COLUMN exchange TEXT NOT NULL DEFAULT 'SMART';
ALTER TABLE execution ADD COLUMN multiplier TEXT NOT NULL DEFAULT '1';
ALTER TABLE execution ADD COLUMN role TEXT NOT NULL DEFAULT 'ORDER';
ALTER TABLE execution ADD COLUMN cash_change TEXT;
ALTER TABLE orders ADD COLUMN parent_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN parent_perm_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN oca_group TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN oca_type INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN trail_amount TEXT;
ALTER TABLE orders ADD COLUMN trail_percent TEXT;
ALTER TABLE orders ADD COLUMN trail_stop TEXT;
ALTER TABLE orders ADD COLUMN limit_offset TEXT;
ALTER TABLE orders ADD COLUMN peg_offset TEXT;
ALTER TABLE orders ADD COLUMN min_quantity TEXT;
ALTER TABLE orders ADD COLUMN all_or_none INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN trigger_method INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN queue_ahead TEXT;
ALTER TABLE orders ADD COLUMN good_till_us INTEGER;
ALTER TABLE orders ADD COLUMN good_till_text TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN good_after_us INTEGER;
ALTER TABLE orders ADD COLUMN good_after_text TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN legs TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN why_held TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN transmitted INTEGER NOT NULL DEFAULT 1;
ALTER TABLE orders ADD COLUMN is_manual INTEGER NOT NULL DEFAULT 0;
ALTER TABLE position ADD COLUMN multiplier TEXT NOT NULL DEFAULT '1';
ALTER TABLE position ADD COLUMN financed TEXT NOT NULL DEFAULT '0';
CREATE TABLE cash (
    entry INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, symbol TEXT NOT NULL, reason TEXT NOT NULL, amount TEXT NOT NULL
) STRICT;
CREATE TABLE applied (action TEXT PRIMARY KEY, at_us INTEGER NOT NULL) STRICT;
"""
_STEPS: Final = (_FIRST, _SECOND)


class UnknownVersion(Exception):
    """The file was written by a later version than this one."""

    def __init__(self, found: int) -> None:
        super().__init__(f"it has version {found}, this program knows {VERSION}")
        self.found = found


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Create the tables, or take an earlier version's to the present one; all of it or nothing.

    Raises:
        UnknownVersion: the file is of a later version.
        sqlite3.DatabaseError: it is something else.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in _STEPS[_version(db) :]:
            for statement in filter(None, map(str.strip, step.split(";"))):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _version(db: sqlite3.Connection) -> int:
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    tables = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if found > VERSION:
        raise UnknownVersion(found)
    if found or not tables:
        return found
    if {"orders", "execution", "position"} <= tables:
        return 1
    raise sqlite3.DatabaseError(f"it holds other tables: {', '.join(sorted(tables))}")
