"""Why a ticket came to be and where a rule stands, from what a daemon left on disk."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.engine.conditions import Node
from foretell.engine.rule import Rule
from foretell.lab.explaining import standing_of, ticket_explained
from foretell.lab.lines import explained_lines, standing_lines
from foretell.lab.rerunning import DIFFERS, OPEN, SAME, Again, rerun, whole
from tests.engine.timeline import DAY0, Site, rule
from tests.lab.keeper import DAY, HOT, HOUR, MINUTE, T0, Keeper, keeping

LANGUAGES = ("en", "zh")


@pytest.fixture
def hot(tmp_path: Path) -> Any:
    """A site on which the machine room of a-1 became too hot; ticket 1 stands, and the files are in use."""
    with keeping(tmp_path) as keeper:
        for step in range(8):
            keeper.at(step * 30 * MINUTE).says(temp=40.0 + step, mode="normal")
        keeper.at(5 * HOUR)
        yield keeper


def explained(keeper: Keeper, **changed: Any) -> dict[str, Any]:
    return ticket_explained(keeper.ledger.ticket(1) | changed, keeper.plan.kinds, keeper.store)


def told(keeper: Keeper, device: str = "a-1", name: str = "elevator/hot") -> dict[str, Any]:
    return standing_of(keeper.store, keeper.plan, name, device)


# -- a ticket's story -----------------------------------------------------------------------------------


def test_the_story_runs_from_the_reading_to_what_people_did(hot: Keeper) -> None:
    hot.ledger.acknowledge(1, "王工", T0 + 5 * HOUR, "去看看")
    hot.ledger.fix(1, "王工", T0 + 6 * HOUR)
    hot.ledger.finish(1, "王工", T0 + 7 * HOUR, "confirmed")
    story = explained(hot)
    assert [step["at"] for step in story["steps"]] == sorted(step["at"] for step in story["steps"])
    kinds = [step["step"] for step in story["steps"]]
    assert kinds == [*["reading"] * 5, "condition", *["reading"] * 3, "condition", "change", "ticket",
                     "person", "person", "person"]  # fmt: skip
    texts = [step["text"]["en"] for step in story["steps"]]
    assert texts[0] == "Machine-room temperature 40 °C"
    assert texts[9] == "Machine-room temperature 47 °C, above the limit of 43 °C (holds: yes)"
    assert "Opened: it has held for 2 h" in texts[10]
    assert story["revision"] in texts[10]
    assert texts[11] == "ticket: Lift 1: machine room is too hot, for Engineer"
    assert texts[12] == "王工: Acknowledged, “去看看”"
    assert texts[14] == "王工: Closed · Fault confirmed"
    assert story["steps"][9]["text"]["zh"] == "机房温度 47 ℃，高于限值 43 ℃（成立：是）"


@pytest.mark.parametrize("language", LANGUAGES)
def test_people_read_it_on_the_site_s_clock_in_their_language(hot: Keeper, language: str) -> None:
    lines = explained_lines(explained(hot), language, "Asia/Shanghai")
    assert "2026-11-23 12:00:00" in "\n".join(lines)
    assert lines[-1].endswith({"en": "the same verdict", "zh": "结论一致"}[language])
    assert "{" not in "\n".join(lines) and "None" not in "\n".join(lines)


def test_a_shadow_ticket_says_that_nobody_was_bothered(tmp_path: Path) -> None:
    with keeping(tmp_path, rules={"hot": HOT + "mode: shadow\n"}) as keeper:
        keeper.says(temp=60.0, mode="normal").at(30 * MINUTE).says(temp=60.0).at(60 * MINUTE).says(temp=60.0)
        keeper.at(90 * MINUTE).says(temp=60.0).at(2.2 * HOUR).says(temp=60.0)
        story = explained(keeper)
    assert story["mode"] == "shadow"
    assert "nobody was bothered" in "\n".join(explained_lines(story, "en", "UTC"))
    assert any(step["text"]["zh"].startswith("模拟工单（试运行）") for step in story["steps"])


def test_the_evidence_gives_the_same_verdict_by_the_rule_of_its_day(hot: Keeper) -> None:
    """The limit that counted was the device's own, and the rule has changed twice since."""
    hot.rule("hot", HOT.replace("for: 2 h", "for: 3 h"))
    hot.reload()
    hot.rule("hot", HOT.replace("above: $hot", "below: $hot"))
    hot.reload()
    (again,) = explained(hot)["again"]
    assert again["verdict"] == SAME
    assert again["clauses"][0]["again"] is True


@pytest.mark.parametrize(
    ("field", "value"), [("value", 42.9), ("value", None), ("verdict", False), ("signal", "trips")]
)
def test_evidence_that_does_not_fit_its_rule_differs(hot: Keeper, field: str, value: Any) -> None:
    row = hot.ledger.ticket(1)
    event = row["events"][0]
    forged = event | {"evidence": [event["evidence"][0] | {field: value}]}
    (again,) = explained(hot, events=[forged])["again"]
    assert again["verdict"] == DIFFERS
    assert again["text"]["en"].startswith("differs")
    lines = explained_lines(explained(hot, events=[forged]), "zh", "UTC")
    assert any("结论不一致" in line for line in lines)


def test_a_rule_whose_text_is_gone_is_said_to_be_gone(hot: Keeper) -> None:
    with sqlite3.connect(hot.store / "journal.db") as db:
        db.execute("DELETE FROM plan")
    db.close()
    (again,) = explained(hot)["again"]
    assert again["verdict"] == "gone"
    assert again["text"] == {
        "en": "the rule's text of that day is no longer kept",
        "zh": "当时的规则文本已不再保存",
    }


# -- judging again, whatever the verb -------------------------------------------------------------------

WHENS = (
    "{signal: temp, above: 25 degC}",
    "{signal: temp, outside: [5 degC, 25 degC]}",
    "{signal: mode, is: stopped}",
    "{signal: mode, count: {at_least: 3, over: 6 h, is: stopped}}",
    "{signal: temp, count: {at_least: 3, over: 6 h, above: 25 degC}}",
    "{signal: fault, count: {at_least: 2, per: 40 trips}}",
    "{signal: temp, rate: {above: 1 degC/h, over: 6 h, at_least: 3}}",
    "{signal: trips, rate: {above: 12/h, over: 6 h, at_least: 3}}",
    "{signal: temp, forecast: {reaches: 60 degC, within: 24 h, from: 24 h, at_least: 6 h, fit: 0.1}}",
    "{signal: temp, drift: {up: 1 sigma, against: 6 h, at_least: 8, decision: 2}}",
    "{signal: temp, drift: {down: 1 degC, against: 6 h, at_least: 8, method: page-hinkley}}",
    "{signal: temp, expected: {up: 2 sigma, learn: 1 h}}",
    "{signal: trips, expected: {silence: 20 %, learn: 1 h}}",
    "{signal: temp, stuck: {over: 3 h, within: 2 degC, at_least: 3}}",
    "{signal: mode, flapping: {at_least: 4, over: 6 h}}",
    "{signal: temp, flapping: {at_least: 3, over: 6 h, above: 25 degC}}",
    "{signal: trips, used: {of: 300, at: 80 %}}",
    "{signal: mode, is: stopped, then: {signal: temp, above: 25 degC, within: 10 min}}",
)
HOURS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 40), st.booleans(), st.sampled_from([600, 3600, 7200])),
    min_size=1, max_size=40,
)  # fmt: skip


def live(when: str, hours: Any) -> tuple[Rule, list[dict[str, Any]]]:
    """A lift through such hours, and what a rule's clauses have to say in the end."""
    made = rule(when)
    site = Site(made)
    at, trips = DAY0, 0.0
    for temp, ran, stopped, step in hours:
        at, trips = at + step, trips + ran
        site.at(at).reads(temp=float(temp), trips=trips, mode="stopped" if stopped else "normal")
        if stopped:
            site.reads(fault="break")
    (stands,) = site.engine.explain("elevator/rule", "a", at)
    return made, stands["clauses"]


@pytest.mark.parametrize("when", WHENS)
@settings(max_examples=25, deadline=None)
@given(hours=HOURS)
def test_what_the_engine_saw_never_differs_from_what_it_said(when: str, hours: Any) -> None:
    made, clauses = live(when, hours)
    assert {each.outcome for each in rerun(clauses, made)} <= {SAME, OPEN}


@pytest.mark.parametrize("when", WHENS)
@settings(max_examples=25, deadline=None)
@given(hours=HOURS)
def test_a_verdict_turned_round_never_passes_for_the_same(when: str, hours: Any) -> None:
    made, clauses = live(when, hours)
    turned = [clause | {"verdict": not clause["verdict"]} for clause in clauses]
    assert SAME not in {each.outcome for each in rerun(turned, made)}


RISING = [(10 + 2 * hour, 20, hour % 2 == 0, 3600) for hour in range(121)]


@pytest.mark.parametrize("when", [WHENS[i] for i in (0, 1, 2, 3, 4, 6, 7, 8, 9, 14, 16)])
def test_what_held_is_found_to_hold(when: str) -> None:
    """So that the properties above are not met by verdicts that never were true."""
    made, clauses = live(when, RISING)
    assert [(each.stored, each.again, each.outcome) for each in rerun(clauses, made)] == [(True, True, SAME)]


def test_what_the_evidence_cannot_tell_is_said_to_be_open() -> None:
    made = rule("{silent: 1 h}")
    (again,) = rerun([{"verb": "silent", "signal": "", "verdict": True}], made)
    assert (again.outcome, again.again) == (OPEN, None)
    assert again.note[0] and again.note[1]


def test_another_number_of_clauses_differs() -> None:
    made = rule("{signal: temp, above: 25 degC}")
    (again,) = rerun([], made)
    assert again.outcome == DIFFERS
    assert "0" in again.note[0]


def test_the_whole_rule_is_judged_over_its_tree() -> None:
    made = rule("{all: [{signal: temp, above: 25 degC}, {not: {signal: mode, is: stopped}}]}")
    assert isinstance(made.tree, Node)
    yes, no, lost = Again(True, True, SAME), Again(False, False, SAME), Again(True, None, OPEN)
    assert whole([yes, no], made) is True
    assert whole([yes, yes], made) is False
    assert whole([lost, no], made) is True
    assert whole([yes], made) is None


# -- where a rule stands now ------------------------------------------------------------------------------


def test_each_clause_has_its_value_limit_and_margin(hot: Keeper) -> None:
    (watch,) = told(hot)["watches"]
    assert watch["state"] == "open"
    (clause,) = watch["clauses"]
    assert (clause["value"], clause["limit"], clause["margin"]) == (47.0, 43.0, 4.0)
    assert clause["margin_text"] == {"en": "4 °C beyond the limit", "zh": "超出限值 4 ℃"}
    assert watch["limits"] == {"hot": "43 degC"}


def test_what_is_pending_says_since_when_and_when_it_would_open(tmp_path: Path) -> None:
    with keeping(tmp_path) as keeper:
        keeper.says(temp=40.0).at(HOUR).says(temp=44.0).at(1.5 * HOUR).says(temp=44.5)
        (watch,) = told(keeper)["watches"]
        lines = standing_lines(told(keeper), "en", "Asia/Shanghai")
    assert (watch["state"], watch["since"], watch["opens_at"]) == ("pending", T0 + HOUR, T0 + 3 * HOUR)
    assert "  since 2026-11-23 09:00:00; opens at 2026-11-23 11:00:00 if it lasts" in lines


@pytest.mark.parametrize(
    ("minutes", "unknown", "en"),
    [(0, "", ""), (70, "gone", "what was heard last no longer holds")],
)
def test_why_nobody_can_say(tmp_path: Path, minutes: int, unknown: str, en: str) -> None:
    with keeping(tmp_path) as keeper:
        keeper.says(temp=40.0).at(minutes * MINUTE + 300 * MINUTE * bool(minutes)).says("a-2", temp=20.0)
        (clause,) = told(keeper)["watches"][0]["clauses"]
        (never,) = told(keeper, "a-3")["watches"][0]["clauses"]
    assert (clause["unknown"], clause["unknown_text"]["en"]) == (unknown, en)
    assert (never["unknown"], never["unknown_text"]["zh"]) == ("never_heard", "从未收到数据")
    assert never["margin"] is None


def test_what_learns_says_that_it_learns(tmp_path: Path) -> None:
    drifts = HOT.replace("above: $hot", "drift: {up: 3 sigma, against: 7 d}")
    with keeping(tmp_path, rules={"hot": drifts}) as keeper:
        keeper.says(temp=40.0)
        (clause,) = told(keeper)["watches"][0]["clauses"]
    assert clause["unknown"] == "warming_up"


def test_what_holds_it_back_is_named(tmp_path: Path) -> None:
    with keeping(tmp_path) as keeper:
        keeper.says(temp=50.0, mode="stopped")
        (watch,) = told(keeper)["watches"]
        assert [(each["entry"], each["is_so"]) for each in watch["held_by"]] == [(1, True)]
        keeper.at(5 * MINUTE).says(temp=50.0, mode="normal")
        (watch,) = told(keeper)["watches"]
        assert [(each["entry"], each["is_so"], each["after"]) for each in watch["held_by"]] == [
            (1, False, 600)
        ]
        keeper.maintain("a-1", HOUR)
        (watch,) = told(keeper)["watches"]
        assert [each["text"]["en"] for each in watch["held_by"]] == ["people work on it"]
        assert "被 unless 第 1 项抑制：正在检修" in "\n".join(standing_lines(told(keeper), "zh", "UTC"))
        keeper.at(3 * HOUR).says(temp=50.0, mode="normal")
        (watch,) = told(keeper)["watches"]
        assert (watch["held_back"], watch["held_by"]) == ("", [])


def test_outside_its_hours_it_says_until_when(tmp_path: Path) -> None:
    asleep = HOT.replace("for: 2 h", "for: 2 h\nduring: night")
    with keeping(tmp_path, rules={"hot": asleep}) as keeper:
        keeper.at(HOUR).says(temp=50.0)
        (watch,) = told(keeper)["watches"]
        lines = standing_lines(told(keeper), "en", "Asia/Shanghai")
    assert (watch["held_back"], watch["held_until_at"]) == ("asleep", T0 + 10.5 * HOUR)
    assert any("until 2026-11-23 18:30:00" in line for line in lines)


def test_a_device_that_the_rule_does_not_watch_has_no_watch(hot: Keeper) -> None:
    assert told(hot, "nobody")["watches"] == []
    assert told(hot, "a-1", "elevator/none")["watches"] == []


def test_a_snapshot_and_the_journal_behind_it_say_the_same_as_the_journal_alone(hot: Keeper) -> None:
    alone = told(hot)
    hot.snapshot()
    assert told(hot) == alone
    hot.at(6 * HOUR).says(temp=30.0)
    after = told(hot)["watches"][0]
    assert after["state"] == "idle"
    assert after["clauses"][0]["margin_text"]["en"] == "13 °C short of the limit"


def test_looking_writes_nothing_while_the_daemon_writes(hot: Keeper) -> None:
    hot.snapshot()

    def prints() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(hot.store.iterdir())
            if not path.name.endswith("-shm")
        }

    before = prints()
    told(hot)
    explained(hot)
    assert prints() == before
    hot.at(2 * DAY).says(temp=20.0)  # and whoever writes is not held up
