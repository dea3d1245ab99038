"""Recall: we wake up as we were; snapshots are a convenience, the journal is the truth."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from foretell.engine.facts import Change
from foretell.intake import recall
from foretell.intake.fold import Fold
from foretell.intake.journal import PLAN, Journal
from tests.intake.plant import NOW, plan

PLAN_NOW = plan()
PLANS = {PLAN_NOW.id: PLAN_NOW}


class Site:
    """A store with a journal, and a daemon's memory that can be lost and found."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.journal = Journal(store / "journal.db")
        self.fold = Fold(PLAN_NOW, PLANS.__getitem__)
        self.logged: list[str] = []
        self.append(PLAN, PLAN_NOW.id)

    def log(self, event: str, **_: Any) -> None:
        self.logged.append(event)

    def append(self, topic: str, payload: str) -> list[Change]:
        at = NOW + 10.0 * self.journal.last_position
        entry = self.journal.numbered(at, topic, payload.encode(), 0, 0)
        self.journal.append([entry])
        return self.fold.take([entry]).changes

    def hear(self, *pressures: int) -> list[Change]:
        """Readings in mbar; below 2000 opens."""
        return [c for p in pressures for c in self.append("plant/n/p-1/data", json.dumps({"p": p}))]

    def wake(self, applied: tuple[int, int] = (0, 0)) -> tuple[Fold, list[Change]]:
        """What a start finds: the fold, and the changes that it makes on the way."""
        fold = recall.load(self.store, self.journal, PLAN_NOW, PLANS.__getitem__, self.log)
        found = list(recall.replay(fold, self.journal, applied))
        assert all(position <= self.journal.last_position for _, position in found)
        return fold, [change for changes, _ in found for change in changes]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.journal.close()


def same(one: Fold, other: Fold) -> bool:
    return one.snapshot() == other.snapshot()


def test_without_a_snapshot_the_journal_tells_everything(site: Site) -> None:
    told = site.hear(5000, 1500, 5000, 1500)
    fold, changes = site.wake()
    assert changes == told
    assert same(fold, site.fold)
    assert site.logged == []


def test_with_a_snapshot_only_what_came_after_is_taken(site: Site) -> None:
    site.hear(5000, 1500)
    recall.save(site.fold, site.store)
    told = site.hear(5000, 1500)
    fold, changes = site.wake()
    assert changes == told
    assert same(fold, site.fold)


def test_replay_goes_in_pieces(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "REPLAY_CHUNK", 3)
    told = site.hear(*[5000, 1500] * 8)
    fold, changes = site.wake()
    assert (changes, same(fold, site.fold)) == (told, True)


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0x10
    path.write_bytes(body)


def another_version(path: Path) -> None:
    fields = msgspec.msgpack.decode(zlib.decompress(path.read_bytes()))
    fields[-1]["version"] = -1
    path.write_bytes(zlib.compress(msgspec.msgpack.encode(fields)))


def of_an_unknown_plan(path: Path) -> None:
    fields = msgspec.msgpack.decode(zlib.decompress(path.read_bytes()))
    fields[0] = "gone"
    path.write_bytes(zlib.compress(msgspec.msgpack.encode(fields)))


def of_other_shape(path: Path) -> None:
    path.write_bytes(zlib.compress(msgspec.msgpack.encode([PLAN_NOW.id, 1, 1.0, 0, {}, {}, [1, 2]])))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [torn, emptied, flipped, another_version, of_an_unknown_plan, of_other_shape, a_folder]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_snapshot_that_cannot_be_read_gives_way_to_the_one_before(
    site: Site, damage: Callable[[Path], None]
) -> None:
    site.hear(5000, 1500)
    recall.save(site.fold, site.store)
    site.hear(5000)
    recall.save(site.fold, site.store)
    told = site.hear(1500)
    damage(site.store / recall.NEWEST)
    fold, changes = site.wake()
    assert changes[-len(told) :] == told
    assert len(changes) == 2, "from the one before on: one cleared, one opened"
    assert same(fold, site.fold)
    assert site.logged == ["snapshot_unreadable"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_when_none_can_be_read_the_journal_is_the_truth(site: Site, damage: Callable[[Path], None]) -> None:
    told = site.hear(5000, 1500)
    recall.save(site.fold, site.store)
    told += site.hear(5000)
    recall.save(site.fold, site.store)
    for name in (recall.NEWEST, recall.BEFORE):
        damage(site.store / name)
    fold, changes = site.wake()
    assert changes == told
    assert same(fold, site.fold)


def test_a_power_cut_between_the_two_files_leaves_one(site: Site) -> None:
    site.hear(5000, 1500)
    recall.save(site.fold, site.store)
    (site.store / recall.NEWEST).rename(site.store / recall.BEFORE)
    (site.store / "engine.new").write_bytes(b"half a snap")
    fold, _ = site.wake()
    assert same(fold, site.fold)


def test_a_snapshot_of_another_journal_is_not_believed(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.hear(*[5000] * 20)
    recall.save(site.fold, site.store)
    other = Site(tmp_path_factory.mktemp("other"))
    (other.store / recall.NEWEST).write_bytes((site.store / recall.NEWEST).read_bytes())
    other.hear(5000)
    fold, _ = other.wake()
    assert same(fold, other.fold)
    assert other.logged == ["snapshot_beside_journal"]
    other.journal.close()


def test_a_snapshot_reaches_over_a_pruned_journal(site: Site) -> None:
    site.hear(5000, 1500)
    recall.save(site.fold, site.store)
    site.journal.prune(before=1e12, through=site.fold.position)
    told = site.hear(5000)
    fold, changes = site.wake()
    assert (changes, same(fold, site.fold)) == (told, True)


def test_with_everything_forgotten_and_pruned_nothing_is_said_twice(site: Site) -> None:
    """As after an upgrade that cannot read the old snapshot: what was applied stays applied."""
    applied = site.hear(*[5000, 1500] * 5)
    position = site.journal.last_position
    site.journal.prune(before=1e12, through=4)
    new = site.hear(5000, 1500)
    _, changes = site.wake((applied[-1].number, position))
    assert [(c.number, c.kind, c.at) for c in changes] == [(c.number, c.kind, c.at) for c in new]
