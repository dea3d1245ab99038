"""Each condition by itself, with numpy as a second opinion on drift."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretell.engine.conditions import Memory, Node, judge
from foretell.engine.counting import Count
from foretell.engine.drifting import Drift
from foretell.engine.facts import PARTS_MAX, Reading
from foretell.engine.levels import Level

LEAVES = [Node("leaf", leaf=index) for index in range(2)]


def say(memory: Memory, value: Any, at: float, signal: str = "s", **more: Any) -> bool:
    part = more.pop("part", "")
    return memory.take(Reading("d", "k", signal, part, value, at, **more))


@pytest.mark.parametrize(
    ("a", "b", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, None, None, None),
    ],
)
def test_three_valued_logic(a: bool | None, b: bool | None, both: bool | None, either: bool | None) -> None:
    for verdicts in ([a, b], [b, a]):
        assert judge(Node("all", below=tuple(LEAVES)), verdicts) is both
        assert judge(Node("any", below=tuple(LEAVES)), verdicts) is either
    inverse = judge(Node("not", below=(LEAVES[0],)), [a, b])
    assert inverse is (None if a is None else not a)


def test_level_is_unknown_before_and_after_it_holds() -> None:
    memory = Level("s", above=5.0).memory()
    assert memory.verdict(0.0) is None
    assert not memory.gone(0.0)
    say(memory, 6.0, 10.0, holds=30.0)
    assert memory.until(10.0) == 40.0
    assert [memory.verdict(at) for at in (10.0, 40.0, 40.1)] == [True, True, None]
    assert memory.gone(40.1)


def test_level_takes_neither_the_late_nor_the_repeated_nor_the_wrong_type() -> None:
    memory = Level("s", above=5.0).memory()
    assert [
        say(memory, *each) for each in ((6.0, 10.0), (6.0, 10.0), (4.0, 9.0), ("six", 11.0), (4.0, 10.0))
    ] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert memory.verdict(10.0) is False


@pytest.mark.parametrize(
    ("condition", "value", "verdict"),
    [
        (Level("s", above=5.0), 5.0, False),
        (Level("s", above=5.0), 5.1, True),
        (Level("s", below=5.0), 4.9, True),
        (Level("s", above=5.0, below=1.0, outside=True), 0.5, True),
        (Level("s", above=5.0, below=1.0, outside=True), 3.0, False),
        (Level("s", above=5.0, below=-1.0, outside=True), 0.0, False),
        (Level("s", states=("a", "b")), "b", True),
        (Level("s", states=("a", "b")), "c", False),
    ],
)
def test_level_limits(condition: Level, value: Any, verdict: bool) -> None:
    memory = condition.memory()
    say(memory, value, 1.0)
    assert memory.verdict(1.0) is verdict
    assert memory.evidence(1.0)["value"] == value


def test_an_event_exactly_as_long_ago_as_the_window_still_counts() -> None:
    memory = Count("s", "event", 2.0, over=10.0).memory()
    say(memory, "x", 0.0)
    say(memory, "x", 10.0)
    assert memory.verdict(10.0) is True
    assert memory.until(10.0) == 10.0
    assert memory.verdict(10.000001) is False


def test_a_counter_counts_steps_over_restarts_and_coarse_clocks() -> None:
    memory = Count("s", "counter", 6.0, over=100.0).memory()
    for value, at in ((100.0, 1.0), (101.0, 2.0), (102.0, 2.0), (101.0, 2.0), (1.0, 3.0), (0.0, 2.5)):
        say(memory, value, at)
    assert memory.measure() * 6 == 3.0  # 100→101→102 at one instant, then a restart to 1


def test_states_count_when_they_are_entered() -> None:
    memory = Count("s", "state", 9.0, over=100.0, states=("open",)).memory()
    for at, value in enumerate(["open", "open", "shut", "open", "shut", "open"]):
        say(memory, value, float(at))
    assert memory.measure() * 9 == 2.0


def test_per_operations_is_unknown_until_there_were_that_many() -> None:
    memory = Count(
        "s", "event", 2.0, operations=10.0, operation_signal="o", operation_type="counter"
    ).memory()
    say(memory, 0.0, 1.0, signal="o")
    say(memory, "x", 2.0)
    assert memory.verdict(2.0) is None
    say(memory, 10.0, 3.0, signal="o")
    assert memory.verdict(3.0) is False
    say(memory, "x", 4.0)
    assert memory.verdict(4.0) is True
    say(memory, 11.0, 5.0, signal="o")
    assert not say(memory, "x", 4.0), "a retransmission counts once, however many operations lie between"
    assert memory.verdict(5.0) is False


def test_absence_is_unknown_until_a_whole_window_was_heard() -> None:
    memory = Count("s", "counter", 1.0, over=10.0, absence=True).memory()
    assert memory.verdict(0.0) is None
    say(memory, 5.0, 1.0)
    assert (memory.verdict(5.0), memory.until(5.0)) == (None, 11.0)
    assert memory.verdict(11.1) is False


def test_parts_remembered_are_bounded() -> None:
    memory = Count("s", "state", 2.0, over=10.0).memory()
    for index in range(5 * PARTS_MAX):
        say(memory, "x", 1.0, part=str(index))
    assert len(memory.last) == PARTS_MAX


def drift_alarms(condition: Drift, values: np.ndarray, every: float) -> list[int]:
    memory = condition.memory()
    alarms = []
    for index, value in enumerate(values):
        say(memory, float(value), index * every)
        if memory.verdict(index * every) is True:
            alarms.append(index)
    return alarms


@pytest.mark.parametrize("up", [True, False])
def test_drift_agrees_with_numpy(up: bool) -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(3.0, 0.1, 400)
    values[200:] += 0.3 if up else -0.3
    condition = Drift("s", "s", 0.3, up, False, against=100.0)
    learned = values[:101]
    centre = np.median(learned)
    scale = 1.4826 * np.median(np.abs(learned - centre))
    total, alarm, wanted = 0.0, False, []
    for index in range(101, 400):
        excess = (values[index] - centre) / scale * (1 if up else -1)
        total = min(max(0.0, total + excess - 0.15 / scale), 10.0)
        alarm = total > 5.0 or (alarm and total > 0.0)
        if alarm:
            wanted.append(index)
    assert drift_alarms(condition, values, 1.0) == wanted
    assert 200 < wanted[0] < 215


def test_drift_of_medians_is_deaf_to_single_spikes() -> None:
    values = np.random.default_rng(7).normal(3.0, 0.1, 1000)
    values[600::11] = 30.0
    plain = Drift("s", "s", 3.0, True, True, against=100.0)
    assert drift_alarms(plain, values, 1.0) != []
    assert drift_alarms(plain._replace(bucket=10.0), values, 1.0) == []


def test_a_stand_still_is_not_experience() -> None:
    memory = Drift("s", "s", 1.0, True, False, against=1000.0, at_least=8).memory()
    for index in range(20):
        say(memory, 3.0, index * 10_000.0)
    assert memory.evidence(0.0)["warming_up"] is True
