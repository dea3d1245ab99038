"""The sums, against numpy as a second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.engine.windows import REFERENCE_MAX, EventWindow, Sample, cusum_step

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=REFERENCE_MAX - 1)


@given(VALUES)
def test_median_and_scale_agree_with_numpy(values: list[float]) -> None:
    sample = Sample(REFERENCE_MAX)
    for value in values:
        sample.add(value)
    reference = sample.reference()
    centre = float(np.median(values))
    deviation = 1.4826 * float(np.median(np.abs(np.array(values) - centre)))
    assert reference.centre == pytest.approx(centre, rel=1e-12)
    assert reference.scale == pytest.approx(max(deviation, abs(centre) * 1e-4, 1e-9), rel=1e-12)
    assert reference.size == len(values)


def test_a_long_period_is_thinned_evenly() -> None:
    sample = Sample(REFERENCE_MAX)
    for value in range(100_000):
        sample.add(float(value))
    kept = np.array(sample.values)
    assert REFERENCE_MAX / 2 <= len(kept) < REFERENCE_MAX
    assert len(set(np.diff(kept))) == 1
    assert kept[0] == 0
    assert kept[-1] > 99_000


@given(st.lists(st.floats(-20, 20), max_size=200), st.floats(0.1, 3), st.floats(1, 20))
def test_cusum_agrees_with_its_closed_form(excesses: list[float], allowance: float, ceiling: float) -> None:
    """Without the cap the sum is the walk less its lowest point so far."""
    total = 0.0
    for excess in excesses:
        total = cusum_step(total, excess, allowance, 1e12)
    walk = np.concatenate([[0.0], np.cumsum(np.array(excesses) - allowance)]) if excesses else np.zeros(1)
    assert total == pytest.approx(float(walk[-1] - walk.min()), abs=1e-6)
    assert 0.0 <= cusum_step(total, 5.0, allowance, ceiling) <= ceiling


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 3)), min_size=1, max_size=40),
    st.integers(0, 100), st.integers(1, 12),
)  # fmt: skip
def test_a_window_holds_what_lies_in_it_in_any_order(
    events: list[tuple[int, int]], start: int, limit: int
) -> None:
    window = EventWindow(keep=100)
    for at, weight in events:
        window.add(float(at), float(at), "", float(weight))
    window.drop_before(float(start))
    inside = [(at, weight) for at, weight in events if at >= start]
    assert window.total == sum(weight for _, weight in inside)
    leaving = window.falls_below(float(limit))
    if window.total < limit:
        assert leaving is None
    else:
        assert leaving is not None
        assert sum(weight for at, weight in inside if at > leaving) < limit
        assert sum(weight for at, weight in inside if at >= leaving) >= limit


def test_a_window_is_bounded_and_keeps_the_newest() -> None:
    window = EventWindow(keep=5)
    for at in range(100):
        window.add(float(at), float(at), "a", 1.0)
    assert list(window.positions) == [95.0, 96.0, 97.0, 98.0, 99.0]
    assert window.has(97.0, "a")
    assert not window.has(97.0, "b")
    assert not window.has(3.0, "a")
