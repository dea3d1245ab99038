"""A line through a series and the time it leaves, against scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from foretell.engine.trending import Line, median_side, pair_slopes, theil_sen, time_left

POINTS = st.lists(
    st.tuples(st.integers(0, 2000), st.one_of(st.integers(-5, 5).map(float), st.floats(-1e3, 1e3))),
    min_size=2, max_size=64, unique_by=lambda point: point[0],
)  # fmt: skip


@settings(deadline=None)
@given(POINTS)
@example([(0, 1.0), (1, 1.0), (2, 1.0)])
def test_the_line_agrees_with_scipy(points: list[tuple[int, float]]) -> None:
    points.sort()
    ats = np.array([float(at) for at, _ in points])
    values = np.array([value for _, value in points])
    line = theil_sen(list(ats), list(values))
    want = stats.theilslopes(values, ats - ats[-1], 0.8, method="joint")
    assert line is not None
    assert line.slope == pytest.approx(want.slope, rel=1e-9, abs=1e-12)
    assert line.level == pytest.approx(want.intercept, rel=1e-9, abs=1e-9)
    assert (line.low, line.high) == pytest.approx((want.low_slope, want.high_slope), rel=1e-9, abs=1e-12)
    left = values - want.slope * (ats - ats[-1])
    spread = stats.median_abs_deviation(values)
    quality = 1 - stats.median_abs_deviation(left) / spread if spread else 0.0
    assert line.quality == pytest.approx(max(0.0, quality), abs=1e-6 if spread > 1e-3 else 1.0)


@settings(deadline=None, max_examples=400)
@given(
    POINTS,
    st.one_of(st.floats(-3, 3), st.integers(-2, 2).map(float), st.just(0.0)),
    st.sampled_from([0.0, 1.76e9]),
)
@example([(0, 0.0), (1, 1.0), (2, 4.0)], 2.0, 0.0)
@example([(0, 0.0), (1, 1.0), (2, 2.0)], 1.0, 1.76e9)
@example([(0, 0.0), (1, 1.0), (2, 2.0)], 1.0 + 1e-14, 1.76e9)
def test_a_side_is_told_only_where_the_median_slope_lies_there(
    points: list[tuple[int, float]], limit: float, start: float
) -> None:
    points.sort()
    ats, values = [start + at for at, _ in points], [value for _, value in points]
    median = float(np.median(pair_slopes(ats, values)))
    side = median_side(ats, values, limit)
    assert side in (0, 1 if median > limit else -1)
    if len(points) % 4 in (2, 3) and abs(median - limit) > 1e-6 * (1 + abs(limit)):
        assert side != 0, "the middle slope of an odd number is clear of the limit"


def test_what_is_close_or_too_large_is_told_by_nobody() -> None:
    line = [float(each) for each in range(10)]
    assert median_side(line, line, 1.0) == 0
    assert median_side(line, line, 0.999999) == 1
    assert median_side(line, line, 1.000001) == -1
    assert median_side([0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 5.0, 5.0], 2.0) == 0, "the middle two, on either side"
    assert median_side([0.0, 1e-6], [-1e308, 1e308], 1.0) == 0


def test_equal_values_narrow_the_interval_as_in_scipy() -> None:
    rng = np.random.default_rng(6)
    ats = np.arange(40.0)
    for _ in range(500):
        equal = int(rng.integers(5, 39))
        values = np.concatenate([np.zeros(equal), rng.normal(5.0, 1.0, 40 - equal)])
        line = theil_sen(list(ats), list(values))
        want = stats.theilslopes(values, ats, 0.8, method="joint")
        assert line is not None
        assert (line.low, line.high) == pytest.approx((want.low_slope, want.high_slope), rel=1e-9)


def test_a_line_needs_two_points_and_numbers_that_fit() -> None:
    assert theil_sen([], []) is None
    assert theil_sen([1.0], [1.0]) is None
    assert theil_sen([1.0, 2.0], [-1e308, 1e308]) is None
    assert theil_sen([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == Line(3.0, 1.0, 1.0, 1.0, 1.0)
    assert theil_sen([1.0, 2.0, 3.0], [4.0, 4.0, 4.0]) == Line(4.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("line", "limit", "up", "left"),
    [
        (Line(10.0, 2.0, 1.0, 4.0, 1.0), 20.0, True, (2.5, 5.0, 10.0)),
        (Line(20.0, -2.0, -4.0, -1.0, 1.0), 10.0, False, (2.5, 5.0, 10.0)),
        (Line(10.0, 2.0, 0.0, 4.0, 1.0), 20.0, True, None),
        (Line(10.0, 2.0, -1.0, 4.0, 1.0), 20.0, True, None),
        (Line(20.0, -2.0, -4.0, 0.0, 1.0), 10.0, False, None),
        (Line(20.0, 2.0, 1.0, 4.0, 1.0), 10.0, False, None),
        (Line(20.0, 2.0, 1.0, 4.0, 1.0), 20.0, True, (0.0, 0.0, 0.0)),
        (Line(20.0, 0.0, -1.0, 1.0, 1.0), 20.0, True, (0.0, 0.0, 0.0)),
        (Line(25.0, 0.0, -1.0, 1.0, 1.0), 20.0, True, (0.0, 0.0, 0.0)),
        (Line(9.0, 0.0, -1.0, 1.0, 1.0), 10.0, False, (0.0, 0.0, 0.0)),
        (Line(0.0, 1.0, 1e-320, 2.0, 1.0), 4.0, True, (2.0, 4.0, None)),
    ],
)
def test_the_time_left(line: Line, limit: float, up: bool, left: Any) -> None:
    assert time_left(line, limit, up) == left
