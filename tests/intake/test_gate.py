"""The gate: stamps that only ever rise, each message once, and our own words in between."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.clock import TopicClock
from foretell.intake.gate import Gate
from foretell.intake.journal import CLOCK_STEP, LINK, RETAINED, Journal
from foretell.intake.mqtt import Arrived, Link


class HandClock:
    """A clock that stands where it was put."""

    topic = ""

    def __init__(self, now: float) -> None:
        self.at, self.moved = now, 0.0

    def now(self) -> float:
        return self.at

    def step(self) -> float:
        moved, self.moved = self.moved, 0.0
        return moved

    def runs(self) -> bool:
        return True


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def message(
    payload: bytes, mid: int = 1, *, again: bool = False, retained: bool = False, topic: str = "a"
) -> Arrived:
    return Arrived(topic, payload, 1 if mid else 0, retained, again, mid, 1)


def test_entries_are_numbered_and_stamped_in_order_within_one_instant(journal: Journal) -> None:
    gate = Gate(journal, HandClock(100.0))
    entries, messages = gate.admit([message(b"1", 1), message(b"2", 2), Link(False, False), message(b"3", 3)])
    assert [entry.position for entry in entries] == [1, 2, 3, 4]
    assert [entry.topic for entry in entries] == ["a", "a", LINK, "a"]
    stamps = [entry.arrived for entry in entries]
    assert stamps == sorted(set(stamps))
    assert stamps[0] == 100.0
    assert stamps[-1] < 100.001
    assert [m.payload for m in messages] == [b"1", b"2", b"3"]
    journal.append(entries)


def test_what_comes_again_is_acknowledged_and_not_journalled(journal: Journal) -> None:
    gate = Gate(journal, HandClock(100.0))
    entries, _ = gate.admit([message(b"1", 7)])
    journal.append(entries)
    entries, messages = gate.admit([message(b"1", 7, again=True)])
    assert entries == []
    assert [m.mid for m in messages] == [7]
    assert gate.redelivered == 1


def test_what_comes_twice_within_one_batch_is_journalled_once(journal: Journal) -> None:
    """The link broke and came back before the pump looked: both deliveries wait side by side."""
    gate = Gate(journal, HandClock(100.0))
    batch = [message(b"1", 7), Link(False, False), Link(True, True), message(b"1", 7, again=True)]
    entries, messages = gate.admit(batch)
    assert [entry.payload for entry in entries] == [b"1", b"down", b"up"]
    assert len(messages) == 2


def test_a_first_delivery_is_new_even_if_it_says_the_same(journal: Journal) -> None:
    gate = Gate(journal, HandClock(100.0))
    for _ in range(3):
        entries, _ = gate.admit([message(b"1", 7)])
        assert len(entries) == 1


def test_a_marked_message_that_we_never_had_is_new(journal: Journal) -> None:
    """It was under way when the link broke: the broker marks it, and yet we never saw it."""
    entries, _ = Gate(journal, HandClock(100.0)).admit([message(b"1", 7, again=True)])
    assert [entry.payload for entry in entries] == [b"1"]


def test_in_a_new_session_a_packet_id_means_something_else(journal: Journal) -> None:
    gate = Gate(journal, HandClock(100.0))
    gate.admit([message(b"1", 7)])
    entries, _ = gate.admit([Link(True, False), message(b"1", 7, again=True)])
    assert [entry.payload for entry in entries] == [b"up", b"1"]


def test_what_was_sent_only_once_is_never_taken_for_a_repetition(journal: Journal) -> None:
    gate = Gate(journal, HandClock(100.0))
    entries, _ = gate.admit([message(b"1", 0), message(b"1", 0, again=True)])
    assert len(entries) == 2


def test_retained_is_kept_with_the_entry(journal: Journal) -> None:
    entries, _ = Gate(journal, HandClock(100.0)).admit([message(b"1", retained=True)])
    assert entries[0].flags & RETAINED


def test_a_clock_that_was_set_is_told_first(journal: Journal) -> None:
    clock = HandClock(100.0)
    gate = Gate(journal, clock)
    gate.admit([message(b"1", 1)])
    clock.at, clock.moved = 40.0, -60.0
    entries, _ = gate.admit([message(b"2", 2)])
    assert [(entry.topic, entry.payload) for entry in entries] == [(CLOCK_STEP, b"-60.0"), ("a", b"2")]
    assert 40.0 <= entries[0].arrived < entries[1].arrived < 41.0


def test_a_clock_that_slips_a_little_never_takes_a_stamp_back(journal: Journal) -> None:
    clock = HandClock(100.0)
    gate = Gate(journal, clock)
    (first,), _ = gate.admit([message(b"1", 1)])
    clock.at = 99.0
    (second,), _ = gate.admit([message(b"2", 2)])
    assert second.arrived > first.arrived


def test_the_clock_of_a_replay_is_told_by_messages_that_are_not_history(journal: Journal) -> None:
    gate = Gate(journal, TopicClock("time"))
    batch = [
        Link(True, False),
        message(b"1000.0", 1, topic="time"),
        message(b"1", 2),
        message(b"2000.0", 3, topic="time"),
        message(b"2", 4),
    ]
    entries, messages = gate.admit(batch)
    assert [(entry.topic, round(entry.arrived)) for entry in entries] == [
        (LINK, 1000),
        ("a", 1000),
        ("a", 2000),
    ]
    assert len(messages) == 4, "what tells the time is acknowledged, too"


def test_the_clock_of_a_replay_does_not_believe_nonsense(journal: Journal) -> None:
    gate = Gate(journal, TopicClock("time", 1000.0))
    odd = [b"", b"soon", b"nan", b"inf", b"-1", b"999", b"1e300", b"\xff"]
    entries, _ = gate.admit(
        [*(message(each, n + 1, topic="time") for n, each in enumerate(odd)), message(b"1", 99)]
    )
    assert [round(entry.arrived) for entry in entries] == [1000]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.floats(-5, 5),
            st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), max_size=6),
        ),
        max_size=12,
    )
)
def test_whatever_comes_positions_have_no_gap_and_stamps_rise(
    steps: list, tmp_path_factory: pytest.TempPathFactory
) -> None:  # type: ignore[type-arg]
    journal = Journal(tmp_path_factory.mktemp("gate") / "journal.db")
    clock = HandClock(1e6)
    gate = Gate(journal, clock)
    for moved, batch in steps:
        clock.at += moved
        entries, _ = gate.admit([message(b"%d" % body, mid, again=again) for mid, again, body in batch])
        journal.append(entries)
    kept = list(journal.after(0))
    assert [entry.position for entry in kept] == list(range(1, len(kept) + 1))
    assert all(one.arrived < other.arrived for one, other in pairwise(kept))
    journal.close()
