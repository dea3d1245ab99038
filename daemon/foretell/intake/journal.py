"""The journal: everything that arrived, in order, durable before it is acknowledged.

One SQLite file of its own (WAL, synchronous FULL, one commit per batch). People's acts and what happened
to ourselves (connected, lost, woken) stand in it as entries too, on topics that no broker can deliver.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

RETAINED, DUPLICATE = 1, 2
OWN = "$foretell/"
"""Entries that we wrote ourselves; a message on such a topic is refused at the door."""

STARTED, LINK, TICK_OF_CLOCK, CLOCK_STEP, REPAIR, MAINTENANCE, PLAN = (
    f"{OWN}{name}" for name in ("started", "link", "tick", "clock", "repair", "maintenance", "plan")
)
REDELIVERY_WINDOW = 4_000
"""Entries among which a redelivered message is looked for: more than any broker keeps in flight."""

REJECTS_KEPT, PLANS_KEPT, FILTERS_KEPT = 1_000, 200, 1_000
BUSY_TIMEOUT_S = 5.0
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    position INTEGER PRIMARY KEY, arrived REAL NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    flags INTEGER NOT NULL, mid INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS plan (id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS reject (
    position INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, arrived REAL NOT NULL,
    topic TEXT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (position, reason, detail)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS filter (topic TEXT PRIMARY KEY);
"""


class Entry(NamedTuple):
    """One line of the journal. `arrived` is Unix seconds; `mid` the broker's packet id, 0 for our own."""

    position: int
    arrived: float
    topic: str
    payload: bytes
    flags: int = 0
    mid: int = 0


class RejectRow(NamedTuple):
    """A message, or a part of one, that could not be used, kept for inspection."""

    position: int
    reason: str
    detail: str
    arrived: float
    topic: str
    payload: bytes


class JournalError(Exception):
    """The journal cannot be used; the message says why and what to do."""


class Journal:
    """Append, replay and prune. Every method blocks; the daemon calls them from one thread of its own."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.last_position = 0
        self._by_packet: dict[int, bytes] = {}  # the last delivery under each packet id, oldest first
        try:
            mode = "ro" if read_only else "rwc"
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
                timeout=BUSY_TIMEOUT_S,
            )
        except sqlite3.Error as error:
            raise JournalError(f"cannot open the journal {path}: {error}") from error
        try:
            self._prepare(read_only)
            self._look_back()
        except sqlite3.OperationalError as error:
            self._db.close()
            raise JournalError(f"cannot use the journal {path}: {error}") from error
        except sqlite3.Error as error:
            self._db.close()
            raise JournalError(
                f"the journal {path} is damaged ({error}); move it and its -wal and -shm files away"
            ) from error
        except JournalError:
            self._db.close()
            raise

    def _prepare(self, read_only: bool) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"the journal {self.path} was written by a newer foretell (format {version}, this one reads "
                f"up to {SCHEMA_VERSION}); install that version"
            )
        if version == 0 and (tables or read_only):
            raise JournalError(f"{self.path} is not a journal")
        if read_only:
            return
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=8388608"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")

    def _look_back(self) -> None:
        self.last_position = int(self._db.execute("SELECT max(position) FROM entry").fetchone()[0] or 0)
        for mid, topic, payload in self._db.execute(
            "SELECT mid, topic, payload FROM entry WHERE position > ? AND mid > 0 ORDER BY position",
            (self.last_position - REDELIVERY_WINDOW,),
        ):
            self._remember(mid, topic, payload)

    # -- writing ------------------------------------------------------------------------------------

    @contextmanager
    def _commit(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction, or nothing of it. Raises OSError when it cannot be written."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise OSError(errno.EIO, f"the journal {self.path} cannot be written: {error}") from error
        finally:
            if self._db.in_transaction:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries, numbered by the caller from `last_position` on, in one durable commit."""
        with self._commit() as db:
            db.executemany("INSERT INTO entry VALUES (?,?,?,?,?,?)", entries)

    def is_redelivered(self, mid: int, topic: str, payload: bytes) -> bool:
        """Whether a message that the broker marked as sent before is in the journal already.

        A redelivery carries the packet id of the first attempt (MQTT 5, 4.4), and the last use of that id
        is the one that may not have been acknowledged. So id, topic and payload together tell it from a
        new message that says the same.
        """
        return self._by_packet.get(mid) == _delivery(mid, topic, payload)

    def forget_deliveries(self) -> None:
        """The broker lost our session: nothing from before will be delivered again."""
        self._by_packet.clear()

    def numbered(self, arrived: float, topic: str, payload: bytes, flags: int = 0, mid: int = 0) -> Entry:
        """The next entry of the journal; it must be appended, in this order."""
        self.last_position += 1
        if mid:
            self._remember(mid, topic, payload)
        return Entry(self.last_position, arrived, topic, payload, flags, mid)

    def _remember(self, mid: int, topic: str, payload: bytes) -> None:
        self._by_packet.pop(mid, None)
        self._by_packet[mid] = _delivery(mid, topic, payload)
        if len(self._by_packet) > REDELIVERY_WINDOW:
            del self._by_packet[next(iter(self._by_packet))]

    def keep_rejects(self, rows: Iterable[RejectRow]) -> None:
        """Keep what was rejected, the newest thousand; writing the same again changes nothing."""
        with self._commit() as db:
            db.executemany("INSERT OR REPLACE INTO reject VALUES (?,?,?,?,?,?)", rows)
            db.execute(
                "DELETE FROM reject WHERE position <="
                " (SELECT position FROM reject ORDER BY position DESC LIMIT 1 OFFSET ?)",
                (REJECTS_KEPT,),
            )

    def keep_plan(self, plan_id: str, body: bytes) -> None:
        """Keep the files of a plan: history is replayed with the rules of its day.

        The newest two hundred stay: who tries out rules all week must not fill the disk with them.
        """
        with self._commit() as db:
            db.execute("INSERT OR REPLACE INTO plan VALUES (?,?)", (plan_id, zlib.compress(body)))
            db.execute(
                "DELETE FROM plan WHERE rowid <="
                " (SELECT rowid FROM plan ORDER BY rowid DESC LIMIT 1 OFFSET ?)",
                (PLANS_KEPT,),
            )

    def swap_filters(self, filters: Sequence[str]) -> None:
        """Remember what the broker's session is being subscribed to, beside what it was subscribed to before.

        What it was stays on the list, because we may be stopped before the broker has heard that we no
        longer want it; to unsubscribe once more from what is gone does no harm.
        """
        with self._commit() as db:
            db.executemany("INSERT OR REPLACE INTO filter VALUES (?)", [(topic,) for topic in filters])
            db.execute(
                "DELETE FROM filter WHERE rowid <="
                " (SELECT rowid FROM filter ORDER BY rowid DESC LIMIT 1 OFFSET ?)",
                (max(FILTERS_KEPT, len(filters)),),
            )

    def prune(self, before: float, through: int, at_most: int = 100_000) -> int:
        """Forget entries that arrived before `before` and lie within `through`; how many went.

        Only from the front, up to the first that is too young: what is left has no holes.
        """
        with self._commit() as db:
            cursor = db.execute(
                "DELETE FROM entry WHERE position <= ? AND position < "
                "coalesce((SELECT min(position) FROM entry WHERE arrived >= ?), ? + 1) AND position < "
                "(SELECT min(position) FROM entry) + ?",
                (through, before, through, at_most),
            )
            return cursor.rowcount

    # -- reading ------------------------------------------------------------------------------------

    def after(self, position: int) -> Iterator[Entry]:
        """The entries behind `position`, in order."""
        for row in self._db.execute("SELECT * FROM entry WHERE position > ? ORDER BY position", (position,)):
            yield Entry(*row)

    def first_position(self) -> int:
        first = self._db.execute("SELECT min(position) FROM entry").fetchone()[0]
        return int(first or 0)

    def plan(self, plan_id: str) -> bytes:
        """The kept files of a plan. Raises JournalError if they are not here."""
        row = self._db.execute("SELECT body FROM plan WHERE id = ?", (plan_id,)).fetchone()
        if row is None:
            raise JournalError(f"the journal {self.path} does not have the rules of {plan_id}")
        return zlib.decompress(row[0])

    def plan_ids(self) -> list[str]:
        """The plans that are kept, the newest first."""
        return [row[0] for row in self._db.execute("SELECT id FROM plan ORDER BY rowid DESC")]

    def rejects(self, limit: int) -> list[RejectRow]:
        """What was rejected, newest first."""
        rows = self._db.execute("SELECT * FROM reject ORDER BY position DESC LIMIT ?", (limit,))
        return [RejectRow(*row) for row in rows]

    def filters(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT topic FROM filter")]

    def close(self) -> None:
        self._db.close()


def _delivery(mid: int, topic: str, payload: bytes) -> bytes:
    """What tells one delivery from another, in little: payloads may be large and many are remembered."""
    return hashlib.blake2b(b"%d %s\0%s" % (mid, topic.encode(), payload), digest_size=16).digest()


def write_durably(path: Path, body: bytes) -> None:
    """Replace a file so that a power cut leaves the old one or the new one, whole."""
    fresh = path.with_suffix(".new")
    with open(fresh, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
