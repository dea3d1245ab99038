"""Replay: a recording into a broker, or a recording or a journal straight through the river."""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from foretell.clock import monotonic, pause
from foretell.engine.facts import CLEARED, OPENED, Change
from foretell.intake.fold import Fold, Plan
from foretell.intake.journal import LINK, PLAN, STARTED, TICK_OF_CLOCK, Entry
from foretell.intake.mqtt import Publisher
from foretell.lab.recording import Recorded
from foretell.site.estate import Facts

CHUNK = 2_000
RATE_STEP = 20


class Replayed(NamedTuple):
    """What a replay came to."""

    changes: list[Change]
    messages: int
    readings: int
    rejected: dict[str, int]


def publish(
    recorded: Iterable[Recorded], publisher: Publisher, clock_topic: str, speed: float, rate: float
) -> tuple[int, float]:
    """Publish messages in order, telling their time on `clock_topic` before each new instant.

    `speed` is recorded seconds per second, `rate` messages per second at most; 0 leaves it to the broker,
    which drops without a word what its subscriber does not take in time. Returns how many messages went
    out, and the last instant.
    """
    count, now, began, first = 0, 0.0, monotonic(), 0.0
    for message in recorded:
        if not count:
            first = message.at
        if speed > 0:
            pause(began + (message.at - first) / speed - monotonic())
        if rate > 0 and count % RATE_STEP == 0:
            pause(began + count / rate - monotonic())
        if message.at > now:
            now = message.at
            publisher.publish(clock_topic, repr(now))
        publisher.publish(message.topic, message.payload)
        count += 1
    publisher.publish(clock_topic, repr(now + 1.0))
    publisher.flush()
    return count, now


def entries_of(recorded: Iterable[Recorded]) -> Iterator[Entry]:
    """A recording as a journal: each message arrives at its own time, never before the one ahead of it."""
    position, now = 0, 0.0
    for message in recorded:
        if position == 0:
            now = message.at
            position += 1
            yield Entry(position, now, LINK, b"up")
        now = max(now + 1e-6, message.at)
        position += 1
        yield Entry(position, now, message.topic, message.payload)
    if position:
        yield Entry(position + 1, now + 1.0, TICK_OF_CLOCK, b"")


def offline(
    entries: Iterable[Entry],
    plan: Plan,
    find_plan: Callable[[str], Plan],
    wake_seed: int | None = None,
    *,
    expected: Iterable[Facts] = (),
) -> Replayed:
    """Entries through a fresh fold. With `wake_seed`, it is woken at random instants as well.

    `expected` are devices known before they speak; a journal brings its own with its plans.
    """
    fold = Fold(plan, find_plan)
    fold.engine.expect(expected, 0.0)
    stream = iter(entries) if wake_seed is None else _woken(entries, random.Random(wake_seed))
    changes: list[Change] = []
    while chunk := list(itertools.islice(stream, CHUNK)):
        changes += fold.take(chunk).changes
    return Replayed(changes, fold.counters["messages"], fold.counters["readings"], fold.rejected)


def _woken(entries: Iterable[Entry], chance: random.Random) -> Iterator[Entry]:
    """The same entries with wake-ups in between; none before a start, when nobody was there to be woken."""
    before: Entry | None = None
    for entry in entries:
        quiet = entry.topic in (STARTED, PLAN) or before is None
        if not quiet and before is not None and entry.arrived > before.arrived and chance.random() < 0.3:
            for instant in sorted(
                chance.uniform(before.arrived, entry.arrived) for _ in range(chance.randint(1, 3))
            ):
                yield Entry(before.position, instant, TICK_OF_CLOCK, b"")
        yield entry
        before = entry


def spans(changes: Iterable[Change]) -> list[tuple[str, str, str, float, float | None]]:
    """Each opening with its clearing: (device, part, rule, opened, cleared or None)."""
    open_at: dict[tuple[str, str, str], int] = {}
    result: list[tuple[str, str, str, float, float | None]] = []
    for change in changes:
        key = (change.device, change.part, change.rule)
        if change.kind == OPENED:
            open_at[key] = len(result)
            result.append((*key, change.at, None))
        elif change.kind == CLEARED and key in open_at:
            index = open_at.pop(key)
            result[index] = (*key, result[index][3], change.at)
    return result


def write_changes(path: Path, changes: Iterable[Change], spell: Callable[[float], str]) -> int:
    """Write openings as CSV (device,part,rule,opened_at,cleared_at); how many there were."""
    rows = spans(changes)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("device", "part", "rule", "opened_at", "cleared_at"))
        for device, part, rule, opened, cleared in rows:
            writer.writerow((device, part, rule, spell(opened), "" if cleared is None else spell(cleared)))
    return len(rows)
