"""The fold as it was before we stopped: the newest snapshot that can be read, and the journal behind it."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from foretell.engine.facts import Change
from foretell.intake.fold import Fold, Plan
from foretell.intake.journal import Entry, Journal, write_durably

NEWEST, BEFORE = "engine.snapshot", "engine.snapshot.1"
REPLAY_CHUNK = 2_000


def save(fold: Fold, store: Path) -> None:
    """Keep a snapshot; the one before stays, in case this one cannot be read one day."""
    body = fold.snapshot()
    write(body, store)


def write(body: bytes, store: Path) -> None:
    """Write a snapshot's bytes durably, keeping the one before."""
    newest = store / NEWEST
    if newest.exists():
        newest.replace(store / BEFORE)
    write_durably(newest, zlib.compress(body, 1))


def load(
    store: Path, journal: Journal, plan: Plan, find_plan: Callable[[str], Plan], log: Callable[..., None]
) -> Fold:
    """The fold of the newest usable snapshot, or a fresh one. The journal behind it is still to be taken."""
    first = journal.first_position()
    for name in (NEWEST, BEFORE):
        path = store / name
        if not path.exists():
            continue
        try:
            fold = Fold.restore(zlib.decompress(path.read_bytes()), find_plan)
        except Exception as error:  # whatever is wrong with a cache, the journal is the truth
            log("snapshot_unreadable", file=str(path), error=f"{type(error).__name__}: {error}")
            continue
        if fold.position <= journal.last_position and (first == 0 or fold.position >= first - 1):
            return fold
        log("snapshot_beside_journal", file=str(path), position=fold.position, journal=journal.last_position)
    return Fold(plan, find_plan)


def replay(
    fold: Fold, journal: Journal, applied: tuple[int, int] = (0, 0)
) -> Iterator[tuple[list[Change], int]]:
    """Take the journal behind the fold's position; the changes, chunk by chunk, with their position.

    `applied` is the last change that was ever applied, and the journal position that it came with. It
    matters when everything was forgotten and the beginning of the journal is pruned: what led there is
    then taken in again without saying any of it twice.
    """
    number, position = applied
    if position and fold.position == 0 and journal.first_position() > 1:
        fold.take(itertools.takewhile(lambda entry: entry.position <= position, journal.after(0)))
        fold.engine.number = number
    chunk: list[Entry] = []
    for entry in journal.after(fold.position):
        chunk.append(entry)
        if len(chunk) == REPLAY_CHUNK:
            yield fold.take(chunk).changes, fold.position
            chunk = []
    if chunk:
        yield fold.take(chunk).changes, fold.position
