"""From a change to a ticket that is judged: what the site says of places and moments reaches due, score and words."""

# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foretell.authored.document import read
from foretell.authored.validate import check
from foretell.engine.facts import NEWS
from foretell.engine.rule import Rule, Rulebook
from foretell.engine.rulebook import read_rule
from foretell.site.listing import Listing, ListingModel, read_listing
from foretell.tickets import policy, reckoning
from foretell.tickets.ledger import Ledger
from foretell.tickets.policy import Desk
from tests.tickets.desk import CLAUSE, DAY, DESK, NOW, Teller, kind

HOUR = 3600.0
SITE = """
zone: Asia/Shanghai
places:
  b1: {title: {en: Block 1, zh: 1 栋}}
  b1-u1: {kind: unit, in: b1, households: 48}
  b1-u2: {kind: unit, in: b1, households: 52}
devices:
  a-1: {kind: lift, place: b1}
  a-2: {kind: lift, place: b1}
  a-3: {kind: lift, place: b1, serves: [b1-u1]}
moments:
  leaving-home: {when: {open: ["daily 07:00-09:00"]}, kinds: [lift], weight: 6}
"""


def listing(text: str = SITE) -> Listing:
    document, problems = read(text, "site.yaml")
    model, wrong = check(document, ListingModel)
    assert model is not None, [str(each) for each in problems + wrong]
    found, problems = read_listing(document, model)
    assert found is not None and not problems, [str(each) for each in problems]
    return found


def rule(more: str = "", within: str = "3 d") -> Rule:
    text = f"""
title: {{en: "{{device}} slow", zh: "{{device}} 慢"}}
kind: lift
moment: leaving-home
when: {{signal: close, above: 5 s}}
ticket: {{failure_mode: door, route: maintainer, within: {within}, do: {{en: Look, zh: 看}}{more}}}
"""
    found, problems = read_rule("lift/slow", text, "slow.yaml", {"lift": kind()})
    assert found is not None, problems
    return found


def desk(made: Rule, site: str = SITE) -> Desk:
    return Desk(Rulebook((made,)), {"lift": kind()}, DESK.titles, DESK.places, listing(site))


@pytest.mark.parametrize(
    ("device", "households", "alike"), [("a-1", 100, 2), ("a-3", 48, 1), ("unlisted", 0, 1)]
)
def test_who_is_served_is_read_from_the_site(device: str, households: int, alike: int) -> None:
    factors = policy.judged(Teller().opened(device=device), desk(rule(", noticed_in: now"))).factors
    assert (factors["households"], factors["alike"]) == (households, alike)


def test_a_fault_that_owners_meet_now_is_due_before_their_next_moment() -> None:
    judged = policy.judged(Teller().opened(), desk(rule(", noticed_in: now")))
    assert judged.factors["moment"] == "leaving-home" and judged.due == judged.factors["moment_at"]
    assert judged.due < NOW + 3 * DAY
    # 100 households on two lifts, one moment of weight 6, a rule that allows 3 d, due in less than a day.
    assert judged.score == 100 * 6 / 2 * 2 * 3


def test_without_a_word_on_when_they_notice_it_is_due_when_the_rule_says() -> None:
    assert policy.judged(Teller().opened(), desk(rule())).due == NOW + 1 + 3 * DAY


def test_the_time_left_of_a_condition_comes_before_that_of_the_rule() -> None:
    clause = CLAUSE | {"time_left": [20 * HOUR, 40 * HOUR, None], "fitted_at": NOW, "at": NOW}
    judged = policy.judged(Teller().opened(evidence=(clause,)), desk(rule(", noticed_in: now")))
    assert judged.factors["earliest"] == pytest.approx(20 * HOUR - 1)
    assert judged.due >= NOW + 20 * HOUR


def test_danger_is_a_lane_of_its_own_and_stands_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    tell, calm, danger = Teller(), desk(rule(within="10 min")), desk(rule(", safety: true"))
    ledger.record([tell.opened(device="a-1")], 1, calm)
    ledger.record([tell.opened(device="a-2")], 2, danger)
    rows = ledger.tickets()
    assert [(row["device"], row["lane"]) for row in rows] == [("a-2", "safety"), ("a-1", "planned")]
    ledger.close()


def test_worse_news_may_bring_the_due_nearer_and_never_puts_it_off(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    tell, made = Teller(), desk(rule())
    near, far = (CLAUSE | {"time_left": [hours * HOUR, None, None], "at": NOW} for hours in (20, 60))
    ledger.record([tell.opened()], 1, made)
    first = ledger.tickets()[0]["due_at"]
    ledger.record([tell(NEWS, why="worse", evidence=(near,))], 2, made)
    nearer = ledger.tickets()[0]["due_at"]
    ledger.record([tell(NEWS, why="worse", evidence=(far,))], 3, made)
    assert ledger.tickets()[0]["due_at"] == nearer < first
    ledger.close()


@pytest.mark.parametrize("more", ["", ", noticed_in: now", ", noticed_in: 30 d", ", safety: true"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_sums_are_told_in_words(more: str, language: str) -> None:
    judged = policy.judged(Teller().opened(), desk(rule(more)))
    told: list[str] = reckoning.lines(judged.factors, language, lambda at: f"@{at:.0f}")
    assert len(told) == 2
    assert (f"{judged.score:.0f}" in told[1].replace(",", "")) and ("100" in told[1])
    if more == ", noticed_in: now":
        title: dict[str, Any] = judged.factors["moment_title"]
        assert title[language] in told[0] and f"@{judged.due:.0f}" in told[0]


def test_a_ticket_from_before_there_was_judgement_has_no_sums() -> None:
    assert reckoning.lines({}, "en", str) == []
