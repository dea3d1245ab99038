"""Opening the ledger's database: durable, one writer at a time, at the newest schema."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from foretell.tickets.tables import HEAD

BUSY_TIMEOUT_S = 10.0
OPEN_WITHIN_S = 15.0
MIGRATIONS = Path(__file__).parent / "migrations"


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


def open_store(path: Path, *, write: bool) -> sa.Engine:
    """An engine on the SQLite file at `path`. With `write`, every transaction takes the write lock first.

    A transaction that begins by reading and then writes fails at once when another has written in
    between, whatever the timeout; BEGIN IMMEDIATE waits instead.
    """
    address = f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=True, check_same_thread=False, timeout=BUSY_TIMEOUT_S, isolation_level=None
        )

    engine = sa.create_engine("sqlite+pysqlite://", creator=connect, poolclass=sa.pool.QueuePool, pool_size=2)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        durable = ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=8388608") if write else ()
        for pragma in ("foreign_keys=ON", *durable):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """All or nothing. Raises OSError when the file cannot be read or written."""
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise OSError(errno.EIO, f"the ledger cannot be used: {error.orig}") from error


def prepare(engine: sa.Engine, path: Path, *, write: bool) -> None:
    """See that the schema is ours, and with `write` bring it to the newest version. Raises StoreError."""
    try:
        if write:
            _patiently(upgrade, engine)
        else:
            with engine.connect() as connection:
                version = _version(connection)
                _refuse_newer(version)
                if version != HEAD:
                    raise StoreError(f"the ledger {path} is not at schema {HEAD} yet: run the daemon once")
    except sa.exc.OperationalError as error:
        raise StoreError(f"cannot open the ledger {path}: {error.orig}") from error
    except sa.exc.DatabaseError as error:
        raise StoreError(
            f"the ledger {path} is damaged ({error.orig}); put a backup in its place, "
            "and take its -wal and -shm files away"
        ) from error


def _patiently(work: Callable[[sa.Engine], None], engine: sa.Engine) -> None:
    """Several may open a new ledger at once; who comes second waits until the first has made it."""
    until = time.monotonic() + OPEN_WITHIN_S
    while True:
        try:
            return work(engine)
        except sa.exc.OperationalError as error:
            # Some locks SQLite does not wait for: that of the switch to a write-ahead log is one.
            if "locked" not in str(error.orig) or time.monotonic() > until:
                raise
            time.sleep(0.1)


def upgrade(engine: sa.Engine) -> None:
    """Bring the schema to the newest version, in one transaction. Raises StoreError for a newer one."""
    with engine.begin() as connection:
        version = _version(connection)
        if version == HEAD:
            return
        _refuse_newer(version)
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _refuse_newer(version: str | None) -> None:
    """Only what we know can be brought on; versions are numbered, so that newer ones need not be known."""
    if version is not None and version > HEAD:
        raise StoreError(
            f"the ledger has schema {version}, newer than this foretell's {HEAD}: install the newer one"
        )


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
