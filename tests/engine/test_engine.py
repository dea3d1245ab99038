"""Whole stories: what the engine says, and when, to what a lift says."""

from __future__ import annotations

import pytest

from foretell.engine.engine import DEVICES_MAX, Engine
from foretell.engine.facts import PARTS_MAX, Reading
from foretell.engine.rule import Rulebook
from foretell.site.estate import Facts
from tests.engine.timeline import Site, cleared, lost_sight, news, opened, rule, seconds

HOT = "{signal: temp, above: 60 degC}"


def test_level_opens_and_clears_with_the_value() -> None:
    site = Site(rule(HOT))
    site.at("08:00").reads(temp=60.0).expects()
    site.at("08:01").reads(temp=60.1).expects(opened("08:01"))
    site.at("08:02").reads(temp=70.0).expects()
    site.at("08:03").reads(temp=60.0).expects(cleared("08:03"))


def test_for_opens_when_the_time_is_over_though_nothing_more_is_heard() -> None:
    site = Site(rule(HOT, "for: 10 min"))
    site.at("08:00").reads(temp=61).at("08:10").expects()
    assert site.engine.next_deadline() == pytest.approx(seconds("08:10"), abs=1e-3)
    site.at("08:11").expects(opened("08:10"))


def test_for_starts_anew_after_a_good_value() -> None:
    site = Site(rule(HOT, "for: 10 min"))
    site.at("08:00").reads(temp=61).at("08:09").reads(temp=59).at("08:09:30").reads(temp=61)
    site.at("08:19").expects().at("08:20").expects(opened("08:19:30"))


def test_clear_with_a_limit_of_its_own_and_a_time() -> None:
    site = Site(rule(HOT, "clear: {below: 50 degC, for: 1 h}"))
    site.at("08:00").reads(temp=61).expects(opened("08:00"))
    site.at("09:00").reads(temp=55).at("10:00").reads(temp=49).at("10:30").reads(temp=51).expects()
    site.at("11:00").reads(temp=49).at("12:00:01").expects(cleared("12:00"))


def test_backlog_in_one_breath_says_what_live_delivery_would_have_said() -> None:
    live, late = Site(rule(HOT, "for: 10 min")), Site(rule(HOT, "for: 10 min"))
    story = [("08:00", 61), ("08:30", 50), ("09:00", 61), ("09:05", 50), ("10:00", 61), ("10:30", 61)]
    for time, temp in story:
        live.at(time).reads(temp=temp)
    late.at("11:00")
    for time, temp in story:
        late.reads(sent=time, temp=temp)
    wanted = (opened("08:10"), cleared("08:30"), opened("10:10"))
    live.at("11:00").expects(*wanted)
    late.expects(*wanted)


def test_backlog_with_an_offline_word_in_it() -> None:
    live, late = Site(rule(HOT, "for: 10 min")), Site(rule(HOT, "for: 10 min"))
    wanted = (opened("08:10"), lost_sight("08:20"), news("08:40", "seen_again"))
    live.at("08:00").reads(temp=61).at("08:20").reads(online="offline").at("08:40").reads(temp=61)
    live.expects(*wanted)
    late.at("09:00").reads(sent="08:00", temp=61).reads(sent="08:20", online="offline")
    late.reads(sent="08:40", temp=61).expects(*wanted)


def test_offline_loses_sight_once_and_never_clears() -> None:
    site = Site(rule(HOT))
    site.at("08:00").reads(temp=61).expects(opened("08:00"))
    site.at("08:10").reads(online="offline").expects(lost_sight("08:10"))
    site.at("08:20").reads(online="offline").at("20:00").expects()
    site.reads(temp=59).expects(cleared("20:00"))


def test_the_same_breath_may_bring_offline_and_a_later_word() -> None:
    site = Site(rule(HOT)).at("08:00")
    site.reads(temp=50).reads(online="offline").reads(temp=61).expects(opened("08:00"))


def test_online_itself_stays_known_and_its_timer_runs_while_offline() -> None:
    site = Site(rule("{signal: online, is: offline}", "for: 10 min"))
    site.at("08:00").reads(online="offline").at("08:11").expects(opened("08:10"))
    site.at("09:00").reads(online="online").expects(cleared("09:00"))


def test_a_link_that_flaps_is_counted_while_it_is_down() -> None:
    site = Site(rule("{signal: online, count: {is: offline, at_least: 3, over: 1 d}}"))
    for hour in ("08", "09", "10"):
        site.at(f"{hour}:00").reads(online="online").at(f"{hour}:30").reads(online="offline")
    site.expects(opened("10:30"))


def test_what_was_true_before_goes_on_when_the_link_is_back() -> None:
    site = Site(rule("{signal: mode, is: stopped}", "for: 1 h"))
    site.at("08:00").reads(mode="stopped").at("08:30").reads(online="offline").at("10:00").reads(
        online="online"
    )
    site.at("10:29").expects().at("10:31").expects(opened("10:30"))


def test_a_gauge_is_unknown_after_it_holds_no_more() -> None:
    hold, reset = (rule(HOT, f"for: 10 min\non_missing: {word}", word) for word in ("hold", "reset"))
    site = Site(hold, reset, rule(HOT, "for: 10 min\non_missing: open", "open"))
    site.at("08:00").reads(temp=61, holds=120.0).at("08:09").reads(temp=61)
    site.at("08:20").expects(
        opened("08:10", rule="open"), opened("08:17", rule="hold"), opened("08:19", rule="reset")
    )


def test_open_on_missing_opens_a_quiet_rule_when_the_data_goes() -> None:
    site = Site(rule(HOT, "for: 10 min\non_missing: open"))
    site.at("08:00").reads(temp=20, holds=120.0).at("08:12").expects()
    site.at("08:13").expects(opened("08:12", why="no_data"))
    site.at("09:00").reads(temp=20).expects(cleared("09:00"))


def test_open_on_missing_does_not_take_a_warm_up_for_a_gap() -> None:
    site = Site(rule("{signal: temp, drift: {up: 5 K, against: 14 d}}", "on_missing: open"))
    site.at("08:00").reads(temp=20).at("1 08:00").reads(temp=20).at("2 08:00").expects()


def test_retained_is_a_state_and_opens_only_after_it_stood() -> None:
    site = Site(rule(HOT), rule("{signal: fault, is: break}", name="fault"))
    site.at("08:00").reads(temp=61, fault="break", retained=True).expects()
    site.at("08:01").expects().at("08:01:01").expects(opened("08:01"))


def test_a_live_word_ends_the_wait_of_a_retained_one_only_if_it_is_true_itself() -> None:
    either = rule("{any: [{signal: temp, above: 60 degC}, {signal: mode, is: stopped}]}")
    site = Site(either).at("08:00").reads(temp=61, retained=True)
    site.at("08:00:10").reads(mode="normal").expects()
    site.at("08:00:20").reads(mode="stopped").expects(opened("08:00:20"))


def test_retained_events_and_steps_never_count() -> None:
    faults = rule("{signal: fault, count: {is: break, at_least: 1, over: 1 d}}")
    modes = rule("{signal: mode, count: {is: stopped, at_least: 1, over: 1 d}}", name="modes")
    trips = rule("{signal: trips, count: {at_least: 1, over: 1 d}}", name="trips")
    site = Site(faults, modes, trips).at("08:00").reads(mode="normal", trips=1.0)
    site.at("08:01").reads(fault="break", mode="stopped", trips=9.0, retained=True).at("09:00").expects()


def test_silence_runs_on_arrival_and_waits_while_we_are_deaf() -> None:
    site = Site(rule("{silent: 1 h}"))
    site.engine.expect([Facts("a", "elevator")], site.now)
    site.at("01:00").expects().reads(sent="00:10", temp=20)
    site.at("01:30").link(False).at("05:30").link(True).at("06:00").expects()
    site.at("06:00:01").expects(opened("06:00"))
    site.at("07:00").reads(temp=20).expects(cleared("07:00"))


def test_a_listed_device_that_never_spoke_is_silent() -> None:
    site = Site(rule("{silent: 1 h}"))
    site.engine.expect([Facts("a", "elevator")], site.now)
    site.at("01:00:01").expects(opened("01:00"))


def test_silence_of_one_signal() -> None:
    site = Site(rule("{signal: temp, silent: 1 h}"))
    site.at("08:00").reads(temp=20).at("08:30").reads(trips=1.0)
    site.at("09:01").expects(opened("09:00")).reads(temp=20).expects(cleared("09:01"))


def test_by_part_keeps_floors_apart() -> None:
    site = Site(rule("{signal: close, above: 5 s}", "by: floor"))
    site.at("08:00").reads(close=6.0, part="3").reads(close=4.0, part="4").expects(opened("08:00", part="3"))
    site.at("08:01").reads(close=4.0, part="4").expects()
    site.at("08:02").reads(close=4.0, part="3").expects(cleared("08:02", part="3"))


def test_an_absence_opens_by_the_passing_of_time() -> None:
    site = Site(rule("{not: {signal: trips, count: {at_least: 1, over: 6 h}}}"))
    site.at("08:00").reads(trips=1.0).at("12:00").reads(trips=2.0).expects()
    site.at("18:00").expects().at("18:01").expects(opened("18:00"))
    site.at("19:00").reads(trips=3.0).expects(cleared("19:00"))
    site.at("19:30").reads(trips=3.0).at("20:00").reads(online="online").expects()


def test_quiet_waits_while_nobody_looks() -> None:
    breaks = rule("{signal: fault, count: {is: break, at_least: 2, over: 14 d}}", "clear: {quiet: 7 d}")
    site = Site(breaks).at("08:00").reads(fault="break").at("09:00").reads(fault="break")
    site.expects(opened("09:00")).at("2 09:00").reads(online="offline").expects(lost_sight("2 09:00"))
    site.at("8 09:00").expects().reads(online="online").expects(news("8 09:00", "seen_again"))
    site.at("13 09:00").expects().at("13 09:01").expects(cleared("13 09:00"))
    site.at("14 00:00").reads(fault="fix").expects()  # the old ones count no more


def test_late_and_out_of_order_words_never_take_a_watch_back_in_time() -> None:
    site = Site(rule(HOT), rule("{signal: fault, count: {at_least: 2, over: 1 h}}", name="faults"))
    site.at("08:00").reads(temp=61).expects(opened("08:00"))
    site.at("08:05").reads(sent="07:59", temp=20).expects()
    site.at("08:10").reads(fault="break").reads(sent="07:50", fault="break").expects(
        opened("08:10", rule="faults")
    )
    assert site.engine.counters["late_or_repeated"] == 1


def test_repair_clears_and_starts_over() -> None:
    site = Site(rule(HOT)).at("08:00").reads(temp=61).expects(opened("08:00"))
    site.at("09:00").repaired().expects(cleared("09:00", "repaired"))
    site.at("10:00").reads(temp=62).expects(opened("10:00"))


def test_an_edited_limit_keeps_what_is_open_and_a_withdrawn_rule_clears_it() -> None:
    site = Site(rule(HOT, name="kept"), rule(HOT, name="gone")).at("08:00").reads(temp=61)
    site.expects(opened("08:00", rule="kept"), opened("08:00", rule="gone"))
    site.at("09:00").adopts(rule("{signal: temp, above: 70 degC}", name="kept"))
    site.expects(cleared("09:00", "rule_withdrawn", rule="gone"))
    site.at("10:00").reads(temp=69).expects(cleared("10:00", rule="kept"))


def test_an_edited_for_moves_the_deadline() -> None:
    site = Site(rule(HOT, "for: 2 h")).at("08:00").reads(temp=61)
    site.at("08:30").adopts(rule(HOT, "for: 1 h")).at("09:01").expects(opened("09:00"))
    site = Site(rule(HOT, "for: 2 h")).at("08:00").reads(temp=61)
    site.at("09:30").adopts(rule(HOT, "for: 1 h")).at("09:31").expects(opened("09:30"))


def test_an_edit_that_asks_for_something_else_keeps_the_learned_reference() -> None:
    drift = "{signal: temp, drift: {up: 5 K, against: 1 h}}"
    site = Site(rule(drift))
    for minute in range(0, 240, 2):
        site.at(seconds("00:00") + 60 * minute).reads(temp=20 + minute % 3)
    site.adopts(rule(f"{{any: [{drift}, {HOT}]}}"))
    memory = site.engine.devices["a"].watches["elevator/rule", ""].memories[0]
    assert memory.evidence(site.now)["warming_up"] is False


ODD = [
    True,
    7,
    None,
    b"x",
    [1],
    {"a": 1},
    float("nan"),
    float("inf"),
    -float("inf"),
    "",
    "x" * 1000,
    1e308,
    10**400,
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: str(type(value).__name__))
def test_no_value_however_odd_raises(value: object) -> None:
    site = Site(
        rule(HOT), rule("{signal: mode, is: stopped}", name="b"), rule("{silent: 1 h}", name="c"),
        rule("{signal: temp, drift: {up: 1 K, against: 1 h}}", name="d"),
        rule("{signal: fault, count: {at_least: 1, per: 10 trips}}", name="e"),
        rule("{signal: trips, count: {at_least: 1, over: 1 h}}", name="f"),
    )  # fmt: skip
    for signal in ("temp", "mode", "trips", "fault", "online", "nonsense"):
        for at in (site.now, site.now + 1, 1e18, float("nan"), float("inf"), -1e18):
            site.engine.receive([Reading("a", "elevator", signal, "", value, at, 60.0)], site.now)  # type: ignore[arg-type]
    site.at("23:00").restarts().at("1 23:00")


def test_devices_parts_and_unknown_kinds_are_bounded_and_counted() -> None:
    engine = Engine(Rulebook((rule("{signal: close, above: 5 s}", "by: floor"),)))
    engine.link(True, 0.0)
    assert engine.receive([Reading("x", "submarine", "depth", "", 1.0, 1.0)], 1.0) == []
    for index in range(500):
        engine.receive([Reading("a", "elevator", "close", str(index), 6.0, 2.0)], 2.0)
    assert engine.standing()["watches"] == PARTS_MAX
    for index in range(DEVICES_MAX):
        engine.receive([Reading(f"b{index}", "submarine", "close", "1", 6.0, 2.0)], 2.0)
    assert len(engine.devices) == DEVICES_MAX
    assert engine.counters["part_limit"] == 300
    assert engine.counters["device_limit"] == 2


def test_changes_are_numbered_without_a_gap_and_say_when_they_were_noticed() -> None:
    site = Site(rule(HOT, "for: 10 min")).at("09:00").reads(sent="08:00", temp=61).at("10:00")
    [change] = site.unheard
    assert (change.number, change.at) == (1, seconds("08:10"))
    assert change.noticed == pytest.approx(seconds("09:10"), abs=1e-3)
    assert change.reason["held"] == 600.0
    assert change.evidence[0]["value"] == 61.0


def test_nothing_is_noticed_before_the_word_that_caused_it_arrived() -> None:
    site = Site(rule("{signal: fault, count: {at_least: 2, over: 1 h}}", "for: 10 s"))
    site.at("08:00").reads(fault="break").at("08:30").reads(sent="07:59", fault="break").at("08:31")
    [change] = site.unheard
    assert change.at == seconds("08:00:10")
    assert change.noticed == pytest.approx(seconds("08:30"), abs=1e-3)
