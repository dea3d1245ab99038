"""The ledger's file: its schema, its migrations, and what is said when it cannot be used."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from foretell.tickets import store
from foretell.tickets.ledger import Ledger
from foretell.tickets.store import MIGRATIONS, StoreError, open_store
from foretell.tickets.tables import HEAD, metadata
from tests.tickets.desk import DESK, Teller


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_head_is_the_newest_migration() -> None:
    assert scripts().get_heads() == [HEAD]


def test_migrations_are_numbered_so_that_a_newer_one_is_larger() -> None:
    numbers = [script.revision for script in scripts().walk_revisions()]
    assert numbers == sorted(numbers, reverse=True)
    assert all(len(number) == 4 and number.isdigit() for number in numbers)


def test_the_migrated_schema_is_the_one_of_the_tables(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").close()
    engine = open_store(tmp_path / "ledger.db", write=False)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_indexes_have_the_same_conditions_in_both(tmp_path: Path) -> None:
    """What is compared above does not look at an index's WHERE, on which a promise hangs."""
    Ledger(tmp_path / "migrated.db").close()
    made = sa.create_engine(f"sqlite:///{tmp_path}/made.db")
    metadata.create_all(made)
    made.dispose()
    found = []
    for name in ("migrated.db", "made.db"):
        db = sqlite3.connect(tmp_path / name)
        rows = db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        )
        found.append([(name, " ".join(sql.split())) for name, sql in rows])
        db.close()
    assert found[0] == found[1]
    assert any("WHERE" in sql for _, sql in found[0])


def test_it_is_durable(tmp_path: Path) -> None:
    engine = open_store(tmp_path / "ledger.db", write=True)
    with engine.connect() as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous")
        }
    engine.dispose()
    assert asked == {"journal_mode": "wal", "synchronous": 2}


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    db = sqlite3.connect(path)
    db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.commit()
    for write in (True, False):
        with pytest.raises(StoreError, match="schema 9999, newer than this foretell's"):
            Ledger(path, write=write)
    assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    db.close()


@pytest.mark.parametrize(
    "body", [b"not a database at all, but long enough" * 100, b"SQLite format 3\0" + b"\xff" * 4096]
)
@pytest.mark.parametrize("write", [True, False])
def test_a_damaged_file_is_said_in_one_line(tmp_path: Path, body: bytes, write: bool) -> None:
    (tmp_path / "ledger.db").write_bytes(body)
    with pytest.raises(StoreError, match=r"ledger\.db is damaged \(.*\); put a backup in its place") as said:
        Ledger(tmp_path / "ledger.db", write=write)
    assert "\n" not in str(said.value)
    assert (tmp_path / "ledger.db").read_bytes() == body


def test_reading_makes_no_file_and_changes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot open"):
        Ledger(tmp_path / "ledger.db", write=False)
    assert list(tmp_path.iterdir()) == []
    Ledger(tmp_path / "ledger.db").close()
    reader = Ledger(tmp_path / "ledger.db", write=False)
    with pytest.raises(OSError, match="readonly"):
        reader.record([Teller().opened()], 1, DESK)
    reader.close()


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    folder = tmp_path / "50% of? #1 门"
    folder.mkdir()
    Ledger(folder / "ledger.db").close()
    assert (folder / "ledger.db").exists()
    Ledger(folder / "ledger.db", write=False).close()


def test_many_open_a_new_ledger_at_once(tmp_path: Path) -> None:
    start, faults = threading.Barrier(6), []

    def opens() -> None:
        start.wait()
        try:
            Ledger(tmp_path / "ledger.db").close()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=opens) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_locked_ledger_is_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_TIMEOUT_S", 0.05)
    ledger = Ledger(tmp_path / "ledger.db")
    holder = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(OSError, match="the ledger cannot be used: database is locked"):
        ledger.record([Teller().opened()], 1, DESK)
    holder.execute("ROLLBACK")
    assert ledger.record([Teller().opened()], 1, DESK) == 1
    holder.close()
    ledger.close()


CUT = """
import os, sys
from pathlib import Path
import sqlalchemy as sa
from foretell.tickets import store

path, last = Path(sys.argv[1]), int(sys.argv[2])
engine = store.open_store(path, write=True)
seen = 0

@sa.event.listens_for(engine, "after_cursor_execute")
def count(*_):
    global seen
    seen += 1
    if seen == last:
        os._exit(9)

store.upgrade(engine)
engine.dispose()
print(seen)
"""


def _upgrade(path: Path, cut_after: int) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", CUT, str(path), str(cut_after)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


@pytest.mark.slow
def test_an_upgrade_that_is_cut_short_leaves_the_old_schema_whole(tmp_path: Path) -> None:
    whole = _upgrade(tmp_path / "whole.db", -1)
    statements = int(whole.stdout)
    assert statements > 10, whole.stderr
    for cut in range(1, statements + 1, 3):
        path = tmp_path / f"cut-{cut}.db"
        assert _upgrade(path, cut).returncode == 9
        db = sqlite3.connect(path)
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        db.close()
        assert tables == 0, f"cut after statement {cut}"
        Ledger(path).close()
