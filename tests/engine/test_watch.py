"""What one watch costs, and that what it remembers survives being written down."""

from __future__ import annotations

import gc
import tracemalloc

import msgspec
import pytest

from foretell.engine.engine import Engine
from foretell.engine.facts import Reading
from foretell.engine.rule import Rulebook
from foretell.engine.watch import Watch
from tests.engine.timeline import DAY0, Site, cleared, news, opened, rule, seconds

RULES = {
    "level": ("{signal: temp, above: 60 degC}", "for: 1 h"),
    "count": ("{signal: temp, count: {above: 10 degC, at_least: 30, over: 14 d}}", "clear: {quiet: 1 d}"),
    "drift": (
        "{signal: temp, drift: {up: 1 sigma, against: 20 d, median: 1 h}}",
        "clear: {below: 20 degC, for: 1 h}",
    ),
}


def readings(count: int, device: str = "a") -> list[Reading]:
    return [
        Reading(device, "elevator", "temp", "", 20.0 + index % 50 / 7, DAY0 + index * 60.0)
        for index in range(count)
    ]


@pytest.mark.parametrize("name", RULES)
def test_a_watch_fits_into_five_kib(name: str) -> None:
    heard = [readings(600, f"d{device}") for device in range(50)]

    def hear() -> Engine:
        engine = Engine(Rulebook((rule(*RULES[name]),)))
        engine.link(True, DAY0)
        for each in heard:
            engine.receive(each, each[-1].at)
        return engine

    hear()  # what is made once for all of them is no watch's
    gc.collect()
    tracemalloc.start()
    engine = hear()
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert engine.standing()["watches"] == 50
    assert used / 50 < 5 * 1024 + 1024  # the last is the device itself


@pytest.mark.parametrize("name", RULES)
def test_what_it_remembers_survives_being_written_down(name: str) -> None:
    watched = rule(*RULES[name])
    watch, clock = Watch(watched, "a", "", 0.0), 0.0
    for reading in readings(500):
        watch.take(reading, clock, [])
    dumped = msgspec.msgpack.decode(msgspec.msgpack.encode(watch.dump()))
    again = Watch(watched, "a", "", 0.0)
    again.load(dumped)
    assert again.dump() == watch.dump()
    assert msgspec.msgpack.encode(again.dump()) == msgspec.msgpack.encode(watch.dump())


def test_worse_is_news_at_most_once_a_day() -> None:
    site = Site(rule("{signal: temp, above: 60 degC}")).at("08:00").reads(temp=66).expects(opened("08:00"))
    site.at("09:00").reads(temp=80).expects()
    site.at("1 09:00").reads(temp=80).expects(news("1 09:00", "worse"))
    site.at("1 10:00").reads(temp=150).expects()
    site.at("2 10:00").reads(temp=82).expects()


def test_a_pause_does_not_count_towards_for_and_the_deadline_moves() -> None:
    site = Site(rule("{signal: temp, above: 60 degC}", "for: 10 min")).at("08:00").reads(temp=61, holds=60.0)
    site.at("08:05").reads(temp=61, holds=60.0).at("08:10").reads(temp=61)
    assert site.engine.next_deadline() == pytest.approx(seconds("08:18"), abs=1e-3)
    site.restarts().at("08:19").expects(opened("08:18"))


def test_a_repair_learns_a_new_reference_only_if_the_rule_says_so() -> None:
    drift = "{signal: temp, drift: {up: 5 K, against: 1 h}}"
    for reset_on, forgot in (("repair", True), ("never", False)):
        site = Site(rule(drift, f"reset_on: {reset_on}"))
        for reading in readings(200):
            site.at(reading.at).reads(temp=reading.value)
        site.repaired()
        memory = site.engine.devices["a"].watches["elevator/rule", ""].memories[0]
        assert memory.evidence(site.now)["warming_up"] is forgot


def test_a_reading_at_the_very_deadline_decides() -> None:
    site = Site(rule("{signal: temp, above: 60 degC}", "for: 10 min"))
    site.at("08:00").reads(temp=61).at("08:10").reads(temp=50).expects()
    site.at("09:00").reads(temp=61).at("09:10").reads(temp=61).expects(opened("09:10"))
    site.at("09:20").reads(temp=50).expects(cleared("09:20"))
