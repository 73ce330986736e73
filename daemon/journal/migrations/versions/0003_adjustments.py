"""Adjustments: positions that no evidence explains, and what a person said of them."""

import sqlalchemy as sa
from alembic import op

from daemon.journal.columns import Exact, MarketTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    seq_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "adjustment",
        sa.Column("seq", seq_type, autoincrement=False, nullable=False),
        sa.Column("at", MarketTime, nullable=False),
        sa.Column("adjustment_id", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("quantity", Exact, nullable=False),
        sa.Column("order_ref", sa.Text, nullable=True),
        sa.Column("strategy", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("price", Exact, nullable=True),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_adjustment")),
    )
    op.create_index(op.f("ix_adjustment_adjustment_id"), "adjustment", ["adjustment_id"])
