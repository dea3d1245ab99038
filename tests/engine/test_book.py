"""All rules of a site together: limits that a site, a place or a device moves; who holds back whom."""

# ruff: noqa: E501

from __future__ import annotations

import pytest

from foretell.authored.document import read
from foretell.authored.validate import check
from foretell.engine.engine import Engine
from foretell.engine.facts import Reading
from foretell.engine.rule import Rulebook
from foretell.engine.rulebook.book import Written, make_rulebook, read_one
from foretell.site.estate import Facts
from foretell.site.listing import Listing, ListingModel, read_listing
from tests.engine.timeline import kind, rule_text

HOT = rule_text(
    "{signal: temp, above: $hot}",
    "for: $lasting\nlimits:\n  hot: {value: 60 degC, between: [40 degC, 80 degC]}\n"
    "  lasting: {value: 10 min, between: [1 min, 2 h]}",
)

SITE = """
places:
  b1: {}
  b1-roof: {kind: floor, in: b1}
devices:
  a: {kind: elevator, place: b1-roof}
  b: {kind: elevator, place: b1}
  c: {kind: elevator}
"""


def listing(text: str) -> Listing:
    document, problems = read(SITE + text, "site.yaml")
    assert not problems
    model, problems = check(document, ListingModel)
    assert model is not None, problems
    found, problems = read_listing(document, model)
    assert found is not None and not problems, problems
    return found


def book(site: str, **texts: str) -> tuple[Rulebook, list[str]]:
    listed, kinds = listing(site), {"elevator": kind()}
    written, problems = [], []
    for name, text in ({"hot": HOT} | texts).items():
        rule, wrong = read_one(f"elevator/{name}", text, f"rules/elevator/{name}.yaml", kinds, listed)
        problems += wrong
        if rule is not None:
            written.append(Written(rule, text, f"rules/elevator/{name}.yaml"))
    rulebook, wrong = make_rulebook(written, kinds, listed)
    return rulebook, [str(problem) for problem in problems + wrong]


def limit(rulebook: Rulebook, listed: Listing, device: str) -> float:
    (rule,) = rulebook.of(listed.estate.facts(device, "elevator"))
    return float(rule.conditions[0].above)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("site", "limits"),
    [
        ("limits: {elevator/hot: {hot: 55 degC}}", (55, 55, 55)),
        ("", (60, 60, 60)),
    ],
)
def test_a_site_moves_a_limit_for_all(site: str, limits: tuple[float, ...]) -> None:
    rulebook, problems = book(site)
    assert not problems
    assert tuple(limit(rulebook, listing(site), device) for device in "abc") == limits


def test_the_nearest_word_counts_device_before_place_before_site() -> None:
    site = """
limits: {elevator/hot: {hot: 55 degC}}
"""
    own = SITE.replace("b1: {}", "b1: {limits: {elevator/hot: {hot: 50 degC}}}").replace(
        "in: b1}", "in: b1, limits: {elevator/hot: {hot: 318.15 K}}}"
    )
    document, _ = read(own + site, "site.yaml")
    model, problems = check(document, ListingModel)
    assert model is not None, problems
    listed, _ = read_listing(document, model)
    assert listed is not None
    rule, _ = read_one("elevator/hot", HOT, "hot.yaml", {"elevator": kind()}, listed)
    assert rule is not None
    rulebook, wrong = make_rulebook([Written(rule, HOT, "hot.yaml")], {"elevator": kind()}, listed)
    assert not wrong
    assert [limit(rulebook, listed, device) for device in "abc"] == [pytest.approx(45.0), 50.0, 55.0]
    told = listed.moved("elevator/hot", listed.estate.facts("a", "elevator"))
    assert told["hot"].value == "318.15 K" and told["hot"].where == "site.yaml:4"
    # Different limits, one rule: ids are alike, revisions are not.
    assert len({rulebook.variants["elevator/hot", name].revision for name in "ab"} | {rule.revision}) == 3
    engine = Engine(rulebook, listed.estate)
    engine.link(True, 0.0)
    engine.receive([Reading(name, "elevator", "temp", "", 52.0, 1.0) for name in "abc"], 1.0)
    assert [change.device for change in engine.advance(1000.0)] == ["a", "b"]


@pytest.mark.parametrize(
    ("site", "said"),
    [
        (
            "limits: {elevator/hot: {hot: 90 degC}}",
            "site.yaml:9:25: limits.elevator/hot.hot: '90 degC' lies outside of what the rule allows: "
            "40 degC to 80 degC",
        ),
        (
            "limits: {elevator/hot: {hot: 2 bar}}",
            "site.yaml:9:25: limits.elevator/hot.hot: '2 bar' has another unit than the bounds of this limit",
        ),
        (
            "limits: {elevator/hot: {hott: 50 degC}}",
            "site.yaml:9:25: limits.elevator/hot.hott: elevator/hot has no limit 'hott' (did you mean 'hot'?)",
        ),
        (
            "limits: {elevator/hto: {hot: 50 degC}}",
            "site.yaml:9:10: limits.elevator/hto: there is no rule 'elevator/hto' (did you mean 'elevator/hot'?)",
        ),
    ],
)
def test_a_limit_that_may_not_be_moved_so_is_told_where_it_is_written(site: str, said: str) -> None:
    _, problems = book(site)
    assert problems == [said]


def test_a_limit_within_bounds_that_does_not_fit_the_rule_is_told_where_it_is_written() -> None:
    text = HOT.replace("for: $lasting", "for: $lasting\nclear: {below: 55 degC}")
    _, problems = book("limits: {elevator/hot: {hot: 50 degC}}", hot=text)
    assert problems == [
        "site.yaml:9:25: limits.elevator/hot.hot: with this limit elevator/hot is wrong: "
        "this lies on the wrong side: the watch would clear while it is still bad"
    ]


def test_a_name_without_a_limit_and_a_value_out_of_its_own_bounds() -> None:
    text = HOT.replace("$lasting", "$lastnig").replace("60 degC, between", "90 degC, between")
    _, problems = book("", hot=text)
    assert problems == [
        "rules/elevator/hot.yaml:7:3: limits.hot: '90 degC' lies outside of what the rule allows: "
        "40 degC to 80 degC"
    ]
    _, problems = book("", hot=HOT.replace("$lasting", "$lastnig"))
    assert problems == [
        "rules/elevator/hot.yaml:5:1: for: unknown limit '$lastnig' (did you mean 'lasting'?)"
    ]


def test_rules_that_hold_each_other_back_in_a_circle_are_refused() -> None:
    def held(by: str) -> str:
        return rule_text("{signal: mode, is: stopped}", f"unless: [elevator/{by}]")

    _, problems = book("", one=held("two"), two=held("three"), three=held("one"))
    assert len(problems) == 3 and all("in a circle" in problem for problem in problems)
    _, problems = book("", one=held("two"), two=held("hot"))
    assert problems == []
    _, problems = book("", one=held("hott"))
    assert problems == [
        "rules/elevator/one.yaml:5:10: unless.0: there is no rule 'elevator/hott' (did you mean 'elevator/hot'?)"
    ]


def test_a_rule_for_any_kind_watches_every_device() -> None:
    text = rule_text("{signal: online, is: offline}").replace("kind: elevator", "kind: any")
    rule, problems = read_one("any/offline", text, "offline.yaml", {"elevator": kind()}, listing(""))
    assert rule is not None, problems
    rulebook = Rulebook((rule,))
    assert rulebook.of(Facts("x", "pump")) == (rule,) == rulebook.of(Facts("y", "elevator"))
