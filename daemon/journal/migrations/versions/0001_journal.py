"""The journal's first tables. Written out once and never changed; `daemon.journal.schema` is what is current."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

from daemon.journal.columns import Exact, JsonText, MarketTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _exact(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, Exact, nullable=nullable)


def _float(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, MarketTime, nullable=False)


def _json(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, JsonText, nullable=nullable)


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _create(name: str, *items: SchemaItem, indexes: tuple[tuple[str, ...], ...] = ()) -> None:
    """Create a table with `seq` and `at` in front, and its indexes."""
    seq_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    seq: sa.Column[int] = sa.Column("seq", seq_type, autoincrement=False, nullable=False)
    key = sa.PrimaryKeyConstraint("seq", name=op.f(f"pk_{name}"))
    op.create_table(name, seq, _time("at"), *items, key)
    for columns in indexes:
        op.create_index(op.f(f"ix_{name}_{'_'.join(columns)}"), name, list(columns))


def upgrade() -> None:
    """Create the tables."""
    _run()
    _session()
    _bar()
    _bar_revision()
    _quote()
    _history_bar()
    _gap()
    _decision()
    _risk_check()
    _intent()
    _arrival_quote()
    _order_ref()
    _order_event()
    _fill()
    _commission()
    _execution_check()
    _position()
    _equity()
    _control_action()
    _alert()


def _run() -> None:
    _create(
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
        _unique("run", "run_id"),
    )


def _session() -> None:
    _create(
        "session",
        _text("day"),
        _text("phase"),
        indexes=(("day",),),
    )


def _bar() -> None:
    _create(
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
        _unique("bar", "instrument", "timeframe", "end"),
        indexes=(("at",),),
    )


def _history_bar() -> None:
    _create(
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
        indexes=(("instrument", "timeframe", "end"),),
    )


def _quote() -> None:
    _create(
        "quote",
        _text("instrument"),
        _float("bid"),
        _float("ask"),
        _float("bid_size"),
        _float("ask_size"),
        _time("confirmed_at"),
        indexes=(("instrument", "at"),),
    )


def _bar_revision() -> None:
    _create(
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
        indexes=(("instrument", "timeframe", "end"),),
    )


def _gap() -> None:
    _create(
        "gap",
        _text("instrument"),
        _text("timeframe"),
        _integer("end"),
        _text("cause"),
        indexes=(("instrument", "timeframe", "end"), ("at",)),
    )


def _decision() -> None:
    _create(
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
        _unique("decision", "decision_id"),
        indexes=(("at",), ("instrument", "at")),
    )
    remembered = sa.text("memory IS NOT NULL")
    op.create_index(
        "ix_decision_memory",
        "decision",
        ["strategy", "instrument"],
        sqlite_where=remembered,
        postgresql_where=remembered,
    )


def _risk_check() -> None:
    _create(
        "risk_check",
        _text("decision_id"),
        _text("order_ref"),
        _flag("passed"),
        _json("checks"),
        _text("limits_hash"),
        indexes=(("decision_id",), ("order_ref",)),
    )


def _intent() -> None:
    _create(
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
        _unique("intent", "order_ref"),
        indexes=(("decision_id",), ("at",)),
    )


def _arrival_quote() -> None:
    _create(
        "arrival_quote",
        _text("order_ref"),
        _exact("bid"),
        _exact("ask"),
        _exact("mid"),
        _exact("bid_size"),
        _exact("ask_size"),
        _time("quote_at"),
        indexes=(("order_ref",),),
    )


def _order_ref() -> None:
    _create(
        "order_ref",
        _text("order_ref"),
        _integer("order_id"),
        _integer("client_id"),
        _integer("perm_id"),
        _unique("order_ref", "order_ref", "order_id", "perm_id"),
        indexes=(("order_id",), ("perm_id",)),
    )


def _order_event() -> None:
    _create(
        "order_event",
        _text("order_ref"),
        _text("state"),
        _text("source"),
        _integer("code"),
        _text("text"),
        _exact("filled"),
        _integer("host_ns"),
        indexes=(("order_ref",),),
    )


def _fill() -> None:
    _create(
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
        _unique("fill", "exec_id"),
        indexes=(("order_ref",), ("at",)),
    )


def _commission() -> None:
    _create(
        "commission",
        _text("exec_id"),
        _text("order_ref"),
        _text("strategy"),
        _exact("amount"),
        _text("currency"),
        _unique("commission", "exec_id"),
        indexes=(("order_ref",), ("at",)),
    )


def _execution_check() -> None:
    _create(
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
        indexes=(("order_ref",), ("at",)),
    )


def _position() -> None:
    _create(
        "position",
        _text("strategy"),
        _text("instrument"),
        _exact("quantity"),
        _exact("total_cost"),
        _exact("realized_pnl"),
        _exact("unrealized_pnl"),
        _exact("price"),
        indexes=(("strategy", "instrument"), ("at",)),
    )


def _equity() -> None:
    _create(
        "equity",
        _text("strategy"),
        _exact("cash"),
        _exact("market_value"),
        _exact("equity"),
        _exact("realized_pnl"),
        _exact("unrealized_pnl"),
        _exact("commission"),
        _exact("day_start_equity"),
        indexes=(("strategy", "at"),),
    )


def _control_action() -> None:
    _create(
        "control_action",
        _text("state"),
        _text("strategy", nullable=True),
        _text("who"),
        _text("why"),
    )


def _alert() -> None:
    _create(
        "alert",
        _text("level"),
        _text("name"),
        _text("text"),
        _text("strategy", nullable=True),
        indexes=(("at",),),
    )
