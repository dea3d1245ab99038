"""Rate and forecast, against scipy and numpy, and against themselves: late, repeated, restored."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from foretell.engine.facts import NEVER, PARTS_MAX, RECENT, Reading
from foretell.engine.trending import (
    BUCKETS,
    FIT_MIN,
    RATE_SLOTS,
    Forecast,
    ForecastMemory,
    Rate,
    RateMemory,
)

HOUR, DAY = 3600.0, 86400.0
DAY0 = 1_760_000_000.0

Trend = RateMemory | ForecastMemory


def say(memory: Trend, value: Any, at: float, part: str = "", holds: float = NEVER) -> bool:
    return memory.take(Reading("d", "k", "s", part, value, at, holds))


def packed(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


def restored(memory: Any, condition: Rate | Forecast | None = None) -> Any:
    fresh = (condition or memory.condition).memory()
    fresh.load(msgspec.msgpack.decode(packed(memory.dump())))
    return fresh


# -- rate -------------------------------------------------------------------------------------------

HOT = Rate("temp", "degC", 2.0 / HOUR, None, HOUR)
TRIPS = Rate("trips", "", 20.0 / HOUR, None, HOUR, counter=True)


def ramp(memory: Trend, slope: float, size: int, every: float, start: float = DAY0, **more: Any) -> float:
    """So many readings on a line; the instant of the last."""
    for index in range(size):
        say(memory, 20.0 + slope * index * every, start + index * every, **more)
    return start + (size - 1) * every


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_a_gauges_rate_is_scipys_slope_of_its_window(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ats = DAY0 + np.cumsum(rng.uniform(76.0, 150.0, 80))  # never two of them in a slot
    values = rng.normal(0.0, 1.0, 80)
    memory = HOT.memory()
    for at, value in zip(ats, values, strict=True):
        say(memory, float(value), float(at), holds=600.0)
        inside = (ats > at - HOUR) & (ats <= at)
        rate = memory.rate_at(float(at))
        if inside.sum() < 6:
            assert rate is None
        elif rate is None:
            assert at - ats[0] < HOUR / 2
        else:
            assert rate == pytest.approx(stats.theilslopes(values[inside], ats[inside]).slope, rel=1e-6)
            assert at - ats[0] >= HOUR / 2 - 1e-6


def test_a_dense_gauge_is_thinned_and_its_short_holds_leave_no_gaps() -> None:
    memory = HOT.memory()
    rng = np.random.default_rng(4)
    for second in range(2 * 3600):
        say(memory, 20.0 + 2.5 / HOUR * second + float(rng.normal(0.0, 0.05)), DAY0 + second, holds=3.0)
    assert memory.evidence(DAY0 + 7199)["covered"] == 1.0
    assert RATE_SLOTS <= memory.evidence(DAY0 + 7199)["readings"] <= RATE_SLOTS + 1
    assert memory.rate_at(DAY0 + 7199) == pytest.approx(2.5 / HOUR, rel=0.05)


@pytest.mark.parametrize(
    ("above", "below", "slope", "verdict"),
    [
        (2.0, None, 2.1, True), (2.0, None, 1.9, False), (2.0, None, -9.0, False),
        (None, -2.0, -2.1, True), (None, -2.0, -1.9, False), (2.0, -2.0, -2.1, True), (2.0, -2.0, 2.1, True),
        (2.0, -2.0, 0.0, False),
    ],
)  # fmt: skip
def test_limits_of_a_rate(above: float | None, below: float | None, slope: float, verdict: bool) -> None:
    memory = Rate("s", "K", above, below, 100.0).memory()
    at = ramp(memory, slope, 20, 5.0)
    assert memory.verdict(at) is verdict
    evidence = memory.evidence(at)
    assert evidence["value"] == pytest.approx(slope)
    assert evidence["limit"] == (above if below is None or (above and slope >= 0) else below)
    assert memory.measure() == pytest.approx(abs(slope) / 2.0)


def test_a_wild_value_and_a_gap_do_not_bend_a_rate() -> None:
    memory = Rate("s", "K", 2.0, None, 100.0, coverage=0.4).memory()
    for index in range(40):
        if not 18 < index < 30:
            say(memory, 500.0 if index in (15, 33) else 3.75 * index, DAY0 + index * 2.5, holds=5.0)
    assert memory.rate_at(DAY0 + 97.5) == pytest.approx(1.5)
    assert memory.evidence(DAY0 + 97.5)["covered"] < 0.8


def test_a_rate_is_unknown_until_enough_was_seen() -> None:
    memory = HOT.memory()
    for index in range(20):
        assert memory.verdict(DAY0 + index * 150.0) is None
        assert not memory.gone(DAY0 + index * 150.0)
        say(memory, float(index), DAY0 + index * 150.0, holds=300.0)
        if index * 150.0 >= HOUR / 2:
            break
    assert memory.verdict(DAY0 + HOUR / 2) is True
    assert index == 12
    sparse = HOT._replace(at_least=13).memory()
    ramp(sparse, 1.0, 12, 200.0)
    assert sparse.verdict(DAY0 + 2200.0) is None
    say(sparse, 2420.0, DAY0 + 2400.0)
    assert sparse.verdict(DAY0 + 2400.0) is True


def test_a_gap_takes_the_coverage_of_a_rate() -> None:
    memory = HOT.memory()
    at = ramp(memory, 1.0, 60, 60.0, holds=120.0)
    assert memory.verdict(at) is True
    ramp(memory, 1.0, 20, 60.0, at + 2600.0, holds=120.0)
    assert memory.verdict(at + 2600.0 + 1140.0) is None
    more = ramp(memory, 1.0, 15, 60.0, at + 2600.0 + 1200.0, holds=120.0)
    assert memory.verdict(more) is True


def test_a_rate_stands_while_its_value_holds_and_is_zero_after_a_window_without_a_word() -> None:
    memory = HOT.memory()
    at = ramp(memory, 1.0, 60, 60.0, holds=120.0)
    assert (memory.verdict(at + 120.0), memory.until(at)) == (True, at + 120.0)
    assert (memory.verdict(at + 120.1), memory.gone(at + 120.1), memory.until(at + 121)) == (
        None,
        True,
        NEVER,
    )
    memory = HOT.memory()
    at = ramp(memory, 1.0, 60, 60.0)
    assert (memory.verdict(at + HOUR), memory.until(at)) == (True, at + HOUR)
    assert (memory.verdict(at + HOUR + 1), memory.until(at + HOUR + 1)) == (False, NEVER)
    assert memory.evidence(at + HOUR + 1)["value"] == 0.0
    assert not memory.gone(at + 10 * HOUR)
    assert [c.restless for c in (HOT, HOT._replace(above=None, below=1.0))] == [False, True]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(0, 9), st.booleans()), min_size=12, max_size=150),
    st.sampled_from([2.0, 60.0]),
)
def test_a_counters_rate_agrees_with_numpy(steps: list[tuple[int, int, bool]], holds: float) -> None:
    condition = Rate("s", "", 1.0, None, 480.0, at_least=2, counter=True, coverage=0.0)
    memory = condition.memory()
    ats, values, now, value = [], [], DAY0, 50
    for wait, step, restart in steps:
        now, value = now + 10.0 * wait, step if restart else value + step
        ats.append(now)
        values.append(float(value))
        say(memory, float(value), now, holds=holds)
    diffs = np.diff(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(diffs < 0, values[1:], diffs))])
    times = np.array(ats)
    first = int(np.argmax(times > now - 480.0))
    if first and (times[first] - times[first - 1] <= 24.0 or times[first - 1] + holds >= now - 480.0):
        want = (total[-1] - total[first - 1]) / 480.0
    elif len(times) - first < 2:
        want = None
    else:
        want = (total[-1] - total[first]) / (times[-1] - times[first])
    assume(len(times) - first >= 2)
    assert memory.rate_at(now) == pytest.approx(want)
    assert want is not None and want >= 0.0


def test_a_dense_counter_loses_no_step_nor_restart() -> None:
    memory = TRIPS.memory()
    for second in range(4 * 3600):
        say(memory, float(second // 60 % 7), DAY0 + second, holds=5.0)
    # Six steps and a fall to zero in seven minutes, wherever the window begins.
    assert memory.rate_at(DAY0 + 4 * 3600 - 1) * HOUR == pytest.approx(60 * 6 / 7, abs=1.5)
    assert memory.verdict(DAY0 + 4 * 3600 - 1) is True


def test_a_counter_that_speaks_only_when_it_counts() -> None:
    memory = TRIPS.memory()
    say(memory, 100.0, DAY0)
    for index in range(8):
        say(memory, 101.0 + index, DAY0 + DAY + 60.0 * index)
    assert memory.rate_at(DAY0 + DAY + 420.0) == pytest.approx(8 / HOUR), "not eight in seven minutes"


def test_the_steps_of_a_gap_are_not_taken_for_those_of_the_window() -> None:
    memory = TRIPS.memory()
    ramp(memory, 1 / 360.0, 60, 60.0, holds=120.0)
    ramp(memory, 1 / 360.0, 50, 60.0, DAY0 + DAY, holds=120.0)
    assert memory.rate_at(DAY0 + DAY + 49 * 60.0) == pytest.approx(10 / HOUR)


def test_parts_of_a_counter_add_up_and_are_bounded() -> None:
    memory = TRIPS.memory()
    for index in range(60):
        say(memory, float(index), DAY0 + 60.0 * index, "a")
        say(memory, 500.0 + 2 * index, DAY0 + 60.0 * index - 30.0, "b")
    assert memory.rate_at(DAY0 + 3540.0) == pytest.approx(180 / HOUR, rel=0.05)
    assert list(memory.slots.values) == sorted(memory.slots.values)
    assert not say(memory, 59.0, DAY0 + 3540.0, "a")
    assert not say(memory, 58.0, DAY0 + 3540.0, "a"), "at the same instant a lower one is no restart"
    for index in range(2 * PARTS_MAX):
        say(memory, 1.0, DAY0 + 3600.0, str(index))
    assert len(memory.last) == PARTS_MAX


def test_a_late_word_of_another_part_adds_its_steps_and_takes_no_sight() -> None:
    memory = TRIPS.memory()
    for index in range(60):
        say(memory, 0.0, DAY0 + 60.0 * index, "a", holds=600.0)
        say(memory, 0.0, DAY0 + 60.0 * index - 30.0, "b", holds=600.0)
    at = DAY0 + 3540.0
    say(memory, 30.0, at - 20.0, "b", holds=30.0)
    assert memory.rate_at(at) == pytest.approx(30 / HOUR, rel=0.05)
    assert memory.verdict(at + 600.0) is True
    assert memory.evidence(at)["recent"][-1] == (at, 0.0)


def test_a_counter_below_zero_starts_no_lower_than_zero() -> None:
    memory = Rate("s", "", 1.0, None, 100.0, at_least=2, counter=True, coverage=0.0).memory()
    for index, value in enumerate([10.0, -5.0, -3.0, 4.0]):
        say(memory, value, DAY0 + 10.0 * index)
    assert memory.rate_at(DAY0 + 30.0) == pytest.approx((0 + 2 + 7) / 30.0)


def test_the_sample_asked_for_is_at_least_two_and_no_more_than_is_kept() -> None:
    for condition in (HOT, TRIPS):
        few, many = (condition._replace(at_least=size, coverage=0.0).memory() for size in (0, 5000))
        say(few, 1.0, DAY0)
        assert few.verdict(DAY0) is None
        say(few, 2.0, DAY0 + 60.0)
        assert few.verdict(DAY0 + 60.0) is True
        assert many.verdict(ramp(many, 1.0, 400, 10.0)) is True


def test_a_longer_window_takes_over_what_is_known() -> None:
    memory = HOT.memory()
    at = ramp(memory, 1.0, 100, 60.0, holds=120.0)
    longer = restored(memory, HOT._replace(over=2 * HOUR))
    assert longer.verdict(at) is True
    assert len(longer.slots.ats) <= RATE_SLOTS + 1
    shorter = restored(memory, HOT._replace(over=600.0))
    assert shorter.slots.before is not None and shorter.slots.before[0] == at - 600.0
    assert shorter.rate_at(at) == pytest.approx(1.0)
    assert HOT.shape() == HOT._replace(over=600.0, above=9.0).shape() != TRIPS.shape()
    assert (HOT.signals, HOT.samples, TRIPS.samples) == (("temp",), True, False)


def test_a_rate_starts_over_when_renewed() -> None:
    for condition in (HOT, TRIPS):
        memory = condition.memory()
        ramp(memory, 1.0, 60, 60.0)
        memory.disarm()
        assert memory.verdict(DAY0 + 3540.0) is True
        memory.renew()
        assert memory.verdict(DAY0 + 3540.0) is None
        assert packed(memory.dump()) == packed(condition.memory().dump())


# -- forecast ---------------------------------------------------------------------------------------

FULL = Forecast("level", "percent", 100.0, True, 5 * DAY, 60 * DAY, 14 * DAY)


def fill(condition: Forecast, values: Any, every: float = DAY, holds: float = 2 * DAY) -> ForecastMemory:
    memory = condition.memory()
    for index, value in enumerate(values):
        say(memory, float(value), DAY0 + index * every, holds=holds)
    return memory


@given(st.integers(0, 10_000), st.floats(-2, 2), st.floats(0.0, 20.0), st.booleans())
@settings(deadline=None)
def test_a_forecast_agrees_with_scipy(seed: int, slope: float, noise: float, up: bool) -> None:
    rng = np.random.default_rng(seed)
    values = 50.0 + slope * np.arange(61) + rng.normal(0.0, noise, 61)
    condition = FULL._replace(up=up, limit=100.0 if up else 0.0, fit=0.3)
    memory = fill(condition, values)
    ats, past = np.arange(60) * DAY, values[:60]  # the last one opened its bucket
    want = stats.theilslopes(past, ats - ats[-1], 0.8, method="joint")
    left, spread = past - want.slope * (ats - ats[-1]), stats.median_abs_deviation(past)
    quality = 1 - stats.median_abs_deviation(left) / spread if spread else 0.0
    turn = 1 if up else -1
    weak, steep = sorted((turn * want.low_slope, turn * want.high_slope))
    gap = max(0.0, turn * (condition.limit - want.intercept))
    evidence = memory.evidence(DAY0)
    assert evidence["value"] == pytest.approx(want.intercept, rel=1e-9)
    found = (evidence["slope"], evidence["slope_low"], evidence["slope_high"])
    assert found == pytest.approx((want.slope, want.low_slope, want.high_slope), rel=1e-9, abs=1e-15)
    assert evidence["fit"] == pytest.approx(max(0.0, quality), abs=1e-9)
    if quality >= 0.3 and gap == 0.0:
        assert evidence["time_left"] == [0.0, 0.0, 0.0]
    elif quality >= 0.3 and weak > 0:
        assert evidence["time_left"] == pytest.approx([gap / steep, gap * turn / want.slope, gap / weak])
    else:
        assert evidence["time_left"] is None
    wanted = quality >= 0.3 and weak > 0 and gap / steep <= 5 * DAY
    assert memory.verdict(DAY0 + 60 * DAY) is bool(wanted)


@pytest.mark.parametrize(
    ("values", "condition", "verdict"),
    [
        (50.0 + 0.8 * np.arange(61), FULL, True),  # 97.2 % and 0.8 % a day
        (50.0 + 0.7 * np.arange(61), FULL, False),  # 91.3 %: 12 days
        (120.0 - 2.0 * np.arange(61), FULL._replace(up=False, limit=0.0), True),
        (120.0 - 2.0 * np.arange(61), FULL._replace(limit=130.0), False),
        (np.full(61, 99.0), FULL, False),
        (90.0 + 0.4 * np.arange(61), FULL, True),  # beyond, and still going on
        (np.full(61, 101.0), FULL, False),  # beyond, and going nowhere: that is what `above` is for
    ],
)
def test_what_a_forecast_says(values: Any, condition: Forecast, verdict: bool) -> None:
    memory = fill(condition, values)
    assert memory.verdict(DAY0 + 60 * DAY) is verdict


def test_noise_near_the_limit_is_no_forecast() -> None:
    values = 97.0 + np.random.default_rng(1).normal(0.0, 1.0, 61)
    memory = fill(FULL._replace(fit=0.0, within=3650 * DAY), values)
    line = memory.line
    assert line is not None and line.low < 0 < line.high
    assert (100.0 - line.level) / line.high < 3650 * DAY
    assert memory.verdict(DAY0 + 60 * DAY) is False
    assert fill(FULL._replace(fit=0.0), values + 10.0).verdict(DAY0 + 60 * DAY) is False, "nor beyond it"


def test_it_is_the_earliest_time_that_counts() -> None:
    memory = fill(FULL, 40.0 + 0.8 * np.arange(61) + np.random.default_rng(1).normal(0.0, 3.0, 61))
    left = memory.time_left()
    assert left is not None and left[0] is not None and left[1] is not None
    assert left[0] < 0.98 * left[1]
    for within, verdict in ((0.99 * left[0], False), (1.01 * left[0], True)):
        assert restored(memory, FULL._replace(within=within)).verdict(DAY0 + 60 * DAY) is verdict


def test_a_line_that_explains_little_is_no_forecast() -> None:
    values = 70.0 + 0.4 * np.arange(61) + np.random.default_rng(1).normal(0.0, 10.0, 61)
    memory = fill(FULL._replace(within=60 * DAY), values)
    assert 0.0 < memory.evidence(DAY0)["fit"] < 0.5
    assert memory.time_left() is None
    assert memory.verdict(DAY0 + 60 * DAY) is False
    assert fill(FULL._replace(within=60 * DAY, fit=0.05), values).verdict(DAY0 + 60 * DAY) is True


def test_a_forecast_is_made_when_a_bucket_closes_and_only_then() -> None:
    few, enough = (fill(FULL._replace(at_least=0.0), range(size)) for size in (FIT_MIN, FIT_MIN + 1))
    assert (few.outlook, enough.outlook) == (None, False)
    memory, verdicts = FULL.memory(), []
    for index in range(60 * 24 + 1):
        line = memory.line
        say(memory, 50.0 + index / 30.0, DAY0 + index * HOUR, holds=2 * HOUR)
        verdicts.append(memory.verdict(DAY0 + index * HOUR))
        if (DAY0 + index * HOUR) // DAY == (DAY0 + index * HOUR - HOUR) // DAY:
            assert memory.line is line
        elif index > FIT_MIN * 24:
            assert memory.line is not None and memory.line is not line
    assert verdicts.index(False) == next(
        index for index in range(2000) if (DAY0 + index * HOUR) // DAY - DAY0 // DAY == 14
    )
    assert (verdicts[-1], len(memory.ats)) == (True, BUCKETS)


def test_a_bucket_is_the_median_of_what_was_heard_in_it() -> None:
    memory = FULL.memory()
    start = DAY0 // DAY * DAY + DAY
    for hour, value in ((1.0, 5.0), (9.0, 900.0), (5.0, 7.0)):  # the last one late
        assert say(memory, value, start + hour * HOUR)
    assert say(memory, 8.0, start + DAY)
    assert (list(memory.ats), list(memory.medians)) == ([start + 5 * HOUR], [7.0])
    assert not say(memory, 6.0, start + 2 * HOUR), "its bucket is closed"


def test_a_forecast_needs_its_coverage() -> None:
    thin = FULL._replace(coverage=0.5, within=6 * DAY)
    memory = thin.memory()
    for index in range(61):
        if index % 3 == 0:
            say(memory, 50.0 + 0.8 * index, DAY0 + index * DAY, holds=DAY)  # not to the end of the next
    assert memory.verdict(DAY0 + 60 * DAY) is None
    assert not memory.gone(DAY0 + 60 * DAY)
    assert memory.time_left() is None
    assert restored(memory, thin._replace(coverage=0.3)).verdict(DAY0 + 60 * DAY) is True


def test_a_value_that_holds_fills_the_buckets_without_a_word() -> None:
    memory = FULL.memory()
    for index in range(0, 62, 3):
        say(memory, 50.0 + 0.8 * index, DAY0 + index * DAY)
    assert len(memory.ats) == 60
    assert list(memory.medians[-6:]) == pytest.approx(
        [50.0 + 0.8 * index for index in (54, 54, 54, 57, 57, 57)]
    )
    assert memory.verdict(DAY0 + 60 * DAY) is True
    assert memory.until(DAY0 + 60 * DAY) == DAY0 + 120 * DAY
    assert memory.verdict(DAY0 + 120 * DAY + 1) is False, "it has not moved for the whole history"
    say(memory, 98.0, DAY0 + 400 * DAY)
    assert len(memory.ats) == BUCKETS and set(memory.medians) == {98.0}
    assert say(memory, 99.0, DAY0 + 1e15), "in no more steps than there are buckets"


def test_after_a_long_gap_a_forecast_begins_anew() -> None:
    memory = fill(FULL, 50.0 + 0.8 * np.arange(61))
    assert memory.verdict(DAY0 + 60 * DAY) is True
    assert memory.gone(DAY0 + 63 * DAY)
    say(memory, 99.0, DAY0 + 200 * DAY)
    assert (memory.verdict(DAY0 + 200 * DAY), list(memory.ats)) == (None, [])


def test_cleared_it_fires_only_after_the_limit_was_no_longer_near() -> None:
    memory = fill(FULL, 50.0 + 0.8 * np.arange(61))
    day = 60

    def on(slope: float, level: float, days: int) -> list[bool | None]:
        nonlocal day
        verdicts = []
        for index in range(days):
            day += 1
            say(memory, level + slope * index, DAY0 + day * DAY, holds=2 * DAY)
            verdicts.append(memory.verdict(DAY0 + day * DAY))
        return verdicts

    memory.disarm()
    assert set(on(0.2, 98.2, 10)) == {False}
    assert memory.outlook is True and memory.armed is False
    assert restored(memory).verdict(DAY0 + day * DAY) is False
    assert set(on(0.0, 50.0, 50)) == {False}
    assert memory.armed
    assert on(1.0, 50.0, 50)[-1] is True


def test_a_clear_before_anything_was_foreseen_disarms_nothing() -> None:
    memory = fill(FULL._replace(within=3650 * DAY), 50.0 + 0.8 * np.arange(5))
    assert memory.outlook is None
    memory.disarm()
    for index in range(5, 61):
        say(memory, 50.0 + 0.8 * index, DAY0 + index * DAY, holds=2 * DAY)
        assert memory.outlook is not False, "nothing else that would arm it"
    assert memory.verdict(DAY0 + 60 * DAY) is True


def test_a_gap_is_not_a_new_forecast() -> None:
    memory = fill(FULL, 50.0 + 0.8 * np.arange(61))
    say(memory, 99.0, DAY0 + 115 * DAY, holds=2 * DAY)
    assert memory.outlook is None, "a tenth of the days is too few"
    memory.disarm()
    assert not memory.armed


def test_a_forecast_starts_over_when_renewed() -> None:
    memory = fill(FULL, 50.0 + 0.8 * np.arange(61))
    memory.disarm()
    memory.renew()
    assert memory.verdict(DAY0 + 60 * DAY) is None
    assert packed(memory.dump()) == packed(FULL.memory().dump())
    for index in range(62, 123):
        say(memory, 50.0 + 0.8 * (index - 62), DAY0 + index * DAY, holds=2 * DAY)
    assert memory.verdict(DAY0 + 122 * DAY) is True


def test_how_bad_a_forecast_is_grows_as_the_time_shrinks() -> None:
    near, nearer = (fill(FULL, level + 0.8 * np.arange(61)) for level in (50.0, 52.0))
    assert near.measure() == pytest.approx(5.0 / (2.8 / 0.8))
    assert nearer.measure() == pytest.approx(5.0 / (0.8 / 0.8))
    assert fill(FULL, 90.0 + 0.8 * np.arange(61)).measure() == 100.0
    assert fill(FULL, np.full(61, 5.0)).measure() == 0.0


def test_what_is_alike_in_two_forecasts() -> None:
    assert FULL.shape() == FULL._replace(limit=9.0, up=False, within=1.0, fit=0.9).shape()
    assert FULL.shape() != FULL._replace(history=30 * DAY).shape()
    assert (FULL.signals, FULL.samples, FULL.restless) == (("level",), True, False)


# -- both: whatever arrives --------------------------------------------------------------------------

CONDITIONS = [
    Rate("s", "K", 0.01, None, 600.0, at_least=3, coverage=0.3),
    Rate("s", "K", None, 0.001, 600.0, at_least=2, coverage=0.0),
    Rate("s", "", 0.1, None, 600.0, at_least=3, counter=True),
    Forecast("s", "K", 50.0, True, 2000.0, 1200.0, 100.0, fit=0.1, coverage=0.2),
    Forecast("s", "K", -50.0, False, 2000.0, 1200.0, 100.0, fit=0.0, coverage=0.0),
]
VALUES = st.sampled_from([1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 40.0, -7.0, 0.0, 1e308, -1e308, "x"])
STEPS = st.sampled_from([0.0, 1.0, 5.0, 20.0, 20.0, 21.0, 60.0, 60.0, 300.0, 5000.0, -1.0, -30.0, -700.0])
STORY = st.lists(st.tuples(VALUES, STEPS, st.sampled_from(["", "", "1"])), max_size=60)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(CONDITIONS), STORY, st.sampled_from([25.0, 400.0, NEVER]), st.integers(0, 60), st.data()
)
def test_restored_repeated_or_asked_often_it_goes_on_the_same(
    condition: Rate | Forecast, story: list[Any], holds: float, restart: int, data: st.DataObject
) -> None:
    calm, other, now = condition.memory(), condition.memory(), DAY0
    said: list[tuple[Any, float, str]] = []
    for index, (value, step, part) in enumerate(story):
        now += step
        said.append((value, now, part))
        assert say(calm, value, now, part, holds) is say(other, value, now, part, holds)
        if index == restart:
            other = restored(other)
        say(other, *data.draw(st.sampled_from(said)), holds)
        at = max(calm.at, now)
        for later in data.draw(st.lists(st.floats(0, 1e4), max_size=3)):
            other.verdict(at + later), other.until(at + later), other.evidence(at + later)
        if index % 7 == 0:
            calm.disarm(), other.disarm()
        assert packed(other.dump()) == packed(calm.dump())
        assert packed(other.evidence(at)) == packed(calm.evidence(at))
        assert other.measure() == calm.measure()
        assert math.isfinite(calm.measure())
        msgspec.json.encode(calm.evidence(at))
        check_until(calm, at)


def check_until(memory: Trend, at: float) -> None:
    """The verdict stands up to the instant told, and just after it there is another instant to tell."""
    for _ in range(4):
        until = memory.until(at)
        assert until >= at
        last = min(until, at + 1e6)
        for share in (0.0, 0.3, 0.9, 1.0):
            assert memory.verdict(min(at + share * (last - at), last)) is memory.verdict(at)
        if until == NEVER:
            return
        at = until + 1e-6
    raise AssertionError("the instants never end")


@settings(deadline=None)
@given(
    st.sampled_from([c for c in CONDITIONS if not (isinstance(c, Rate) and c.counter)]),
    st.lists(st.tuples(st.floats(0, 19.9), st.floats(-10, 10)), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_within_a_window_does_not_matter(
    condition: Rate | Forecast, heard: list[tuple[float, float]], chance: random.Random
) -> None:
    """For a forecast within the open bucket, which is twenty seconds wide; for a rate thirty times that."""
    wide = 30.0 if isinstance(condition, Rate) else 1.0
    start = DAY0 // 20.0 * 20.0
    orders = []
    for _ in range(2):
        memory = condition.memory()
        for at, value in heard:
            say(memory, value, start + at * wide, holds=100.0)
        for step in range(1, 30):
            say(memory, float(step), start + 600.0 + 20.0 * step, holds=100.0)
        orders.append(packed(memory.dump()[:-1]) + packed(memory.verdict(start + 1180.0)))
        chance.shuffle(heard)
    assert orders[0] == orders[1]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_memory_is_bounded(condition: Rate | Forecast) -> None:
    memory = condition.memory()
    for index in range(5000):
        say(memory, float(index % 13), DAY0 + index * 1.7, str(index % 3), holds=60.0)
    columns = [memory.slots] if isinstance(memory, RateMemory) else [memory.bucket]
    assert all(len(column.ats) <= 64 for column in columns)
    assert len(packed(memory.dump())) < 3000
    recent = memory.evidence(DAY0)["recent"]
    assert 0 < len(recent) <= RECENT


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("at", [NEVER, -NEVER, float("nan"), 1e308, -1e308, 0.0, -5.0])
def test_odd_instants_do_no_harm(condition: Rate | Forecast, at: float) -> None:
    memory = condition.memory()
    say(memory, 1.0, at)
    say(memory, 2.0, at)
    memory.verdict(DAY0)
    say(memory, 1.0, DAY0)
    say(memory, "x", DAY0)
    msgspec.json.encode(restored(memory).evidence(DAY0))
    assert memory.at == DAY0
