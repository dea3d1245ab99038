"""What is usual at an hour of the week, with numpy and scipy as a second opinion."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm, poisson

from foretell.engine.baseline import SLOTS, Baseline, poisson_tail
from foretell.engine.expecting import (
    PRIOR_EVENTS,
    PRIOR_HOURS,
    STANDS,
    WEIGHT_MAX,
    Expected,
    ExpectedMemory,
    ExpectedSilence,
    ExpectedSilenceMemory,
)
from foretell.engine.facts import NEVER, Reading
from foretell.site.calendars import Zone

HOUR, DAY, WEEK = 3600.0, 86400.0, 7 * 86400.0
SHANGHAI, BERLIN, UTC = Zone("Asia/Shanghai"), Zone("Europe/Berlin"), Zone("UTC")
T0 = datetime(2026, 1, 5, tzinfo=ZoneInfo("UTC")).timestamp()  # a Monday
GAUGE = Expected("s", "degC", "gauge", "up", 4.0, "sigma", 4 * WEEK, UTC)
EVENTS = Expected("s", "", "event", "up", 4.0, "sigma", 4 * WEEK, UTC)
SILENCE = ExpectedSilence("s", "event", 0.01, 600.0, WEEK, UTC)
SLOW = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck), derandomize=True)

AnyMemory = ExpectedMemory | ExpectedSilenceMemory


def say(memory: AnyMemory, value: Any, at: float, part: str = "", **more: Any) -> bool:
    return memory.take(Reading("d", "k", "s", part, value, at, **more))


def day_shape(at: float, zone: str = "UTC") -> float:
    return 20.0 + 5.0 * math.sin(datetime.fromtimestamp(at, ZoneInfo(zone)).hour / 24 * 2 * math.pi)


def fed(
    condition: Expected, hours: np.ndarray, per_hour: int = 4
) -> tuple[ExpectedMemory, list[bool | None]]:
    """A gauge whose hours have these medians, and what was said of each of them."""
    memory, found = condition.memory(), []
    for index, value in enumerate(hours):
        for part in range(per_hour):
            wobble = 0.01 * (part - (per_hour - 1) / 2)
            at = T0 + index * HOUR + part * HOUR / per_hour
            say(memory, float(value) + wobble, at)
            if part == 0 and index:
                found.append(memory.verdict(at))
    say(memory, 0.0, T0 + len(hours) * HOUR)
    return memory, [*found, memory.verdict(T0 + len(hours) * HOUR)]


# -- sums ---------------------------------------------------------------------------------------------


@given(st.floats(0.0, 3e3), st.floats(0.01, 9e3), st.booleans())
def test_the_poisson_tail_agrees_with_scipy(number: float, mean: float, up: bool) -> None:
    wanted = poisson.sf(math.ceil(number) - 1, mean) if up else poisson.cdf(math.floor(number), mean)
    got = poisson_tail(number, mean, up)
    if got == 1.0:
        assert wanted > 0.3, "on the usual side"
    else:
        assert got == pytest.approx(float(wanted), rel=1e-7, abs=1e-280)


@pytest.mark.parametrize(("number", "up"), [(2e4, True), (0.0, False), (1.05e4, True), (1.0, False)])
def test_large_means_go_by_the_normal_distribution(number: float, up: bool) -> None:
    assert poisson_tail(number, 10_001.0, up) == pytest.approx(
        float(norm.sf(abs(number - 10_001) / math.sqrt(10_001))), rel=1e-9
    )


def learned(values: list[tuple[int, float]], counts: bool) -> dict[str, Any]:
    """The baseline from scratch, in plain lists."""
    kept: dict[int, list[float]] = defaultdict(list)
    spread: dict[int, float] = defaultdict(float)
    overall, errors = 0.0, 0

    def centre(hours: list[float]) -> float:
        middle = float(np.median(hours))
        if not counts:
            return middle
        reach = 3 * math.sqrt(middle) + 3
        return (float(np.sum(np.clip(hours, middle - reach, middle + reach))) + 0.5) / len(hours)

    def near(slot: int) -> list[int]:
        return [(slot - 1) % 168, slot, (slot + 1) % 168]

    def sigma(slot: int, around: float) -> float:
        weights = [min(max(len(kept[each]) - 1, 0), 5) for each in near(slot)]
        total = 6 * overall + sum(w * spread[each] for w, each in zip(weights, near(slot), strict=True))
        return max(math.sqrt(math.pi / 2) * total / (6 + sum(weights)), abs(around) * 1e-4, 1e-9)

    def expects(slot: int) -> float:
        hours = kept[slot][-5:]
        if len(hours) < 3:
            hours = [hour for each in near(slot) for hour in kept[each][-5:]]
        return centre(hours) if hours else 0.0

    for slot, value in values:
        if kept[slot]:
            own = centre(kept[slot][-5:])
            error = abs(value - own)
            if errors >= 24:
                error = min(error, 3 * sigma(slot, own))
            errors = min(errors + 1, 336)
            overall += (error - overall) / errors
            spread[slot] += (error - spread[slot]) / min(len(kept[slot]), 5)
        kept[slot].append(float(np.float32(value)))
    return {"expects": expects, "sigma": sigma}


@SLOW
@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 60, 166, 167]), st.floats(0.0, 100.0)), max_size=250),
    st.booleans(),
)
def test_the_baseline_agrees_with_one_from_scratch(values: list[tuple[int, float]], counts: bool) -> None:
    baseline, wanted = Baseline(counts), learned(values, counts)
    for slot, value in values:
        baseline.learn(slot, value)
    for slot in (0, 1, 2, 59, 60, 165, 167):
        expected = baseline.expects(slot)
        assert expected == pytest.approx(wanted["expects"](slot), rel=1e-6)
        assert baseline.sigma(slot, expected) == pytest.approx(wanted["sigma"](slot, expected), rel=1e-4)


def test_the_baseline_is_small() -> None:
    baseline = Baseline(False)
    for index in range(40 * SLOTS):
        baseline.learn(index % SLOTS, float(index))
    columns = (baseline.hours, baseline.sizes, baseline.spreads)
    assert sum(column.itemsize * len(column) for column in columns) <= 5 * 1024
    assert len(msgspec.msgpack.encode(baseline.dump())) <= 5 * 1024
    assert sorted(baseline.of(3)) == [float(week * SLOTS + 3) for week in range(35, 40)]


# -- a gauge -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["up", "down"])
@pytest.mark.parametrize(("form", "limit"), [("sigma", 3.5), ("unit", 2.0), ("share", 0.1)])
def test_hours_are_judged_as_from_scratch(side: str, form: str, limit: float) -> None:
    rng = np.random.default_rng(5)
    hours = np.array([day_shape(T0 + i * HOUR) for i in range(7 * 168)]) + rng.normal(0, 0.5, 7 * 168)
    hours[rng.random(len(hours)) < 0.02] += 6.0
    hours[rng.random(len(hours)) < 0.02] -= 6.0
    hours[-1] += 0.1
    condition = GAUGE._replace(side=side, form=form, limit=limit)
    _, said = fed(condition, hours)
    taught: list[tuple[int, float]] = []
    wanted: list[bool | None] = []
    for index, value in enumerate(hours):
        slot = index % 168
        if (index + 1) * HOUR < 4 * WEEK:  # seen by the end of the hour
            verdict = None
        else:
            from_scratch = learned(taught, False)
            expected = from_scratch["expects"](slot)
            sigma = from_scratch["sigma"](slot, expected)
            reach = limit * {"sigma": sigma, "unit": 1.0, "share": abs(expected)}[form]
            verdict = (value - expected) * (1 if side == "up" else -1) > reach
        wanted.append(verdict)
        if verdict is not True:
            taught.append((slot, float(value)))
        if index > 4 * 168 + 60:
            break
    assert said[: len(wanted)] == wanted
    assert {True, False, None} == set(wanted)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_normal_noise_rarely_alarms_and_a_shift_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hours = np.array([day_shape(T0 + i * HOUR) for i in range(8 * 168)]) + rng.normal(0, 0.5, 8 * 168)
    _, said = fed(GAUGE, hours, 1)
    judged = [verdict for verdict in said if verdict is not None]
    assert len(judged) > 600
    assert sum(judged) <= 3, "in four weeks of four sigmas"
    hours[-30:] += 4.0
    _, said = fed(GAUGE, hours, 1)
    assert sum(verdict is True for verdict in said[-30:]) >= 28


def test_outliers_and_alarms_teach_nothing() -> None:
    hours = np.array([day_shape(T0 + i * HOUR) for i in range(9 * 168)])
    hours += np.random.default_rng(1).normal(0, 0.2, len(hours))
    hours[168 + 30] = hours[2 * 168 + 30 + 1] = 90.0  # while it learns
    hours[5 * 168 :] += 10.0  # and for good
    _, said = fed(GAUGE, hours, 1)
    assert not any(said[: 5 * 168])
    assert all(verdict is True for verdict in said[5 * 168 :]), "a fault does not become normal by lasting"


def test_evidence_says_what_was_expected() -> None:
    hours = np.array([day_shape(T0 + i * HOUR) for i in range(5 * 168)])
    hours += np.random.default_rng(1).normal(0, 0.2, len(hours))
    hours[-1] = 60.0
    memory, said = fed(GAUGE, hours)
    end = T0 + 5 * WEEK
    assert said[-1] is True
    evidence = memory.evidence(end)
    assert evidence["value"] == pytest.approx(60.0) and evidence["verb"] == "expected"
    assert evidence["expected"] == pytest.approx(day_shape(end - HOUR), abs=0.4)
    assert 0.1 < evidence["sigma"] < 0.4
    assert evidence["deviation"] == pytest.approx(evidence["value"] - evidence["expected"])
    assert (evidence["at"], evidence["hour"], evidence["hours"]) == (end, 167, 4)
    assert evidence["recent"][-1] == (end, evidence["value"]) and len(evidence["recent"]) == 8
    assert memory.measure() == pytest.approx(evidence["deviation"] / (4 * evidence["sigma"]))
    msgspec.json.encode(evidence)
    memory.disarm()
    assert memory.verdict(end) is False


def test_the_last_hour_stands_for_two_hours() -> None:
    hours = np.array([day_shape(T0 + i * HOUR) for i in range(5 * 168)])
    memory, said = fed(GAUGE, hours)
    end = T0 + 5 * WEEK
    assert said[-1] is False and memory.until(end) == end + STANDS
    assert [memory.verdict(end + STANDS), memory.verdict(end + STANDS + 1)] == [False, None]
    assert [memory.gone(end + STANDS), memory.gone(end + STANDS + 1)] == [False, True]
    assert memory.until(end + STANDS + 1) == NEVER
    young, _ = fed(GAUGE, hours[:300])
    assert not young.gone(end), "it never knew"


@pytest.mark.parametrize("side", ["up", "down"])
def test_a_habit_of_one_week_is_held_against_nobody(side: str) -> None:
    """Each hour of the second week meets three of the first; until it was wrong about some, it is silent."""
    hours = 20.0 + np.random.default_rng(3).normal(0.0, 0.05, 3 * 168)
    condition = GAUGE._replace(side=side, learn=WEEK, limit=6.0)
    _, found = fed(condition, hours)
    assert True not in found
    assert found[168 + 12] is None, "it has not been wrong often enough"
    assert found[-1] is False
    hours[2 * 168 :] += 1.0 if side == "up" else -1.0
    assert fed(condition, hours)[1][2 * 168] is True


def test_an_hour_seen_in_part_is_passed_over() -> None:
    memory = GAUGE.memory()
    for minute in range(0, 60, 5):
        say(memory, 1.0, T0 + minute * 60, holds=300.0)
    for minute in range(0, 25, 5):
        say(memory, 2.0, T0 + HOUR + minute * 60, holds=300.0)
    for minute in range(0, 60, 5):
        say(memory, 3.0, T0 + 2 * HOUR + minute * 60, holds=300.0)
    say(memory, 1.0, T0 + 3 * HOUR)
    assert list(memory.recent) == [(T0 + HOUR, 1.0), (T0 + 3 * HOUR, 3.0)]


def test_a_slot_of_few_hours_asks_its_neighbours() -> None:
    baseline = Baseline(False)
    for slot, value in ((9, 1.0), (10, 2.0), (11, 30.0), (12, 4.0)):
        baseline.learn(slot, value)
    assert baseline.of(10) == [1.0, 2.0, 30.0] and baseline.expects(10) == 2.0
    for _ in range(3):
        baseline.learn(10, 7.0)
    assert baseline.of(10) == [2.0, 7.0, 7.0, 7.0]
    assert baseline.of(0) == [] and baseline.expects(0) == 0.0


# -- events and counters -----------------------------------------------------------------------------


def lift(
    rate_day: float, rate_night: float, weeks: int, seed: int, zone: Zone = UTC, start: float = T0
) -> list[float]:
    """Times of events: busy from 8 to 18 on work days of that zone."""
    rng = np.random.default_rng(seed)
    times: list[float] = []
    at = start
    while at < start + weeks * WEEK:
        end = zone.next_hour(at)
        slot = zone.hour_of_week(at)
        busy = slot < 120 and 8 <= slot % 24 < 18
        number = rng.poisson((rate_day if busy else rate_night) * (end - at) / HOUR)
        times += sorted(rng.uniform(at, end, number))
        at = end
    return times


def test_hours_of_events_are_counted_and_an_hour_without_is_zero() -> None:
    memory = EVENTS.memory()
    for minute in (0, 10, 70, 290, 295, 301):
        say(memory, "x", T0 + minute * 60)
    assert list(memory.recent) == [(T0 + (i + 1) * HOUR, n) for i, n in enumerate([2.0, 1.0, 0.0, 0.0, 2.0])]
    say(memory, "x", T0 + 5 * DAY)
    assert len(memory.recent) == 5, "nobody knows what was while it was away"


def test_hours_of_a_counter_are_its_steps() -> None:
    memory = EVENTS._replace(type="counter").memory()
    values = [100.0, 103.0, 103.0, 110.0, 2.0, 4.0]
    for index, value in enumerate(values):
        say(memory, value, T0 + index * HOUR / 2 + 60)
    assert list(memory.recent) == [(T0 + HOUR, 3.0), (T0 + 2 * HOUR, 7.0)]
    assert memory.events == 4.0
    held = EVENTS._replace(type="counter").memory()
    for index in range(13):
        gap = 10 * HOUR if index > 6 else 0.0
        say(held, 10.0 * index, T0 + index * 600.0 + gap, holds=900.0)
    assert list(held.recent) == [(T0 + HOUR, 50.0), (T0 + 12 * HOUR, 40.0)]
    assert held.observed == 6 * 600.0 + 5 * 600.0, "what it grew by while away is of no hour"


def test_a_flood_and_a_drought_of_events_are_found_and_noise_is_not() -> None:
    times = lift(40.0, 0.5, 8, 3)
    flood = T0 + 7 * WEEK + DAY + 10 * HOUR
    night = T0 + 7 * WEEK + DAY + 22 * HOUR
    extra = [*np.linspace(flood, flood + HOUR - 1, 60), *np.linspace(night, night + HOUR - 1, 8)]
    drought = T0 + 7 * WEEK + 2 * DAY + 10 * HOUR
    times = sorted([*(t for t in times if not drought <= t < drought + HOUR), drought + 30.0, *extra])
    up, down = EVENTS.memory(), EVENTS._replace(side="down").memory()
    found: dict[str, set[float]] = {"up": set(), "down": set()}
    for at in times:
        for side, memory in (("up", up), ("down", down)):
            say(memory, "x", float(at))
            if memory.verdict(float(at)):
                assert memory.judged is not None
                found[side].add(memory.judged.end - HOUR)
    assert {flood, night} <= found["up"] and len(found["up"]) <= 4
    assert drought in found["down"] and len(found["down"]) <= 3
    judged = up.evidence(T0)
    assert judged["sigma"] >= math.sqrt(judged["expected"]) > 0.0


def test_a_count_must_be_unlikely_by_chance_too() -> None:
    """One an hour, always: six are four spreads too many, and still what chance may bring."""
    memory = EVENTS.memory()
    for hour in range(4 * 168 + 100):
        say(memory, "x", T0 + hour * HOUR)
    for number, wanted in ((3, False), (6, False), (7, False), (9, True)):
        copy = EVENTS.memory()
        copy.load(memory.dump())
        start = T0 + (4 * 168 + 100) * HOUR
        for index in range(number):
            say(copy, "x", start + index * 60)
        say(copy, "x", start + HOUR)
        assert copy.verdict(start + HOUR) is wanted
        expected = copy.evidence(start)["expected"]
        assert expected == pytest.approx(1.0 + 0.5 / 4, rel=1e-3)
        assert copy.evidence(start)["sigma"] == pytest.approx(math.sqrt(expected))
        assert (number - expected > 4 * math.sqrt(expected)) is (number >= 6)
        assert (poisson.sf(number - 1, expected) < norm.sf(4.0)) == wanted


# -- zones --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "year", "month", "day"),
    [
        ("Europe/Berlin", 2026, 2, 23),
        ("Europe/Berlin", 2026, 9, 21),
        ("Asia/Shanghai", 2026, 2, 23),
        ("Australia/Lord_Howe", 2026, 3, 2),
    ],
)
def test_the_clocks_may_change(zone: str, year: int, month: int, day: int) -> None:
    """A sharp day by the local clock, over a change of the clocks: no hour is surprised."""
    first = datetime(year, month, day, tzinfo=ZoneInfo(zone)).timestamp()
    condition = GAUGE._replace(zone=Zone(zone), learn=3 * WEEK)
    up, down = condition.memory(), condition._replace(side="down").memory()
    rng = np.random.default_rng(2)
    judged = 0
    for index in range(int(8 * WEEK / 900)):
        at = first + index * 900.0
        hour = datetime.fromtimestamp(at, ZoneInfo(zone)).hour
        value = (50.0 if 8 <= hour < 18 else 10.0) + float(rng.normal(0, 0.5))
        for memory in (up, down):
            say(memory, value, at)
            if memory.verdict(at) is not None and memory.judged is not None:
                assert memory.verdict(at) is False, datetime.fromtimestamp(at, ZoneInfo(zone))
                assert abs(memory.judged.value - memory.judged.expected) < 3.0
                judged += 1
    assert judged > 2 * 4 * 4 * 168


def test_an_hour_that_the_clocks_repeat_is_one_of_two_hours() -> None:
    change = datetime(2026, 10, 25, 2, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    memory = EVENTS._replace(zone=BERLIN).memory()
    for index in range(4 * 6 + 1):
        say(memory, "x", change - HOUR + index * 600.0)
    assert list(memory.recent) == [(change, 6.0), (change + 2 * HOUR, 12.0), (change + 3 * HOUR, 6.0)]
    slot = BERLIN.hour_of_week(change)
    assert [memory.baseline.of(each)[0] for each in (slot - 1, slot + 1)] == [6.0, 6.0]
    assert list(memory.baseline.hours).count(6.0) == 3, "six an hour in each of them"


# -- silence -----------------------------------------------------------------------------------------


def rates(times: list[float], zone: Zone, until: float) -> Any:
    """Events per hour of each slot, from whole hours before `until`'s hour."""
    events, hours = np.zeros(168), np.zeros(168)
    at = times[0]
    while zone.next_hour(at) <= until:
        end = zone.next_hour(at)
        hours[zone.hour_of_week(at)] += (end - at) / HOUR
        at = end
    for time in times:
        if time < at:
            events[zone.hour_of_week(time)] += 1
    return (events + PRIOR_EVENTS) / (hours + PRIOR_HOURS)


def void(rate: Any, zone: Zone, start: float, end: float) -> float:
    """The integral of the rate, a minute at a time."""
    total, at = 0.0, start
    while at < end:
        step = min(end, (at // 60 + 1) * 60)
        total += float(rate[zone.hour_of_week(at)]) * (step - at) / HOUR
        at = step
    return total


@pytest.mark.parametrize("zone", [UTC, SHANGHAI, BERLIN])
@pytest.mark.parametrize(("day", "night", "seed"), [(20.0, 0.2, 1), (3.0, 0.5, 2)])
def test_silence_turns_unlikely_where_the_void_probability_says(
    zone: Zone, day: float, night: float, seed: int
) -> None:
    start = datetime(2026, 3, 9, tzinfo=ZoneInfo(zone.name)).timestamp()
    times = lift(day, night, 4, seed, zone, start)
    condition = SILENCE._replace(zone=zone, learn=NEVER)
    memory = condition.memory()  # never learned enough to judge: every hour is learned
    checked = 0
    for index, at in enumerate(times):
        say(memory, "x", float(at))
        if index % 97 == 0 and index > 400:
            judge = condition._replace(learn=1.0).memory()
            judge.load(msgspec.msgpack.decode(msgspec.msgpack.encode(memory.dump())))
            rate = rates(times[: index + 1], zone, float(at))
            turns = judge.until(float(at))
            assert turns < at + 14 * DAY

            def beyond(end: float, at: float = at, rate: Any = rate) -> float:
                return void(rate, zone, at, end) - math.log(100)

            wanted = brentq(beyond, at, at + 14 * DAY)
            assert turns == pytest.approx(max(wanted, at + 600.0), abs=1.0)
            assert judge.verdict(turns) is False and judge.verdict(turns + 1e-3) is True
            evidence = judge.evidence(turns)
            if wanted > at + 600:
                assert evidence["value"] == pytest.approx(0.01, rel=1e-4)
            assert evidence["expected"] == pytest.approx(void(rate, zone, at, turns), rel=1e-6)
            assert evidence["silence"] == pytest.approx(turns - at)
            checked += 1
    assert checked >= 5


def test_no_trips_at_a_busy_hour_is_found_and_a_quiet_night_is_not() -> None:
    times = lift(20.0, 0.05, 6, 4)
    stop = T0 + 5 * WEEK + DAY + 10 * HOUR
    memory = SILENCE._replace(learn=4 * WEEK).memory()
    alarms = []
    before = 0.0
    for at in times:
        if at > stop:
            break
        if before and memory.verdict(at) is True:
            alarms.append(before)
        say(memory, "x", float(at))
        before = at
    assert len(alarms) <= 5, "of some thousand gaps"
    turns = memory.until(before)
    assert turns - before < 1.0 * HOUR
    assert memory.verdict(stop + HOUR) is True


def test_silence_is_unknown_while_it_learns_and_ends_with_an_event() -> None:
    memory = SILENCE.memory()
    assert (memory.verdict(T0), memory.until(T0), memory.gone(T0)) == (None, NEVER, False)
    at = T0
    while at < T0 + WEEK:
        say(memory, "x", at)
        assert memory.verdict(at) is None and memory.verdict(at + DAY) is None
        at += 300.0
    say(memory, "x", at)
    assert memory.verdict(at) is False
    turns = memory.until(at)
    assert memory.verdict(turns + 1) is True
    memory.disarm()
    assert memory.verdict(turns + 1) is False and memory.until(at) == NEVER
    say(memory, "x", turns + 2)
    assert memory.verdict(turns + 2) is False and memory.until(turns + 2) < turns + DAY
    memory.renew()
    assert memory.verdict(turns + 3) is None and memory.evidence(at)["observed"] == 0.0
    assert not say(memory, "x", turns + 2), "a repetition from before"


def test_a_silence_lasts_at_least_so_long() -> None:
    memory = SILENCE._replace(at_least=7200.0).memory()
    for index in range(8 * 24 * 60):
        say(memory, "x", T0 + index * 60.0)
    last = T0 + (8 * 24 * 60 - 1) * 60.0
    assert memory.until(last) == last + 7200.0


def test_a_counter_that_stands_still_is_alive_and_silent() -> None:
    memory = SILENCE._replace(type="counter").memory()
    value = 0.0
    for index in range(8 * 24 * 6):
        value += 2.0
        say(memory, value, T0 + index * 600.0)
    last = memory.last_event
    turns = memory.until(last)
    observed = memory.observed
    for index in range(1, 40):
        say(memory, value, last + index * 600.0)
        assert memory.last_event == last
        assert memory.verdict(last + index * 600.0) is (last + index * 600.0 > turns)
    taught = memory.observed - observed
    assert taught == pytest.approx(memory.turned - last), "the silence itself teaches nothing"
    say(memory, value + 1, last + 24000.0)
    assert memory.verdict(last + 24000.0) is False


def test_quiet_hours_that_are_learned_meanwhile_move_when_a_silence_turns() -> None:
    memory = SILENCE._replace(type="counter", chance=1e-9).memory()
    for index in range(8 * 24 * 6):
        say(memory, float(index), T0 + index * 600.0)
    last, moved = memory.last_event, set()
    for index in range(1, 20):
        at = last + index * 600.0
        say(memory, float(8 * 24 * 6 - 1), at)
        copy = memory.condition.memory()
        copy.load(memory.dump())
        assert memory.until(at) == copy.until(at) > at
        moved.add(memory.until(at))
    assert len(moved) == 4, "once an hour, and never back"


def test_a_device_that_was_away_teaches_no_zero_rates() -> None:
    memory = SILENCE._replace(learn=NEVER).memory()
    for index in range(1000):
        say(memory, "x", T0 + index * 600.0)
    before, seen = memory.rate(T0), memory.observed
    say(memory, "x", T0 + 60 * DAY)
    say(memory, "x", T0 + 60 * DAY + HOUR)
    assert memory.rate(T0) == pytest.approx(before)
    assert memory.observed == seen + HOUR


def test_steps_read_at_once_spread_over_the_time_since() -> None:
    memory = SILENCE._replace(type="counter", learn=NEVER).memory()
    say(memory, 0.0, T0)
    say(memory, 13.0, T0 + 3 * HOUR)
    say(memory, 13.0, T0 + 4 * HOUR)
    assert [memory.events[slot] for slot in range(4)] == pytest.approx([4.0, 4.0, 4.0, 1.0])
    assert [memory.hours[slot] for slot in range(4)] == pytest.approx([1.0] * 4)


def test_old_habits_fade() -> None:
    memory = SILENCE._replace(learn=NEVER).memory()
    for index in range(int(30 * WEEK / HOUR)):
        at = T0 + index * HOUR
        for each in range(12 if index < 15 * 168 else 2):
            say(memory, "x", at + each * 60.0)
    assert max(memory.hours) <= WEIGHT_MAX
    fade = WEIGHT_MAX / (WEIGHT_MAX + 1)
    assert memory.events[0] / memory.hours[0] == pytest.approx(2.0 + 10.0 * fade**15, rel=0.01)


def test_what_is_not_unlikely_in_two_weeks_never_is() -> None:
    memory = SILENCE._replace(learn=DAY).memory()
    for day in range(60):
        say(memory, "x", T0 + day * 1.9 * DAY)
    at = T0 + 59 * 1.9 * DAY
    expected = memory.evidence(at + 14 * DAY)["expected"]
    assert (memory.until(at) == NEVER) is (expected < math.log(100))
    slow = SILENCE._replace(learn=DAY, chance=1e-9).memory()
    slow.load(memory.dump())
    assert slow.until(at) == NEVER and slow.verdict(at + 365 * DAY) is False


def test_late_events_of_another_part_end_a_silence_where_they_lie() -> None:
    memory = SILENCE.memory()
    for index in range(8 * 24 * 6):
        say(memory, "x", T0 + index * 600.0, "a")
    last = memory.last_event
    assert not say(memory, "x", last, "a")
    assert say(memory, "x", last - 5.0, "b") and memory.last_event == last


# -- whatever comes ----------------------------------------------------------------------------------

CONDITIONS = st.sampled_from([
    GAUGE._replace(learn=6 * HOUR, zone=BERLIN, limit=2.0),
    GAUGE._replace(learn=6 * HOUR, side="down", form="share", limit=0.1, coverage=0.0),
    EVENTS._replace(learn=6 * HOUR, limit=1.0), EVENTS._replace(type="counter", learn=6 * HOUR, limit=1.0),
    EVENTS._replace(type="counter", side="down", learn=HOUR, form="unit", zone=BERLIN, coverage=0.0),
    SILENCE._replace(learn=3 * HOUR, chance=0.3), SILENCE._replace(learn=3 * HOUR, chance=0.2, zone=BERLIN),
    SILENCE._replace(type="counter", learn=HOUR, chance=0.3, at_least=0.0, zone=SHANGHAI),
])  # fmt: skip
READING = st.tuples(
    st.sampled_from([0.0, 1.0, 5.0, 5.0, 6.0, 60.0, -1e300, 1e29, "odd", "word"]),
    st.sampled_from([0.0, 60.0, 900.0, 900.0, 3600.0, 7000.0, -300.0, -9000.0, 40_000.0, 3 * DAY]),
    st.sampled_from(["", "", "a"]), st.sampled_from([NEVER, NEVER, 2000.0, 0.0, float("nan")]), st.booleans(),
)  # fmt: skip
STORY = st.lists(READING, min_size=1, max_size=60)
AUTUMN = datetime(2026, 10, 24, 20, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


def told(story: list[Any]) -> list[Reading]:
    now, found = AUTUMN, []
    for value, later, part, holds, again in story:
        now += max(later, 0.0)
        found += [Reading("d", "k", "s", part, value, now + min(later, 0.0), holds)] * (2 if again else 1)
    return found


@cache
def habits(condition: Any) -> bytes:
    """What is remembered after nine days of a sharp day, by the half hour."""
    memory = condition.memory()
    total = 0.0
    for index in range(9 * 48 + 1):
        at = AUTUMN - 9 * DAY + index * 1800.0
        busy = 8 <= condition.zone.hour_of_week(at) % 24 < 22
        total += 5.0 if busy else 1.0
        if condition.type != "event" or busy or index % 4 == 0:
            value = total if condition.type == "counter" else (5.0 if busy else 1.0) + index % 3 / 10
            say(memory, value, at)
    return packed(memory)


def experienced(condition: Any) -> Any:
    memory = condition.memory()
    memory.load(msgspec.msgpack.decode(habits(condition)))
    return memory


def packed(memory: AnyMemory) -> bytes:
    return msgspec.msgpack.encode(memory.dump())


@SLOW
@given(CONDITIONS, STORY, st.randoms(use_true_random=False))
def test_restarts_duplicates_and_questions_change_nothing(
    condition: Any, story: list[Any], chance: Any
) -> None:
    calm, restless = experienced(condition), experienced(condition)
    readings = told(story)
    newest = -NEVER
    for step, reading in enumerate(readings):
        assert calm.take(reading) == restless.take(reading)
        newest = max(newest, reading.at)
        if chance.random() < 0.3:
            assert not restless.take(reading)
            assert not restless.take(chance.choice(readings[: step + 1]))
        if chance.random() < 0.5:
            at = newest + chance.choice([0.0, chance.uniform(0.0, 9000.0), 10 * DAY])
            restless.verdict(at), restless.until(at), restless.gone(at)
            restless.measure(), restless.evidence(at)
        if chance.random() < 0.2:
            restless, before = condition.memory(), restless
            restless.load(msgspec.msgpack.decode(packed(before)))
        if chance.random() < 0.05:
            calm.disarm(), restless.disarm()
        if chance.random() < 0.02:
            calm.renew(), restless.renew()
        assert packed(restless) == packed(calm)
        for at in (newest, newest + 4000.0, newest + 40_000.0):
            assert restless.verdict(at) == calm.verdict(at)
            assert restless.until(at) == calm.until(at)
            assert restless.evidence(at) == calm.evidence(at)


@SLOW
@given(CONDITIONS, STORY, st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_a_verdict_stands_until_it_says(condition: Any, story: list[Any], parts: list[float]) -> None:
    memory = experienced(condition)
    newest = -NEVER
    for reading in told(story):
        memory.take(reading)
        newest = at = max(newest, reading.at)
        for _ in range(4):
            end = memory.until(at)
            assert end >= at
            last = min(end, at + 60 * DAY)
            instants = [at, last, *(at + part * (last - at) for part in parts)]
            assert len({(memory.verdict(each), memory.gone(each)) for each in instants}) == 1
            if end == NEVER:
                break
            at = end + 1e-6
        else:
            raise AssertionError("it never comes to rest")
        assert len(packed(memory)) < 8 * 1024
        evidence = memory.evidence(at)
        assert {"verb", "signal", "unit", "value", "limit", "at", "verdict", "recent"} <= set(evidence)
        assert all(value == value for value in evidence.values()), "no NaN"
        msgspec.json.encode(evidence)


@pytest.mark.parametrize("condition", [GAUGE, EVENTS, EVENTS._replace(type="counter"), SILENCE])
def test_odd_values_and_times_never_raise(condition: Any) -> None:
    memory = condition.memory()
    for at in (-4e9, -1e9, 0.0, 1.0, 1e9, 3.99e9, 3.9999e9, 2.0):
        for value in (0.0, -1e308, 1e308, 1e30, "", "x" * 1000):
            for part in ("", "p"):
                say(memory, value, at, part, holds=-5.0)
                say(memory, value, at + 0.5, part, retained=True)
                memory.verdict(at), memory.until(at), memory.gone(at), memory.measure(), memory.evidence(at)
    msgspec.msgpack.decode(packed(memory))


def test_what_the_broker_kept_is_not_taken() -> None:
    for condition in (GAUGE, EVENTS, SILENCE):
        memory = condition.memory()
        before = packed(memory)
        assert not say(memory, 1.0, T0, retained=True)
        assert packed(memory) == before


def test_shapes_tell_what_must_be_alike() -> None:
    assert GAUGE.shape() == GAUGE._replace(limit=1.0, side="down", learn=1.0).shape()
    assert SILENCE.shape() == SILENCE._replace(chance=0.5, at_least=1.0).shape()
    assert len({GAUGE.shape(), EVENTS.shape(), SILENCE.shape(), EVENTS._replace(type="counter").shape()}) == 4
    assert (GAUGE.signals, GAUGE.samples, GAUGE.restless) == (("s",), True, False)
    assert (SILENCE.signals, SILENCE.samples, SILENCE.restless) == (("s",), False, True)


def test_a_week_has_its_hours() -> None:
    assert [UTC.hour_of_week(T0 + hour * HOUR) for hour in range(SLOTS)] == list(range(SLOTS))
    assert timedelta(hours=SLOTS) == timedelta(days=7)
