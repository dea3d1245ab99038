"""The journal: what it took it keeps, in order and without holes, and a file it cannot use it says so."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.intake import journal as module
from foretell.intake.journal import (
    DUPLICATE,
    REDELIVERY_WINDOW,
    REJECTS_KEPT,
    RETAINED,
    Journal,
    JournalError,
    RejectRow,
    write_durably,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def fill(journal: Journal, count: int, *, start: float = 0.0) -> None:
    journal.append([journal.numbered(start + n, "site/a", b"%d" % n, 0, 1 + n % 65535) for n in range(count)])


def positions(journal: Journal, after: int = 0) -> list[int]:
    return [entry.position for entry in journal.after(after)]


# -- keeping ------------------------------------------------------------------------------------------


def test_what_was_appended_is_read_back_as_it_was(journal: Journal, tmp_path: Path) -> None:
    entries = [
        journal.numbered(1.5, "site/a", b"\x00\xff", RETAINED | DUPLICATE, 65535),
        journal.numbered(1.500001, "site/门", b"", 0, 0),
        journal.numbered(2.0, "$foretell/tick", b""),
    ]
    journal.append(entries)
    assert list(journal.after(0)) == entries
    assert list(journal.after(2)) == entries[2:]
    again = Journal(tmp_path / "journal.db")
    assert (again.last_position, again.first_position()) == (3, 1)
    assert list(again.after(0)) == entries
    again.close()


def test_it_is_durable(journal: Journal) -> None:
    asked = [journal._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert asked == ["wal", 2], "write-ahead log, synchronous FULL"


def test_a_batch_is_kept_whole_or_not_at_all(journal: Journal) -> None:
    fill(journal, 3)
    good, bad = journal.numbered(9.0, "a", b""), journal.numbered(9.0, "a", b"")._replace(topic=None)  # type: ignore[arg-type]
    with pytest.raises(OSError, match=r"journal\.db cannot be written: NOT NULL"):
        journal.append([good, bad])
    assert positions(journal) == [1, 2, 3]
    journal.append([good])
    assert positions(journal) == [1, 2, 3, 4]


def test_a_locked_journal_is_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.05)
    journal = Journal(tmp_path / "journal.db")
    holder = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    entry = journal.numbered(1.0, "a", b"")
    with pytest.raises(OSError, match="database is locked"):
        journal.append([entry])
    holder.execute("ROLLBACK")
    journal.append([entry])
    holder.close()
    journal.close()


KILLED = """
import os, sys
from pathlib import Path
from foretell.intake.journal import Journal
journal = Journal(Path(sys.argv[1]))
for n in range(50):
    journal.append([journal.numbered(float(n), "a", b"x" * 100)])
journal._db.execute("BEGIN IMMEDIATE")
journal._db.execute("INSERT INTO entry VALUES (51, 0, 'a', x'', 0, 0)")
os._exit(9)
"""


def test_a_kill_in_the_middle_of_a_commit_leaves_what_was_committed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "journal.db")], timeout=60)
    assert done.returncode == 9
    journal = Journal(tmp_path / "journal.db")
    assert positions(journal) == list(range(1, 51))
    journal.close()


# -- what comes again ---------------------------------------------------------------------------------


def test_a_redelivery_is_the_same_in_all_three(journal: Journal) -> None:
    journal.append([journal.numbered(1.0, "site/a", b"payload", 0, 7)])
    assert journal.is_redelivered(7, "site/a", b"payload")
    assert not journal.is_redelivered(8, "site/a", b"payload")
    assert not journal.is_redelivered(7, "site/b", b"payload")
    assert not journal.is_redelivered(7, "site/a", b"Payload")
    assert not journal.is_redelivered(7, "site/", b"apayload")


def test_a_redelivery_is_known_after_a_restart(journal: Journal, tmp_path: Path) -> None:
    journal.append(
        [journal.numbered(1.0, "site/a", b"payload", 0, 7), journal.numbered(2.0, "site/a", b"once", 0, 0)]
    )
    again = Journal(tmp_path / "journal.db")
    assert again.is_redelivered(7, "site/a", b"payload")
    assert not again.is_redelivered(0, "site/a", b"once")
    again.close()


def test_deliveries_are_forgotten_with_the_session_that_they_belong_to(journal: Journal) -> None:
    journal.append([journal.numbered(1.0, "site/a", b"payload", 0, 7)])
    journal.forget_deliveries()
    assert not journal.is_redelivered(7, "site/a", b"payload")


def test_the_last_use_of_a_packet_id_is_what_counts(journal: Journal) -> None:
    journal.numbered(0.0, "a", b"forced", 0, 1)
    journal.numbered(0.0, "a", b"closed", 0, 1)
    assert journal.is_redelivered(1, "a", b"closed")
    assert not journal.is_redelivered(1, "a", b"forced"), "long acknowledged: this is the door, forced again"


def test_memory_of_deliveries_is_bounded(journal: Journal) -> None:
    for mid in range(1, REDELIVERY_WINDOW + 2):
        journal.numbered(0.0, "a", b"", 0, mid)
    assert not journal.is_redelivered(1, "a", b"")
    assert journal.is_redelivered(2, "a", b"")
    assert len(journal._by_packet) == REDELIVERY_WINDOW


# -- forgetting ---------------------------------------------------------------------------------------


def test_pruning_takes_what_is_old_and_applied_and_leaves_no_hole(journal: Journal) -> None:
    fill(journal, 10, start=100.0)  # arrived at 100 … 109
    assert journal.prune(before=104.0, through=10) == 4
    assert positions(journal) == [5, 6, 7, 8, 9, 10]
    assert journal.prune(before=1e9, through=7) == 3
    assert positions(journal) == [8, 9, 10]
    assert journal.first_position() == 8
    assert journal.prune(before=1e9, through=10, at_most=2) == 2
    assert journal.prune(before=1e9, through=10) == 1
    assert journal.prune(before=1e9, through=10) == 0
    assert (journal.first_position(), journal.last_position) == (0, 10)


def test_pruning_stops_at_what_is_young_even_if_the_clock_was_set_back_later(journal: Journal) -> None:
    journal.append([journal.numbered(at, "a", b"") for at in (100.0, 101.0, 500.0, 90.0, 95.0)])
    assert journal.prune(before=200.0, through=5) == 2
    assert positions(journal) == [3, 4, 5]


def test_numbers_go_on_after_everything_was_pruned(journal: Journal, tmp_path: Path) -> None:
    fill(journal, 3)
    journal.prune(before=1e9, through=2)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.numbered(9.0, "a", b"").position == 4
    again.close()


# -- beside the entries -------------------------------------------------------------------------------


def reject(n: int, reason: str = "not_json") -> RejectRow:
    return RejectRow(n, reason, "detail", float(n), "site/a", b"\xff")


def test_rejects_are_kept_newest_first_and_once(journal: Journal) -> None:
    journal.keep_rejects([reject(1), reject(2), reject(2, "no_time")])
    journal.keep_rejects([reject(2), reject(1)])
    assert [row.position for row in journal.rejects(10)] == [2, 2, 1]
    assert journal.rejects(1)[0].payload == b"\xff"


def test_rejects_are_bounded(journal: Journal) -> None:
    for first in range(0, 3 * REJECTS_KEPT, 500):
        journal.keep_rejects([reject(n) for n in range(first, first + 500)])
    kept = [row.position for row in journal.rejects(10_000)]
    assert len(kept) <= REJECTS_KEPT
    assert kept[0] == 3 * REJECTS_KEPT - 1


def test_plans_are_kept_and_bounded_and_the_one_in_force_stays(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLANS_KEPT", 5)
    journal.keep_plan("in force", b"rules" * 1000)
    for n in range(20):
        journal.keep_plan(f"tried {n}", b"")
        journal.keep_plan("in force", b"rules" * 1000)
    assert journal.plan("in force") == b"rules" * 1000
    assert journal.plan("tried 19") == b""
    with pytest.raises(JournalError, match="does not have the rules of tried 1"):
        journal.plan("tried 1")


def test_topics_of_before_stay_known_until_they_can_be_left(journal: Journal) -> None:
    """We may be stopped between writing down what we want and telling the broker what we no longer want."""
    journal.swap_filters(["a", "b"])
    journal.swap_filters(["b", "c"])
    assert set(journal.filters()) == {"a", "b", "c"}


def test_topics_of_before_are_bounded(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILTERS_KEPT", 4)
    for n in range(30):
        journal.swap_filters([f"{n}", f"{n}/x"])
    assert set(journal.filters()) == {"28", "28/x", "29", "29/x"}
    journal.swap_filters([f"wide/{n}" for n in range(9)])
    assert set(journal.filters()) == {f"wide/{n}" for n in range(9)}


# -- what cannot be used ------------------------------------------------------------------------------


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("body", [b"not a database" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_said_in_one_line_and_left_alone(
    tmp_path: Path, body: bytes, read_only: bool
) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(body)
    with pytest.raises(JournalError, match=r"journal\.db is damaged \(.*\); move it") as said:
        Journal(path, read_only=read_only)
    assert "\n" not in str(said.value)
    assert path.read_bytes() == body


def test_a_damaged_page_is_said_too(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = Journal(path)
    fill(journal, 2000)
    journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    journal.close()
    body = bytearray(path.read_bytes())
    body[4096:] = b"\xaa" * (len(body) - 4096)
    path.write_bytes(body)
    with pytest.raises(JournalError, match="is damaged"):
        Journal(path)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path, read_only: bool) -> None:
    Journal(tmp_path / "journal.db").close()
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("PRAGMA user_version=7")
    with pytest.raises(JournalError, match=r"written by a newer foretell \(format 7, this one reads up to 1"):
        Journal(tmp_path / "journal.db", read_only=read_only)
    assert db.execute("PRAGMA user_version").fetchone() == (7,)
    db.close()


def test_another_program_s_database_is_not_written_to(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("CREATE TABLE recipes (name)")
    db.close()
    before = (tmp_path / "journal.db").read_bytes()
    with pytest.raises(JournalError, match="is not a journal"):
        Journal(tmp_path / "journal.db")
    assert (tmp_path / "journal.db").read_bytes() == before


def test_reading_makes_no_file_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot open the journal"):
        Journal(tmp_path / "journal.db", read_only=True)
    assert list(tmp_path.iterdir()) == []
    writer = Journal(tmp_path / "journal.db")
    fill(writer, 5)
    reader = Journal(tmp_path / "journal.db", read_only=True)
    assert positions(reader) == [1, 2, 3, 4, 5]
    with pytest.raises(OSError, match="readonly"):
        reader.append([reader.numbered(1.0, "a", b"")])
    reader.close()
    writer.close()


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    folder = tmp_path / "50% of? #1 门"
    folder.mkdir()
    Journal(folder / "journal.db").close()
    assert (folder / "journal.db").exists()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "engine.snapshot"
    write_durably(path, b"old")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["engine.snapshot"]
