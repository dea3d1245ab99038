"""Drift by both methods, against plain numpy loops, river and the same memory restored in the middle."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from river.drift import PageHinkley

from foretell.engine.drifting import CUSUM, PAGE_HINKLEY, Drift, DriftMemory
from foretell.engine.facts import PARTS_MAX, Reading

LEARN = 40
PLAIN = Drift("s", "s", 1.0, True, True, against=100.0, at_least=LEARN)
HINKLEY = PLAIN._replace(method=PAGE_HINKLEY)


def say(memory: DriftMemory, value: Any, at: float, part: str = "", holds: float = float("inf")) -> bool:
    return memory.take(Reading("d", "k", "s", part, value, at, holds))


def run(condition: Drift, values: np.ndarray) -> tuple[list[bool | None], list[float]]:
    """One value every ten seconds: the verdict and the sum after each."""
    memory = condition.memory()
    verdicts, sums = [], []
    for index, value in enumerate(values):
        say(memory, float(value), index * 10.0)
        verdicts.append(memory.verdict(index * 10.0))
        sums.append(memory.total)
    return verdicts, sums


def series(seed: int, shift: float, size: int = 300) -> np.ndarray:
    """Two levels, the second from the 150th value to the 220th."""
    values = np.random.default_rng(seed).normal(5.0, 0.5, size)
    values[150:220] += shift
    return values


def learned_in(values: np.ndarray) -> tuple[int, float, float]:
    """A value each ten seconds adds one of `against`'s hundred; the first adds none."""
    size = 101
    learned = values[:size]
    centre = float(np.median(learned))
    return size, centre, 1.4826 * float(np.median(np.abs(learned - centre)))


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(-4, 4), st.booleans(), st.floats(0.2, 3.0))
def test_cusum_agrees_with_a_plain_loop(seed: int, shift: float, up: bool, sought: float) -> None:
    values = series(seed, shift)
    size, centre, scale = learned_in(values)
    total, alarm, verdicts, sums = 0.0, False, [None] * (size - 1) + [False], [0.0] * size
    for value in values[size:]:
        excess = (value - centre) / scale * (1 if up else -1)
        total = min(max(0.0, total + excess - sought / 2), 10.0)
        alarm = total > 5.0 or (alarm and total > 0.0)
        verdicts.append(alarm)
        sums.append(total)
    got = run(PLAIN._replace(up=up, shift=sought), values)
    assert got[0] == verdicts
    assert got[1] == pytest.approx(sums, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(-4, 4), st.booleans(), st.floats(0.2, 3.0))
@example(1, 3.0, True, 1.0)
@example(1, -3.0, False, 1.0)
def test_page_hinkley_agrees_with_river_up_to_its_alarm(
    seed: int, shift: float, up: bool, sought: float
) -> None:
    """After an alarm river forgets at once; here it lasts until the sum is back."""
    values = series(seed, shift)
    size, centre, scale = learned_in(values)
    river = PageHinkley(min_instances=1, delta=sought / 2, threshold=5.0, alpha=1.0, mode="up")
    verdicts, sums = run(PLAIN._replace(up=up, shift=sought, method=PAGE_HINKLEY), values)
    for index in range(size, len(values)):
        river.update(float(values[index] - centre) / scale * (1 if up else -1))
        assert verdicts[index] is river.drift_detected
        if river.drift_detected:
            return
        assert sums[index] == pytest.approx(river._sum_increase - river._min_increase, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(-4, 4), st.booleans())
@example(1, 3.0, True)
def test_page_hinkley_agrees_with_a_plain_loop_through_its_alarms(seed: int, shift: float, up: bool) -> None:
    values = series(seed, shift)
    size, centre, scale = learned_in(values)
    walk = (values - centre) / scale * (1 if up else -1)
    since, total, alarm, mean = size, 0.0, False, 0.0
    verdicts: list[bool | None] = [None] * (size - 1) + [False]
    for index in range(size, len(walk)):
        if not alarm:
            mean = float(np.mean(walk[since : index + 1]))
        total = min(max(0.0, total + walk[index] - mean - 0.5), 10.0)
        if alarm and total == 0.0:
            alarm, since = False, index + 1
        alarm = alarm or total > 5.0
        verdicts.append(alarm)
    assert run(HINKLEY._replace(up=up), values)[0] == verdicts


def test_page_hinkley_follows_the_season_that_cusum_reports() -> None:
    noise = np.random.default_rng(3).normal(0.0, 1.0, 1500)
    slow = np.concatenate([np.zeros(101), np.linspace(0.0, 0.8, 1399)])
    assert True in run(PLAIN, noise + slow)[0]
    assert True not in run(HINKLEY._replace(decision=12.0), noise + slow)[0]
    slow[600:] += 4.0
    assert True in run(HINKLEY._replace(decision=12.0), noise + slow)[0][600:620]


@pytest.mark.parametrize("condition", [PLAIN, HINKLEY])
def test_an_alarm_stands_until_the_values_are_back(condition: Drift) -> None:
    values = series(5, 4.0)
    verdicts = run(condition, values)[0]
    first = verdicts.index(True)
    assert 150 <= first < 156
    assert all(verdicts[first:220])
    assert verdicts[270:] == [False] * 30


def test_page_hinkley_tells_what_it_measures_from() -> None:
    down = HINKLEY._replace(up=False)
    for condition in (HINKLEY, down):
        memory = condition.memory()
        for index in range(101):
            say(memory, 5.0 + 0.1 * (index % 3), index * 10.0)
        assert memory.evidence(0.0)["mean"] is None
        say(memory, 6.0, 2000.0)
        say(memory, 7.0, 2010.0)
        assert memory.evidence(2010.0)["mean"] == pytest.approx(6.5)
        assert memory.evidence(2010.0)["method"] == "page-hinkley"
        memory.disarm()
        assert memory.evidence(2010.0)["mean"] is None
    memory = PLAIN.memory()
    for index in range(110):
        say(memory, 5.0, index * 10.0)
    assert memory.evidence(0.0)["mean"] is None


def test_cleared_only_new_values_alarm_again() -> None:
    for condition, again in ((PLAIN, True), (HINKLEY, False)):
        memory = condition.memory()
        rng = np.random.default_rng(2)
        for index in range(200):
            say(memory, rng.normal(5.0 if index < 150 else 8.0, 0.5), index * 10.0)
        assert memory.verdict(2000.0) is True
        memory.disarm()
        assert memory.verdict(2000.0) is False
        verdicts = []
        for index in range(200, 230):
            say(memory, rng.normal(8.0, 0.5), index * 10.0)
            verdicts.append(memory.verdict(2300.0))
        assert (True in verdicts) is again, "to Page-Hinkley the level that was accepted is the new normal"


def test_renewed_it_learns_anew() -> None:
    memory = HINKLEY.memory()
    for index in range(200):
        say(memory, 5.0 + (3.0 if index > 150 else 0.1 * (index % 3)), index * 10.0, holds=60.0)
    assert memory.verdict(1990.0) is True
    assert memory.gone(3000.0)
    memory.renew()
    assert memory.verdict(1990.0) is None
    assert not memory.gone(3000.0)
    assert memory.dump() == HINKLEY.memory().dump()


def test_methods_and_directions_are_told_apart() -> None:
    shapes = {c.shape() for c in (PLAIN, HINKLEY, PLAIN._replace(up=False), PLAIN._replace(bucket=5.0))}
    assert len(shapes) == 4
    assert PLAIN.shape() == PLAIN._replace(shift=9.0, decision=9.0).shape()
    assert (PLAIN.signals, PLAIN.samples, PLAIN.restless, PLAIN.method) == (("s",), True, False, CUSUM)


def test_a_snapshot_from_before_there_were_methods_is_understood() -> None:
    memory = PLAIN.memory()
    for index in range(120):
        say(memory, 5.0 + index % 7, index * 10.0)
    old = memory.dump()[:11]
    old[6] = ["", 5.0 + 119 % 7]
    restored = PLAIN.memory()
    restored.load(msgspec.msgpack.decode(msgspec.msgpack.encode(old)))
    assert restored.dump() == memory.dump()
    assert not say(restored, 5.0 + 119 % 7, 1190.0)


VALUES = st.sampled_from([5.0, 5.1, 4.9, 5.0, 9.0, -3.0, 1e308, -1e308, "x", 0.0])
WORDS = st.tuples(
    VALUES, st.sampled_from([0.0, 0.0, 10.0, 10.0, 25.0, -30.0, 1e7]), st.sampled_from(["", "1"])
)
CONDITIONS = st.sampled_from(
    [
        PLAIN._replace(against=50.0, at_least=5, method=method, bucket=bucket, up=up)
        for method in (CUSUM, PAGE_HINKLEY)
        for bucket in (0.0, 20.0)
        for up in (True, False)
    ]
)
HOLDS = st.sampled_from([15.0, float("inf")])


@settings(deadline=None)
@given(CONDITIONS, st.lists(WORDS, max_size=60), HOLDS, st.integers(0, 60), st.data())
def test_restored_or_repeated_it_goes_on_the_same(
    condition: Drift, words: list[tuple[Any, float, str]], holds: float, restart: int, data: st.DataObject
) -> None:
    calm, other, now = condition.memory(), condition.memory(), 1000.0
    moment: list[tuple[Any, float, str]] = []
    for index, (value, step, part) in enumerate(words):
        now += step
        moment = [word for word in moment if word[1] == now] + [(value, now, part)]
        assert say(calm, value, now, part, holds) is say(other, value, now, part, holds)
        repeated = data.draw(st.sampled_from(moment))
        assert say(other, *repeated, holds) is False
        if index == restart:
            dumped = msgspec.msgpack.decode(msgspec.msgpack.encode(other.dump()))
            other = condition.memory()
            other.load(dumped)
        assert other.dump() == calm.dump()
        assert msgspec.msgpack.encode(other.evidence(now)) == msgspec.msgpack.encode(calm.evidence(now))
        until = calm.until(now)
        assert calm.verdict(min(until, now + 1e6)) is calm.verdict(now)
        if until < now + 1e6:
            assert calm.verdict(until + 0.001) is None


def test_it_stays_bounded() -> None:
    memory = HINKLEY._replace(bucket=50.0).memory()
    for index in range(20_000):
        say(memory, float(index % 17), float(index))
    for index in range(2 * PARTS_MAX):
        say(memory, 1.0, 20_000.0, str(index))
    assert len(msgspec.msgpack.encode(memory.dump())) < 5000


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -float("inf")])
def test_an_instant_that_is_none_is_refused(at: float) -> None:
    memory = PLAIN.memory()
    assert not say(memory, 1.0, at)
    assert say(memory, 1.0, 5.0)
