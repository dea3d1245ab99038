"""What a watch is told of others: rules, gateways, people, a reload, and of when a thing happened."""

from __future__ import annotations

import pytest

from foretell.engine.engine import Engine
from foretell.engine.facts import Reading
from foretell.engine.rule import Rule, Rulebook
from foretell.site.estate import Estate, Facts
from tests.engine.test_features import HOT, with_calendars, word
from tests.engine.timeline import Site, cleared, opened, rule, seconds

BREAKS = "{signal: fault, count: {is: break, at_least: 2, over: 1 d}}"
QUIET = "clear: {quiet: 15 min}\n"


def maintained(site: Site, until: str) -> Site:
    site.unheard += site.engine.maintain("a", seconds(until), site.now)
    return site


def test_what_would_have_become_quiet_while_it_is_held_back_waits_without_a_wake_up() -> None:
    site = Site(rule(BREAKS, QUIET + "unless: [in-maintenance]"), start="08:00")
    site.reads(fault="break").at("08:01").reads(fault="break").expects(opened("08:01"))
    maintained(site.at("08:05"), "10:00").at("08:17")
    assert site.engine.next_deadline() == pytest.approx(seconds("10:00"), abs=1e-3)
    site.at("10:01").expects(cleared("10:00"))


def test_an_event_is_heard_by_the_hours_in_which_it_happened() -> None:
    late, early = (Site(with_calendars(BREAKS, "during: day"), start="07:00") for _ in range(2))
    late.at("17:50").reads(fault="break").at("18:05").reads(sent="18:01", fault="fix")
    late.reads(sent="17:59", fault="break").at("1 08:00:01").expects(opened("1 08:00"))
    early.at("07:50").reads(fault="fix").at("08:05").reads(fault="fix")
    early.reads(sent="07:58", fault="break").at("08:06").reads(fault="break").expects()


def test_a_rule_by_part_stands_for_as_long_as_one_part_does() -> None:
    cause = rule("{signal: close, above: 5 s}", "by: floor", name="cause")
    site = Site(cause, rule(HOT, "unless: [elevator/cause]"), start="08:00")
    site.reads(close=6.0, part="1").reads(close=6.0, part="2").at("08:01").reads(close=3.0, part="1")
    site.unheard.clear()
    site.at("08:02").reads(temp=61.0).expects()
    site.at("08:03").reads(close=3.0, part="2")
    site.expects(cleared("08:03", rule="cause", part="2"), opened("08:03"))


def test_an_inhibitor_that_goes_on_for_a_while_does_so_over_a_reload() -> None:
    held = rule(HOT, "unless: [{signal: mode, is: inspection, after: 10 min}]")
    site = Site(held, start="08:00").reads(mode="inspection", temp=61.0).at("09:00").reads(mode="normal")
    site.at("09:05").adopts(held).at("09:09:59").expects().at("09:10:01").expects(opened("09:10"))


def test_a_rule_that_learns_of_a_cause_by_a_reload_knows_that_it_stands() -> None:
    cause = rule("{signal: mode, is: stopped}", name="cause")
    site = Site(rule(HOT, "for: 1 h"), cause, start="08:00").reads(mode="stopped", temp=61.0)
    site.expects(opened("08:00", rule="cause"))
    held = rule(HOT, "for: 1 h\nunless: [elevator/cause]")
    site.at("08:10").adopts(held, cause).at("09:30").expects()


def test_a_cause_that_changes_its_mode_lets_nothing_open_in_between() -> None:
    cause, live = (
        rule("{signal: mode, is: stopped}", f"mode: {m}", name="cause") for m in ("shadow", "live")
    )
    held = rule(HOT, "unless: [elevator/cause]")
    site = Site(cause, held, start="08:00").reads(mode="stopped", temp=61.0).at("09:00")
    site.unheard.clear()
    site.adopts(live, held)
    assert [(c.rule, c.kind, c.mode) for c in site.unheard] == [
        ("elevator/cause", "cleared", "shadow"), ("elevator/cause", "opened", "live"),
    ]  # fmt: skip


def test_a_rule_that_comes_by_a_reload_knows_the_state_that_holds_it_back() -> None:
    site = Site(rule("{signal: mode, is: stopped}", name="other"))
    site.at("08:00").reads(mode="inspection")
    site.adopts(rule(HOT, "unless: [{signal: mode, is: inspection}]")).at("08:10").reads(temp=61.0).expects()


def online(device: str, word: str, at: float, retained: bool = False) -> Reading:
    return Reading(device, "elevator", "online", "", word, at, retained=retained)


def behind(*rules: Rule, **via: str) -> Engine:
    listed = {name: Facts(name, "elevator", via=above) for name, above in via.items()}
    engine = Engine(Rulebook(rules), Estate({}, listed))
    engine.link(True, 0.0)
    engine.expect(listed.values(), 0.0)
    return engine


def test_a_gateway_whose_clock_is_behind_is_back_for_its_devices_all_the_same() -> None:
    engine = behind(rule(HOT, "unless: [gateway-offline]"), a="g", g="")
    engine.receive([online("g", "offline", 100.0)], 100.0)
    engine.receive([word("g", 95.0)], 102.0)
    assert [c.device for c in engine.receive([word("a", 103.0, 61.0)], 103.0)] == ["a"]


def test_a_device_whose_clock_is_behind_is_counted_as_back() -> None:
    engine = behind(rule("{signal: children_offline, above: 50 percent}"), a="g", b="g", g="")
    engine.receive([online("a", "offline", 100.0)], 100.0)
    assert engine.receive([word("a", 95.0)], 102.0) == []
    assert engine.receive([online("b", "offline", 103.0)], 103.0) == []


def test_devices_that_the_broker_says_were_offline_open_nothing_at_once() -> None:
    engine = behind(rule("{signal: children_offline, above: 50 percent}"), a="g", g="")
    assert engine.receive([online("a", "offline", 100.0, retained=True)], 100.0) == []
    assert [c.device for c in engine.advance(161.0)] == ["g"]


def test_a_device_that_is_moved_to_another_gateway_hangs_on_that_one() -> None:
    held, share = (
        rule(HOT, "unless: [gateway-offline]"),
        rule("{signal: children_offline, above: 50 percent}", name="s"),
    )
    engine = behind(held, share, a="g", g="", h="")
    engine.receive([online("g", "offline", 100.0), online("a", "offline", 101.0)], 101.0)
    listed = {name: Facts(name, "elevator", via=via) for name, via in (("a", "h"), ("g", ""), ("h", ""))}
    said = engine.adopt(Rulebook((held, share)), 110.0, Estate({}, listed))
    assert [(c.rule, c.device) for c in said] == [("elevator/s", "h")]
    assert ("elevator/rule", "a") in [
        (c.rule, c.device) for c in engine.receive([word("a", 111.0, 61.0)], 111.0)
    ]


def test_a_device_that_was_listed_as_another_kind_is_what_the_list_says_now() -> None:
    engine = Engine(Rulebook((rule(HOT),)), Estate({}, {"a": Facts("a", "lighting")}))
    engine.link(True, 0.0)
    engine.expect(engine.estate.devices.values(), 0.0)
    engine.adopt(engine.rulebook, 10.0, Estate({}, {"a": Facts("a", "elevator")}))
    assert [c.device for c in engine.receive([word("a", 11.0, 61.0)], 11.0)] == ["a"]


def test_what_falls_due_right_before_a_reload_is_withheld_or_not_as_if_it_had_been_told_earlier() -> None:
    text, few = "{signal: temp, above: 60 degC}", "for: 10 min\nbudget: 1"
    engine = Engine(Rulebook((rule(text, few),)))
    engine.link(True, 0.0)
    engine.receive([word("a", 1.0, 61.0), word("b", 1.0, 61.0)], 1.0)
    said = engine.adopt(Rulebook((rule(text, "for: 10 min\nbudget: 5"),)), 1000.0)
    assert [(c.device, c.device_kind) for c in said] == [
        ("a", "elevator"), ("elevator/rule", "rule"), ("b", "elevator"),
    ]  # fmt: skip


def test_a_late_or_kept_state_is_none_for_the_watch_of_a_part_that_comes_later() -> None:
    text = "{all: [{signal: close, above: 5 s}, {signal: mode, is: stopped}]}"
    kept = "{all: [{signal: close, above: 5 s}, {signal: fault, is: break}]}"
    site = Site(rule(text, "by: floor"), rule(kept, "by: floor", "kept"), start="08:00")
    site.reads(mode="normal").reads(sent="07:00", mode="stopped").reads(
        fault="break", retained=True
    ).restarts()
    site.at("09:00").reads(close=6.0, part="1").expects()


def test_an_absence_is_told_also_after_a_repair_that_forgot_nothing() -> None:
    text = "{not: {signal: trips, count: {at_least: 1, over: 6 h}}}"
    site = Site(rule(text, "reset_on: never"), start="00:00").reads(trips=1.0).at("01:00").reads(trips=2.0)
    site.at("02:00").repaired().at("08:00").expects(opened("07:00"))


def test_explaining_knows_the_siblings() -> None:
    peers = rule("{signal: temp, peers: {up: 10 degC, among: kind, at_least: 3, median: 1 h}}")
    engine = Engine(Rulebook((peers,)))
    engine.link(True, 0.0)
    for at in range(0, 30_000, 300):
        engine.receive([word(name, float(at), 60.0 if name == "a" else 20.0) for name in "abcd"], float(at))
    (told,) = engine.explain("elevator/rule", "a", 30_000.0)
    assert (told["state"], told["verdict"]) == ("open", True)
