"""Tickets know whether they are live or of a rule in shadow; an act may be maintenance, with an end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ticket", sa.Column("mode", sa.String(8), nullable=False, server_default="live"))
    op.add_column("act", sa.Column("until", sa.Float))
    op.add_column("act", sa.Column("who", sa.String(80), nullable=False, server_default=""))
    _one_live_ticket("device", "part", "failure_mode", "mode")


def _one_live_ticket(*columns: str) -> None:
    op.drop_index("one_live_ticket", "ticket")
    live = sa.text("state != 'closed'")
    op.create_index(
        "one_live_ticket", "ticket", list(columns), unique=True, sqlite_where=live, postgresql_where=live
    )


def downgrade() -> None:
    _one_live_ticket("device", "part", "failure_mode")
    op.drop_column("act", "who")
    op.drop_column("act", "until")
    op.drop_column("ticket", "mode")
