"""One test of one rule: what it says, and that it fails when it should."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.engine.rule import Where
from foretell.lab.sparkline import draw, sparkline
from foretell.lab.trial import Moment, fitting, spell
from tests.lab.rules import case, outcome, rule

H, D = 3600.0, 86400.0
HOT = rule("{signal: temp, above: 60 degC}", "for: 30 min\nclear: {below: 50 degC, for: 1 h}")
BREAKS = rule("{signal: fault, count: {is: break, at_least: 2, over: 1 d}}")
STEP = {"temp": "step 20 degC to 70 degC after 2 h for 8 h every 10 min"}
FEVER = {"temp": "step 20 degC to 70 degC after 2 h for 8 h every 10 min, flat 20 degC for 2 h every 10 min"}


def failed(expect: dict[str, object], series: dict[str, str] = FEVER) -> list[tuple[str, str]]:
    return [(each.what, each.got) for each in outcome(HOT, series=series, expect=expect).failures]


def test_it_opens_and_clears_when_it_does() -> None:
    result = outcome(HOT, series=FEVER)
    assert result.openings == [("a", "", 2.5 * H, 9 * H)]
    assert result.length == 10 * H


@pytest.mark.parametrize(
    "expect",
    [
        {"opens": "at 2.5 h", "clears": "at 9 h", "tickets": 1, "holds": False},
        {"opens": "at 150 min"},
        {"opens": "before 3 h"},
        {"opens": "before 2.5 h"},
        {"opens": "after 2 h", "clears": "after 8 h"},
        {"opens": "between 2 h and 3 h", "clears": "between 2.5 h and 9 h"},
        {"holds": False},
    ],
)
def test_what_is_so_passes(expect: dict[str, object]) -> None:
    assert not failed(expect)


@pytest.mark.parametrize(
    ("expect", "what", "got"),
    [
        ({"opens": "never"}, "opens", "it opened after 2 h 30 min"),
        ({"opens": "at 2 h"}, "opens", "it opened after 2 h 30 min"),
        ({"opens": "before 2 h"}, "opens", "it opened after 2 h 30 min"),
        ({"opens": "after 3 h"}, "opens", "it opened after 2 h 30 min"),
        ({"opens": "between 0 h and 2 h"}, "opens", "it opened after 2 h 30 min"),
        ({"clears": "never"}, "clears", "it cleared after 9 h"),
        ({"clears": "at 8 h"}, "clears", "it cleared after 9 h"),
        ({"tickets": 0}, "tickets", "it opened once"),
        ({"tickets": 2}, "tickets", "it opened once"),
        ({"holds": True}, "holds", "nothing is open at the end"),
    ],
)
def test_what_is_not_so_fails(expect: dict[str, object], what: str, got: str) -> None:
    assert failed(expect) == [(what, got)]


def test_what_never_happens_fails_too() -> None:
    never = {"temp": "flat 20 degC for 1 d every 10 min"}
    assert failed({"opens": "before 1 d", "clears": "after 1 h", "holds": True}, never) == [
        ("opens", "it never opened"), ("clears", "it never cleared"), ("holds", "nothing is open at the end")
    ]  # fmt: skip
    assert not failed({"opens": "never", "clears": "never", "tickets": 0, "holds": False}, never)


def test_the_clock_stops_with_the_last_line() -> None:
    """What has lasted to the very end has lasted; what would come a moment later does not come."""
    hot = "step 20 degC to 70 degC after 1 h for {} every 10 min"
    assert outcome(HOT, series={"temp": hot.format("90 min")}).openings == [("a", "", 1.5 * H, None)]
    assert outcome(HOT, series={"temp": hot.format("89 min")}).openings == []
    longer = {"temp": hot.format("89 min"), "mode": "flat normal for 2 h"}
    assert outcome(HOT, series=longer).openings == [("a", "", 1.5 * H, None)]


def test_a_deadline_is_kept_at_its_own_instant() -> None:
    result = outcome(rule("{silent: 1 h}"), series={"temp": "once 20 degC, gap 5 h, once 20 degC"})
    assert result.openings == [("a", "", pytest.approx(H, abs=0.01), 5 * H)]


def test_readings_come_in_the_order_of_their_arrival() -> None:
    late = {"fault": "once break, gap 2 h, late 3 h, once break, gap 10 h"}
    result = outcome(BREAKS, series=late)
    assert result.openings == [("a", "", 2 * H, None)]
    assert result.changes[0].noticed - 1_772_409_600 == pytest.approx(5 * H)


def test_what_is_sent_again_counts_once() -> None:
    assert outcome(BREAKS, series={"fault": "once break, gap 1 h, again, gap 1 h"}).openings == []


def test_what_the_broker_kept_is_no_event() -> None:
    assert outcome(BREAKS, series={"fault": "once break, gap 1 h, retained break, gap 1 h"}).openings == []


def test_a_repair_clears() -> None:
    hot = {"temp": "flat 70 degC for 5 h every 10 min"}
    assert outcome(HOT, series=hot, acts=["repair at 2 h"]).openings == [
        ("a", "", H / 2, 2 * H), ("a", "", pytest.approx(2.5 * H), None)
    ]  # fmt: skip
    of_b = {"a temp": hot["temp"], "b temp": hot["temp"]}
    cleared = outcome(HOT, series=of_b, acts=["repair b at 2 h"]).openings
    assert [(device, until) for device, _, _, until in cleared][:2] == [("a", None), ("b", 2 * H)]


def test_in_maintenance_a_rule_that_says_so_waits() -> None:
    quiet = rule("{signal: temp, above: 60 degC}", "unless: [in-maintenance]")
    hot = {"temp": "flat 70 degC for 5 h every 10 min"}
    assert outcome(quiet, series=hot, acts=["maintenance 0 h to 2 h"]).openings[0][2] == pytest.approx(
        2 * H, abs=1
    )
    assert outcome(quiet, series=hot).openings[0][2] == 0.0


def test_another_rule_may_hold_it_back() -> None:
    other = rule("{signal: mode, is: stopped}", name="halt")
    held = rule("{signal: temp, above: 60 degC}", "unless: [elevator/halt]")
    series = {
        "temp": "gap 1 min, flat 70 degC for 5 h every 10 min",
        "mode": "flat stopped for 2 h, flat normal for 3 h",
    }
    assert outcome(held, {other.id: other}, series=series).openings[0][2] == 2 * H
    assert outcome(held, series=series).openings[0][2] == 60.0


def test_our_own_outage_is_not_the_silence_of_a_device() -> None:
    silent = rule("{silent: 1 h}")
    series = {"temp": "flat 20 degC for 8 h every 10 min"}
    assert outcome(silent, series=series, acts=["outage 2 h to 5 h"]).openings == []
    gone = {"temp": "flat 20 degC for 2 h every 10 min, gap 3 h, flat 20 degC for 3 h every 10 min"}
    assert outcome(silent, series=gone).openings


def test_an_outage_loses_nothing() -> None:
    assert (
        outcome(HOT, series=FEVER, acts=["outage 1 h to 3 h"]).openings == outcome(HOT, series=FEVER).openings
    )


def test_an_offline_device_clears_nothing() -> None:
    series = {"temp": "flat 70 degC for 2 h every 10 min, gap 6 h"}
    assert outcome(HOT, series=series, acts=["offline 2 h to 7 h"]).openings == [("a", "", H / 2, None)]


@pytest.mark.parametrize(
    "restarts", [["restart at 2.2 h"], ["restart at 2 h", "restart at 2.5 h", "restart at 9 h"]]
)
def test_a_restart_changes_nothing(restarts: list[str]) -> None:
    assert outcome(HOT, series=FEVER, acts=restarts).changes == outcome(HOT, series=FEVER).changes


def test_a_restart_may_stand_in_a_line() -> None:
    series = {"temp": "flat 70 degC for 20 min every 10 min, restart, flat 70 degC for 1 h every 10 min"}
    assert outcome(HOT, series=series).openings == [("a", "", H / 2, None)]


def test_a_rule_that_is_off_is_tested_all_the_same() -> None:
    off = rule("{signal: temp, above: 60 degC}", 'mode: "off"')
    assert outcome(off, series=STEP).openings


def test_too_many_tickets_for_its_budget_are_cut_off_as_in_life() -> None:
    loud = rule("{signal: temp, above: 60 degC}", "budget: 2")
    assert len(outcome(loud, series={"temp": "values 70 degC 20 degC every 10 min for 5 h"}).openings) == 2


def test_devices_stand_where_the_rule_looks() -> None:
    where = rule("{signal: temp, above: 60 degC}", 'where: {place: "b1*", model: X}')
    assert outcome(where, series=STEP).openings
    away = {"a": {"place": "site/b2"}, "b": {"place": "site/b1/roof", "model": "X"}}
    series = {"a temp": STEP["temp"], "b temp": STEP["temp"]}
    assert [device for device, *_ in outcome(where, series=series, devices=away).openings] == ["b"]


def test_siblings_are_what_the_lines_name() -> None:
    apart = rule("{signal: temp, peers: {up: 5 degC, among: place, median: 1 h, at_least: 4}}")
    lines = {f"{name} temp": f"flat {value} degC for 6 h every 5 min" for name, value in
             zip("abcd", (30, 20, 21, 22), strict=True)}  # fmt: skip
    places = {name: {"place": "b1"} for name in "abcd"}
    assert [each[0] for each in outcome(apart, series=lines, devices=places).openings] == ["a"]
    places["d"] = {"place": "b2"}
    assert outcome(apart, series=lines, devices=places).openings == []


def test_a_test_begins_when_it_says() -> None:
    day = rule("{signal: temp, above: 60 degC}", "during: daytime")
    hot = {"temp": "flat 70 degC for 12 h every 10 min"}
    assert outcome(day, series=hot).openings[0][2] == 8 * H
    assert outcome(day, series=hot, start="2026-03-02 06:30").openings[0][2] == 1.5 * H
    assert outcome(day, series=hot, start="2026-03-02").openings[0][2] == 8 * H


BAD = [
    ({"expect": {}}, ("expect",), "nothing is expected", "opens: never"),
    ({"expect": {"opens": "nevr"}}, ("expect", "opens"), "no moment", "did you mean 'never'?"),
    ({"expect": {"opens": "in 3 d"}}, ("expect", "opens"), "no moment", "write 'never', 'at 3 d'"),
    ({"expect": {"opens": "at 3"}}, ("expect", "opens"), "not a duration", "write"),
    ({"expect": {"clears": "between 3 d"}}, ("expect", "clears"), "no moment", "between 1 d and 3 d"),
    ({"expect": {"clears": "at 1 d and 3 d"}}, ("expect", "clears"), "no moment", ""),
    ({"expect": {"opens": "never 3 d"}}, ("expect", "opens"), "no moment", ""),
    ({"start": "08:00"}, ("start",), "no local time", "2026-03-02 00:00"),
    ({"start": "1066-10-14"}, ("start",), "no local time", ""),
    ({"acts": ["repairs at 5 d"]}, ("acts", 0), "nobody can 'repairs'", "did you mean 'repair'?"),
    ({"acts": ["", "repair"]}, ("acts", 0), "nobody can ''", "one of repair"),
    ({"acts": ["repair at 2 days"]}, ("acts", 0), "use ms, s, min, h, d or w", "repair [DEVICE] at TIME"),
    ({"acts": ["repair at 2 d to 3 d"]}, ("acts", 0), "not of the form", "repair [DEVICE] at TIME"),
    ({"acts": ["outage at 2 d"]}, ("acts", 0), "not of the form", "outage TIME to TIME"),
    ({"acts": ["outage 2 d to 1 d"]}, ("acts", 0), "ends before it begins", ""),
    ({"acts": ["repair at 2 d", "repair c at 2 d"]}, ("acts", 1), "no device 'c'", "known: a"),
    ({"devices": {"b": {"plase": "b1"}}}, ("devices", "b", "plase"), "unknown key", "did you mean 'place'?"),
    ({"devices": {"b": {"kind": "elevater"}}}, ("devices", "b", "kind"), "unknown kind", "'elevator'?"),
    ({"series": {"tmp": "once 3 degC"}}, ("series", "tmp"), "no signal 'tmp'", "did you mean 'temp'?"),
    ({"series": {"temp": "onc 3 degC"}}, ("series", "temp"), "column 1: a segment cannot begin", "'once'?"),
    ({"series": {"temp": "flat 3 degC for 1 d every 1 s", "free": "flat 3 mm for 2 d every 1 s"}},
     ("series", "free"), "too many readings", "longer 'every'"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "path", "message", "hint"), BAD)
def test_a_mistake_is_answered(
    words: dict[str, object], path: tuple[str | int, ...], message: str, hint: str
) -> None:
    found, faults = case(HOT, **words)
    assert found is None
    assert faults[0].path == path
    assert message in faults[0].message
    assert hint in faults[0].hint


def test_a_rule_that_watches_none_of_the_devices_is_not_tested_in_vain() -> None:
    where = rule("{signal: temp, above: 60 degC}", 'where: {id: "b1-*"}')
    _, faults = case(where, series={"b temp": "once 70 degC"})
    assert (faults[0].message, faults[0].hint) == (
        "the rule watches none of these devices", "its 'where' would take 'b1-a'"
    )  # fmt: skip
    assert outcome(where, series={"temp": "once 70 degC"}).openings[0][0] == "b1-a"


WORDS = (
    "repair", "outage", "maintenance", "offline", "restart", "at", "to", "from", "a", "b", "1", "d", "3 h",
    "2 d", "0", "never", "before", "between", "and", "",
)  # fmt: skip


@settings(deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join))
def test_whatever_is_written_is_read_or_answered(words: str) -> None:
    for found, faults in (case(HOT, acts=[words]), case(HOT, expect={"opens": words})):
        assert (found is None) == bool(faults)


def test_a_device_that_fits_is_found() -> None:
    where = Where(("b[0-9]", "*"), ("X?-*",), ("lift-[ab]*",))
    facts = fitting(where)
    assert where.takes(facts)
    assert (facts.device, facts.place, facts.model) == ("lift-aa", ("b0",), ("Xa-a"))


def test_moments() -> None:
    assert Moment("never").fits(None) and not Moment("never").fits(1.0)
    assert Moment("at 3 s", 3.0, 3.0).fits(3.9) and not Moment("at 3 s", 3.0, 3.0).fits(4.1)
    assert not Moment("after 3 s", 3.0).fits(None) and Moment("after 3 s", 3.0).fits(1e9)


def test_times_are_spelt_to_the_second() -> None:
    assert [spell(each) for each in (0, 59.6, 3600, 90061)] == ["0 s", "1 min", "1 h", "1 d 1 h 1 min 1 s"]


# -- how it looks -----------------------------------------------------------------------------------


def test_a_sparkline() -> None:
    assert sparkline([0.0, None, 3.5, 7.0]) == "▁ ▅█"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline(["b", "a", None], ["a", "b"]) == "█▁ "
    assert sparkline([]) == ""


def test_a_failure_shows_the_line_its_limit_and_what_came_of_it() -> None:
    found, _ = case(HOT, series=FEVER)
    assert found is not None
    drawn = draw(found.series, HOT, [(2.5 * H, 9 * H)], 10 * H)
    assert drawn == [
        "a temp  " + "▁" * 12 + "█" * 36 + "▁" * 12 + "  20 to 70 degC",
        "        " + "·" * 12 + "━" * 36 + "·" * 12 + "  ━ above 60 degC",
        "        " + " " * 15 + "▲" + " " * 38 + "▽" + " " * 5 + "  ▲ opened, ▽ cleared",
    ]


def test_a_gap_is_blank_and_words_have_their_own_height() -> None:
    halt = rule("{signal: mode, is: stopped}")
    found, _ = case(halt, series={"mode": "gap 1 h, flat normal for 1 h, flat stopped for 1 h, offline"})
    assert found is not None
    mode, limit, gone, marks = draw(found.series, halt, [(2 * H, 2 * H)], 3 * H)
    assert mode == "a mode  " + " " * 20 + "▁" * 20 + "█" * 20 + "  ▁ normal, █ stopped"
    assert limit.endswith("━" * 20 + "  ━ stopped")
    assert gone.endswith("×  × offline")
    assert marks.endswith("◆" + " " * 21 + "◆ opened and cleared")
