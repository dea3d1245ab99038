"""The fold: journal entries into the engine, the same way live, after a restart and on history."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.engine.engine import Engine
from foretell.engine.facts import CLEARED, OPENED, Change, Reading
from foretell.intake.fold import Fold, Plan, Repair
from foretell.intake.journal import (
    CLOCK_STEP,
    LINK,
    OWN,
    PLAN,
    REPAIR,
    RETAINED,
    STARTED,
    TICK_OF_CLOCK,
    Entry,
)
from foretell.site.estate import Facts
from tests.intake.plant import NOW, plan

PLANS = {each.id: each for each in (plan(), plan("5 bar"))}
WIDE, NARROW = PLANS.values()


class Tape:
    """A journal in the making: entries one after the other, ten seconds apart."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def __call__(self, topic: str, payload: bytes | str = b"", flags: int = 0) -> Entry:
        body = payload if isinstance(payload, bytes) else payload.encode()
        position = len(self.entries) + 1
        self.entries.append(Entry(position, NOW + 10.0 * position, topic, body, flags, 1))
        return self.entries[-1]

    def data(self, device: str = "p-1", flags: int = 0, **fields: object) -> Entry:
        return self(f"plant/n/{device}/data", json.dumps(fields), flags)


@pytest.fixture
def tape() -> Tape:
    return Tape()


@pytest.fixture
def fold() -> Fold:
    return Fold(WIDE, PLANS.__getitem__)


def kinds(fold: Fold, *entries: Entry) -> list[str]:
    return [change.kind for change in fold.take(entries).changes]


def test_a_message_becomes_a_change(fold: Fold, tape: Tape) -> None:
    (change,) = fold.take([tape.data(p=5000), tape.data(p=1500)]).changes
    assert (change.kind, change.rule, change.device, change.number) == (OPENED, "pump/low", "p-1", 1)
    assert kinds(fold, tape.data(p=5000)) == [CLEARED]
    assert (fold.position, fold.arrived) == (3, NOW + 30)
    assert fold.counters["messages"] == fold.counters["readings"] == 3


def test_what_cannot_be_used_is_counted_and_handed_on(fold: Fold, tape: Tape) -> None:
    bad = [tape("plant/n/p-1/data", "nonsense"), tape("elsewhere"), tape("$refused"), tape.data(p=1e9, n=1)]
    outcome = fold.take(bad)
    assert [(entry.position, reject.reason) for entry, reject in outcome.rejects] == [
        (1, "not_json"),
        (2, "unknown_topic"),
        (3, "unknown_topic"),
        (4, "out_of_range"),
    ]
    assert fold.rejected == {"not_json": 1, "unknown_topic": 2, "out_of_range": 1}
    assert fold.counters["readings"] == 1


def test_a_retained_message_is_state(fold: Fold, tape: Tape) -> None:
    fold.take([tape.data(flags=RETAINED, p=5000)])
    assert fold.counters["readings"] == 1


def test_a_repair_is_told_once(fold: Fold, tape: Tape) -> None:
    act = Repair(1, "p-1", "", "leak").pack()
    assert kinds(fold, tape.data(p=1500), tape(REPAIR, act)) == [OPENED, CLEARED]
    assert fold.acts_through == 1
    assert kinds(fold, tape.data(p=1500), tape(REPAIR, act)) == [OPENED]


def test_a_plan_takes_effect_where_it_stands_in_the_journal(fold: Fold, tape: Tape) -> None:
    assert kinds(fold, tape.data(p=4000), tape(PLAN, NARROW.id), tape.data(p=4000)) == [OPENED]
    assert fold.plan is NARROW
    assert kinds(fold, tape(PLAN, WIDE.id), tape.data(p=4000)) == [CLEARED]


def test_a_plan_that_is_gone_does_not_stop_us(fold: Fold, tape: Tape) -> None:
    """Rules of years ago, forgotten or no longer readable: history goes on under those that we have."""
    assert kinds(fold, tape(PLAN, "long-gone"), tape.data(p=1500)) == [OPENED]
    assert fold.plan is WIDE
    assert fold.counters["plans_missing"] == 1


def test_an_entry_of_our_own_that_we_do_not_know_is_passed_over(fold: Fold, tape: Tape) -> None:
    assert kinds(fold, tape(f"{OWN}of-a-later-version", b"\xff")) == []
    assert fold.position == 1


def test_numbers_go_on_where_the_ledger_stands(fold: Fold, tape: Tape) -> None:
    """A journal that was lost and begun anew must not number its changes like those of long ago."""
    (change,) = fold.take([tape(STARTED, b"41"), tape(LINK, b"up"), tape.data(p=1500)]).changes
    assert change.number == 42
    fold.take([tape(STARTED, b"7")])
    (change,) = fold.take([tape(LINK, b"up"), tape.data(p=5000)]).changes
    assert change.number == 43


# -- the same in any pieces ---------------------------------------------------------------------------

STEP = st.one_of(
    st.tuples(st.just("data"), st.sampled_from(["p-1", "p-2"]), st.integers(0, 12000)),
    st.tuples(st.just("status"), st.sampled_from(["p-1", "p-2"]), st.sampled_from(["up", "down", "?"])),
    st.tuples(st.just("own"), st.sampled_from([TICK_OF_CLOCK, STARTED]), st.just("")),
    st.tuples(st.just("own"), st.just(LINK), st.sampled_from(["up", "down"])),
    st.tuples(st.just("own"), st.just(PLAN), st.sampled_from([*PLANS, "gone"])),
    st.tuples(st.just("own"), st.just(CLOCK_STEP), st.just("0.5")),
    st.tuples(st.just("repair"), st.sampled_from(["p-1", "p-2"]), st.integers(1, 4)),
)


def entries_of(steps: list[tuple[str, str, object]]) -> list[Entry]:
    tape = Tape()
    tape(PLAN, WIDE.id)
    for verb, what, value in steps:
        if verb == "data":
            tape.data(what, p=value)
        elif verb == "status":
            tape(f"plant/n/{what}/status", str(value))
        elif verb == "repair":
            tape(REPAIR, Repair(int(str(value)), what, "", "leak").pack())
        else:
            tape(what, str(value))
    return tape.entries


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, max_size=40), cuts=st.sets(st.integers(0, 40), max_size=5))
def test_snapshot_and_restore_anywhere_change_nothing(
    steps: list[tuple[str, str, object]], cuts: set[int]
) -> None:
    entries = entries_of(steps)
    straight = Fold(WIDE, PLANS.__getitem__)
    expected = straight.take(entries)
    fold = Fold(WIDE, PLANS.__getitem__)
    changes, rejects = [], []
    for entry in entries:
        if entry.position in cuts:
            fold = Fold.restore(fold.snapshot(), PLANS.__getitem__)
        outcome = fold.take([entry])
        changes += outcome.changes
        rejects += outcome.rejects
    assert changes == expected.changes
    assert rejects == expected.rejects
    assert fold.snapshot() == straight.snapshot()


@pytest.mark.parametrize("body", [b"", b"\x00", b"nonsense", b"\x97" + b"\xc0" * 7, b"\x91\x01"])
def test_a_broken_snapshot_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        Fold.restore(body, PLANS.__getitem__)


def test_a_plan_is_the_same_for_the_same_files() -> None:
    again: Plan = plan()
    assert (again.id, plan("3 bar").id != again.id) == (WIDE.id, True)


class Defective(Engine):
    """An engine with a defect: it falls over whatever this one device says."""

    def receive(self, readings: Sequence[Reading], now: float) -> list[Change]:
        if any(reading.device == "p-bad" for reading in readings):
            raise ZeroDivisionError("a defect")
        return super().receive(readings, now)


def test_a_defect_of_ours_costs_one_message_and_loses_nobody_elses_deadline(tape: Tape) -> None:
    patient = plan(more="for: 5 s\n")
    fold = Fold(patient, {patient.id: patient}.__getitem__, Defective(patient.rulebook))
    start = [tape(STARTED), tape(LINK, "up"), tape.data(p=1500)]
    assert fold.take(start).changes == []
    outcome = fold.take([tape.data("p-bad", p=1500)])
    assert [change.kind for change in outcome.changes] == [OPENED]
    assert [reject.reason for _, reject in outcome.rejects] == ["internal"]
    assert kinds(fold, tape.data(p=5000)) == [CLEARED]


def test_a_broken_entry_of_our_own_is_passed_over(fold: Fold, tape: Tape) -> None:
    outcome = fold.take([tape(REPAIR, "{"), tape(CLOCK_STEP, "soon"), tape.data(p=1500)])
    assert [reject.reason for _, reject in outcome.rejects] == ["internal", "internal"]
    assert [change.kind for change in outcome.changes] == [OPENED]
    assert fold.position == 3


def test_a_name_that_another_kind_has_is_refused_aloud(fold: Fold, tape: Tape) -> None:
    fold.engine.expect([Facts("p-1", "elevator")], NOW)
    outcome = fold.take([tape.data(p=1500)])
    assert outcome.changes == []
    assert [reject.reason for _, reject in outcome.rejects] == ["name_taken"]
    assert "elevator" in outcome.rejects[0][1].detail and "device" in outcome.rejects[0][1].detail
