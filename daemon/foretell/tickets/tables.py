"""The tables of the ledger."""

from __future__ import annotations

import sqlalchemy as sa

HEAD = "0004"
"""The newest migration; checked against the migrations themselves by a test."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

ticket = sa.Table(
    "ticket",
    metadata,
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
    sa.Column("mode", sa.String(8), nullable=False, server_default="live"),
    sa.Column("lane", sa.String(8), nullable=False, server_default="planned"),
    sa.Column("score", sa.Float, nullable=False, server_default="0"),
    sa.Column("judgement", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("place", sa.String(48), nullable=False, server_default=""),
    sa.Column("report", sa.Integer, nullable=False, server_default="0"),
    sa.Column("first", sa.String(8), nullable=False, server_default="ticket"),
)
sa.Index(
    "one_live_ticket",
    ticket.c.device,
    ticket.c.part,
    ticket.c.failure_mode,
    ticket.c.mode,
    ticket.c.report,
    unique=True,
    sqlite_where=ticket.c.state != "closed",
    postgresql_where=ticket.c.state != "closed",
)
sa.Index("ix_ticket_state_due", ticket.c.state, ticket.c.due_at)

event = sa.Table(
    "ticket_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("ticket_id", sa.ForeignKey("ticket.id"), nullable=False, index=True),
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

holding = sa.Table(
    "holding",
    metadata,
    sa.Column("ticket_id", sa.ForeignKey("ticket.id"), primary_key=True),
    sa.Column("rule", sa.String(120), primary_key=True),
)

act = sa.Table(
    "act",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("device", sa.String(120), nullable=False),
    sa.Column("part", sa.String(40), nullable=False),
    sa.Column("failure_mode", sa.String(48), nullable=False),
    sa.Column("until", sa.Float),
    sa.Column("who", sa.String(80), nullable=False, server_default=""),
)

applied = sa.Table(
    "applied",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("change_number", sa.Integer, nullable=False),
    sa.Column("journal_position", sa.Integer, nullable=False),
)

report = sa.Table(
    "report",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("device", sa.String(120), nullable=False),
    sa.Column("place", sa.String(48), nullable=False),
    sa.Column("category", sa.String(24), nullable=False),
    sa.Column("nature", sa.String(16), nullable=False),
    sa.Column("text", sa.String(2000), nullable=False),
    sa.Column("unit", sa.String(64), nullable=False),
    sa.Column("responsible", sa.String(80), nullable=False),
    sa.Column("ticket_id", sa.ForeignKey("ticket.id"), nullable=False, index=True),
    sa.Column("matched", sa.String(8), nullable=False),
    sa.Column("answer", sa.JSON, nullable=False),
    sa.CheckConstraint("length(responsible) > 0", name="someone_is_responsible"),
)
"""Never changed once it is written: a trigger forbids it. How far it has come stands in its events."""

report_event = sa.Table(
    "report_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("report_id", sa.ForeignKey("report.id"), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("step", sa.String(16), nullable=False),
    sa.Column("who", sa.String(80), nullable=False),
    sa.Column("note", sa.String(2000), nullable=False),
)
sa.Index("one_step_once", report_event.c.report_id, report_event.c.step, unique=True)
