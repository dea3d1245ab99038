"""Generated cases: for every class of condition they pass on their own rule and fail on another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.engine.rule import Rule
from foretell.lab.cases import MAKERS, generate
from foretell.lab.hinges import hinges, judged
from foretell.lab.testing import FAILED, SKIPPED, Result, Room
from foretell.lab.trial import read_case, run
from tests.lab.rules import KIND, KINDS, ZONE, document, rule

ALWAYS = ("just above", "just short", "normal", "clear", "gap", "duplicate", "out of order",
          "restart in mid-for", "offline", "never seen")  # fmt: skip

RULES = [
    ("{signal: temp, above: 60 degC}", "for: 30 min"),
    ("{signal: temp, above: 60 degC}", "clear: {below: 50 degC, for: 1 h}"),
    ("{signal: temp, below: 0 degC}", "for: 30 min\nclear: {above: 5 degC}"),
    ("{signal: temp, outside: [10 degC, 40 degC]}", ""),
    ("{signal: close, above: 5 s}", "by: floor\nfor: 1 h"),
    ("{signal: mode, is: [stopped, inspection]}", "for: 1 d\nclear: {is: normal, for: 1 h}"),
    ("{signal: fault, is: break}", ""),
    ("{signal: online, is: offline}", "for: 5 min"),
    ("{signal: said, is: hello}", "for: 5 min"),
    ("{silent: 1 h}", ""),
    ("{signal: temp, silent: 1 h}", "for: 10 min"),
    ("{signal: close, silent: 1 h}", "by: floor"),
    ("{signal: fault, count: {is: break, at_least: 3, over: 14 d}}", "clear: {quiet: 7 d}"),
    ("{signal: fault, count: {at_least: 1, over: 1 h}}", ""),
    ("{signal: fault, count: {at_least: 2, over: 1 h}}", "for: 10 min"),
    ("{signal: said, count: {at_least: 5, over: 1 h}}", ""),
    ("{signal: mode, count: {is: stopped, at_least: 3, over: 1 d}}", ""),
    ("{signal: mode, count: {at_least: 6, over: 1 d}}", ""),
    ("{signal: trips, count: {at_least: 500, over: 1 d}}", ""),
    ("{signal: trips, count: {at_least: 2, over: 1 d}}", "for: 3 h"),
    ("{signal: temp, count: {above: 60 degC, at_least: 4, over: 1 h}}", ""),
    ("{signal: fault, count: {is: break, at_least: 3, per: 100 trips}}", ""),
    ("{signal: doors, count: {at_least: 20, per: 1000 trips}}", ""),
    ("{signal: doors, count: {at_least: 20, per: 30 fault}}", ""),
    ("{not: {signal: trips, count: {at_least: 1, over: 12 h}}}", ""),
    ("{not: {signal: fault, count: {at_least: 1, over: 12 h}}}", ""),
    ("{not: {signal: mode, is: normal}}", "for: 1 h"),
    ("{signal: close, drift: {up: 0.4 s, against: 5 d}}", "clear: {below: 3.6 s, for: 12 h}"),
    ("{signal: close, drift: {up: 0.4 s, against: 5 d, at_least: 8, median: 12 h, decision: 10}}", ""),
    ("{signal: close, drift: {down: 2 sigma, against: 14 d}}", "by: floor"),
    ("{signal: temp, drift: {up: 6 sigma, against: 14 d, median: 1 d}}", ""),
    ("{signal: temp, drift: {up: 5 degC, against: 14 d, median: 1 d, method: page-hinkley}}", ""),
    ("{signal: temp, drift: {up: 2 sigma, against: 4 d, method: page-hinkley}}", ""),
    ("{signal: free, drift: {up: 3 mm, against: 4 d}}", "for: 1 d"),
    ("{signal: temp, rate: {above: 2 degC/h, over: 3 h}}", "for: 20 min"),
    ("{signal: temp, rate: {below: -2 degC/h, over: 3 h}}", ""),
    ("{signal: free, rate: {below: 2 mm/h, over: 3 h}}", ""),
    ("{signal: trips, rate: {above: 20/h, over: 3 h}}", "for: 1 h"),
    ("{signal: ran, rate: {above: 20 h/d, over: 2 d}}", ""),
    ("{signal: temp, forecast: {reaches: 60 degC, within: 14 d, from: 21 d, at_least: 10 d}}", "for: 1 d"),
    ("{signal: temp, forecast: {falls_to: 5 degC, within: 2 h, from: 3 h, at_least: 1 h}}", "for: 20 min"),
    (
        "{signal: free, forecast: {reaches: 5 mm, within: 14 d, from: 21 d, at_least: 10 d}}",
        "clear: {below: 4 mm}",
    ),
    ("{signal: temp, stuck: {over: 6 h}}", ""),
    ("{signal: temp, stuck: {over: 6 h, within: 0.5 degC, at_least: 50}}", "for: 1 h"),
    ("{signal: trips, stuck: {over: 1 d}}", ""),
    ("{signal: mode, flapping: {at_least: 6, over: 1 h}}", ""),
    ("{signal: fault, flapping: {at_least: 6, over: 1 h}}", "for: 10 min"),
    ("{signal: temp, flapping: {at_least: 6, over: 1 h, above: 50 degC}}", ""),
    ("{signal: trips, used: {of: 100000, at: 80 %}}", ""),
    ("{signal: ran, used: {of: 1000 h, from: zero}}", "for: 1 h"),
    ("{signal: doors, used: {of: 1000}}", "by: floor"),
    ("{signal: mode, is: stopped, then: {signal: fault, is: fix, within: 1 h}}", ""),
    ("{signal: fault, is: break, then: {signal: fault, is: fix, within: 1 h}}", ""),
    ("{signal: fault, is: break, then: {signal: mode, is: normal, within: 1 h}}", ""),
    ("{signal: trips, then: {signal: doors, within: 1 min, at_least: 3, over: 1 h}}", ""),
    ("{signal: door, is: open, then: {signal: doors, within: 1 min}}", "by: floor"),
    ("{signal: temp, above: 60 degC, then: {signal: mode, is: stopped, within: 10 min}}", "for: 1 min"),
    ("{signal: said, then: {signal: temp, above: 30 degC, within: 10 min, at_least: 2, over: 1 d}}", ""),
    ("{signal: close, peers: {up: 4 sigma}}", ""),
    ("{signal: close, peers: {up: 30 %, among: model}}", ""),
    ("{signal: close, peers: {apart: 0.5 s, among: place, at_least: 8, median: 6 h}}", "for: 6 h"),
    ("{signal: close, peers: {down: 0.5 s, among: building}}", ""),
    ("{signal: close, peers: {up: 0.4 s, among: parts}}", "by: floor"),
    ("{signal: trips, peers: {down: 50 %}}", ""),
    ("{signal: trips, peers: {up: 4 sigma, beyond: 50}}", ""),
    ("{signal: temp, expected: {up: 5 degC, learn: 14 d}}", ""),
    ("{signal: temp, expected: {down: 4 sigma, learn: 21 d}}", "for: 3 h"),
    ("{signal: temp, expected: {up: 50 %, learn: 14 d}}", ""),
    ("{signal: trips, expected: {down: 50 %, learn: 14 d}}", ""),
    ("{signal: trips, expected: {up: 4 sigma, learn: 14 d}}", ""),
    ("{signal: fault, expected: {up: 4 sigma, learn: 14 d}}", ""),
    ("{signal: said, expected: {up: 100 %, learn: 7 d}}", ""),
    ("{signal: fault, expected: {silence: 1 %, at_least: 30 min, learn: 7 d}}", ""),
    ("{signal: trips, expected: {silence: 1 %, at_least: 3 h, learn: 14 d}}", "for: 10 min"),
    ("{all: [{signal: temp, above: 30 degC}, {signal: mode, is: normal}]}", "for: 1 h"),
    ("{any: [{signal: temp, above: 30 degC}, {signal: mode, is: stopped}]}", "for: 1 h"),
    ("{all: [{signal: temp, above: 30 degC}, {not: {signal: mode, is: inspection}}]}", "for: 1 h"),
    ("{all: [{signal: temp, above: 30 degC}, {not: {signal: temp, above: 60 degC}}]}", ""),
    ("{all: [{signal: close, drift: {up: 0.4 s, against: 5 d}}, {signal: close, peers: {up: 0.4 s}}]}", ""),
    (
        "{any: [{signal: close, drift: {up: 0.4 s, against: 5 d}},"
        " {signal: close, forecast: {reaches: 6 s, within: 14 d, from: 21 d, at_least: 10 d}}]}",
        "",
    ),
    (
        "{any: [{signal: trips, count: {at_least: 9, over: 1 h}}, {signal: temp, above: 40 degC},"
        " {silent: 3 h}]}",
        "",
    ),
    ("{signal: temp, above: 60 degC}", "for: 30 min\nduring: service-hours"),
    ("{signal: temp, above: 60 degC}", "for: 30 h\nduring: service-hours"),
    ("{signal: temp, rate: {above: 2 degC/h, over: 3 h}}", "during: service-hours"),
    ("{signal: close, drift: {up: 0.4 s, against: 5 d}}", "during: rush-hours"),
    ("{signal: temp, above: 60 degC}", "on_missing: open\nfor: 1 h"),
    ("{signal: temp, above: 60 degC}", "on_missing: reset\nfor: 1 h"),
    (
        "{signal: temp, above: 60 degC}",
        "unless: [in-maintenance, {signal: mode, is: inspection, after: 10 min},"
        " {signal: temp, above: 100 degC}]",
    ),
    ("{signal: temp, above: 60 degC}", "where: {place: [b1, 'b2*'], model: 'X?', id: 'b1-*'}"),
    ("{signal: close, peers: {up: 4 sigma}}", "where: {id: 'b1-*'}"),
    ("{signal: close, peers: {up: 4 sigma}}", "where: {id: [b1-a]}"),
    ("{signal: temp, above: 60 degC}", "clear: {signal: mode, is: normal}"),
    ("{signal: mode, is: stopped, then: {signal: mode, is: normal, within: 1 h}}", ""),
    ("{signal: fault, is: break, then: {signal: fault, is: fix, within: 2 h, at_least: 3, over: 1 d}}", ""),
    ("{signal: trips, stuck: {over: 1 d, within: 5}}", "during: [service-hours]\nexcept: rush-hours"),
]

SKIPPED_OF = {
    "silence is what it is about": {"gap"},
    "whether the device can be heard is what it is about": {"offline"},
    "by its 'on_missing: open' a gap is a fault": {"gap"},
    "the rule opens when this one ends; that it nearly does not is normal": {"just short"},
    "until one of its conditions has come true for the first time it would be open": {*ALWAYS}
    - {"never seen"},
    "another condition would open it all the same": {"just short"},
    "whether all that is asked of its signal is over may not be known": {"clear"},
    "a device that hardly speaks is silent in its other signals": {"just short"},
    "its hours leave no room for it": {"out of order"},
    "its 'where' takes no siblings": {*ALWAYS} - {"never seen"},
}
"""For what reason a case of a rule above may be left out, and which."""


def made(of: Rule, when: str, rest: str) -> list[Result]:
    return list(Room(document(when, rest), of, {}, KINDS, ZONE).made(None))


@pytest.mark.parametrize(("when", "rest"), RULES)
def test_a_rule_passes_what_is_made_from_it(when: str, rest: str) -> None:
    results = made(rule(when, rest), when, rest)
    failed = [(each.test, each.failures, each.drawing) for each in results if each.outcome == FAILED]
    assert not failed
    assert {each.test.partition(":")[0] for each in results} == set(ALWAYS)
    for each in results:
        if each.outcome == SKIPPED:
            assert each.test.partition(":")[0] in SKIPPED_OF[each.reason], each


def test_every_class_of_condition_is_among_them() -> None:
    classes = {type(condition).__name__ for words in RULES for condition in rule(*words).conditions}
    assert classes >= {maker.__name__ for maker in MAKERS}


OTHERS = [
    # a rule, and what is changed in it: something made from the first must fail on the second
    ("{signal: temp, above: 60 degC}", "for: 30 min", "30 min", "40 min", "just above"),
    ("{signal: temp, above: 60 degC}", "for: 30 min", "30 min", "20 min", "just above"),
    ("{signal: temp, above: 60 degC}", "for: 30 min", "60 degC", "61 degC", "just above"),
    ("{signal: temp, above: 60 degC}", "for: 30 min", "60 degC", "59 degC", "just short"),
    ("{signal: temp, above: 60 degC}", "for: 30 min", "above", "below", "normal"),
    ("{signal: temp, above: 60 degC}", "clear: {below: 50 degC, for: 1 h}", "1 h", "5 h", "clear"),
    ("{signal: temp, above: 60 degC}", "for: 30 min", "for: 30 min", "on_missing: open", "gap"),
    ("{signal: temp, above: 60 degC}", "for: 30 min", "above: 60 degC", "silent: 10 min", "never seen"),
    ("{signal: mode, is: stopped}", "for: 1 h", "stopped", "inspection", "just above"),
    ("{silent: 1 h}", "", "1 h", "2 h", "just above"),
    ("{silent: 1 h}", "", "1 h", "50 min", "just short"),
    ("{signal: fault, count: {is: break, at_least: 3, over: 1 d}}", "", "3", "4", "just above"),
    ("{signal: fault, count: {is: break, at_least: 3, over: 1 d}}", "", "3", "2", "just short"),
    ("{signal: fault, count: {is: break, at_least: 3, over: 1 d}}", "", "1 d", "2 d", "just short"),
    ("{signal: fault, count: {is: break, at_least: 3, over: 1 d}}", "", "break", "fix", "just above"),
    ("{signal: trips, count: {at_least: 40, over: 1 d}}", "", "40", "42", "just above"),
    ("{signal: trips, count: {at_least: 40, over: 1 d}}", "", "40", "39", "just short"),
    ("{signal: close, drift: {up: 0.4 s, against: 5 d}}", "", "0.4 s", "1 s", "just above"),
    ("{signal: close, drift: {up: 0.4 s, against: 5 d}}", "", "0.4 s", "0.2 s", "just short"),
    ("{signal: close, drift: {up: 0.4 s, against: 5 d}}", "", "up", "down", "just above"),
    ("{signal: close, drift: {up: 0.4 s, against: 5 d}}", "", "5 d", "9 d", "just above"),
    ("{signal: temp, rate: {above: 2 degC/h, over: 3 h}}", "", "2 degC", "2.5 degC", "just above"),
    ("{signal: temp, rate: {above: 2 degC/h, over: 3 h}}", "", "2 degC", "1.5 degC", "just short"),
    ("{signal: temp, forecast: {reaches: 60 degC, within: 3 d, from: 5 d, at_least: 2 d}}", "",
     "60 degC", "90 degC", "just above"),
    ("{signal: temp, stuck: {over: 6 h, within: 1 degC}}", "", "1 degC", "1.2 degC", "just short"),
    ("{signal: temp, stuck: {over: 6 h, within: 1 degC}}", "", "6 h", "8 h", "just above"),
    ("{signal: mode, flapping: {at_least: 6, over: 1 h}}", "", "6", "5", "just short"),
    ("{signal: mode, flapping: {at_least: 6, over: 1 h}}", "", "6", "8", "just above"),
    ("{signal: trips, used: {of: 1000, at: 80 %}}", "", "80", "90", "just above"),
    ("{signal: trips, used: {of: 1000, at: 80 %}}", "", "80", "75", "just short"),
    ("{signal: fault, is: break, then: {signal: mode, is: normal, within: 1 h}}", "",
     "1 h", "70 min", "just above"),
    ("{signal: fault, is: break, then: {signal: mode, is: normal, within: 1 h}}", "",
     "1 h", "50 min", "just short"),
    ("{signal: close, peers: {up: 0.5 s, median: 6 h}}", "", "0.5 s", "0.6 s", "just above"),
    ("{signal: close, peers: {up: 0.5 s, median: 6 h}}", "", "0.5 s", "0.4 s", "just short"),
    ("{signal: temp, expected: {up: 5 degC, learn: 14 d}}", "", "5 degC", "8 degC", "just above"),
    ("{signal: temp, expected: {up: 5 degC, learn: 14 d}}", "", "5 degC", "2.5 degC", "just short"),
    ("{signal: fault, expected: {silence: 1 %, learn: 14 d}}", "", "1 %", "20 %", "just above"),
    ("{all: [{signal: temp, above: 30 degC}, {signal: mode, is: normal}]}", "", "all", "any", "normal"),
]  # fmt: skip


@pytest.mark.parametrize(("when", "rest", "old", "new", "name"), OTHERS)
def test_on_another_rule_it_fails(when: str, rest: str, old: str, new: str, name: str) -> None:
    other = rule(when.replace(old, new), rest.replace(old, new))
    for each in generate(rule(when, rest), KIND, ZONE):
        if each.name.startswith(name) and each.model is not None:
            found, faults = read_case(each.model, other, KINDS, ZONE)
            assert found is not None, faults
            assert run(found, other).failures
            return
    raise AssertionError(f"no case '{name}' was made")


def test_restarts_and_repetitions_are_where_they_hurt() -> None:
    """The restart falls into `for`: one that forgot what was pending would open later."""
    hot = rule("{signal: temp, above: 60 degC}", "for: 30 min")
    above, restart = (
        next(each.model for each in generate(hot, KIND, ZONE) if each.name == name)
        for name in ("just above", "restart in mid-for")
    )
    assert above is not None and restart is not None
    opens = float(re.findall(r"at ([0-9.]+) min", str(above.expect.opens))[0]) * 60
    found, _ = read_case(restart, hot, KINDS, ZONE)
    assert found is not None
    assert any(opens - 1800 < act.at < opens for act in found.acts)


def test_as_written_a_case_can_be_copied_into_the_file(tmp_path: Path) -> None:
    """What a failure shows is a test that anyone can write."""
    hot = rule("{signal: temp, above: 60 degC}", "for: 30 min")
    model = next(each.model for each in generate(hot, KIND, ZONE) if each.name == "just above")
    assert model is not None
    assert model.series == {
        "temp": "flat 54 degC for 1 min every 20 s, flat 60.6 degC for 31 min every 20 s"
    } or (re.fullmatch(r"flat 54 degC for .* every .*, flat 60.6 degC for .* every .*", model.series["temp"]))


@st.composite
def trees(draw: st.DrawFn) -> str:
    def node(depth: int) -> str:
        kind = draw(st.sampled_from(["leaf"] if depth == 0 else ["leaf", "all", "any", "not"]))
        if kind == "leaf":
            return draw(st.sampled_from([
                "{signal: temp, above: 60 degC}", "{signal: free, below: 3 mm}",
                "{signal: mode, is: stopped}",
                "{signal: mode, is: [normal, stopped]}", "{signal: fault, count: {at_least: 2, over: 1 h}}",
                "{signal: trips, rate: {above: 20/h, over: 2 h}}",
                "{signal: temp, outside: [0 degC, 50 degC]}",
            ]))  # fmt: skip
        if kind == "not":
            return f"{{not: {node(depth - 1)}}}"
        below = ", ".join(node(depth - 1) for _ in range(draw(st.integers(1, 3))))
        return f"{{{kind}: [{below}]}}"

    return node(2)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(when=trees())
def test_whatever_the_tree_nothing_fails_and_nothing_is_lost(when: str) -> None:
    results = made(rule(when), when, "")
    assert not [(each.test, each.failures) for each in results if each.outcome == FAILED]
    assert {each.test.partition(":")[0] for each in results} == set(ALWAYS)
    assert all(each.reason for each in results if each.outcome == SKIPPED)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(when=trees(), data=st.data())
def test_a_rule_turns_on_its_hinge(when: str, data: st.DataObject) -> None:
    of = rule(when)
    leaf = data.draw(st.integers(0, len(of.conditions) - 1))
    for true, false in hinges(of, leaf, (leaf,)):
        assert judged(of, true) is True and judged(of, false) is False
        assert [each for each in true if true[each] != false[each]] == [leaf]
