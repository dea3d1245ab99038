"""The ledger: every change exactly once, one live ticket for one trouble, and people's words kept."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from foretell.engine.facts import LOST_SIGHT, NEWS, Change
from foretell.tickets import lifecycle, policy
from foretell.tickets.ledger import Act, Ledger
from foretell.tickets.lifecycle import NotAllowed
from tests.tickets.desk import DAY, DESK, NOW, Teller


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def tell() -> Teller:
    return Teller()


def record(ledger: Ledger, *changes: Change) -> None:
    assert ledger.record(changes, changes[-1].number, DESK) == len(changes)


def only(ledger: Ledger) -> dict[str, Any]:
    (row,) = ledger.tickets(live_only=False)
    return ledger.ticket(row["id"])


def kinds(ledger: Ledger, ticket_id: int = 1) -> list[str]:
    return [event["kind"] for event in ledger.ticket(ticket_id)["events"]]


# -- what the machine does ----------------------------------------------------------------------------


def test_an_opening_makes_a_ticket_with_its_reason_and_evidence(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened(part="3", held=3600.0))
    row = only(ledger)
    assert (row["state"], row["condition"], row["touched"]) == ("open", "holding", False)
    assert (row["device"], row["part"], row["failure_mode"], row["rule"]) == ("a-1", "3", "door", "lift/slow")
    assert row["due_at"] == NOW + 1 + 2 * DAY
    assert row["texts"]["zh"]["reason"].startswith("关门时间 5.6 s，高于限值 5 s")
    (event,) = row["events"]
    assert (event["kind"], event["who"], event["change_number"]) == ("opened", "foretell", 1)
    assert event["reason"]["held"] == 3600.0


def test_evidence_is_json_that_every_reader_understands(ledger: Ledger, tell: Teller, tmp_path: Path) -> None:
    record(ledger, tell.opened())
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        text = db.execute("SELECT evidence FROM ticket_event").fetchone()[0]
    db.close()

    def refuse(word: str) -> None:
        raise AssertionError(word)

    (clause,) = json.loads(text, parse_constant=refuse)
    assert clause["since"] is None
    assert clause["recent"] == [[NOW, 5.6], [NOW, None]]


def test_recording_twice_is_recording_once(ledger: Ledger, tell: Teller) -> None:
    changes = [tell.opened(), tell.opened(rule="lift/slower"), tell(NEWS), tell.cleared()]
    record(ledger, *changes)
    before = only(ledger)
    assert ledger.record(changes, 99, DESK) == 0
    assert ledger.record(changes[2:], 99, DESK) == 0
    assert only(ledger) == before
    assert ledger.applied_through() == (4, 4)


def test_an_overlap_applies_only_what_is_new(ledger: Ledger, tell: Teller) -> None:
    first, second, third = tell.opened(), tell.opened(device="b"), tell.opened(device="c")
    assert ledger.record([first, second], 10, DESK) == 2
    assert ledger.record([second, third], 20, DESK) == 1
    assert ledger.applied_through() == (3, 20)
    assert len(ledger.tickets()) == 3


def test_the_last_closed_come_first_after_the_live_ones(ledger: Ledger, tell: Teller) -> None:
    for day, device in enumerate(("a-1", "a-2", "a-3")):
        record(ledger, tell.opened(device=device, at=NOW + day))
    record(ledger, tell.cleared(device="a-1", at=NOW + 10), tell.cleared(device="a-2", at=NOW + 20))
    assert [row["device"] for row in ledger.tickets(live_only=False)] == ["a-3", "a-2", "a-1"]
    assert [row["device"] for row in ledger.tickets(live_only=False, limit=2)] == ["a-3", "a-2"]


def test_looking_waits_for_no_writer_and_holds_up_none(ledger: Ledger, tell: Teller, tmp_path: Path) -> None:
    record(ledger, tell.opened())
    writer = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, timeout=0.0)
    try:
        writer.execute("BEGIN IMMEDIATE")
        assert len(ledger.tickets()) == 1
        assert ledger.applied_through() == (1, 1)
    finally:
        writer.close()


def test_a_further_rule_joins_the_ticket(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened(), tell.opened(rule="lift/slower"), tell.opened(rule="lift/hot"))
    assert [row["failure_mode"] for row in ledger.tickets()] == ["door", "cooling"]
    assert kinds(ledger) == ["opened", "joined"]


def test_an_untouched_ticket_closes_itself_when_the_last_rule_clears(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened(), tell.opened(rule="lift/slower"), tell.cleared())
    assert only(ledger)["state"] == "open"
    assert only(ledger)["condition"] == "holding"
    record(ledger, tell.cleared(rule="lift/slower", at=NOW + 60))
    row = only(ledger)
    assert (row["state"], row["condition"], row["outcome"]) == ("closed", "cleared", "cleared_itself")
    assert row["closed_at"] == NOW + 61
    assert kinds(ledger) == ["opened", "joined", "cleared", "cleared", "closed"]
    assert ledger.tickets() == []


@pytest.mark.parametrize("act", ["acknowledge", "fix"])
def test_a_ticket_that_a_person_touched_is_never_moved_by_the_condition(
    ledger: Ledger, tell: Teller, act: str
) -> None:
    record(ledger, tell.opened())
    getattr(ledger, act)(1, "Li", NOW)
    state = only(ledger)["state"]
    record(ledger, tell(LOST_SIGHT, why="offline"))
    assert (only(ledger)["state"], only(ledger)["condition"]) == (state, "unknown")
    record(ledger, tell(NEWS, why="seen_again"))
    assert only(ledger)["condition"] == "holding"
    record(ledger, tell.cleared())
    assert (only(ledger)["state"], only(ledger)["condition"]) == (state, "cleared")


def test_worse_news_rewrites_the_machine_s_words_and_no_person_s(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened())
    ledger.acknowledge(1, "Li", NOW, "I am on my way")
    worse = {"verb": "above", "signal": "close", "unit": "s", "value": 9.9, "limit": 5.0, "verdict": True}
    record(ledger, tell(NEWS, why="worse", evidence=(worse,)))
    row = only(ledger)
    assert row["texts"]["en"]["reason"] == "Door close time 9.9 s, above the limit of 5 s"
    assert [(e["who"], e["note"]) for e in row["events"] if e["note"]] == [("Li", "I am on my way")]


def test_it_reopens_within_the_window_and_is_a_new_one_after_it(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened(), tell.cleared())
    again = NOW + policy.REOPEN_WITHIN
    record(ledger, tell.opened(at=again))
    row = only(ledger)
    assert (row["state"], row["outcome"], row["closed_at"]) == ("open", None, None)
    assert row["due_at"] == again + 1 + 2 * DAY
    record(ledger, tell.cleared(at=again), tell.opened(at=again + policy.REOPEN_WITHIN + 1))
    assert [r["id"] for r in ledger.tickets()] == [2]


@pytest.mark.parametrize("outcome", lifecycle.OUTCOMES)
def test_after_some_outcomes_a_finding_is_a_new_ticket(ledger: Ledger, tell: Teller, outcome: str) -> None:
    record(ledger, tell.opened())
    ledger.finish(1, "Li", NOW, outcome)
    record(ledger, tell.opened(rule="lift/slower", at=NOW + DAY))
    fresh = outcome in ("rule_wrong", "sensor_wrong", "duplicate")
    assert [r["id"] for r in ledger.tickets()] == [2 if fresh else 1]


def test_what_held_when_a_person_closed_it_does_not_hold_it_open_later(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened(), tell.opened(rule="lift/slower"))
    ledger.finish(1, "Li", NOW, "no_fault_found")
    record(ledger, tell.cleared(rule="lift/slower"))
    record(ledger, tell.opened(at=NOW + DAY))
    record(ledger, tell.cleared(at=NOW + 2 * DAY))
    assert only(ledger)["condition"] == "cleared"


def test_a_fix_that_did_not_help_reopens(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened())
    ledger.fix(1, "Li", NOW)
    record(ledger, tell.cleared(why="repaired"), tell.opened(at=NOW + DAY))
    row = only(ledger)
    assert (row["state"], row["fixed_at"]) == ("open", None)
    assert kinds(ledger) == ["opened", "fixed", "cleared", "reopened"]


def test_what_clears_without_a_ticket_is_passed_over(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.cleared(), tell(NEWS), tell(LOST_SIGHT))
    assert ledger.tickets(live_only=False) == []
    assert ledger.applied_through() == (3, 3)


# -- shadow, and rules that misbehave -----------------------------------------------------------------


def test_a_ticket_in_shadow_stands_beside_the_live_one_and_is_listed_apart(
    ledger: Ledger, tell: Teller
) -> None:
    record(ledger, tell.opened()._replace(mode="shadow"), tell.opened(rule="lift/slower"))
    assert [row["rule"] for row in ledger.tickets()] == ["lift/slower"]
    (shadow,) = ledger.tickets(mode="shadow")
    assert shadow["rule"] == "lift/slow" and ledger.shadowed() == {"lift/slow": 1}
    record(ledger, tell.cleared()._replace(mode="shadow"))
    assert ledger.tickets(mode="shadow") == [] and len(ledger.tickets()) == 1
    assert ledger.counts() == {("lift", "open", "live"): 1, ("lift", "closed", "shadow"): 1}


def test_what_was_found_in_shadow_is_no_lead(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened()._replace(mode="shadow"))
    (shadow,) = ledger.tickets(mode="shadow")
    ledger.finish(shadow["id"], "Li", NOW + DAY, "confirmed")
    assert ledger.confirmed_leads() == []


def test_a_rule_over_its_budget_has_one_ticket_that_grows(ledger: Ledger, tell: Teller) -> None:
    reason = {"why": "budget", "since": NOW, "held": 0.0, "budget": 3, "opened": 4, "withheld": ["a-4"]}
    first = tell.opened()._replace(
        device="lift/slow", device_kind="rule", failure_mode="rule-misbehaves", reason=reason, evidence=()
    )
    record(ledger, first)
    record(ledger, tell.opened()._replace(kind=NEWS, device="lift/slow", device_kind="rule",
           failure_mode="rule-misbehaves", reason=reason | {"opened": 5}, evidence=()))  # fmt: skip
    row = only(ledger)
    assert row["device_kind"] == "rule" and [event["kind"] for event in row["events"]] == ["opened", "news"]


# -- what people do -----------------------------------------------------------------------------------


def test_a_repair_becomes_an_act_that_the_engine_is_told_of(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened(part="3"))
    ledger.fix(1, "Li", NOW)
    assert ledger.acts_after(0) == [Act(1, "a-1", "3", "door")]
    ledger.finish(1, "Li", NOW, "confirmed")
    assert ledger.acts_after(1) == [], "one repair, one act"
    assert ledger.confirmed_leads() == [0.0]


@pytest.mark.parametrize(("outcome", "acts"), [("confirmed", 1), ("already_fixed", 1), ("no_fault_found", 0)])
def test_closing_as_repaired_is_a_repair(ledger: Ledger, tell: Teller, outcome: str, acts: int) -> None:
    record(ledger, tell.opened())
    ledger.finish(1, "Li", NOW, outcome, "belt")
    assert len(ledger.acts_after(0)) == acts
    assert only(ledger)["outcome"] == outcome


def test_what_does_not_fit_is_refused_and_leaves_no_trace(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened())
    with pytest.raises(NotAllowed, match="'confirmd' is no outcome; use one of confirmed"):
        ledger.finish(1, "Li", NOW, "confirmd")
    with pytest.raises(LookupError, match="there is no ticket 7"):
        ledger.fix(7, "Li", NOW)
    ledger.finish(1, "Li", NOW, "confirmed")
    with pytest.raises(NotAllowed, match="closed cannot fix"):
        ledger.fix(1, "Li", NOW)
    assert kinds(ledger) == ["opened", "closed"]
    assert len(ledger.acts_after(0)) == 1


def test_whatever_people_type_is_kept(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened())
    ledger.acknowledge(1, "Li\udcff" + "x" * 100, NOW, "a\0b\ud800 '); DROP TABLE ticket; -- 门" + "y" * 5000)
    event = only(ledger)["events"][-1]
    assert event["who"].startswith("Li?x")
    assert len(event["who"]) == 80
    assert event["note"].startswith("ab? '); DROP TABLE ticket; -- 门")
    assert len(event["note"]) == 2000


def test_events_can_be_added_to_and_nothing_else(ledger: Ledger, tell: Teller, tmp_path: Path) -> None:
    record(ledger, tell.opened())
    db = sqlite3.connect(tmp_path / "ledger.db")
    for statement in ("UPDATE ticket_event SET note = 'never said'", "DELETE FROM ticket_event"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)
        db.rollback()
    db.close()


def test_the_database_itself_keeps_tickets_single(ledger: Ledger, tell: Teller, tmp_path: Path) -> None:
    record(ledger, tell.opened())
    db = sqlite3.connect(tmp_path / "ledger.db")
    columns = [row[1] for row in db.execute("PRAGMA table_info(ticket)") if row[1] != "id"]
    names = ", ".join(columns)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        db.execute(f"INSERT INTO ticket ({names}) SELECT {names} FROM ticket")
    db.close()


def test_a_transaction_that_fails_leaves_nothing(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened())
    good, bad = tell.opened(device="b"), tell.opened(device="c")._replace(device=None)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        ledger.record([good, bad], 9, DESK)
    assert ledger.applied_through() == (1, 1)
    assert [row["device"] for row in ledger.tickets()] == ["a-1"]


# -- two at once --------------------------------------------------------------------------------------


def test_two_people_and_the_machine_at_once(tmp_path: Path) -> None:
    """Each with a connection of their own: one of two acknowledges, and no change is lost or doubled."""
    path, tell = tmp_path / "ledger.db", Teller()
    first = Ledger(path)
    changes = [tell.opened(device=f"d-{number}") for number in range(60)]
    first.record(changes[:30], 30, DESK)
    start = threading.Barrier(4)
    won: list[str] = []
    faults: list[BaseException] = []

    def person(name: str) -> None:
        own = Ledger(path)
        start.wait()
        for ticket_id in range(1, 31):
            try:
                own.acknowledge(ticket_id, name, NOW)
                won.append(name)
            except NotAllowed:
                continue
            except BaseException as error:
                faults.append(error)
        own.close()

    def machine() -> None:
        own = Ledger(path)
        start.wait()
        for number in range(30, 60):
            own.record(changes[: number + 1], number + 1, DESK)
        own.close()

    workers = [threading.Thread(target=person, args=(name,)) for name in ("Li", "Wang")]
    workers += [threading.Thread(target=machine) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert faults == []
    assert len(won) == 30
    rows = first.tickets()
    assert len(rows) == 60
    assert all(kinds(first, row["id"])[0] == "opened" for row in rows)
    assert sum(len(kinds(first, row["id"])) for row in rows) == 90
    first.close()


# -- anything at all ----------------------------------------------------------------------------------

STEP = st.one_of(
    st.tuples(
        st.just("change"),
        st.sampled_from(["opened", "cleared", "news", "lost_sight"]),
        st.sampled_from(["lift/slow", "lift/slower", "lift/hot"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["", "1"]),
    ),
    st.tuples(st.just("acknowledge"), st.integers(1, 6)),
    st.tuples(st.just("fix"), st.integers(1, 6)),
    st.tuples(st.just("finish"), st.integers(1, 6), st.sampled_from(lifecycle.OUTCOMES)),
    st.tuples(st.just("days"), st.integers(1, 10)),
    st.tuples(st.just("again")),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=40))
def test_never_two_live_tickets_for_one_trouble(steps: list[tuple[Any, ...]], tmp_path_factory: Any) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("any") / "ledger.db")
    tell, told, now = Teller(), [], NOW
    for step in steps:
        if step[0] == "change":
            _, kind, rule, device, part = step
            told.append(tell(kind, rule=rule, device=device, part=part, at=now))
            assert ledger.record(told[-3:], tell.number, DESK) == 1
        elif step[0] == "days":
            now += step[1] * DAY
        elif step[0] == "again":
            assert ledger.record(told, tell.number, DESK) == 0
        else:
            _act(ledger, step, now)
        live = [(row["device"], row["part"], row["failure_mode"]) for row in ledger.tickets()]
        assert len(live) == len(set(live))
    for row in ledger.tickets(live_only=False):
        assert (row["state"] == "closed") == (row["closed_at"] is not None) == (row["outcome"] is not None)
        assert sum(event["kind"] == "opened" for event in ledger.ticket(row["id"])["events"]) == 1
    assert ledger.applied_through()[0] == tell.number
    ledger.close()


def _act(ledger: Ledger, step: tuple[Any, ...], now: float) -> None:
    verb, ticket_id, *outcome = step
    arguments = [ticket_id, "Li", now, *outcome]
    try:
        getattr(ledger, verb)(*arguments)
    except (NotAllowed, LookupError):
        return


def test_maintenance_is_an_act_with_an_end_among_the_repairs(ledger: Ledger, tell: Teller) -> None:
    record(ledger, tell.opened())
    ledger.maintain("a-1", "Li", NOW, NOW + 7200.0)
    ledger.fix(1, "Li", NOW + 60.0)
    acts = ledger.acts_after(0)
    assert [(act.device, act.failure_mode, act.until) for act in acts] == [
        ("a-1", "", NOW + 7200.0), ("a-1", "door", None),
    ]  # fmt: skip
    assert ledger.acts_after(acts[0].id) == acts[1:]
