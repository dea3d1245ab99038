"""Where, when and under which circumstances a rule holds: hours, places, inhibitors, maintenance, budgets."""

from __future__ import annotations

import pytest

from foretell.engine.engine import Engine
from foretell.engine.facts import MISBEHAVES, Change, Reading
from foretell.engine.rule import Rule, Rulebook
from foretell.engine.rulebook import Around, read_rule
from foretell.site.calendars import Calendar, CalendarModel, Zone, read_calendars
from foretell.site.estate import EMPTY, Estate, Facts, Place
from tests.engine.timeline import Site, cleared, kind, lost_sight, opened, rule, rule_text, seconds

HOT = "{signal: temp, above: 60 degC}"


def with_calendars(when: str, rest: str, name: str = "rule") -> Rule:
    from foretell.authored.document import Document

    models = {
        "day": CalendarModel(open=["daily 08:00-18:00"]),
        "noon": CalendarModel(open=["daily 12:00-13:00"]),
    }
    calendars, wrong = read_calendars(Document("site.yaml"), ("calendars",), models, Zone("UTC"), "")
    assert not wrong and all(isinstance(each, Calendar) for each in calendars.values())
    around = Around(Zone("UTC"), calendars)
    found, problems = read_rule(
        f"elevator/{name}", rule_text(when, rest), f"{name}.yaml", {"elevator": kind()}, around
    )
    assert found is not None, [str(problem) for problem in problems]
    return found


# -- hours --------------------------------------------------------------------------------------------


def test_outside_its_hours_a_rule_does_not_open_and_at_their_beginning_it_does() -> None:
    site = Site(with_calendars(HOT, "during: day"), start="06:00")
    site.reads(temp=61.0).at("07:59").expects()
    site.at("08:00:01").expects(opened("08:00"))


def test_what_is_open_stays_open_over_night_and_clears_in_the_morning() -> None:
    site = Site(with_calendars(HOT, "during: day"), start="17:00").reads(temp=61.0).expects(opened("17:00"))
    site.at("19:00").reads(temp=50.0).at("1 07:59").expects()
    site.at("1 08:00:01").expects(cleared("1 08:00"))


def test_time_outside_the_hours_does_not_count_towards_for() -> None:
    site = Site(with_calendars(HOT, "during: day\nfor: 2 h"), start="17:00").reads(temp=61.0)
    site.at("1 08:59").expects()
    site.at("1 09:00:01").expects(opened("1 09:00"))


def test_a_rule_rests_in_hours_that_are_excepted() -> None:
    site = Site(with_calendars(HOT, "during: day\nexcept: noon"), start="12:30").reads(temp=61.0).expects()
    site.at("13:00:01").expects(opened("13:00"))


def test_drift_learns_only_within_the_hours() -> None:
    text = "{signal: temp, drift: {up: 5 degC, against: 2 d, at_least: 8, decision: 3}}"
    site = Site(with_calendars(text, "during: day"), start="00:00")
    for day in range(6):
        for hour in range(24):
            warm = 90.0 if hour < 8 or hour >= 18 else 20.0 + (hour % 3)
            site.at(f"{day} {hour:02}:30").reads(temp=warm, holds=1e6)
    site.expects()


@pytest.mark.parametrize("every", [60.0, 977.0])
def test_hours_give_the_same_changes_however_often_they_are_looked_at(every: float) -> None:
    def story(wake: float | None) -> list[Change]:
        site = Site(with_calendars(HOT, "during: day\nfor: 30 min"), start="00:00")
        said = []
        for at, temp in ((7.9, 61.0), (17.8, 50.0), (17.9, 62.0), (33.0, 40.0), (56.0, 70.0)):
            if wake is not None:
                while site.now + wake < seconds("00:00") + at * 3600:
                    site.at(site.now + wake)
            site.at(seconds("00:00") + at * 3600).reads(temp=temp)
        site.at(seconds("4 00:00"))
        said, site.unheard = site.unheard, []
        return [change._replace(noticed=0.0) for change in said]

    assert story(None) == story(every) != []


# -- unless -------------------------------------------------------------------------------------------


def test_what_explains_a_fault_keeps_it_from_opening_and_for_starts_over() -> None:
    site = Site(rule(HOT, "for: 10 min\nunless: [{signal: mode, is: inspection}]"), start="08:00")
    site.reads(mode="inspection", temp=61.0).at("09:00").expects()
    site.reads(mode="normal").at("09:09").expects()
    site.at("09:10:01").expects(opened("09:10"))


def test_an_inhibitor_goes_on_for_a_while_after_it_is_over() -> None:
    site = Site(rule(HOT, "unless: [{signal: mode, is: inspection, after: 10 min}]"), start="08:00")
    site.reads(mode="inspection", temp=61.0).at("09:00").reads(mode="normal").at("09:09:59").expects()
    site.at("09:10:01").expects(opened("09:10"))


def test_what_is_open_stays_so_while_it_is_explained() -> None:
    site = Site(rule(HOT, "unless: [{signal: mode, is: inspection}]"), start="08:00")
    site.reads(mode="normal", temp=61.0).expects(opened("08:00"))
    site.at("08:10").reads(mode="inspection").at("08:20").reads(temp=40.0).expects()
    site.at("08:30").reads(mode="normal").expects(cleared("08:30"))


def test_an_inhibitor_that_was_never_heard_holds_nothing_back() -> None:
    Site(rule(HOT, "unless: [{signal: mode, is: inspection}]")).reads(temp=61.0).expects(opened("00:00"))


def test_another_rule_that_stands_holds_this_one_back() -> None:
    cause = rule("{signal: mode, is: stopped}", name="cause")
    site = Site(cause, rule(HOT, "unless: [elevator/cause]"), start="08:00")
    site.reads(mode="stopped").expects(opened("08:00", rule="cause"))
    site.at("08:01").reads(temp=61.0).expects()
    site.at("08:02").reads(mode="normal").expects(cleared("08:02", rule="cause"), opened("08:02"))


def test_a_rule_in_shadow_holds_nobody_back() -> None:
    cause = rule("{signal: mode, is: stopped}", "mode: shadow", name="cause")
    site = Site(cause, rule(HOT, "unless: [elevator/cause]"), start="08:00").reads(mode="stopped")
    site.unheard.clear()
    site.at("08:01").reads(temp=61.0).expects(opened("08:01"))


def test_the_gateway_that_is_gone_explains_its_devices() -> None:
    estate = Estate({}, {"a": Facts("a", "elevator", via="g"), "g": Facts("g", "elevator")})
    silent = rule("{silent: 10 min}", "unless: [gateway-offline]")
    engine = Engine(Rulebook((silent,)), estate)
    engine.link(True, 0.0)
    engine.receive([word("a", 0.0), word("g", 0.0)], 0.0)
    assert engine.receive([Reading("g", "elevator", "online", "", "offline", 300.0)], 300.0) == []
    # The gateway is silent itself: nothing explains that. Of the lift behind it nothing is said.
    assert [change.device for change in engine.advance(3000.0)] == ["g"]


def test_a_gateway_knows_how_many_of_its_devices_are_offline() -> None:
    listed = {name: Facts(name, "elevator", via="g") for name in "abcd"} | {"g": Facts("g", "elevator")}
    half = rule("{signal: children_offline, above: 50 percent}")
    engine = Engine(Rulebook((half,)), Estate({}, listed))
    engine.link(True, 0.0)
    engine.expect(listed.values(), 0.0)
    said = []
    for at, name in enumerate("abc", 1):
        said += engine.receive([Reading(name, "elevator", "online", "", "offline", float(at))], float(at))
    assert [(change.device, change.at) for change in said] == [("g", 3.0)]
    back = engine.receive([Reading("b", "elevator", "online", "", "online", 9.0)], 9.0)
    assert [(change.device, change.kind) for change in back] == [("g", "cleared")]


# -- maintenance --------------------------------------------------------------------------------------


def test_maintenance_holds_a_rule_back_until_its_end() -> None:
    site = Site(rule(HOT, "unless: [in-maintenance]"), start="08:00").reads(temp=20.0)
    site.unheard += site.engine.maintain("a", seconds("10:00"), site.now)
    site.at("08:30").reads(temp=61.0).at("09:59").expects()
    site.restarts().at("10:00:01").expects(opened("10:00"))


def test_maintenance_ends_early_when_someone_says_so() -> None:
    site = Site(rule(HOT, "unless: [in-maintenance]"), start="08:00").reads(temp=20.0)
    site.unheard += site.engine.maintain("a", seconds("10:00"), site.now)
    site.at("08:30").reads(temp=61.0).expects()
    site.unheard += site.engine.maintain("a", site.now, site.now)
    site.expects(opened("08:30"))


def test_a_rule_that_comes_during_maintenance_knows_of_it() -> None:
    site = Site(rule("{signal: trips, count: {at_least: 5, over: 1 h}}", name="other"), start="08:00")
    site.reads(temp=20.0)
    site.unheard += site.engine.maintain("a", seconds("10:00"), site.now)
    site.adopts(rule(HOT, "unless: [in-maintenance]")).at("08:10").reads(temp=61.0).expects()


# -- where --------------------------------------------------------------------------------------------

LISTED = Estate(
    {
        "b1": Place("b1", "building", ""),
        "b1-u2": Place("b1-u2", "unit", "b1"),
        "b2": Place("b2", "building", ""),
    },
    {
        "a": Facts("a", "elevator", ("b1", "b1-u2"), "X1"),
        "b": Facts("b", "elevator", ("b2",), "X1"),
        "c": Facts("c", "elevator", ("b1",), "Y"),
    },
)


def word(device: str, at: float, temp: float = 20.0) -> Reading:
    return Reading(device, "elevator", "temp", "", temp, at)


@pytest.mark.parametrize(
    ("where", "takes"),
    [
        ("{place: b1}", "ac"),
        ("{place: b1-u2}", "a"),
        ('{place: [b2, "b1-*"]}', "ab"),
        ("{model: X1}", "ab"),
        ("{model: X1, place: b1}", "a"),
        ('{id: "?"}', "abcd"),
        ("{id: [b, d]}", "bd"),
    ],
)
def test_a_rule_is_for_the_devices_that_fit(where: str, takes: str) -> None:
    engine = Engine(Rulebook((rule(HOT, f"where: {where}"),)), LISTED)
    engine.link(True, 0.0)
    said = engine.receive([word(name, 1.0, 61.0) for name in "abcd"], 1.0)
    assert "".join(change.device for change in said) == takes


# -- shadow, budget -----------------------------------------------------------------------------------


def test_a_rule_in_shadow_says_so_with_every_change() -> None:
    site = Site(rule(HOT, "mode: shadow")).reads(temp=61.0)
    assert [change.mode for change in site.unheard] == ["shadow"]


def test_a_rule_that_goes_live_opens_for_what_it_already_saw() -> None:
    site = Site(rule(HOT, "mode: shadow")).reads(temp=61.0).at("01:00")
    site.unheard.clear()
    site.adopts(rule(HOT))
    assert [(change.kind, change.mode) for change in site.unheard] == [
        ("cleared", "shadow"),
        ("opened", "live"),
    ]


def storm(devices: int, at: float, budget: int = 3) -> tuple[Engine, list[Change]]:
    engine = Engine(Rulebook((rule(HOT, f"budget: {budget}"),)), EMPTY)
    engine.link(True, at)
    return engine, engine.receive([word(f"lift-{n}", at, 61.0) for n in range(devices)], at)


def test_a_rule_over_its_budget_becomes_one_ticket_about_the_rule() -> None:
    engine, said = storm(12, 1000.0)
    assert [(change.kind, change.device) for change in said[:3]] == [
        ("opened", f"lift-{n}") for n in range(3)
    ]
    about = said[3:]
    assert {(each.device, each.device_kind, each.failure_mode) for each in about} == {
        ("elevator/rule", "rule", MISBEHAVES)
    }
    assert [each.kind for each in about] == ["opened", "news", "news", "news"]
    assert about[-1].reason["opened"] == 11 and about[0].reason["withheld"] == ["lift-3"]
    assert [change.number for change in said] == list(range(1, 8))
    # What was withheld clears without a word, what was said clears aloud.
    over = engine.receive([word(f"lift-{n}", 2000.0, 20.0) for n in range(12)], 2000.0)
    assert [(change.kind, change.device) for change in over] == [("cleared", f"lift-{n}") for n in range(3)]


def test_a_new_day_has_a_new_budget() -> None:
    engine, _ = storm(4, 1000.0)
    engine.receive([word(f"lift-{n}", 2000.0, 20.0) for n in range(4)], 2000.0)
    said = engine.receive([word("lift-9", 90_000.0, 61.0)], 90_000.0)
    assert [(change.kind, change.device) for change in said] == [("opened", "lift-9")]


def test_the_budget_is_remembered_over_a_restart() -> None:
    engine, _ = storm(3, 1000.0)
    engine = Engine.restore(engine.rulebook, engine.snapshot())
    said = engine.receive([word("lift-9", 1001.0, 61.0)], 1001.0)
    assert [change.device_kind for change in said] == ["rule"]


def test_once_the_rule_is_mended_what_was_withheld_is_said() -> None:
    engine, _ = storm(5, 1000.0)
    mended = rule("{signal: temp, above: 55 degC}", "budget: 30")
    said = engine.adopt(Rulebook((mended,)), 1100.0)
    assert [(change.kind, change.device) for change in said] == [("opened", "lift-3"), ("opened", "lift-4")]


# -- reload -------------------------------------------------------------------------------------------


def test_an_adopted_rulebook_tells_what_was_kept_and_what_was_not() -> None:
    site = Site(rule(HOT), rule("{silent: 1 h}", name="gone"))
    site.reads(temp=61.0).expects(opened("00:00"))
    other = rule("{signal: temp, drift: {up: 3 degC, against: 5 d}}", name="new")
    site.adopts(rule("{signal: temp, above: 55 degC}"), other).expects()
    assert {name: tuple(each) for name, each in site.engine.adoption.items()} == {
        "elevator/rule": (1, 0, 0, 0), "elevator/gone": (0, 0, 0, 1), "elevator/new": (0, 0, 1, 0),
    }  # fmt: skip


def test_an_offline_device_is_told_from_one_that_sleeps() -> None:
    site = Site(with_calendars(HOT, "during: day"), start="17:00").reads(online="online", temp=61.0)
    site.expects(opened("17:00"))
    site.at("17:30").reads(online="offline").expects(lost_sight("17:30"))
    site.at("1 09:00").reads(temp=30.0, online="online").expects(cleared("1 09:00"))


# -- explaining ---------------------------------------------------------------------------------------


def test_it_tells_where_each_clause_stands_and_looking_changes_nothing() -> None:
    site = Site(rule(HOT, "for: 2 h\nunless: [{signal: mode, is: inspection}]"), start="08:00")
    site.reads(temp=61.0, mode="normal").at("09:00")
    before = site.engine.snapshot()
    (told,) = site.engine.explain("elevator/rule", "a", site.now)
    assert site.engine.snapshot() == before
    assert (told["state"], told["since"], told["verdict"]) == ("pending", seconds("08:00"), True)
    assert (told["next_look"], told["held_back"]) == (seconds("10:00"), "")
    assert [(clause["value"], clause["limit"]) for clause in told["clauses"]] == [(61.0, 60.0)]
    assert [clause["verdict"] for clause in told["unless"]] == [False]
    assert site.engine.explain("elevator/other", "a", site.now) == []
    assert site.engine.explain("elevator/rule", "nobody", site.now) == []


def test_it_tells_what_holds_a_rule_back() -> None:
    site = Site(with_calendars(HOT, "during: day"), start="06:00").reads(temp=61.0)
    assert site.engine.explain("elevator/rule", "a", site.now)[0]["held_back"] == "asleep"


# -- what is heard while it is held back --------------------------------------------------------------


def test_what_happens_while_people_work_on_it_is_not_counted() -> None:
    counted = rule("{signal: fault, count: {is: break, at_least: 2, over: 1 d}}", "unless: [in-maintenance]")
    site = Site(counted, start="08:00").reads(fault="fix")
    site.unheard += site.engine.maintain("a", seconds("10:00"), site.now)
    site.at("08:30").reads(fault="break").at("09:00").reads(fault="break").at("11:00").expects()
    site.reads(fault="break").expects()
    site.at("11:30").reads(fault="break").expects(opened("11:30"))


def test_the_watch_of_a_part_that_comes_late_knows_the_state_of_the_whole() -> None:
    text = "{signal: close, above: 5 s}"
    site = Site(rule(text, "by: floor\nunless: [{signal: mode, is: inspection}]"), start="08:00")
    site.reads(mode="inspection").at("09:00").restarts().reads(close=6.0, part="3").expects()
    site.at("09:30").reads(mode="normal").expects(opened("09:30", part="3"))


def test_drift_learns_from_one_value_a_day_if_the_value_holds_for_days() -> None:
    text = "{signal: temp, drift: {up: 5 degC, against: 10 d, at_least: 8, decision: 3}}"
    site = Site(rule(text), start="00:00")
    for day in range(30):
        site.at(f"{day} 12:00").reads(temp=20.0 + day % 2 + (0 if day < 15 else 12), holds=3 * 86400.0)
    assert [change.kind for change in site.unheard] == ["opened"]


def test_it_tells_what_peers_say_and_the_group_stays_as_it_is() -> None:
    peers = rule("{signal: temp, peers: {up: 10 degC, median: 1 h, at_least: 3}}")
    engine = Engine(Rulebook((peers,)), EMPTY)
    engine.link(True, 0.0)
    for hour in range(4):
        at = hour * 3600.0 + 600.0
        for name in "abcd":
            engine.receive([word(name, at, 60.0 if name == "a" else 20.0)], at)
    before = engine.snapshot()
    (told,) = engine.explain("elevator/rule", "a", 4 * 3600.0)
    assert told["verdict"] is True and told["clauses"][0]["size"] == 4
    assert engine.explain("elevator/rule", "b", 4 * 3600.0)[0]["verdict"] is False
    assert engine.snapshot() == before
