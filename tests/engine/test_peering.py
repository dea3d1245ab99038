"""Deviation from siblings, with numpy and scipy as a second opinion."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, Reading
from foretell.engine.peering import (
    ABSURD,
    FRESH,
    SETTLE,
    VALUES_MAX,
    Group,
    Peers,
    PeersMemory,
    Streams,
    against_the_rest,
)

DAY = 86400.0
T0 = 20_000 * DAY
APART = Peers("s", "mm", "apart", 4.0, "sigma", "model")
SLOW = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck), derandomize=True)


def say(memory: PeersMemory, value: Any, at: float, part: str = "", **more: Any) -> bool:
    return memory.take(Reading("d", "k", "s", part, value, at, **more))


def fleet(condition: Peers, size: int) -> list[PeersMemory]:
    group = Group()
    members = [condition.memory() for _ in range(size)]
    for index, memory in enumerate(members):
        memory.join(group, (f"d{index}", ""))
    return members


def days(members: list[PeersMemory], table: list[list[float]], every: float = 3600.0) -> None:
    """Each row is a day, each column a member, heard every so often, one after the other."""
    for day, row in enumerate(table):
        for at in np.arange(0.0, DAY, every):
            for index, value in enumerate(row):
                say(members[index], value, T0 + day * DAY + float(at) + index)


def judged(members: list[PeersMemory], at: float) -> list[bool | None]:
    return [memory.verdict(at) for memory in members]


# -- sums ---------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_leaving_one_out_agrees_with_scipy(values: list[float]) -> None:
    for index, (median, sigma) in enumerate(against_the_rest(values, values)):
        rest = np.array(values[:index] + values[index + 1 :])
        assert median == pytest.approx(float(np.median(rest)), rel=1e-12, abs=1e-12)
        spread = max(1.4826 * float(median_abs_deviation(rest)), abs(median) * 1e-4, 1e-9)
        assert sigma == pytest.approx(spread, rel=1e-9, abs=1e-9)


def reference(row: np.ndarray, condition: Peers) -> list[bool]:
    """Who deviates among these values, from scratch."""

    def out(index: int, side: str) -> bool:
        rest = np.delete(row, index)
        median = np.median(rest)
        sigma = max(1.4826 * np.median(np.abs(rest - median)), abs(median) * 1e-4, 1e-9)
        factor = {"sigma": sigma, "unit": 1.0, "share": abs(median)}[condition.form]
        deviation = (row[index] - median) * (1 if side == "up" else -1)
        return bool(deviation > condition.limit * factor and deviation > condition.beyond)

    found = []
    for index in range(len(row)):
        sides = ["up", "down"] if condition.side == "apart" else [condition.side]
        verdict = False
        for side in sides:
            alike = sum(out(each, side) for each in range(len(row)))
            verdict = verdict or (out(index, side) and not (alike >= 2 and alike * 3 > len(row)))
        found.append(verdict)
    return found


@pytest.mark.parametrize("side", ["up", "down", "apart"])
@pytest.mark.parametrize(
    ("form", "limit", "beyond"),
    [("sigma", 3.0, 0.0), ("unit", 1.0, 0.0), ("share", 0.1, 0.0), ("sigma", 2.0, 1.2)],
)
def test_verdicts_agree_with_numpy(side: str, form: str, limit: float, beyond: float) -> None:
    condition = APART._replace(side=side, form=form, limit=limit, beyond=beyond)
    rng = np.random.default_rng(11)
    members, seen = fleet(condition, 7), set()
    table = rng.normal(10.0, 0.5, (40, 7))
    table[rng.random((40, 7)) < 0.1] += 3.0
    table[rng.random((40, 7)) < 0.1] -= 3.0
    for day in range(40):
        noise = rng.normal(0.0, 0.1, (12, 7))
        noise -= np.median(noise, axis=0)
        for hour in range(12):
            for index in rng.permutation(7):
                at = T0 + day * DAY + hour * 7200.0 + float(index)
                say(members[index], float(table[day, index] + noise[hour, index]), at)
        if day:
            wanted = reference(table[day - 1], condition)
            assert judged(members, T0 + day * DAY + 23 * 3600) == wanted, day
            seen |= set(wanted)
    assert seen == {True, False}


def test_a_counters_value_is_its_increase_over_restarts_and_edges() -> None:
    """Against interpolation of the unwrapped counter at the edges of the buckets."""
    rng = np.random.default_rng(3)
    memory = APART._replace(counter=True).memory()
    ats = T0 + np.sort(rng.uniform(0.0, 8 * DAY, 300))
    growth = rng.integers(0, 5, 300).astype(float)
    total = np.cumsum(growth) - growth[0]
    value, at_zero = 1000.0, set(rng.choice(np.arange(1, 300), 5, replace=False))
    for index, at in enumerate(ats):
        value = growth[index] if index in at_zero else value + growth[index] * (index > 0)
        say(memory, float(value), float(at))
    edges = np.interp(T0 + DAY * np.arange(9), ats, total)
    got = dict(memory.ring)
    assert len(got) == 7
    for day in range(1, 7):
        assert got[20_000 + day] == pytest.approx(edges[day + 1] - edges[day], rel=1e-9)
    first = edges[1] * DAY / (T0 + DAY - ats[0])  # a bucket in part is scaled to the whole
    assert got[20_000] == pytest.approx(first, rel=1e-9)


def test_the_increases_of_parts_add_up() -> None:
    memory = APART._replace(counter=True).memory()
    for hour in range(50):
        for offset, part in enumerate("abc"):
            say(memory, float(hour), T0 + hour * 3600 + offset, part)
    assert memory.ring[-1][1] == pytest.approx(72.0, rel=0.01)


def test_a_long_bucket_is_thinned_and_bounded() -> None:
    memory = APART.memory()
    for index in range(10_000):
        say(memory, float(index % 100), T0 + index * 8.0)
    assert len(memory.sample.values) <= VALUES_MAX
    say(memory, 0.0, T0 + DAY)
    assert memory.ring[-1][1] == pytest.approx(49.5, abs=10)


# -- what is judged, and when -------------------------------------------------------------------------


def test_one_that_differs_is_found_and_evidence_says_how() -> None:
    members = fleet(APART._replace(side="up"), 5)
    days(members, [[10.0, 10.1, 9.9, 10.0, 15.0]] * 2)
    at = T0 + 2 * DAY - 1
    assert judged(members, at) == [False, False, False, False, True]
    evidence = members[4].evidence(at)
    assert evidence["value"] == 15.0 and evidence["median"] == 10.0 and evidence["deviation"] == 5.0
    assert evidence["sigma"] == pytest.approx(1.4826 * 0.05)
    assert (evidence["verb"], evidence["size"], evidence["common_cause"]) == ("peers", 5, False)
    assert (evidence["at"], evidence["recent"]) == (T0 + DAY, [(T0 + DAY, 15.0)])
    assert members[4].measure() == pytest.approx(5.0 / (4 * 1.4826 * 0.05))
    assert msgspec.json.decode(msgspec.json.encode(evidence))["among"] == "model"
    members[4].disarm()
    assert members[4].verdict(at) is False
    days(members, [[10.0, 10.1, 9.9, 10.0, 15.0]] * 3)
    assert members[4].verdict(T0 + 3 * DAY - 1) is True, "a new bucket is news"


def test_that_all_moved_is_a_common_cause_at_every_instant() -> None:
    members = fleet(APART, 6)
    for day in range(8):
        for hour in range(24):
            for index, memory in enumerate(members):
                at = T0 + day * DAY + hour * 3600 + index * 60
                say(memory, (20.0 if day >= 4 else 10.0) + index / 10, at)
                assert memory.verdict(at) is not True, (day, hour, index)
    assert judged(members, T0 + 8 * DAY) == [False] * 6


def test_that_more_than_a_third_moved_is_a_common_cause_too() -> None:
    for moved, wanted in ((1, True), (2, True), (3, False)):
        members = fleet(APART, 7)
        row = [10.0 + index / 10 for index in range(7 - moved)] + [30.0 + index for index in range(moved)]
        days(members, [row] * 2)
        assert members[6].verdict(T0 + 2 * DAY - 1) is wanted, moved
        assert members[6].evidence(T0)["common_cause"] is (not wanted)
        assert members[0].verdict(T0 + 2 * DAY - 1) is False


def test_of_two_one_alone_is_no_common_cause() -> None:
    members = fleet(APART._replace(side="up", form="unit", at_least=2), 2)
    days(members, [[10.0, 50.0]] * 2)
    assert judged(members, T0 + 2 * DAY - 1) == [False, True]


def test_two_on_opposite_sides_are_no_common_cause() -> None:
    members = fleet(APART, 5)
    days(members, [[10.0, 10.1, 9.9, 0.0, 20.0]] * 2)
    assert judged(members, T0 + 2 * DAY - 1) == [False, False, False, True, True]


def test_too_few_members_are_unknown() -> None:
    members = fleet(APART, 3)
    days(members, [[10.0, 10.0, 50.0]] * 2)
    assert judged(members, T0 + 2 * DAY - 1) == [None] * 3
    assert members[2].evidence(T0)["size"] == 3 and members[2].evidence(T0)["sigma"] is None
    assert not members[2].gone(T0 + 9 * DAY) and members[2].measure() == 0.0
    few = fleet(APART._replace(at_least=3), 3)
    days(few, [[10.0, 10.0, 50.0]] * 2)
    assert judged(few, T0 + 2 * DAY - 1) == [False, False, True]


def test_without_a_group_nothing_is_known() -> None:
    memory = APART.memory()
    days([memory], [[10.0]] * 2)
    assert memory.verdict(T0 + 2 * DAY - 1) is None
    members = fleet(APART, 4)
    days(members, [[10.0, 10.0, 10.0, 50.0]] * 2)
    assert members[3].verdict(T0 + 2 * DAY - 1) is True
    group = members[3].group
    members[3].leave()
    assert members[3].verdict(T0 + 2 * DAY - 1) is None
    assert group is not None and ("d3", "") not in group.members and len(group.members) == 3


def test_who_joins_under_a_taken_key_replaces_and_is_not_thrown_out_by_the_old_one() -> None:
    group, old, new = Group(), APART.memory(), APART.memory()
    old.join(group, ("d", ""))
    new.join(group, ("d", ""))
    old.leave()
    assert group.members == {("d", ""): new}


def test_siblings_speak_by_the_same_bucket_or_one_not_newer_and_fresh() -> None:
    memory = APART.memory()
    memory.ring.extend([(5, 1.0), (6, 2.0), (9, 3.0)])
    got = [memory.value_of(index) for index in range(4, 13)]
    assert got == [None, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, None]
    assert FRESH == 2


def test_the_verdict_is_given_once_siblings_had_time_and_stands_for_two_buckets() -> None:
    members = fleet(APART, 4)
    days(members, [[10.0, 10.0, 10.0, 50.0]])
    settled = T0 + DAY + SETTLE * DAY
    for memory in members:
        say(memory, 10.0, T0 + DAY + 60)
    say(members[3], 10.0, settled - 1)
    assert members[3].verdict(settled - 1) is None
    say(members[3], 10.0, settled)
    assert members[3].verdict(settled) is True
    end = T0 + 3 * DAY
    assert members[3].until(settled) == end
    assert (members[3].verdict(end), members[3].verdict(end + 1e-6)) == (True, None)
    assert (members[3].gone(end), members[3].gone(end + 1e-6)) == (False, True)
    assert members[3].until(end + 1) == NEVER


def meters(table: list[list[float]], size: int) -> list[list[bool | None]]:
    """What each of `size` members that speak at noon of each day says right then."""
    members, found = fleet(APART, size), []
    for day, row in enumerate(table):
        at = T0 + (day + 0.5) * DAY
        found.append([])
        for index, memory in enumerate(members):
            say(memory, row[index], at + index)
            found[-1].append(memory.verdict(at + index))
    return found


def test_those_that_speak_once_a_bucket_are_judged_and_their_verdict_never_lapses() -> None:
    said = meters([[10.0, 10.1, 10.2, 50.0, 9.9]] * 8, 5)
    for day in range(4, 8):
        assert said[day] == [False, False, False, True, False]


@pytest.mark.parametrize("size", [4, 5, 6, 7, 12, 25])
def test_a_shift_of_all_is_none_of_theirs_even_before_it_reached_them_all(size: int) -> None:
    rows = [[(30.0 if day >= 6 else 10.0) + index / 10 for index in range(size)] for day in range(12)]
    assert not any(verdict is True for row in meters(rows, size) for verdict in row)
    rows[9][0] = 90.0
    assert any(row[0] is True for row in meters(rows, size)[10:])


def test_it_waits_for_half_of_its_siblings_and_no_longer_than_a_bucket() -> None:
    members = fleet(APART, 5)
    days(members, [[10.0, 10.1, 9.9, 10.0, 50.0]] * 2)
    for hour in range(24):
        say(members[4], 10.0, T0 + 2 * DAY + hour * 3600)
        assert members[4].judged == 20_000
    say(members[0], 10.0, T0 + 3 * DAY - 20)
    say(members[1], 10.0, T0 + 3 * DAY - 10)
    say(members[4], 10.0, T0 + 3 * DAY - 1)
    assert members[4].judged == 20_001, "half have closed it"
    alone = fleet(APART, 5)
    days(alone, [[10.0, 10.1, 9.9, 10.0, 50.0]] * 2)
    days(alone[4:], [[50.0]] * 3)
    assert alone[4].judged == 20_000
    say(alone[4], 50.0, T0 + 3 * DAY)
    assert alone[4].judged == 20_001 and alone[4].verdict(T0 + 3 * DAY) is True


def test_one_that_was_away_does_not_come_back_with_its_old_verdict() -> None:
    members = fleet(APART, 4)
    days(members, [[10.0, 10.1, 9.9, 50.0]] * 2)
    at = T0 + 9 * DAY
    say(members[3], 50.0, at)
    assert members[3].verdict(at) is None
    say(members[3], 50.0, at + DAY)
    assert members[3].verdict(at + DAY) is None


def test_a_bucket_seen_in_part_has_no_value() -> None:
    memory = APART.memory()
    for hour in range(0, 11):
        say(memory, 10.0, T0 + hour * 3600, holds=3600.0)
    say(memory, 10.0, T0 + DAY, holds=3600.0)
    assert list(memory.ring) == []
    for hour in range(1, 13):
        say(memory, 10.0, T0 + DAY + hour * 3600, holds=3600.0)
    say(memory, 10.0, T0 + 2 * DAY)
    assert list(memory.ring) == [(20_001, 10.0)]


def test_the_late_the_repeated_the_kept_and_the_odd_are_not_taken() -> None:
    memory = APART.memory()
    assert say(memory, 1.0, T0)
    wrong: list[tuple[Any, float]] = [
        (1.0, T0),
        (2.0, T0),
        (1.0, T0 - 1),
        ("x", T0 + 1),
        (2 * ABSURD, T0 + 1),
    ]
    assert [say(memory, *each) for each in wrong] == [False] * 5
    assert not say(memory, 1.0, T0 + 5, retained=True)
    assert say(memory, 1.0, T0 + DAY, "a")
    assert not say(memory, 1.0, T0 + 10, "b"), "its bucket is closed"
    assert say(memory, 1.0, T0 + DAY - 0.0, "b"), "another part, still in the open one"


def test_after_a_repair_it_starts_over_and_stays_a_member() -> None:
    members = fleet(APART._replace(counter=True), 4)
    days(members, [[10.0 * hour for hour in (1, 1, 1, 1)]] * 2)
    memory = members[3]
    last = T0 + 2 * DAY - 3600 + 3
    memory.renew()
    assert list(memory.ring) == [] and memory.verdict(last) is None and not memory.gone(last + 9 * DAY)
    assert not say(memory, 10.0, last), "a repetition from before"
    assert say(memory, 5000.0, last + 1)
    assert memory.grown == 0.0, "the counter of another part"
    assert memory.group is not None and len(memory.group.members) == 4


def test_streams_are_bounded_and_never_take_anything_twice() -> None:
    streams = Streams("event")
    said = [Reading("d", "k", "s", "", f"word {index}", float(index)) for index in range(3 * PARTS_MAX)]
    assert all(streams.take(reading) == 1.0 for reading in said)
    assert len(streams.last) == PARTS_MAX
    assert all(streams.take(reading) is None for reading in said)


def test_shape_tells_what_must_be_alike() -> None:
    assert APART.shape() == APART._replace(limit=9.0, at_least=9, beyond=1.0, form="unit").shape()
    changes = {"signal": "t", "side": "up", "bucket": 60.0, "counter": True, "among": "kind"}
    others = [APART._replace(**{name: value}) for name, value in changes.items()]
    assert len({APART.shape(), *(each.shape() for each in others)}) == 6
    assert (APART.signals, APART.samples, APART.restless) == (("s",), True, False)


# -- whatever comes ----------------------------------------------------------------------------------

MINUTES = APART._replace(bucket=600.0, at_least=3, limit=2.0)
KINDS = st.sampled_from([
    MINUTES, MINUTES._replace(counter=True), MINUTES._replace(side="up", form="unit", coverage=0.0),
    MINUTES._replace(side="down", form="share", limit=0.1, beyond=1.0),
])  # fmt: skip
READING = st.tuples(
    st.integers(0, 4), st.sampled_from([0.0, 10.0, 10.0, 11.0, 12.0, 60.0, -1e300, "odd"]),
    st.sampled_from([0.0, 1.0, 60.0, 100.0, 100.0, 200.0, 300.0, -50.0, -900.0, 3000.0]),
    st.sampled_from(["", "", "a"]), st.sampled_from([NEVER, 120.0, 0.0, float("nan")]), st.booleans(),
)  # fmt: skip
STORY = st.lists(READING, min_size=1, max_size=60)


def settled(condition: Peers) -> list[PeersMemory]:
    """Five members that were heard for an hour, one of which may differ already."""
    members = fleet(condition, 5)
    for minute in range(61):
        for index, memory in enumerate(members):
            say(
                memory,
                10.0 + 0.1 * index + (0.9 * minute if index == 4 else 0.0),
                T0 + minute * 60.0 - 3600.0,
            )
    return members


def told(story: list[Any]) -> list[tuple[int, Reading]]:
    now, found = T0, []
    for member, value, later, part, holds, again in story:
        now += max(later, 0.0)
        reading = Reading(f"d{member}", "k", "s", part, value, now + min(later, 0.0), holds)
        found += [(member, reading)] * (2 if again else 1)
    return found


def packed(memory: PeersMemory) -> bytes:
    return msgspec.msgpack.encode(memory.dump())


@SLOW
@given(KINDS, STORY, st.randoms(use_true_random=False))
def test_restarts_duplicates_and_questions_change_nothing(
    condition: Peers, story: list[Any], chance: Any
) -> None:
    calm, restless = settled(condition), settled(condition)
    readings = told(story)
    for step, (member, reading) in enumerate(readings):
        calm[member].take(reading)
        restless[member].take(reading)
        if chance.random() < 0.3:
            restless[member].take(reading)
            member_again, earlier = chance.choice(readings[: step + 1])
            assert not restless[member_again].take(earlier)
        for memory in restless:
            if chance.random() < 0.3:
                at = reading.at + chance.uniform(0.0, 3000.0)
                memory.verdict(at), memory.until(at), memory.gone(at), memory.measure(), memory.evidence(at)
        if chance.random() < 0.2:
            restless = restored(condition, restless, chance)
        assert [packed(memory) for memory in restless] == [packed(memory) for memory in calm]
        at = reading.at
        assert [m.evidence(at) for m in restless] == [m.evidence(at) for m in calm]


def restored(condition: Peers, members: list[PeersMemory], chance: Any) -> list[PeersMemory]:
    """Other memories in another group, joined in another order."""
    others = [condition.memory() for _ in members]
    for memory, other in zip(members, others, strict=True):
        other.load(msgspec.msgpack.decode(packed(memory)))
    group = Group()
    for index in chance.sample(range(len(others)), len(others)):
        others[index].join(group, (f"d{index}", ""))
    return others


@SLOW
@given(KINDS, STORY, st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_a_verdict_stands_until_it_says(condition: Peers, story: list[Any], parts: list[float]) -> None:
    members = settled(condition)
    for member, reading in told(story):
        memory = members[member]
        memory.take(reading)
        at = reading.at
        for _ in range(3):
            end = memory.until(at)
            assert end >= at
            last = min(end, at + 1e7)
            instants = [at, last, *(at + part * (last - at) for part in parts)]
            assert len({(memory.verdict(each), memory.gone(each)) for each in instants}) == 1
            if end == NEVER:
                break
            at = end + 1e-6
        else:
            raise AssertionError("it never comes to rest")
        assert len(msgspec.msgpack.encode(memory.dump())) < 4096
        assert len(memory.ring) <= RECENT
        assert all(later > earlier for (earlier, _), (later, _) in pairwise(memory.ring))
        evidence = memory.evidence(at)
        assert {"verb", "signal", "unit", "value", "limit", "at", "verdict", "recent"} <= set(evidence)
        msgspec.json.encode(evidence)
