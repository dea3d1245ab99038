"""Rule files become rules, or say where they are wrong."""

from __future__ import annotations

import pytest

from foretell.engine.counting import Count
from foretell.engine.drifting import Drift
from foretell.engine.levels import Level, Silent
from foretell.engine.rule import Rulebook
from foretell.engine.rulebook import RuleModel, read_rule
from foretell.site.estate import Facts
from tests.engine.timeline import kind, rule, rule_text


def problems(when: str, rest: str = "", rule_id: str = "elevator/x") -> list[str]:
    _, found = read_rule(rule_id, rule_text(when, rest), "x.yaml", {"elevator": kind()})
    return [str(problem) for problem in found]


def test_limits_are_in_the_signals_unit() -> None:
    assert rule("{signal: temp, above: 333.15 K}").conditions == (
        Level("temp", "degC", above=pytest.approx(60.0)),
    )
    assert rule("{signal: close, below: 400 ms}").conditions == (Level("close", "s", below=0.4),)
    assert rule("{signal: temp, outside: [0 degC, 40 degC]}").conditions == (
        Level("temp", "degC", 40.0, 0.0, True),
    )


def test_every_condition_has_its_words() -> None:
    assert rule("{signal: mode, is: [stopped]}").conditions == (Level("mode", states=("stopped",)),)
    assert rule("{silent: 2 h}").conditions == (Silent("", 7200.0),)
    [drift] = rule("{signal: close, drift: {up: 400 ms, against: 14 d}}", "by: floor").conditions
    assert drift == Drift("close", "s", 0.4, True, False, 14 * 86400.0)
    [drift] = rule(
        "{signal: temp, drift: {down: 2.5 sigma, against: 1 d, median: 1 h, decision: 8}}"
    ).conditions
    assert drift == Drift("temp", "degC", 2.5, False, True, 86400.0, 30, 8.0, 3600.0)
    [count] = rule("{signal: fault, count: {is: break, at_least: 3, per: 100 trips}}").conditions
    assert count == Count("fault", "event", 3.0, 0.0, 100.0, "trips", "counter", ("break",))


def test_what_is_asked_for_its_absence_is_marked() -> None:
    count = "{signal: fault, count: {at_least: 1, over: 1 d}}"
    absences = [
        rule(when).conditions[0].absence
        for when in (count, f"{{not: {count}}}", f"{{not: {{not: {count}}}}}")
    ]  # type: ignore[union-attr]
    assert absences == [False, True, False]


def test_a_rule_that_is_off_is_checked_and_left_out() -> None:
    text = rule_text("{signal: temp, above: 60 degC}", "mode: off")
    found, wrong = read_rule("elevator/x", text, "x.yaml", {"elevator": kind()})
    assert found is not None and not wrong
    book = Rulebook((found,))
    assert not book.rules and not book.of(Facts("a", "elevator")) and "elevator/x" in book.written
    assert problems("{signal: temp, above: 60}", "mode: off") != []


@pytest.mark.parametrize(
    ("when", "rest", "said"),
    [
        (
            "{signal: temp, above: 60}",
            "",
            "4:22: when.above: '60' needs a unit: this signal is measured in degC",
        ),
        ("{signal: temp, above: 500 degC}", "", "can never be met: 'temp' ranges from -50 to 200 degC"),
        ("{signal: tmep, above: 1 K}", "", "has no signal 'tmep' (did you mean 'temp'?)"),
        ("{signal: temp, is: hot}", "", "it has numbers, not words (use 'above' or 'below')"),
        ("{signal: mode, outside: [1, 2]}", "", "when.outside: 'mode' is a state: it has words, not numbers"),
        ("{signal: mode, is: stoped}", "", "'mode' is never 'stoped' (did you mean 'stopped'?)"),
        ("{signal: mode, is: []}", "", "name at least one word"),
        ("{signal: temp, outside: [5 degC, 1 degC]}", "", "the lower limit must stand before the upper one"),
        (
            "{signal: temp, above: 9 degC, below: 1 degC}",
            "",
            "cannot both be meant (use 'outside: [low, high]')",
        ),
        (
            "{all: [{signal: fault, cuont: {at_least: 1}}]}",
            "",
            "4:30: when.all.0.cuont: unknown key 'cuont' (did you mean 'count'?)",
        ),
        ("{all: [{signal: mode, is: stopped}], signal: mode}", "", "'all' has no signal of its own"),
        ("{not: {}}", "", "when.not: a condition asks one thing; found none"),
        ("{above: 1 degC}", "", "the key 'signal' is required: what is this about?"),
        (
            "{signal: fault, count: {at_least: 1}}",
            "",
            "count needs one of 'over' (a time) and 'per' (operations)",
        ),
        ("{signal: fault, count: {at_least: 1, per: many trips}}", "", "is not a number of operations"),
        ("{signal: temp, count: {at_least: 1, over: 1 h}}", "", "is a gauge: say what counts"),
        (
            "{signal: trips, count: {at_least: 1, over: 1 h, above: 3}}",
            "",
            "is a counter: its steps are counted",
        ),
        ("{signal: trips, drift: {up: 1, against: 1 h}}", "", "it only grows, so it cannot drift"),
        ("{signal: temp, drift: {up: 1.2.3 sigma, against: 1 h}}", "", "when.drift.up:"),
        (
            "{signal: temp, drift: {up: 0 K, against: 1 h}}",
            "",
            "the shift to look for must be larger than nothing",
        ),
        ("{signal: temp, drift: {against: 1 h}}", "", "drift needs one of 'up' and 'down'"),
        ("{silent: 1 h}", "by: floor", "a device is silent as a whole"),
        (
            "{signal: temp, above: 1 degC}",
            "by: flor",
            "no signal belongs to a 'flor' (did you mean 'floor'?)",
        ),
        (
            "{signal: temp, above: 1 degC}",
            "by: floor",
            "no signal that this rule asks about belongs to a 'floor'",
        ),
        (
            "{any: [{signal: lamp, is: 'on'}, {signal: close, above: 1 s}]}",
            "by: floor",
            "'lamp' belongs to a 'channel', not to a 'floor'",
        ),
        (
            "{signal: temp, above: 60 degC}",
            "clear: {below: 61 degC}",
            "5:9: clear.below: this lies on the wrong side",
        ),
        (
            "{signal: mode, is: stopped}",
            "clear: {is: stopped, for: 1 h}",
            "clear.is: this lies on the wrong side",
        ),
        ("{signal: temp, above: 60 degC}", "clear: {quiet: 1 d}", "nothing is counted here"),
        ("{signal: temp, above: 60 degC}", "clear: {}", "clear needs one of"),
        (
            "{all: [{signal: temp, above: 60 degC}, {signal: mode, is: stopped}]}",
            "clear: {below: 50 degC}",
            "this rule asks about several",
        ),
    ],
)
def test_one_mistake_is_one_problem_with_its_place(when: str, rest: str, said: str) -> None:
    found = [
        problem for problem in problems(when, rest) if "is required" not in problem or "about" in problem
    ]
    assert [said in problem for problem in found].count(True) == 1, found


def test_the_path_is_the_name() -> None:
    assert "a rule's path is its name" in problems("{silent: 1 h}", rule_id="Elevator/X")[0]
    assert "stands in the folder of another kind" in problems("{silent: 1 h}", rule_id="lighting/x")[0]


def test_unknown_kind_and_unknown_word_in_the_title() -> None:
    text = rule_text("{silent: 1 h}").replace("kind: elevator", "kind: elevatr")
    assert "did you mean 'elevator'?" in str(read_rule("elevator/x", text, "x", {"elevator": kind()})[1][0])
    text = rule_text("{silent: 1 h}").replace("{device}", "{devise}")
    assert "unknown word '{devise}'" in str(read_rule("elevator/x", text, "x", {"elevator": kind()})[1][0])


def test_an_edit_changes_the_revision_and_not_the_identity() -> None:
    first, second = rule("{silent: 1 h}"), rule("{silent: 2 h}")
    assert first.id == second.id
    assert first.revision != second.revision


def test_conditions_are_bounded() -> None:
    leaf = "{signal: temp, above: 1 degC}"
    many = "{any: [" + ", ".join([f"{{all: [{', '.join([leaf] * 9)}]}}"] * 4) + "]}"
    assert "more than 32 conditions" in problems(many)[0]


def test_the_schema_knows_the_words() -> None:
    assert {"when", "for", "clear", "ticket"} <= set(RuleModel.model_json_schema(by_alias=True)["properties"])
