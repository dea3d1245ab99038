"""One suite for every kind of condition: whatever it asks, it must survive and it must not guess.

Restored anywhere it goes on the same; a repetition changes nothing; how often it is looked at changes
nothing; no value and no order of arrival makes it raise.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.engine.conditions import Memory
from foretell.engine.engine import Engine
from foretell.engine.facts import NEVER, TICK, Change, Reading
from foretell.engine.peering import Group, PeersMemory
from foretell.engine.rule import Rulebook
from tests.engine.timeline import DAY0, rule

SOME = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))

CONDITIONS = {
    "above": "{signal: temp, above: 60 degC}",
    "outside": "{signal: temp, outside: [10 degC, 60 degC]}",
    "is": "{signal: mode, is: [inspection, stopped]}",
    "event is": "{signal: fault, is: break}",
    "silent": "{silent: 2 h}",
    "count": "{signal: fault, count: {is: break, at_least: 3, over: 1 d}}",
    "count of a state": "{signal: mode, count: {is: stopped, at_least: 2, over: 1 d}}",
    "count of a counter": "{signal: trips, count: {at_least: 30, over: 6 h}}",
    "count of a gauge": "{signal: temp, count: {above: 60 degC, at_least: 3, over: 1 d}}",
    "count per operations": "{signal: fault, count: {is: break, at_least: 2, per: 20 trips}}",
    "rate": "{signal: temp, rate: {above: 2 degC/h, over: 6 h, at_least: 3}}",
    "rate of a counter": "{signal: trips, rate: {above: 20/h, over: 6 h, at_least: 3}}",
    "forecast": "{signal: temp, forecast: {reaches: 90 degC, within: 5 d, from: 5 d, at_least: 2 d}}",
    "forecast down": "{signal: temp, forecast: {falls_to: -20 degC, within: 5 d, from: 5 d, at_least: 2 d}}",
    "drift": "{signal: temp, drift: {up: 3 sigma, against: 1 d, at_least: 8}}",
    "drift of medians": "{signal: temp, drift: {down: 5 degC, against: 2 d, at_least: 8, median: 3 h}}",
    "page-hinkley": "{signal: temp, drift: {up: 3 sigma, against: 1 d, at_least: 8, method: page-hinkley}}",
    "peers": "{signal: temp, peers: {up: 3 sigma, median: 6 h, at_least: 3}}",
    "peers of a counter": "{signal: trips, peers: {down: 50 %, median: 6 h, at_least: 3}}",
    "expected": "{signal: temp, expected: {up: 3 sigma, learn: 3 d}}",
    "expected count": "{signal: trips, expected: {down: 80 %, learn: 3 d}}",
    "expected silence": "{signal: trips, expected: {silence: 5 %, at_least: 10 min, learn: 3 d}}",
    "stuck": "{signal: temp, stuck: {over: 6 h, within: 1 degC, at_least: 3}}",
    "flapping": "{signal: mode, flapping: {at_least: 4, over: 6 h}}",
    "flapping gauge": "{signal: temp, flapping: {at_least: 4, over: 12 h, above: 50 degC}}",
    "used": "{signal: trips, used: {of: 400, at: 50 %, from: first}}",
    "then": "{signal: fault, is: break, then: {signal: mode, is: normal, within: 30 min}}",
    "then often": (
        "{signal: temp, above: 60 degC, then: {signal: mode, is: stopped, within: 1 h, at_least: 2, over: 2 d}}"  # noqa: E501
    ),
    "all": "{all: [{signal: temp, above: 50 degC}, {signal: mode, is: stopped}]}",
    "any not": (
        "{any: [{signal: temp, above: 70 degC}, {not: {signal: fault, count: {at_least: 1, over: 1 d}}}]}"
    ),
}


@dataclass(frozen=True)
class Step:
    """Something that is said, or time that passes."""

    after: float
    signal: str
    value: Any
    holds: float
    device: str
    retained: bool = False


VALUES = {
    "temp": st.floats(-40, 150, allow_nan=False),
    "trips": st.integers(0, 40).map(float),
    "mode": st.sampled_from(["normal", "inspection", "stopped"]),
    "fault": st.sampled_from(["break", "fix"]),
}


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    """A few days of one lift and its siblings, calm and wild by turns; trips mostly grow."""
    found: list[Step] = []
    trips: dict[str, float] = {}
    for _ in range(draw(st.integers(5, 60))):
        signal = draw(st.sampled_from(["temp", "temp", "trips", "trips", "mode", "fault"]))
        device = draw(st.sampled_from("aaaabcd"))
        value = draw(VALUES[signal])
        if signal == "trips":
            value = trips[device] = 0.0 if draw(st.integers(0, 20)) == 0 else trips.get(device, 0.0) + value
        if signal == "temp" and draw(st.booleans()):
            value = 20.0 + len(found) * draw(st.sampled_from([0.0, 0.5, 1.5]))
        after = draw(
            st.sampled_from([0.0, 60.0, 600.0, 3600.0, 5000.0, 3 * 3600.0, 20 * 3600.0, 4 * 86400.0])
        )
        holds = draw(st.sampled_from([NEVER, NEVER, 4 * 3600.0, 30 * 3600.0]))
        found.append(Step(after, signal, value, holds, device, draw(st.integers(0, 30)) == 0))
    return found


def fresh(name: str) -> Engine:
    engine = Engine(Rulebook((rule(CONDITIONS[name], "for: 10 min"),)))
    engine.link(True, DAY0)
    return engine


def tell(
    engine: Engine, story: list[Step], wake: list[float], *, twice: bool = False, restart: int = -1
) -> list[Change]:
    now, said = DAY0, []
    for index, step in enumerate(story):
        for share in wake:
            said += engine.advance(now + share * step.after)
        now += step.after
        reading = Reading(
            step.device, "elevator", step.signal, "", step.value, now, step.holds, step.retained
        )
        said += engine.receive([reading], now)
        if twice:
            said += engine.receive([reading], now)
        if index == restart:
            data = msgspec.msgpack.decode(msgspec.msgpack.encode(engine.snapshot()))
            engine = Engine.restore(engine.rulebook, data)
    return said + engine.advance(now + 7 * 86400.0)


def plain(changes: list[Change]) -> list[Any]:
    return [(c.kind, c.device, c.at, c.since, c.reason["why"]) for c in changes]


@pytest.mark.parametrize("name", CONDITIONS)
class TestEveryCondition:
    @SOME
    @given(story=steps(), wake=st.lists(st.floats(0.01, 1.0), max_size=4).map(sorted))
    def test_how_often_it_is_looked_at_changes_nothing(
        self, name: str, story: list[Step], wake: list[float]
    ) -> None:
        assert plain(tell(fresh(name), story, wake)) == plain(tell(fresh(name), story, []))

    @SOME
    @given(story=steps(), share=st.floats(0, 1))
    def test_restored_anywhere_it_goes_on_the_same(self, name: str, story: list[Step], share: float) -> None:
        restart = int(share * (len(story) - 1))
        assert tell(fresh(name), story, [], restart=restart) == tell(fresh(name), story, [])

    @SOME
    @given(story=steps())
    def test_a_repetition_changes_nothing(self, name: str, story: list[Step]) -> None:
        assert plain(tell(fresh(name), story, [], twice=True)) == plain(tell(fresh(name), story, []))

    @SOME
    @given(data=st.data())
    def test_no_value_and_no_order_makes_it_raise(self, name: str, data: st.DataObject) -> None:
        engine = fresh(name)
        odd = st.one_of(st.floats(), st.integers(), st.text(max_size=5), st.none(), *VALUES.values())
        times = st.one_of(st.floats(DAY0 - 1e6, DAY0 + 1e7), st.floats(), st.integers(-10, 10))
        said: list[Change] = []
        for _ in range(data.draw(st.integers(1, 40))):
            signal = data.draw(st.sampled_from(["temp", "trips", "mode", "fault", "online"]))
            reading = Reading(
                data.draw(st.sampled_from("ab")), "elevator", signal,
                data.draw(st.sampled_from(["", "1", "2"])), data.draw(odd), data.draw(times),
                data.draw(st.sampled_from([NEVER, 60.0, 1e5])), data.draw(st.booleans()),
            )  # fmt: skip
            said += engine.receive([reading], DAY0 + 60.0)
        said += engine.advance(DAY0 + 3e6)
        for change in said:
            msgspec.json.encode(change.evidence)
        Engine.restore(engine.rulebook, msgspec.msgpack.decode(msgspec.msgpack.encode(engine.snapshot())))

    @SOME
    @given(story=steps(), ahead=st.floats(0, 1))
    def test_a_verdict_stands_until_it_says(self, name: str, story: list[Step], ahead: float) -> None:
        for memory, at in _heard(name, story):
            until = memory.until(at)
            assert until >= at
            verdict = memory.verdict(at)
            later = at + ahead * (min(until, at + 30 * 86400.0) - at)
            assert memory.verdict(later) is verdict, (at, later, until)
            assert memory.verdict(at) is verdict

    @SOME
    @given(story=steps())
    def test_its_evidence_is_plain_and_complete(self, name: str, story: list[Step]) -> None:
        for memory, at in _heard(name, story):
            told = memory.evidence(at)
            assert {"verb", "signal", "unit", "value", "limit", "at", "verdict", "recent"} <= told.keys()
            assert told["verdict"] is memory.verdict(at) and len(told["recent"]) <= 8
            assert not math.isnan(memory.measure()) and memory.measure() >= 0.0
            json.dumps(told)

    @SOME
    @given(story=steps())
    def test_renewed_it_is_as_new_and_disarmed_it_is_not_true(self, name: str, story: list[Step]) -> None:
        for memory, at in _heard(name, story):
            if memory.verdict(at) is True and "count" in name:
                memory.disarm()
                assert memory.verdict(at) is not True
            memory.renew()
            if "silent" not in name:
                assert memory.verdict(at + TICK) is not True


def _heard(name: str, story: list[Step]) -> list[tuple[Memory, float]]:
    """The memories of the rule's conditions after a story, and the instant at which they stand."""
    made = rule(CONDITIONS[name])
    found: list[tuple[Memory, float]] = []
    for index, condition in enumerate(made.conditions):
        group, memories = Group(), {}
        now = DAY0
        for device in "abcd":
            memories[device] = made.conditions[index].memory()
            if isinstance(memories[device], PeersMemory):
                memories[device].join(group, (device, ""))
        for step in story:
            now += step.after
            if step.signal in condition.signals:
                reading = Reading(
                    step.device, "elevator", step.signal, "", step.value, now, step.holds, step.retained
                )
                memories[step.device].take(reading)
        found.append((memories["a"], now))
    return found
