"""Opening the ledger's database: durable, one writer at a time, at the newest schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from foretell.tickets.tables import HEAD

BUSY_TIMEOUT_S = 10.0
MIGRATIONS = Path(__file__).parent / "migrations"


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


def open_store(path: Path, *, write: bool) -> sa.Engine:
    """An engine on the SQLite file at `path`. With `write`, every transaction takes the write lock first.

    A transaction that begins by reading and then writes fails at once when another has written in
    between, whatever the timeout; BEGIN IMMEDIATE waits instead.
    """
    engine = sa.create_engine(
        f"sqlite+pysqlite:///{path}",
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S, "isolation_level": None},
        poolclass=sa.pool.QueuePool,
        pool_size=2,
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "journal_size_limit=8388608",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if not write:
            connection.execute("PRAGMA query_only=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def upgrade(engine: sa.Engine) -> None:
    """Bring the schema to the newest version, in one transaction. Raises StoreError for a newer one."""
    with engine.begin() as connection:
        version = _version(connection)
        if version == HEAD:
            return
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if version is not None and version not in known:
            raise StoreError(
                f"the ledger has schema {version}, which is newer than this foretell ({HEAD}); install the newer version"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
