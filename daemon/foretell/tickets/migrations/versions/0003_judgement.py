"""Tickets are judged: their lane, their score, and everything that these were reckoned from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ticket", sa.Column("lane", sa.String(8), nullable=False, server_default="planned"))
    op.add_column("ticket", sa.Column("score", sa.Float, nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("judgement", sa.JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    for column in ("judgement", "score", "lane"):
        op.drop_column("ticket", column)
