"""The tables, one for each record of `daemon.domain.records`, written out; a test compares every column with its field.

`seq` is given by the writer and counts over all tables together: sorting rows of several tables by it gives the order
in which they were written. It is dense: a number that is missing is a row that was lost.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.schema import SchemaItem

from daemon.journal.columns import Exact, JsonText, MarketTime

REVISION = "0003"
"""The migration that leads to these tables. A test compares it with the newest one there is."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _exact(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, Exact, nullable=nullable)


def _float(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _time(name: str) -> Column[object]:
    return Column(name, MarketTime, nullable=False)


def _json(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, JsonText, nullable=nullable)


def _table(name: str, *items: SchemaItem) -> Table:
    """Return a table with `seq` and `at` in front."""
    seq_type = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's row id is INTEGER and nothing else
    seq: Column[int] = Column("seq", seq_type, primary_key=True, autoincrement=False)
    return Table(name, METADATA, seq, _time("at"), *items)


RUN = _table(
    "run",
    _text("run_id"),
    _text("instance"),
    _text("mode"),
    _text("version"),
    _text("account"),
    _integer("seed", nullable=True),
    _text("config_hash"),
    _text("limits_hash"),
    _json("config"),
    UniqueConstraint("run_id"),
)

SESSION = _table(
    "session",
    _text("day"),
    _text("phase"),
    Index(None, "day"),
)

BAR = _table(
    "bar",
    _text("instrument"),
    _text("timeframe"),
    _integer("start"),
    _integer("end"),
    _float("open"),
    _float("high"),
    _float("low"),
    _float("close"),
    _float("volume"),
    _float("wap"),
    _integer("trades"),
    UniqueConstraint("instrument", "timeframe", "end"),
    Index(None, "at"),
)

HISTORY_BAR = _table(
    "history_bar",
    _text("instrument"),
    _text("timeframe"),
    _integer("start"),
    _integer("end"),
    _float("open"),
    _float("high"),
    _float("low"),
    _float("close"),
    _float("volume"),
    _float("wap"),
    _integer("trades"),
    Index(None, "instrument", "timeframe", "end"),  # asked for again after a gap, a bar may differ
)

BAR_REVISION = _table(
    "bar_revision",
    _text("instrument"),
    _text("timeframe"),
    _integer("start"),
    _integer("end"),
    _float("open"),
    _float("high"),
    _float("low"),
    _float("close"),
    _float("volume"),
    _float("wap"),
    _integer("trades"),
    Index(None, "instrument", "timeframe", "end"),  # a bar may be revised more than once
)

GAP = _table(
    "gap",
    _text("instrument"),
    _text("timeframe"),
    _integer("end"),
    _text("cause"),
    Index(None, "instrument", "timeframe", "end"),
    Index(None, "at"),
)

QUOTE = _table(
    "quote",
    _text("instrument"),
    _float("bid"),
    _float("ask"),
    _float("bid_size"),
    _float("ask_size"),
    _time("confirmed_at"),
    Index(None, "instrument", "at"),
)

DECISION = _table(
    "decision",
    _text("decision_id"),
    _text("strategy"),
    _text("instrument"),
    _text("timeframe"),
    _integer("bar_end"),
    _text("signal"),
    _float("confidence"),
    _text("reason"),
    _text("note"),
    _json("reasoning"),
    _float("buy_score"),
    _float("sell_score"),
    _text("combined"),
    _text("outcome"),
    _float("expected_price", nullable=True),
    _exact("position"),
    _text("order_ref", nullable=True),
    _json("memory", nullable=True),
    UniqueConstraint("decision_id"),
    Index(None, "at"),
    Index(None, "instrument", "at"),
)
Index(  # restore asks for the latest memory of each
    "ix_decision_memory",
    DECISION.c.strategy,
    DECISION.c.instrument,
    sqlite_where=sql("memory IS NOT NULL"),
    postgresql_where=sql("memory IS NOT NULL"),
)

RISK_CHECK = _table(
    "risk_check",
    _text("decision_id"),
    _text("order_ref"),
    _flag("passed"),
    _json("checks"),  # [[control, scope, offered, allowed, passed], …]
    _text("limits_hash"),
    Index(None, "decision_id"),
    Index(None, "order_ref"),
)

INTENT = _table(
    "intent",
    _text("order_ref"),
    _text("decision_id"),
    _text("strategy"),
    _text("instrument"),
    _text("side"),
    _exact("quantity"),
    _text("order_type"),
    _exact("limit_price", nullable=True),
    _exact("decision_price"),
    _integer("bar_end"),
    _flag("reduces"),
    _exact("reserved_value"),
    UniqueConstraint("order_ref"),
    Index(None, "decision_id"),
    Index(None, "at"),
)

ARRIVAL_QUOTE = _table(
    "arrival_quote",
    _text("order_ref"),
    _exact("bid"),
    _exact("ask"),
    _exact("mid"),
    _exact("bid_size"),
    _exact("ask_size"),
    _time("quote_at"),
    Index(None, "order_ref"),  # a retry takes another quote
)

ORDER_REF = _table(
    "order_ref",
    _text("order_ref"),
    _integer("order_id"),
    _integer("client_id"),
    _integer("perm_id"),
    UniqueConstraint("order_ref", "order_id", "perm_id"),  # a reference may own several of either: retries, restarts
    Index(None, "order_id"),
    Index(None, "perm_id"),
)

ORDER_EVENT = _table(
    "order_event",
    _text("order_ref"),
    _text("state"),
    _text("source"),
    _integer("code"),
    _text("text"),
    _exact("filled"),
    _integer("host_ns"),
    Index(None, "order_ref"),
)

FILL = _table(
    "fill",
    _text("exec_id"),
    _text("order_ref"),
    _text("strategy"),
    _text("instrument"),
    _text("side"),
    _exact("quantity"),
    _exact("price"),
    _time("executed_at"),
    _text("replaces", nullable=True),
    UniqueConstraint("exec_id"),
    Index(None, "order_ref"),
    Index(None, "at"),
)

COMMISSION = _table(
    "commission",
    _text("exec_id"),
    _text("order_ref"),
    _text("strategy"),
    _exact("amount"),
    _text("currency"),
    UniqueConstraint("exec_id"),
    Index(None, "order_ref"),
    Index(None, "at"),
)

EXECUTION_CHECK = _table(
    "execution_check",
    _text("order_ref"),
    _text("strategy"),
    _text("instrument"),
    _text("state"),
    _exact("expected_price"),
    _exact("filled_price", nullable=True),
    _exact("expected_quantity"),
    _exact("filled_quantity"),
    _float("decision_bps", nullable=True),
    _float("arrival_bps", nullable=True),
    _float("touch_bps", nullable=True),
    _float("delay_bps", nullable=True),
    _float("spread_bps", nullable=True),
    _float("impact_bps", nullable=True),
    _float("bar_to_received_ms", nullable=True),
    _float("sent_to_acknowledged_ms", nullable=True),
    _float("sent_to_first_fill_ms", nullable=True),
    _float("sent_to_last_fill_ms", nullable=True),
    _float("host_received_to_decided_ms", nullable=True),
    _float("host_decided_to_journaled_ms", nullable=True),
    _float("host_journaled_to_sent_ms", nullable=True),
    _float("host_received_to_sent_ms", nullable=True),
    _float("host_sent_to_acknowledged_ms", nullable=True),
    _float("host_sent_to_filled_ms", nullable=True),
    _text("warning"),
    Index(None, "order_ref"),  # a late fill reopens an order, which is then checked again
    Index(None, "at"),
)

POSITION = _table(
    "position",
    _text("strategy"),
    _text("instrument"),
    _exact("quantity"),
    _exact("total_cost"),
    _exact("realized_pnl"),
    _exact("unrealized_pnl"),
    _exact("price"),
    Index(None, "strategy", "instrument"),
    Index(None, "at"),
)

EQUITY = _table(
    "equity",
    _text("strategy"),
    _exact("cash"),
    _exact("market_value"),
    _exact("equity"),
    _exact("realized_pnl"),
    _exact("unrealized_pnl"),
    _exact("commission"),
    _exact("day_start_equity"),
    Index(None, "strategy", "at"),
)

CONTROL_ACTION = _table(
    "control_action",
    _text("state"),
    _text("strategy", nullable=True),
    _text("who"),
    _text("why"),
)

ALERT = _table(
    "alert",
    _text("level"),
    _text("name"),
    _text("text"),
    _text("strategy", nullable=True),
    Index(None, "at"),
)

SEAL = _table(
    "seal",
    _integer("first_seq"),
    _integer("last_seq"),
    _integer("rows"),
    _text("digest"),
)

ADJUSTMENT = _table(
    "adjustment",
    _text("adjustment_id"),
    _text("instrument"),
    _exact("quantity"),
    _text("order_ref", nullable=True),
    _text("strategy", nullable=True),
    _text("state"),
    _exact("price", nullable=True),
    _text("who"),
    _text("why"),
    Index(None, "adjustment_id"),
)
