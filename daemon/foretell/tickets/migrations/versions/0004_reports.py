"""Owners' reports with their steps; a ticket knows its place, its report, and who was first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NEVER = """CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'what owners and people said is append-only'); END"""


def upgrade() -> None:
    op.add_column("ticket", sa.Column("place", sa.String(48), nullable=False, server_default=""))
    op.add_column("ticket", sa.Column("report", sa.Integer, nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("first", sa.String(8), nullable=False, server_default="ticket"))
    _one_live_ticket("device", "part", "failure_mode", "mode", "report")
    _reports()
    _steps()
    if op.get_bind().dialect.name == "sqlite":
        for table in ("report", "report_event"):
            for verb in ("UPDATE", "DELETE"):
                op.execute(_NEVER.format(table=table, verb=verb))


def _reports() -> None:
    op.create_table(
        "report",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("device", sa.String(120), nullable=False),
        sa.Column("place", sa.String(48), nullable=False),
        sa.Column("category", sa.String(24), nullable=False),
        sa.Column("nature", sa.String(16), nullable=False),
        sa.Column("text", sa.String(2000), nullable=False),
        sa.Column("unit", sa.String(64), nullable=False),
        sa.Column("responsible", sa.String(80), nullable=False),
        sa.Column(
            "ticket_id", sa.Integer, sa.ForeignKey("ticket.id", name="fk_report_ticket_id"), nullable=False
        ),
        sa.Column("matched", sa.String(8), nullable=False),
        sa.Column("answer", sa.JSON, nullable=False),
        sa.CheckConstraint("length(responsible) > 0", name="someone_is_responsible"),
    )
    op.create_index("ix_report_ticket_id", "report", ["ticket_id"])


def _steps() -> None:
    op.create_table(
        "report_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "report_id",
            sa.Integer,
            sa.ForeignKey("report.id", name="fk_report_event_report_id"),
            nullable=False,
        ),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("note", sa.String(2000), nullable=False),
    )
    # No step is taken twice, whoever takes it.
    op.create_index("one_step_once", "report_event", ["report_id", "step"], unique=True)


def _one_live_ticket(*columns: str) -> None:
    op.drop_index("one_live_ticket", "ticket")
    live = sa.text("state != 'closed'")
    op.create_index(
        "one_live_ticket", "ticket", list(columns), unique=True, sqlite_where=live, postgresql_where=live
    )


def downgrade() -> None:
    op.drop_table("report_event")
    op.drop_table("report")
    _one_live_ticket("device", "part", "failure_mode", "mode")
    for column in ("first", "report", "place"):
        op.drop_column("ticket", column)
