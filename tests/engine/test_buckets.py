"""Slots of time, against plain sets of readings and of seconds."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.engine.buckets import Slots

HEARD = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 9)), min_size=1, max_size=80)


@settings(deadline=None)
@given(HEARD, st.integers(1, 40), st.integers(40, 200), st.randoms(use_true_random=False))
def test_slots_hold_the_last_of_each_in_any_order(
    heard: list[tuple[int, int]], width: int, span: int, chance: random.Random
) -> None:
    slots = Slots(float(width), float(span))
    shuffled = heard * 2
    chance.shuffle(shuffled)
    for at, value in shuffled:
        slots.add(float(at), float(value), at + 5.0)
    assert not slots.add(slots.newest - span, 1.0, 1.0), "just out of the window"
    newest = max(at for at, _ in heard)
    want: dict[int, tuple[int, int]] = {}
    for at, value in heard:
        if at > newest - span:
            want[at // width] = max(want.get(at // width, (at, value)), (at, value))
    assert list(zip(slots.ats, slots.values, strict=True)) == [want[slot] for slot in sorted(want)]
    assert list(slots.untils) == [at + 5.0 for at in slots.ats]
    assert len(slots.ats) <= span / width + 2


@pytest.mark.parametrize(
    ("ats", "holds", "joins"),
    [
        ((0, 50), 1, False), ((0, 100), 1, True),
        ((102, 107, 205), 1, True), ((102, 108, 205), 1, False),
        ((89, 150, 205), 16, True), ((89, 150, 205), 15, False),
    ],
)  # fmt: skip
def test_what_was_known_before_joins_the_window_if_it_held_or_the_wait_was_short(
    ats: tuple[int, ...], holds: int, joins: bool
) -> None:
    """A window of a hundred seconds; five are not too long a wait."""
    slots = Slots(2.0, 100.0)
    for at in ats:
        slots.add(float(at), 1.0, float(at + holds))
    assert slots.joins() is joins


@settings(deadline=None)
@given(HEARD, st.sampled_from([1, 3, 30, 1000]))
def test_the_share_covered_agrees_with_looking_at_every_second(
    heard: list[tuple[int, int]], holds: int
) -> None:
    """In slots as fine as the clock nothing is thinned, so the share is that of the seconds."""
    slots, span = Slots(1.0, 200.0), 200
    ats = sorted({at for at, _ in heard})
    for at in ats:
        slots.add(float(at), 1.0, float(at + holds))
    start = ats[-1] - span
    known = set()
    for at, following in pairwise(ats):
        known |= set(range(at, following if following - at <= span / 20 else min(at + holds, following)))
    want = len([second for second in known if second >= start]) / span
    assert slots.covered() == pytest.approx(want)
