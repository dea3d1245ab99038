"""Tickets, their events, people's acts, and how far changes were applied."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPEND_ONLY = """CREATE TRIGGER ticket_event_no_{verb} BEFORE {verb} ON ticket_event
BEGIN SELECT RAISE(ABORT, 'ticket events are append-only'); END"""


def upgrade() -> None:
    _tickets()
    _events()
    _acts_and_progress()


def _tickets() -> None:
    op.create_table(
        "ticket",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("device", sa.String(120), nullable=False),
        sa.Column("device_kind", sa.String(48), nullable=False),
        sa.Column("part", sa.String(40), nullable=False),
        sa.Column("failure_mode", sa.String(48), nullable=False),
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("route", sa.String(48), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("condition", sa.String(16), nullable=False),
        sa.Column("touched", sa.Boolean, nullable=False),
        sa.Column("opened_at", sa.Float, nullable=False),
        sa.Column("noticed_at", sa.Float, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("fixed_at", sa.Float),
        sa.Column("closed_at", sa.Float),
        sa.Column("outcome", sa.String(24)),
        sa.Column("texts", sa.JSON, nullable=False),
    )
    op.create_index(
        "one_live_ticket",
        "ticket",
        ["device", "part", "failure_mode"],
        unique=True,
        sqlite_where=sa.text("state != 'closed'"),
        postgresql_where=sa.text("state != 'closed'"),
    )
    op.create_index("ix_ticket_state_due", "ticket", ["state", "due_at"])


def _events() -> None:
    op.create_table(
        "ticket_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "ticket_id",
            sa.Integer,
            sa.ForeignKey("ticket.id", name="fk_ticket_event_ticket_id"),
            nullable=False,
        ),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("revision", sa.String(16), nullable=False),
        sa.Column("change_number", sa.Integer, nullable=False),
        sa.Column("note", sa.String(2000), nullable=False),
        sa.Column("reason", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
    )
    op.create_index("ix_ticket_event_ticket_id", "ticket_event", ["ticket_id"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY.format(verb=verb))
    op.create_table(
        "holding",
        sa.Column(
            "ticket_id", sa.Integer, sa.ForeignKey("ticket.id", name="fk_holding_ticket_id"), primary_key=True
        ),
        sa.Column("rule", sa.String(120), primary_key=True),
    )


def _acts_and_progress() -> None:
    op.create_table(
        "act",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("device", sa.String(120), nullable=False),
        sa.Column("part", sa.String(40), nullable=False),
        sa.Column("failure_mode", sa.String(48), nullable=False),
    )
    op.create_table(
        "applied",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("change_number", sa.Integer, nullable=False),
        sa.Column("journal_position", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO applied (id, change_number, journal_position) VALUES (1, 0, 0)")


def downgrade() -> None:
    for table in ("applied", "act", "holding", "ticket_event", "ticket"):
        op.drop_table(table)
