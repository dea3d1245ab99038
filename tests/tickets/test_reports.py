"""Owners' reports: always answered, always somebody's, matched to what is in hand, and never told on."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.authored.document import read
from foretell.authored.validate import check
from foretell.site.listing import Listing, ListingModel, read_listing
from foretell.tickets import flow
from foretell.tickets.flow import CATEGORIES, NATURES, NEXT, STEPS, Candidate, Match, Refused
from foretell.tickets.ledger import Ledger
from foretell.tickets.policy import Desk
from foretell.tickets.reports import OWNER_REPORT, Said
from foretell.tickets.store import MIGRATIONS, open_store
from tests.tickets.desk import DAY, DESK, NOW, Teller

SITE = """
zone: Asia/Shanghai
duty: 王管家
places:
  a: {title: {en: Block A, zh: A 栋}}
  a-lobby: {title: {en: Lobby, zh: 大堂}, in: a}
  b: {}
devices:
  a-1: {kind: lift, place: a-lobby, title: {en: Lift 1, zh: 一号梯}}
  b-1: {kind: elevator, place: b}
  lamp: {kind: lighting, place: a-lobby}
"""
CANARY_TEXT, CANARY_UNIT = "CANARY-the-old-lady-of-the-third-floor", "CANARY-unit-7f3"


def listing() -> Listing:
    document, problems = read(SITE, "site.yaml")
    model, wrong = check(document, ListingModel)
    assert model is not None, problems + wrong
    found, problems = read_listing(document, model)
    assert found is not None and not problems
    return found


HERE = DESK._replace(listing=listing())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def tell() -> Teller:
    return Teller()


def add(
    ledger: Ledger, category: str = "lift", at: float = NOW, desk: Desk = HERE, **more: str
) -> dict[str, Any]:
    return ledger.reports.add(Said(category, more.pop("text", "it stands still"), **more), at, desk)


def found(ledger: Ledger, *changes: Any) -> None:
    ledger.record(changes, changes[-1].number, HERE)


# -- the tables -------------------------------------------------------------------------------------


def test_the_steps_follow_one_another_and_nothing_else_does() -> None:
    assert STEPS == ("received", "heard", "judged", "handled", "followed_up", "summed_up")
    for state, step in itertools.product(STEPS, STEPS):
        if NEXT.get(state) == step:
            flow.move(state, step)
        else:
            with pytest.raises(Refused):
                flow.move(state, step)


def ticket(number: int, **more: Any) -> Candidate:
    known = {
        "device": "b-1",
        "kind": "elevator",
        "place": "",
        "state": "open",
        "safety": False,
        "opened": NOW,
    }
    return Candidate(**known | {"id": number} | more)


@pytest.mark.parametrize(
    ("device", "place", "category", "joins"),
    [
        ("b-1", "", "lift", Match(3, "device")),
        ("b-1", "a", "lift", Match(3, "device")),
        ("", "b", "lift", Match(3, "place")),
        ("", "a", "lift", Match(None, "none")),
        ("", "a", "lighting", Match(4, "place")),
        ("", "a-lobby", "lighting", Match(4, "place")),
        ("", "b", "climate", Match(5, "place")),
        ("", "", "lift", Match(None, "none")),
        ("b-1", "", "service-attitude", Match(None, "none")),
        ("", "b", "service-quality", Match(None, "none")),
        ("b-1", "", "emergency", Match(2, "device")),
        ("", "b", "emergency", Match(2, "place")),
        ("", "a", "emergency", Match(None, "none")),
    ],
)
def test_a_report_joins_the_newest_ticket_in_hand_that_it_is_about(
    device: str, place: str, category: str, joins: Match
) -> None:
    tickets = [
        ticket(1),
        ticket(2, opened=NOW + 1, safety=True),
        ticket(3, opened=NOW + 2, state="acknowledged"),
        ticket(4, device="lamp", kind="lighting"),
        ticket(5, device="", kind="place", place="b", category="climate"),
        ticket(6, device="", kind="place", place="b", category="service-quality", opened=NOW + 9),
        ticket(7, opened=NOW + 9, state="fixed"),
        ticket(8, opened=NOW + 9, category="service-quality"),
    ]
    for order in (tickets, tickets[::-1]):
        assert flow.match(device, place, category, order, HERE.listing.estate) == joins  # type: ignore[union-attr]


# -- in the store -----------------------------------------------------------------------------------


def test_what_is_known_is_said_to_be_in_hand(ledger: Ledger, tell: Teller) -> None:
    found(ledger, tell.opened())
    told = add(ledger, device="a-1", at=NOW + 60)
    due = ledger.ticket(1)["due_at"]
    when = f"{HERE.listing.zone.local(due):%Y-%m-%d %H:%M}"  # type: ignore[union-attr]
    assert told["ticket_id"] == 1 and told["matched"] == "device"
    assert told["answer"] == {
        "en": f"Known, in hand, due {when}; 王管家 is responsible (ticket 1).",
        "zh": f"已知晓，正在处理，{when} 前完成。负责人：王管家（工单 1）。",
    }
    row = ledger.ticket(1)
    assert row["first"] == "ticket"
    assert row["events"][-1]["kind"] == "reported"
    late = add(ledger, device="a-1", at=due + 60)
    assert "it was due" in late["answer"]["en"] and "已延误" in late["answer"]["zh"]


def test_what_nobody_knew_gets_a_ticket_of_its_own(ledger: Ledger) -> None:
    told = add(ledger, device="a-1")
    row = ledger.ticket(told["ticket_id"])
    assert told["matched"] == "none" and told["state"] == "received"
    assert (row["failure_mode"], row["route"], row["first"]) == (OWNER_REPORT, "maintainer", "report")
    assert (row["device"], row["device_kind"], row["lane"]) == ("a-1", "lift", "planned")
    assert NOW < row["due_at"] <= NOW + DAY
    assert row["texts"]["zh"]["title"] == "一号梯 业主报事：电梯"
    again = add(ledger, device="a-1", at=NOW + 5)
    assert (again["ticket_id"], again["matched"]) == (told["ticket_id"], "device")


def test_a_place_is_enough_and_so_are_mere_words(ledger: Ledger) -> None:
    dark = add(ledger, "lighting", place="a-lobby")
    assert add(ledger, "lighting", place="a", at=NOW + 1)["ticket_id"] == dark["ticket_id"]
    assert add(ledger, "lighting", place="b", at=NOW + 2)["ticket_id"] != dark["ticket_id"]
    rude, ruder = add(ledger, "service-attitude"), add(ledger, "service-attitude")
    assert rude["ticket_id"] != ruder["ticket_id"]
    row = ledger.ticket(dark["ticket_id"])
    assert (row["place"], row["texts"]["en"]["place"]) == ("a-lobby", "Block A Lobby")
    assert row["due_at"] == NOW + DAY


def test_an_emergency_waits_for_no_planned_work(ledger: Ledger, tell: Teller) -> None:
    found(ledger, tell.opened())
    told = add(ledger, "emergency", device="a-1")
    row = ledger.ticket(told["ticket_id"])
    assert told["ticket_id"] != 1
    assert (row["lane"], row["due_at"], row["route"]) == ("safety", NOW + 1800, "guard")
    assert "at once" in told["answer"]["en"] and "立即" in told["answer"]["zh"]


def test_what_was_said_to_be_fixed_and_is_not_is_new_work(ledger: Ledger) -> None:
    first = add(ledger, device="a-1")["ticket_id"]
    ledger.fix(first, "Li", NOW + 10)
    assert ledger.acts_after(0) == []  # no watch knows of it
    assert add(ledger, device="a-1", at=NOW + 20)["ticket_id"] != first


def test_what_an_owner_waits_for_does_not_end_by_itself(ledger: Ledger, tell: Teller) -> None:
    found(ledger, tell.opened())
    add(ledger, device="a-1")
    found(ledger, tell.cleared(at=NOW + 60))
    row = ledger.ticket(1)
    assert (row["state"], row["condition"]) == ("open", "cleared")


def test_steps_are_taken_in_order_by_somebody(ledger: Ledger) -> None:
    number = add(ledger)["id"]
    with pytest.raises(Refused, match="next heard, not judged"):
        ledger.reports.step(number, "judged", "Li", NOW + 1)
    with pytest.raises(Refused, match="say who"):
        ledger.reports.step(number, "heard", " ", NOW + 1)
    for index, step in enumerate(STEPS[1:], 1):
        ledger.reports.step(number, step, "李工", NOW + index, "好")
    row = ledger.reports.report(number)
    assert [(each["step"], each["who"]) for each in row["events"]] == [
        ("received", "foretell"), *((step, "李工") for step in STEPS[1:]),
    ]  # fmt: skip
    with pytest.raises(Refused, match="nothing is left"):
        ledger.reports.step(number, "heard", "Li", NOW + 9)
    with pytest.raises(LookupError, match="no report 99"):
        ledger.reports.step(99, "heard", "Li", NOW)


def test_nothing_that_was_said_can_be_changed(ledger: Ledger, tmp_path: Path) -> None:
    add(ledger)
    db = sqlite3.connect(tmp_path / "ledger.db")
    for words in (
        "UPDATE report SET text = 'x'", "DELETE FROM report", "UPDATE report_event SET who = 'x'",
        "DELETE FROM report_event",
    ):  # fmt: skip
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(words)
    columns = "at, device, place, category, nature, text, unit, '', ticket_id, matched, answer"
    copy = f"INSERT INTO report SELECT 9, {columns} FROM report"
    with pytest.raises(sqlite3.IntegrityError, match="someone_is_responsible"):
        db.execute(copy)
    db.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"category": "cat"}, "the category is one of"),
        ({"nature": "bad"}, "the nature is one of"),
        ({"text": " \n"}, "needs the owner's words"),
        ({"text": "x" * 2001}, "at most 2000 characters"),
        ({"unit": "x" * 65}, "at most 64 characters"),
        ({"responsible": "x" * 81}, "at most 80 characters"),
        ({"device": "a-11"}, "no such device; did you mean 'a-1'"),
        ({"place": "z"}, "no such place"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_both_languages(
    ledger: Ledger, wrong: dict[str, str], said: str
) -> None:
    with pytest.raises(Refused, match=said) as refused:
        ledger.reports.add(Said("lift", "x")._replace(**wrong), NOW, HERE)
    assert refused.value.zh != refused.value.en
    assert ledger.reports.reports() == [] and ledger.tickets() == []


def test_a_device_that_was_heard_need_not_be_listed(ledger: Ledger) -> None:
    told = ledger.reports.add(Said("lift", "x", "z-9"), NOW, HERE, {"z-9": "elevator"})
    assert ledger.ticket(told["ticket_id"])["device_kind"] == "elevator"


def test_a_ledger_of_a_time_before_reports_is_brought_on(tmp_path: Path, tell: Teller) -> None:
    path = tmp_path / "old.db"
    ledger = Ledger(path)
    found(ledger, tell.opened())
    ledger.close()
    engine = open_store(path, write=True)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
    engine.dispose()
    ledger = Ledger(path)
    assert ledger.ticket(1)["first"] == "ticket"
    assert add(ledger, device="a-1")["ticket_id"] == 1
    ledger.close()


# -- who was first ----------------------------------------------------------------------------------


def test_faults_count_by_who_was_first_and_leads_end_at_the_owner(ledger: Ledger, tell: Teller) -> None:
    found(ledger, tell.opened())
    add(ledger, device="a-1", at=NOW + 3600)
    add(ledger, device="a-1", at=NOW + 7200)
    ledger.fix(1, "Li", NOW + DAY)
    ledger.finish(1, "Li", NOW + DAY, "confirmed")
    owners = add(ledger, device="b-1")["ticket_id"]
    ledger.finish(owners, "Li", NOW + DAY, "confirmed")
    rude = add(ledger, "service-attitude")["ticket_id"]
    ledger.finish(rude, "Li", NOW + DAY, "confirmed")
    assert ledger.confirmed_faults() == {"ticket": 1, "report": 1}
    assert ledger.confirmed_leads() == [3600.0]


def test_a_rule_that_comes_after_the_owner_was_not_first(ledger: Ledger, tell: Teller) -> None:
    add(ledger, device="a-1")
    found(ledger, tell.opened(at=NOW + 60))
    assert ledger.ticket(2)["first"] == "report"


def test_a_rule_is_not_late_for_a_complaint_about_people(ledger: Ledger, tell: Teller) -> None:
    add(ledger, "service-quality", device="a-1")
    found(ledger, tell.opened(at=NOW + 60))
    assert ledger.ticket(2)["first"] == "ticket"


# -- what is promised -------------------------------------------------------------------------------


def test_an_owners_words_and_unit_are_nowhere_but_in_the_report(ledger: Ledger, tmp_path: Path) -> None:
    mine = add(ledger, device="a-1", text=CANARY_TEXT, unit=CANARY_UNIT)
    others = add(ledger, device="a-1", text="the same here", unit="another")
    told = [mine, others, ledger.tickets(), ledger.ticket(mine["ticket_id"]), ledger.reports.reports()]
    assert "CANARY" not in repr(told)
    assert "CANARY" not in repr(ledger.reports.report(others["id"]))
    row = ledger.reports.report(mine["id"])
    assert (row["text"], row["unit"]) == (CANARY_TEXT, CANARY_UNIT)
    db = sqlite3.connect(tmp_path / "ledger.db")
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    holding = [name for name in tables if "CANARY" in repr(db.execute(f"SELECT * FROM {name}").fetchall())]
    db.close()
    assert holding == ["report"]


def test_words_cannot_steer_a_terminal(ledger: Ledger) -> None:
    number = add(ledger, text="\x1b[2Jfirst\r\nsecond\x9b\0 \ud800", unit="u\n1")["id"]
    row = ledger.reports.report(number)
    assert (row["text"], row["unit"]) == ("[2Jfirst\nsecond ?", "u 1")


WHERE = st.sampled_from(["", "a", "a-lobby", "b"])
SAID = st.builds(
    Said,
    category=st.sampled_from(sorted(CATEGORIES)),
    text=st.text(min_size=1, max_size=40).map(lambda text: f"so: {text}"),
    device=st.sampled_from(["", "a-1", "b-1", "lamp"]),
    place=WHERE,
    nature=st.sampled_from(sorted(NATURES)),
    unit=st.text(alphabet="abc123", max_size=8),
    responsible=st.sampled_from(["", "  ", "李工", "\0"]),
)
ACTS = st.lists(
    st.one_of(SAID, st.sampled_from(["opened", "cleared", "fix", "close", "restart", "step"])), max_size=14
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_happens_each_is_answered_and_somebodys_and_a_restart_changes_nothing(
    acts: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("reports") / "ledger.db"
    ledger, tell, said = Ledger(path), Teller(), []
    for index, act in enumerate(acts):
        at = NOW + 60 * index
        if isinstance(act, Said):
            told = ledger.reports.add(act, at, HERE)
            said.append((told, ledger.reports.report(told["id"])))
            assert ledger.ticket(told["ticket_id"])["state"] in flow.IN_HAND
        elif act in ("opened", "cleared"):
            found(ledger, tell(act, at=at))
        elif act == "restart":
            before = _everything(ledger)
            ledger.close()
            ledger = Ledger(path)
            assert _everything(ledger) == before
        elif act == "step" and said:
            row = ledger.reports.report(said[-1][0]["id"])
            if row["state"] in NEXT:
                ledger.reports.step(row["id"], NEXT[row["state"]], "Li", at)
        elif act in ("fix", "close") and (live := ledger.tickets()):
            number, state = live[0]["id"], live[0]["state"]
            if act == "close":
                ledger.finish(number, "Li", at, "confirmed")
            elif state != "fixed":
                ledger.fix(number, "Li", at)
    for told, then in said:
        now = ledger.reports.report(told["id"])
        assert told["answer"]["en"] and told["answer"]["zh"] and told["responsible"].strip()
        assert told["responsible"] in told["answer"]["zh"]
        assert {key: now[key] for key in now if key not in ("state", "events")} == {
            key: then[key] for key in then if key not in ("state", "events")
        }
        assert [each["step"] for each in now["events"]] == list(STEPS[: len(now["events"])])
    ledger.close()


def _everything(ledger: Ledger) -> Any:
    reports = ledger.reports.reports()
    tickets = [ledger.ticket(row["id"]) for row in ledger.tickets(live_only=False)]
    return tickets, reports, [ledger.reports.report(row["id"]) for row in reports]
